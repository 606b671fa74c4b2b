"""The two kinds of socket: a client's and a kernel's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from kgnb.broker.peer import KERNEL
from kgnb.server import access, closecodes, entrance
from kgnb.server.asgi.request import segments
from kgnb.server.asgi.wire import AsgiWire
from kgnb.server.journal import Stay
from kgnb.server.scrub import one_line
from kgnb.server.sendqueue import SocketSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.peer import Attached
    from kgnb.server.asgi.auth import AppCaller, Guard
    from kgnb.server.asgi.request import Request
    from kgnb.server.asgi.types import Receive, Send
    from kgnb.server.closecodes import Close
    from kgnb.server.doors import Doors
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

_LINK_SIZE = 16
"""How much larger a kernel's frame may be: it holds many events."""
_GENERAL = (["ws"], ["ws", ""], ["ws", "workflow"])
_DEEPEST = 3
"""Segments of ``ws/{workflow}/{key}``."""


class Sockets:
    """Serves the sockets of one application. Belongs to the server's loop.

    Args:
        host: The broker, its settings, and the sockets that are open.
        guard: Finds out who asks.
    """

    def __init__(self, host: Host, guard: Guard) -> None:
        self._host = host
        self._guard = guard

    async def serve(self, request: Request, receive: Receive, send: Send) -> None:
        """One socket, from its handshake to its end."""
        await receive()  # websocket.connect
        allowed = self._host.settings.allow_origins
        if not entrance.may_come_from(request.headers, request.scheme, allowed):
            logger.warning(
                "refused a page of %s; add it to origins if it is yours",
                one_line(request.headers["origin"]),
            )
            await _refuse(send)
            return
        parts = segments(request.path)
        if parts == ["link"]:
            await self._serve_kernel(request, receive, send)
        elif parts[0] == "ws" and len(parts) <= _DEEPEST:
            await self._serve_client(request, parts, receive, send)
        else:
            request.hide()
            await _refuse(send)

    async def _serve_client(
        self, request: Request, parts: list[str], receive: Receive, send: Send
    ) -> None:
        """Judge before anything is accepted; a refused peer is never read."""
        place, key = None, None
        if parts not in _GENERAL:
            place, key = (*parts[1:], None)[:2]
        handshake = entrance.Handshake(
            headers=request.headers,
            query=request.query,
            scheme=request.scheme,
            place=place,
            key=key,
        )
        verdict = await self._judge(request, handshake)
        accept = {"type": "websocket.accept", "subprotocol": handshake.subprotocol}
        await send(accept)
        if not isinstance(verdict, entrance.Guest):
            await _close(send, verdict)
            return
        peer, limit = verdict.peer, self._host.settings.max_message_size
        connection = _Connection(
            self._host, send, limit, Stay(logger, peer), guest=verdict
        )
        await connection.serve(lambda doors, sink: doors.connect(peer, sink), receive)

    async def _judge(
        self, request: Request, handshake: entrance.Handshake
    ) -> entrance.Guest | Close:
        async def by_token(token: str) -> AppCaller | None:
            return await self._guard.by_token(request, token)

        caller = self._guard.caller(request, handshake.offered)
        try:
            verdict = await entrance.admit(
                handshake, caller, self._host.doors, by_token=by_token
            )
        except Exception:
            # The root of a handshake's work, the application's auth in it: the peer
            # learns no details.
            logger.exception("a client could not be judged")
            return closecodes.INTERNAL
        if isinstance(verdict, entrance.Guest) and self._host.doors is None:
            return closecodes.STARTING
        return verdict

    async def _serve_kernel(
        self, request: Request, receive: Receive, send: Send
    ) -> None:
        """A kernel of another process, by the secret of this application."""
        header = request.headers.get("authorization", "")
        if not access.is_link_secret(header, self._host.settings.link_secret):
            await _refuse(send)
            return
        await send({"type": "websocket.accept"})
        limit = _LINK_SIZE * self._host.settings.max_message_size
        connection = _Connection(self._host, send, limit, Stay(logger, KERNEL))
        await connection.serve(
            lambda doors, sink: doors.connect_link(KERNEL, sink), receive
        )


class _Connection:
    """One peer that was let in."""

    def __init__(
        self,
        host: Host,
        send: Send,
        limit: int,
        stay: Stay,
        *,
        guest: entrance.Guest | None = None,
    ) -> None:
        self._host = host
        self.guest = guest
        self._stay = stay
        self._limit = limit
        self._wire = AsgiWire(send)
        self._sink = SocketSink(self)
        self._attachment: Attached | None = None

    async def serve(
        self, attach: Callable[[Doors, SocketSink], Attached], receive: Receive
    ) -> None:
        """Read and write until either side has had enough."""
        writing = asyncio.ensure_future(self._wire.write())
        self._host.sockets.add(self)
        self._join(attach)
        reading = asyncio.ensure_future(self._read(receive))
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._detach(closecodes.GONE)
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)

    def _join(self, attach: Callable[[Doors, SocketSink], Attached]) -> None:
        doors = self._host.doors
        if doors is None:
            self.leave(*closecodes.STARTING)
            return
        try:
            attachment = attach(doors, self._sink)
        except Exception:
            # The root of a connection's work: the peer learns no details.
            logger.exception("the broker took no one in")
            self.leave(*closecodes.INTERNAL)
            return
        if self._sink.is_closed:
            attachment.close()
        else:
            self._attachment = attachment

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._stay.end(message.get("code") or closecodes.GONE)
                return
            frame: str | bytes = message.get("text") or message.get("bytes") or ""
            if self._is_too_large(frame):
                self.leave(*closecodes.TOO_LARGE)
            elif self._attachment is not None:
                self._take(self._attachment, frame)

    def _is_too_large(self, frame: str | bytes) -> bool:
        if len(frame) * 4 <= self._limit:  # UTF-8 has no more bytes to a character
            return False
        size = len(frame.encode()) if isinstance(frame, str) else len(frame)
        return size > self._limit

    def _take(self, attachment: Attached, frame: str | bytes) -> None:
        try:
            attachment.receive(frame)
        except Exception:
            # The root of a frame's work: the peer learns no details.
            logger.exception("a frame broke the broker")
            self.leave(*closecodes.INTERNAL)

    # ---- the wire, as the sink sees it

    @property
    def is_writing(self) -> bool:
        """Whether a frame is under way."""
        return self._wire.is_writing

    def write_frame(self, payload: bytes) -> asyncio.Future[None] | None:
        """Send one text frame; None when the socket is closed."""
        return self._wire.write_frame(payload)

    # ---- the end

    @property
    def queued_bytes(self) -> int:
        """That wait for the peer."""
        return self._sink.queued_bytes

    def leave(self, code: int, reason: str) -> None:
        """Close with a reason; nothing that comes later is taken."""
        self._detach(code)
        self._wire.leave(code, reason)

    def _detach(self, code: int) -> None:
        self._stay.end(code)
        self._host.sockets.discard(self)
        self._sink.drop()
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.close()


async def _refuse(send: Send) -> None:
    """Answer HTTP 403 in place of the upgrade."""
    with contextlib.suppress(OSError):
        await send({"type": "websocket.close", "code": closecodes.POLICY.code})


async def _close(send: Send, close: Close) -> None:
    await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
