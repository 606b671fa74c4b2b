"""Sessions in a store of their own: a value for each key, and when it was written.

A store is any log, of which only the rows are used. It has one owner at a time, as a
log has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.storage.base import Committed, Put, RowIs, Transaction

if TYPE_CHECKING:
    from kgnb.storage.base import Log, Row

PREFIX = "session/"
"""Of their keys, here and in the log of the runs."""
_Stamped = tuple[float, bytes]
_stamped = msgspec.msgpack.Decoder(_Stamped)
_AT_ONCE = 256


class Session(msgspec.Struct, frozen=True):
    """One of them; ``revision`` is new with every write."""

    key: str
    revision: int
    value: bytes
    at: float
    """When it was written, in seconds since the epoch."""


class Sessions:
    """The sessions of one store. Belongs to the event loop on which it was opened.

    Args:
        log: The store; opened and closed here.

    Raises:
        Unavailable: From every method: the store cannot be reached now.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    async def open(self) -> None:
        """Make it ready; after this you must call ``aclose``."""
        await self._log.open()

    async def get(self, key: str) -> Session | None:
        """The session under a key."""
        row = await self._log.get(key)
        return None if row is None else _session(row)

    async def put(
        self, key: str, value: bytes, *, now: float, expected: int | None = None
    ) -> int | None:
        """Write one; its new revision.

        Args:
            key: Begins with ``PREFIX``.
            value: Any.
            now: Seconds since the epoch.
            expected: The revision that it must have, 0 where it must not exist; if it
                is another nothing is written, and None is returned. None: any.
        """
        checks = () if expected is None else (RowIs(key, expected),)
        stamped = msgspec.msgpack.encode((now, value))
        (outcome,) = await self._log.commit(
            [Transaction(checks, (Put(key, stamped),), durable=True)]
        )
        return outcome.revisions[0] if isinstance(outcome, Committed) else None

    async def delete(self, key: str) -> None:
        """Delete one; again does nothing."""
        await self._log.commit([Transaction(puts=(Put(key, None),))])

    async def all(self) -> list[Session]:
        """All, ordered by key."""
        return [_session(row) for row in await self._log.scan(PREFIX)]

    async def expire(self, before: float) -> list[str]:
        """Delete those that were written before a time; their keys.

        One that is written meanwhile stays.
        """
        old = [each for each in await self.all() if each.at < before]
        gone: list[str] = []
        for start in range(0, len(old), _AT_ONCE):
            some = old[start : start + _AT_ONCE]
            outcomes = await self._log.commit(
                [
                    Transaction(
                        (RowIs(each.key, each.revision),), (Put(each.key, None),)
                    )
                    for each in some
                ]
            )
            gone += [
                each.key
                for each, outcome in zip(some, outcomes, strict=True)
                if isinstance(outcome, Committed)
            ]
        return gone

    async def aclose(self) -> None:
        """Release everything, bounded; safe to call twice."""
        await self._log.aclose()


def _session(row: Row) -> Session:
    at, value = _stamped.decode(row.value)
    return Session(row.key, row.revision, value, at)
