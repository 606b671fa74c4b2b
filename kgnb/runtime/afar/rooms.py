"""Where a kernel hears the processes of its machine: a socket of each run.

It is open from the first call in another process to the end of its run, on the link's
loop: no user code holds it up, and nothing is left open by runs that are over.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import socket
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

from kgnb.runtime.afar import reports
from kgnb.runtime.afar.frames import Frames, framed
from kgnb.runtime.afar.tickets import AtSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.afar.reports import Batch
    from kgnb.runtime.loops import LoopThread

logger = logging.getLogger("kgnb.runtime")

OPEN_WAIT = 10.0


class SocketRoom:
    """Hears batches, and tells which calls are to end.

    ``open``, ``stop`` and ``close`` may be called from any thread; ``take`` is called
    on the link's.

    Args:
        link: The link's loop.
        take: What to do with what comes.
    """

    def __init__(self, link: LoopThread, take: Callable[[Batch], None]) -> None:
        self._link = link
        self._take = take
        self._secret = secrets.token_bytes(32)
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._guests: set[_Guest] = set()
        self._stopped: list[str] = []

    def open(self) -> AtSocket:
        """Listen, and say where; once."""
        listening = socket.create_server(("127.0.0.1", 0))
        self._listening = listening
        _open.add(self)
        self._link.submit(self._serve(listening)).result(OPEN_WAIT)
        return AtSocket(listening.getsockname()[1], self._secret)

    def stop(self, line: str) -> None:
        """End a call, also in a process that comes later."""
        self._link.call_soon(self._tell, line)

    def close(self) -> None:
        """Hear nobody any more; calls that still go on end."""
        if not self._link.call_soon(self._close):
            self.abandon()

    def abandon(self) -> None:
        """Leave the socket to the process that opened it."""
        if self._listening is not None:
            self._listening.close()

    # On the link's thread.

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Guest(self), sock=listening)

    def _close(self) -> None:
        _open.discard(self)
        if self._server is not None:
            self._server.close()
        for guest in list(self._guests):
            guest.leave()

    def _tell(self, line: str) -> None:
        self._stopped.append(line)
        for guest in self._guests:
            guest.tell([line])

    def enter(self, guest: _Guest, secret: bytes) -> bool:
        """Whether a process is one that a ticket was given to."""
        if not hmac.compare_digest(secret, self._secret):
            return False
        self._guests.add(guest)
        if self._stopped:
            guest.tell(self._stopped)
        return True

    def hear(self, payload: bytes) -> None:
        """Take what a process sent."""
        for batch in reports.decode(payload):
            self._take(batch)

    def forget(self, guest: _Guest) -> None:
        """Its process has gone."""
        self._guests.discard(guest)


class _Guest(asyncio.Protocol):
    """The connection of one process."""

    def __init__(self, room: SocketRoom) -> None:
        self._room = room
        self._frames = Frames()
        self._is_known = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP's is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        try:
            for payload in self._frames.add(data):
                if self._is_known:
                    self._room.hear(payload)
                elif not self._room.enter(self, payload):
                    self.leave()
                    return
                else:
                    self._is_known = True
        except (ValueError, msgspec.MsgspecError):
            logger.warning("a process of an executor sent what kgnb cannot read")
            self.leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See ``asyncio.Protocol``."""
        self._room.forget(self)

    def tell(self, lines: list[str]) -> None:
        """Say which calls are to end."""
        if self._transport is not None:
            self._transport.write(framed(msgspec.msgpack.encode(lines)))

    def leave(self) -> None:
        """Hang up."""
        if self._transport is not None:
            # Not by close alone: a child forked meanwhile would hold the line open.
            found = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):  # the other side was first
                found.shutdown(socket.SHUT_RDWR)
            self._transport.abort()


_open: WeakSet[SocketRoom] = WeakSet()


def _abandon_all() -> None:
    for room in list(_open):
        room.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
