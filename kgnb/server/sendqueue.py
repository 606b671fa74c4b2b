"""One socket's way out: written at once while it drains, bounded when it does not.

tornado buffers without a limit what is written to a peer that does not read,
and waiting for each write would let one slow reader hold up all the others. So
a frame is written directly only while nothing is unsent; the rest waits in the
outbox, which merges token and progress frames and says when it is full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kgnb.broker.outbox import Outbox
from kgnb.server import closecodes

if TYPE_CHECKING:
    import asyncio

    from kgnb.broker.peer import OutFrame


class Wire(Protocol):
    """The little that a sink needs of a socket."""

    @property
    def is_writing(self) -> bool:
        """Whether bytes given to it still wait for the peer."""
        ...

    def write_frame(self, payload: bytes) -> asyncio.Future[None] | None:
        """Send one frame; None if the socket is closed, else done when flushed.

        It is done at once where the system takes the whole frame, as a rule.
        """

    def leave(self, code: int, reason: str) -> None:
        """Send the close frame and let go."""


class SocketSink:
    """A ``Sink`` over one socket. Belongs to the loop that serves the socket.

    Args:
        wire: The socket.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._outbox = Outbox()
        self._closing: tuple[int, str] | None = None
        self._is_finished = False

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._closing is not None

    @property
    def is_congested(self) -> bool:
        """Whether a replay should wait before it sends more."""
        return self._outbox.is_congested

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait here, not those that the system has taken."""
        return self._outbox.size

    def send_nowait(self, frame: OutFrame) -> None:
        """Write the frame or queue it; a full queue ends the socket with 4009."""
        if self._closing is not None:
            return
        if not self._outbox and not self._wire.is_writing:
            self._write(frame.payload)
        elif not self._outbox.put(frame):
            self._outbox = Outbox()
            self._closing = closecodes.SLOW
            self._finish()

    def close_nowait(self, code: int, reason: str) -> None:
        """Close once what is queued has been sent."""
        if self._closing is None:
            self._closing = (code, reason)
            if not self._outbox:
                self._finish()

    def drop(self) -> None:
        """The socket is gone: forget what is queued, take nothing more."""
        self._closing = self._closing or closecodes.NORMAL
        self._is_finished = True
        self._outbox = Outbox()

    def _write(self, payload: bytes) -> None:
        flushed = self._wire.write_frame(payload)
        if flushed is None:
            self.drop()
        elif not flushed.done():
            flushed.add_done_callback(self._written)

    def _written(self, flushed: asyncio.Future[None]) -> None:
        if flushed.cancelled() or flushed.exception() is not None:
            self.drop()
            return
        while self._outbox and not self._wire.is_writing:
            payload = self._outbox.pop()
            if payload is not None:
                self._write(payload)
        if self._closing is not None and not self._outbox:
            self._finish()

    def _finish(self) -> None:
        if not self._is_finished and self._closing is not None:
            self._is_finished = True
            self._wire.leave(*self._closing)
