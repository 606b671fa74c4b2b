"""Where a kernel hears the workers of a Dask cluster, near or far: Dask's own events.

They come by the scheduler, on the connection that its client has anyway. There is one
topic for each client, heard for as long as the client lives: the scheduler keeps the
last messages of every topic that there ever was.
"""

from __future__ import annotations

import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from kgnb.runtime.afar import reports
from kgnb.runtime.afar.tickets import AtTopic

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.afar.reports import Batch

logger = logging.getLogger("kgnb.runtime")


class DaskRoom:
    """Hears what one client's workers tell. May be used from any thread."""

    def __init__(self) -> None:
        self.address = AtTopic(f"kgnb-{secrets.token_hex(16)}")
        self._takers: dict[str, Callable[[Batch], None]] = {}

    def expect(self, line: str, take: Callable[[Batch], None]) -> None:
        """Hand on what a call tells, on the thread of the client's loop."""
        self._takers[line] = take

    def forget(self, line: str) -> None:
        """Nobody listens to a call any more."""
        self._takers.pop(line, None)

    def hear(self, event: tuple[float, Any]) -> None:
        """Take an event of the topic."""
        try:
            batches = reports.decode(event[1])
        except (TypeError, msgspec.MsgspecError):
            logger.warning("a worker of Dask sent what kgnb cannot read")
            return
        for batch in batches:
            take = self._takers.get(batch.line)
            if take is not None:  # else its run is over
                take(batch)


_lock = threading.Lock()
_rooms: WeakKeyDictionary[Any, DaskRoom] = WeakKeyDictionary()


def room_of(client: Any) -> DaskRoom:
    """The room of a ``distributed.Client``."""
    with _lock:
        room = _rooms.get(client)
        if room is None:
            room = _rooms[client] = DaskRoom()
            client.subscribe_topic(room.address.topic, room.hear)
        return room
