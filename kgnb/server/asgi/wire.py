"""A WebSocket of an ASGI server, as the send queue writes to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kgnb.server import closecodes

if TYPE_CHECKING:
    from kgnb.server.asgi.types import Send

LINGER = 10.0
"""Seconds that a peer which does not read has for what was written before it."""


class AsgiWire:
    """One socket's way out: one frame at a time, and the close frame at the end.

    Belongs to the server's loop. :meth:`write` is the only one who sends; awaiting a
    send is how ASGI says that the peer keeps pace.

    Args:
        send: Of the accepted socket.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._payload: bytes | None = None
        self._flushed: asyncio.Future[None] | None = None
        self._closing: tuple[int, str] | None = None
        self._is_due = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    @property
    def is_writing(self) -> bool:
        """See ``sendqueue.Wire``."""
        return self._flushed is not None

    def write_frame(self, payload: bytes) -> asyncio.Future[None] | None:
        """See ``sendqueue.Wire``."""
        if self._closing is not None:
            return None
        self._payload = payload
        self._flushed = asyncio.get_running_loop().create_future()
        self._is_due.set()
        return self._flushed

    def leave(self, code: int, reason: str) -> None:
        """See ``sendqueue.Wire``; what is being written is finished, for a while."""
        if self._closing is None:
            self._closing = closecodes.fitted(code, reason)
            self._is_due.set()
            asyncio.get_running_loop().call_later(LINGER, self._give_up)

    def _give_up(self) -> None:
        """Nobody reads: end the writing, and with it the connection."""
        if self._writing is not None:
            self._writing.cancel()

    async def write(self) -> None:
        """Send what is given until the close frame is sent. Safe to cancel.

        Raises:
            OSError: The peer is gone; servers raise their own kinds of it.
        """
        self._writing = asyncio.current_task()
        try:
            while self._payload is not None or self._closing is None:
                await self._is_due.wait()
                self._is_due.clear()
                await self._write_one()
            code, reason = self._closing
            await self._send(
                {"type": "websocket.close", "code": code, "reason": reason}
            )
        finally:
            self._writing = None
            self._closing = self._closing or closecodes.NORMAL
            if self._flushed is not None:
                self._flushed.cancel()

    async def _write_one(self) -> None:
        payload, self._payload = self._payload, None
        if payload is None:
            return
        await self._send({"type": "websocket.send", "text": payload.decode()})
        flushed, self._flushed = self._flushed, None
        if flushed is not None:
            flushed.set_result(None)
