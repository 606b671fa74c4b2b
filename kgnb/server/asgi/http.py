"""The HTTP calls in an ASGI application: the table's routes, without a framework."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode

from kgnb.errors import BadFrame, Forbidden, FrameTooLarge, KgnbError, Unauthorized
from kgnb.server import access
from kgnb.server.asgi.auth import COOKIE, token_of
from kgnb.server.calls.call import Call, Reply, judge, serve
from kgnb.server.calls.pages import sign_in, sign_in_form
from kgnb.server.calls.streams import pour
from kgnb.server.calls.table import ROUTES, by_path
from kgnb.server.entrance import may_come_from
from kgnb.server.links import caller_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.server.asgi.auth import AppCaller, Guard
    from kgnb.server.asgi.request import Request
    from kgnb.server.asgi.types import Message, Receive, Send
    from kgnb.server.calls.call import Route, Stream
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

_POLICY = "Content-Security-Policy"
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    _POLICY: "default-src 'none'; frame-ancestors 'self'",
}
"""On every reply, unless it says otherwise."""
_FRAMES = "frame-ancestors 'self'"
_ASKED_HEADERS = "accept, authorization, content-type, last-event-id"
_KEEP_PREFLIGHT = "600"
"""Seconds for which a browser may remember what a page may send."""
_READ_ON = 4
"""How many times too large a body may be and still be read (and forgotten): who
writes does not read, and would see the connection break in place of a reply."""


class Calls:
    """Answers the requests of an application. Belongs to the server's loop.

    Args:
        host: With the broker.
        guard: Finds out who asks.
        routes: Which calls there are.
    """

    def __init__(
        self, host: Host, guard: Guard, *, routes: tuple[Route, ...] = ROUTES
    ) -> None:
        self._host = host
        self._guard = guard
        self.paths = [
            (re.compile(path), methods) for path, methods in by_path(routes).items()
        ]

    async def serve(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer one request, to the end of the reply or of its reader."""
        exchange = _Exchange(request, receive, send)
        exchange.cors = self._cors(request)
        try:
            reply = await self._reply(request, exchange)
        except KgnbError as error:
            reply = Reply.error(error)
        except Exception:
            # The root of a request's work: the caller learns no details.
            logger.exception("%s: uncaught exception", request.method)
            reply = Reply.refusal(500)
        await exchange.send(reply)

    async def _reply(self, request: Request, exchange: _Exchange) -> Reply:
        found = self._find(request.path)
        if found is None:
            request.hide()
            return Reply.refusal(404)
        methods, args = found
        allowed = ", ".join(_allowed(methods))
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if request.method != "OPTIONS" and route is None:
            reply = Reply.refusal(405)
            reply.headers["Allow"] = allowed
            return reply
        is_api = next(iter(methods.values())).form == "api"
        allow_origins = self._host.settings.allow_origins
        if is_api and not may_come_from(request.headers, request.scheme, allow_origins):
            raise Forbidden("pages of this origin may not call; see allow_origins")
        if route is None:
            return Reply(204, {"Allow": allowed})
        own = self._guard.caller(request)
        if route.form == "page":
            way_on = await _enter(request, own)
            if way_on is not None:
                return way_on
        call = Call(
            host=self._host,
            caller=await caller_by(request.headers, self._host.doors, own),
            method=request.method,
            args=args,
            query=request.query,
            headers=request.headers,
            base_url=request.base_url,
            origin=request.origin,
        )
        try:
            await judge(route, call.caller)  # before a byte of the body is read
        except Unauthorized:
            if route.form == "page":
                return sign_in_form(call)
            raise
        body = await exchange.body(self._host.settings.max_message_size)
        reply = await serve(route, replace(call, body=body))
        if route.call is sign_in:
            reply.headers["Set-Cookie"] = _cookie(request)
        return reply

    def _find(
        self, path: str
    ) -> tuple[dict[str, Route], tuple[str | None, ...]] | None:
        """The methods of a path, and the groups in it, decoded."""
        for pattern, methods in self.paths:
            found = pattern.fullmatch(path)
            if found is not None:
                return methods, tuple(_decoded(text) for text in found.groups())
        return None

    def _cors(self, request: Request) -> dict[str, str]:
        """Let the pages of ``allow_origins`` read the reply; their token is theirs."""
        origin = request.headers.get("origin", "")
        if not access.listed_origin(origin, self._host.settings.allow_origins):
            return {}
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Headers"] = _ASKED_HEADERS
            headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            headers["Access-Control-Max-Age"] = _KEEP_PREFLIGHT
        return headers


def _allowed(methods: Mapping[str, Route]) -> list[str]:
    names = {*methods, "OPTIONS"}
    if "GET" in methods:
        names.add("HEAD")
    return sorted(names)


def _decoded(text: str | None) -> str | None:
    try:
        return None if text is None else unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadFrame("path: expected UTF-8") from None


async def _enter(request: Request, caller: AppCaller) -> Reply | None:
    """The way on to a page that was opened with a right token, or None.

    The token goes from the address, where people copy it and servers log it, into a
    cookie that only our own pages send.
    """
    if "token" not in request.query or await caller.identity() is None:
        return None
    rest = urlencode({k: v for k, v in request.query.items() if k != "token"})
    place = f"{request.base_url}{request.path}" + (f"?{rest}" if rest else "")
    headers = {"Location": place, "Set-Cookie": _cookie(request)}
    return Reply(303, headers | {"Cache-Control": "no-store"})


def _cookie(request: Request) -> str:
    """What lets the pages of this browser in, as the request's token did."""
    cookie: SimpleCookie = SimpleCookie({COOKIE: token_of(request) or ""})
    cookie[COOKIE].update({"path": request.base_url, "samesite": "Lax"})
    cookie[COOKIE]["httponly"] = True
    cookie[COOKIE]["secure"] = request.scheme == "https"
    return cookie[COOKIE].OutputString()


class _Exchange:
    """One request's way in and its reply's way out."""

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self.cors: dict[str, str] = {}

    # ---- in

    async def body(self, limit: int) -> bytes:
        """All of the body.

        Args:
            limit: Bytes.

        Raises:
            FrameTooLarge: It is larger; no more than the limit was kept.
            BadFrame: The caller left in the middle of it.
        """
        parts: list[bytes] = []
        size, has_more = 0, True
        while has_more and size <= _READ_ON * limit:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadFrame("body: cut off")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size <= limit:
                parts.append(part)
            else:
                parts.clear()
            has_more = message.get("more_body", False)
        if size > limit:
            raise FrameTooLarge(
                f"body: expected at most {limit} bytes, got {size}",
                size=size,
                limit=limit,
            )
        return b"".join(parts)

    # ---- out

    async def send(self, reply: Reply) -> None:
        """Send a reply; a reader who has gone, or is to go, gets no end of it."""
        body = reply.body
        is_head = self._request.method == "HEAD"
        if isinstance(body, bytes):
            await self._start(reply, length=len(body))
            await self._chunk(b"" if is_head else body, has_more=False)
        elif is_head:
            await body.aclose()
            await self._start(reply)
            await self._chunk(b"", has_more=False)
        else:
            await self._stream(reply, body)

    async def _stream(self, reply: Reply, body: Stream) -> None:
        gone = asyncio.Event()
        watching = asyncio.ensure_future(self._watch(gone))
        try:
            await self._start(reply)
            is_whole = await pour(body, self._chunk, gone, reply.cut)
        except KgnbError as error:
            # Half a file must not look like a whole one: a server breaks the
            # connection of a reply without an end.
            logger.warning("a reader was cut off: %s", error.code)
            is_whole = False
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if is_whole:
            await self._chunk(b"", has_more=False)

    async def _watch(self, gone: asyncio.Event) -> None:
        """Until the reader has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async def _start(self, reply: Reply, *, length: int | None = None) -> None:
        headers = _SAFE | reply.headers | self.cors
        if _POLICY in reply.headers:
            headers[_POLICY] = f"{reply.headers[_POLICY]}; {_FRAMES}"
        if length is not None and reply.status not in (204, 304):
            headers["Content-Length"] = str(length)
        await self._send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (name.lower().encode("latin-1"), text.encode("latin-1"))
                    for name, text in headers.items()
                ],
            }
        )

    async def _chunk(self, chunk: bytes, *, has_more: bool = True) -> None:
        message: Message = {
            "type": "http.response.body",
            "body": chunk,
            "more_body": has_more,
        }
        await self._send(message)
