"""The HTTP calls in Jupyter's server: one tornado handler for each path."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated

from kgnb.errors import Forbidden, KgnbError, Unauthorized
from kgnb.server import access
from kgnb.server.callers import JupyterCaller, may_come_from
from kgnb.server.calls.call import Call, Reply, serve
from kgnb.server.calls.streams import pour
from kgnb.server.calls.table import by_path
from kgnb.server.closecodes import http_status
from kgnb.server.discreet import Discreet
from kgnb.server.links import caller_by, presented

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from kgnb.server.calls.call import Route
    from kgnb.server.host import Host

_POLICY = "Content-Security-Policy"


class Calling(Discreet):
    """Makes a call of a request, and sends what comes back."""

    routes: ClassVar[Mapping[str, Route]] = {}
    """By method."""

    def initialize(self, *, host: Host) -> None:
        """Note when the reader leaves: tornado then forgets what it was writing."""
        super().initialize(host=host)
        self._gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """The reader has left."""
        super().on_connection_close()
        self._gone.set()

    def set_cors_headers(self) -> None:
        """Let the pages of ``allow_origins`` read the reply; their token is theirs."""
        super().set_cors_headers()
        origin = self.request.headers.get("Origin", "")
        if origin and access.listed_origin(origin, self.host.settings.allow_origins):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.add_header("Vary", "Origin")

    def compute_etag(self) -> None:
        """None: what may be kept brings an ETag of its own."""

    async def dispatch(self, route: Route) -> None:
        """Judge and answer the request."""
        request = self.request
        names = request.query_arguments
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            host=self.host,
            caller=await caller_by(headers, self.host.doors, JupyterCaller(self)),
            method=request.method or "GET",
            args=tuple(self.path_args),
            query={name: self.get_query_argument(name) for name in names},
            headers=headers,
            body=request.body,
            base_url=self.base_url,
            origin=f"{request.protocol}://{request.host}",
        )
        await self.send(await serve(route, call))

    async def send(self, reply: Reply) -> None:
        """Finish with a reply, or cut the reader off."""
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            if name == _POLICY:
                # A second policy: Jupyter's own (frame-ancestors) stays in force.
                self.set_header(name, JupyterHandler.content_security_policy.fget(self))  # type: ignore[attr-defined]  # a property, untyped upstream
                self.add_header(name, value)
            else:
                self.set_header(name, value)
        if isinstance(reply.body, bytes):
            # An empty chunk would be one too many for 204 and 304.
            self._finish_with(reply, reply.body or None)
            return
        if self.request.method == "HEAD":
            await reply.body.aclose()
            self._finish_with(reply, None)
            return
        # Else an event waits, 40 ms as a rule, until the one before is acknowledged.
        self.request.connection.stream.set_nodelay(True)  # type: ignore[union-attr]  # HTTP/1's, the only one there is
        try:
            is_whole = await pour(reply.body, self._send_chunk, self._gone, reply.cut)
        except KgnbError as error:
            # Half a file must not look like a whole one: the reader sees it cut.
            self.log.warning("%s: cut off: %s", type(self).__name__, error.code)
            is_whole = False
        if is_whole:
            self._finish_with(reply, None)
        elif not self._gone.is_set():
            self.detach().close()

    async def _send_chunk(self, chunk: bytes) -> None:
        self.write(chunk)
        try:
            await self.flush()
        except StreamClosedError:
            self._gone.set()

    def _finish_with(self, reply: Reply, body: bytes | None) -> None:
        if isinstance(self, APIHandler):
            # It would call everything JSON.
            kind = reply.headers.get("Content-Type", "text/plain")
            self.finish(body, set_content_type=kind)
        else:
            self.finish(body)


class ApiCall(Calling, APIHandler):
    """For programs: foreign pages are refused, errors are ``{code, message, …}``."""

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler's own
        """Refuse foreign pages, and whoever has no credential.

        Raises:
            Forbidden: The page is not on the list.
            Unauthorized: No valid credential where one is needed.
        """
        if not self.check_origin():
            raise Forbidden("pages of this origin may not call; see allow_origins")
        await super().prepare()
        name = self.request.method or ""
        is_open = getattr(getattr(self, name.lower()), "__allow_unauthenticated", False)
        route = self.routes.get(name)
        is_public = is_open and (route is None or route.needs is None)
        if not self.current_user and not is_public and not self._shows_link:
            raise Unauthorized("no valid token or cookie")

    @property
    def _shows_link(self) -> bool:
        """Whether a share link is shown, which the call judges, valid or not."""
        given = self.request.headers.get("Authorization", "")
        return presented({"authorization": given}) is not None

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """As for sockets: a token does not excuse a foreign page."""
        return may_come_from(self, origin_to_satisfy_tornado or None)

    def check_xsrf_cookie(self) -> None:
        """As Jupyter does; who has no credential at all hears that instead.

        No page can make another's browser send a share link, which stands in a header.
        """
        if self._shows_link:
            return
        if getattr(self, "_jupyter_current_user", None) is not None:
            super().check_xsrf_cookie()

    def get_login_url(self) -> str:
        """Nothing to go to.

        Raises:
            Unauthorized: Always; it is asked for where a login is missing.
        """
        raise Unauthorized("no valid token or cookie")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Finish with what went wrong, without details where it is our fault."""
        error: BaseException | None = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, KgnbError):
            reply = Reply.error(error)
        else:
            reply = Reply.refusal(status_code, message=_told(error))
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        self.finish(reply.body)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """A refusal is no error of ours."""
        if isinstance(value, KgnbError) and value.code != "internal":
            self.log.debug("%s: %s", type(self).__name__, value.code)
        else:
            super().log_exception(typ, value, tb)


def _told(error: BaseException | None) -> str:
    """What Jupyter or tornado say of a bad request; it names no value of ours."""
    return str(error.log_message or "") if isinstance(error, HTTPError) else ""


class PageCall(Calling):
    """For people: who is not logged in is sent to the login, errors are pages."""

    async def dispatch(self, route: Route) -> None:
        """Answer the request; a refusal is one of Jupyter's error pages.

        Raises:
            HTTPError: The call was refused.
        """
        if route.form == "page":
            # Sets the cookie that the page's scripts give back with a POST.
            self.xsrf_token  # noqa: B018  # a property with an effect, as tornado has it
        try:
            await super().dispatch(route)
        except KgnbError as error:
            raise HTTPError(http_status(error.code), str(error)) from error


def handlers(
    routes: tuple[Route, ...],
) -> list[tuple[str, type[Calling]]]:
    """A handler class for each path of a table, in its order."""
    return [(path, _handler(methods)) for path, methods in by_path(routes).items()]


def _handler(methods: dict[str, Route]) -> type[Calling]:
    first = next(iter(methods.values()))
    base = ApiCall if first.form == "api" else PageCall
    members: dict[str, Any] = {name.lower(): _method(r) for name, r in methods.items()}
    if "GET" in methods:
        members["head"] = members["get"]
    members["routes"] = methods
    members["_track_activity"] = first.is_activity
    made: Any = type(first.template, (base,), members)
    handler: type[Calling] = made
    return handler


def _method(route: Route) -> Callable[..., Awaitable[None]]:
    async def method(self: Calling, *_args: str) -> None:
        await self.dispatch(route)

    # Jupyter knows no share links: ``prepare`` and the call's own gate judge those.
    is_open = route.needs is None or route.form == "api"
    gate: Any = allow_unauthenticated if is_open else authenticated
    gated: Callable[..., Awaitable[None]] = gate(method)
    return gated


class NotFound(Discreet):
    """Any other path under ``kgnb/``: found by no one, logged by no one in full."""

    hidden_after = "/kgnb/"

    @authenticated
    def get(self, *_args: str) -> None:
        """Say 404, to those who may know."""
        raise HTTPError(404)
