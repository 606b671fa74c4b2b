"""What every socket of ours does: origin, gate, ping, size, send queue, end."""

from __future__ import annotations

import asyncio
import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_server.base.websocket import WebSocketMixin
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol,
    WebSocketProtocol13,
)

from kgnb.broker.limits import Window
from kgnb.server import access, closecodes, frames
from kgnb.server.callers import may_come_from
from kgnb.server.discreet import Discreet
from kgnb.server.framing import StrictProtocol, linger
from kgnb.server.keepalive import KeepAlive
from kgnb.server.scrub import one_line
from kgnb.server.sendqueue import SocketSink

if TYPE_CHECKING:
    from types import TracebackType

    from tornado.iostream import IOStream

    from kgnb.broker.peer import Attached
    from kgnb.server.closecodes import Close
    from kgnb.server.doors import Doors
    from kgnb.server.entrance import Guest
    from kgnb.server.host import Host
    from kgnb.server.journal import Stay

_PINGS = 200
_PING_WINDOW = 10.0
"""Seconds in which a peer may send that many pings."""
_MEM_LEVEL = 4
"""Of zlib: 134 KB a connection in place of 198 KB."""


class _RefusedError(Exception):
    """Thrown out of ``open`` so that tornado cuts the socket and reads nothing."""


class GatedSocket(WebSocketMixin, WebSocketHandler, Discreet):
    """A socket that is judged before its first frame is read.

    A refused peer is accepted, so that a browser can read the close code, and
    closed; its frames are thrown away as bytes, never parsed. Subclasses say in
    :meth:`admit` who may stay and in :meth:`attach` what then happens.
    """

    _refusal: Close | None = None
    _attachment: Attached | None = None
    _sink: SocketSink | None = None
    _keepalive: KeepAlive | None = None
    guest: Guest | None = None
    """Whom :meth:`admit` let in; None: a kernel."""
    stay: Stay | None = None
    """What the log tells of it, once it is attached."""
    _flushed: asyncio.Future[None]
    """Done, as is each write that the system took at once."""

    # ---- what tornado asks

    def initialize(self, *, host: Host) -> None:
        """Add a limit for pings, which no message counter sees."""
        super().initialize(host=host)
        self._pings = Window(_PINGS, _PING_WINDOW)

    @property
    def ping_interval(self) -> float:
        """0: the pings are :class:`KeepAlive`'s, not the mixin's or tornado's."""
        return 0

    @property
    def ping_timeout(self) -> float:
        """Unused; see :attr:`ping_interval`."""
        return 0

    @property
    def max_message_size(self) -> int:
        """Bytes. The application-wide setting would bind Jupyter's sockets too."""
        return self.host.settings.max_message_size

    @property
    def keepalive_times(self) -> tuple[float, float]:
        """Ping interval and time-out, in seconds."""
        return self.host.settings.ping_interval, self.host.settings.ping_timeout

    def get_compression_options(self) -> dict[str, Any] | None:
        """Deflate with little memory, where it is configured."""
        if self.host.settings.compression == "deflate":
            return {"mem_level": _MEM_LEVEL}
        return None

    def set_cookie(self, *_args: Any, **_kwargs: Any) -> None:
        """None: Jupyter would sign in whoever came with its token.

        The next connection of the same page would then be somebody else, the cookie's
        user, and find none of its sessions.
        """

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """tornado's, with a reader that follows the standard."""
        found = super().get_websocket_protocol()
        if isinstance(found, WebSocketProtocol13):
            return StrictProtocol(self, mask_outgoing=False, params=found.params)
        return found

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Ours, if it was offered."""
        return access.negotiate(subprotocols)

    @cached_property
    def _may_compress(self) -> bool:
        """Whether the peer may have been promised compression."""
        asked = self.request.headers.get("Sec-WebSocket-Extensions", "")
        return self.get_compression_options() is not None and "deflate" in asked

    def check_origin(  # pyright: ignore[reportIncompatibleMethodOverride]  # the bases name it differently
        self, origin: str | None = None
    ) -> bool:
        """Whether a page of the Origin header may be here.

        Called by us for every connection and by tornado for some.
        """
        return may_come_from(self, origin)

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """Refuse before the upgrade, without Jupyter's HTML page."""
        self.finish(f"{status_code}\n")

    # ---- the handshake

    async def handshake(self, *args: str) -> None:
        """Judge the request, then upgrade it; every ``get`` ends here.

        Raises:
            HTTPError: 403 for a foreign page, and without an upgrade for
                anybody who would be refused.
        """
        if not self.check_origin():
            self.log.warning(
                "refused a page of %s; add it to KgnbApp.allow_origins if it is yours",
                one_line(self.request.headers.get("Origin", "")),
            )
            raise HTTPError(403)
        self._refusal = await self.admit(*args)
        is_upgrade = self.request.headers.get("Upgrade", "").lower() == "websocket"
        if self._refusal is not None and not is_upgrade:
            raise HTTPError(403)
        await super().get(*args)

    async def admit(self, *args: str) -> Close | None:
        """Why the peer may not stay, or None."""
        raise NotImplementedError

    def attach(self, doors: Doors, sink: SocketSink) -> Attached:
        """Connect the admitted peer to the broker."""
        raise NotImplementedError

    async def open(self, *_args: str, **_kwargs: str) -> None:
        """Attach an admitted peer, show a refused one out."""
        doors = self.host.doors
        refusal = self._refusal
        if refusal is None and doors is None:
            refusal = closecodes.STARTING
        if refusal is not None or doors is None:
            await self._show_out(refusal or closecodes.STARTING)
            raise _RefusedError
        # Else each small frame waits, 40 ms as a rule, until the one before is
        # acknowledged (Nagle's algorithm beside delayed acknowledgements).
        self.set_nodelay(True)
        self._headers = HTTPHeaders()  # they were sent, and take a tenth of its memory
        self._flushed = asyncio.get_running_loop().create_future()
        self._flushed.set_result(None)
        self._sink = SocketSink(self)
        interval, timeout = self.keepalive_times
        self._keepalive = KeepAlive(
            interval=interval, timeout=timeout, ping=self._ping, lost=self._lost
        )
        self._keepalive.start()
        self.host.sockets.add(self)
        self._join(doors, self._sink)

    def _join(self, doors: Doors, sink: SocketSink) -> None:
        try:
            attachment = self.attach(doors, sink)
        except Exception:
            # The root of a connection's work: the peer learns no details.
            self.log.exception("%s: the broker took no one in", type(self).__name__)
            self.leave(*closecodes.INTERNAL)
            return
        if sink.is_closed:
            attachment.close()
        else:
            self._attachment = attachment

    async def _show_out(self, refusal: Close) -> None:
        """Send the close frame, and cut the socket when the peer has read it."""
        stream = self._stream()
        self.close(*refusal)
        if stream is not None:
            await linger(stream)
            stream.close()

    # ---- frames

    def on_message(self, message: str | bytes) -> None:
        """Hand a frame to the broker."""
        if self._keepalive is not None:
            self._keepalive.heard()
        if self._attachment is None:
            return
        try:
            self._attachment.receive(message)
        except Exception:
            # The root of a frame's work: the peer learns no details.
            self.log.exception("%s: a frame broke the broker", type(self).__name__)
            self.leave(*closecodes.INTERNAL)

    def on_pong(self, data: bytes) -> None:  # noqa: ARG002  # tornado's signature
        """The peer lives."""
        if self._keepalive is not None:
            self._keepalive.heard()

    def on_ping(self, data: bytes) -> None:
        """So does one that pings us, up to a point."""
        self.on_pong(data)
        if self._pings.hit(asyncio.get_running_loop().time()) is not None:
            self.leave(*closecodes.POLICY)

    def _ping(self) -> None:
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            self.ping(b"")

    def _lost(self) -> None:
        stream = self._stream()
        self.leave(*closecodes.IDLE)
        if stream is not None:
            # Nobody is there to read a close frame or to answer it.
            stream.close()

    # ---- the wire, as the sink sees it

    @property
    def is_writing(self) -> bool:
        """Whether bytes still wait for the peer."""
        stream = self._stream()
        return stream is not None and stream.writing()

    def write_frame(self, payload: bytes) -> asyncio.Future[None] | None:
        """Send one text frame; None when the socket is closed."""
        stream = self._stream()
        if self.ws_connection is None or self.ws_connection.is_closing():
            return None
        try:
            if stream is None or self._may_compress:
                return self.write_message(payload)
            rest = frames.write(stream, frames.text_frame(payload))
        except (StreamClosedError, WebSocketClosedError):
            return None
        return rest or self._flushed

    def _stream(self) -> IOStream | None:
        return self.ws_connection.stream if self.ws_connection is not None else None

    # ---- the end

    @property
    def queued_bytes(self) -> int:
        """That wait for the peer."""
        return self._sink.queued_bytes if self._sink is not None else 0

    def leave(self, code: int, reason: str) -> None:
        """Close with a reason; nothing that comes later is read."""
        self._detach(code)
        self.close(*closecodes.fitted(code, reason))

    def on_close(self) -> None:
        """The socket is gone."""
        self._detach(self.close_code or closecodes.GONE)

    def _detach(self, code: int) -> None:
        self.host.sockets.discard(self)
        if self.stay is not None:
            self.stay.end(code)
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._sink is not None:
            self._sink.drop()
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.close()

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """A refusal is no error."""
        if not isinstance(value, _RefusedError):
            super().log_exception(typ, value, tb)
