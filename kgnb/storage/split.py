"""A log whose sessions are kept in another store.

Two stores share no transaction, so the log is the truth: a session is written to it
with the events of its run, in one transaction, and is moved to its own store after
that. Until it has arrived it is read from the log. Whatever dies in between, what is
still in the log is moved again, which changes nothing where it had arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from kgnb.errors import Unavailable
from kgnb.storage.base import Committed, Conflict, Put, Row, RowIs, Transaction
from kgnb.storage.sessions import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgnb.storage.base import Log, Outcome, Record, StreamState
    from kgnb.storage.sessions import Session, Sessions

logger = logging.getLogger("kgnb.storage")

PAUSE = 1.0
"""Seconds between two tries to reach a store of sessions that is away."""
SWEEP_INTERVAL = 3600.0
"""Seconds between two looks for sessions that are too old."""
TROUBLE_PAUSE = 60.0
"""Seconds after an error that no store has: nothing says that it will pass."""
CLOSE_TIMEOUT = 2.0
MOST_KNOWN = 10_000
"""Sessions whose revision is remembered; one that is forgotten is read again."""
_DELETED = b""
"""What the log holds of a session that its own store is to delete."""


class _Pending(NamedTuple):
    """A session that the log holds until its own store has it."""

    revision: int
    is_deleted: bool


class SplitLog:
    """A :class:`kgnb.storage.base.Log` on two stores.

    While the one of the sessions is away, sessions that the log does not hold cannot be
    read, and all else goes on. Revisions of sessions that have arrived there are
    negative, so that none is taken for one of the log's.

    Args:
        log: Keeps everything else, and sessions for a moment.
        sessions: Keeps them.
        ttl: Seconds after its last write that a session is kept; 0: for ever.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        log: Log,
        sessions: Sessions,
        *,
        ttl: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._sessions = sessions
        self._ttl = ttl
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._known: dict[str, int] = {}
        """Revisions in their own store, 0 where it has none; nobody else writes it."""
        self._has_pending = asyncio.Event()
        self._is_there = False
        self._is_told = False
        self._moving: asyncio.Task[None] | None = None

    @property
    def log_id(self) -> str:
        """The log's."""
        return self._log.log_id

    async def open(self) -> None:
        """Open the log; the store of the sessions may come later."""
        if self._moving is not None:
            return
        try:
            await self._log.open()
            for row in await self._log.scan(PREFIX):
                self._wait_for(row.key, row.revision, row.value)
            await self._try_to_arrive()
        except BaseException:
            await self.aclose()
            raise
        self._moving = asyncio.create_task(self._move_forever(), name="kgnb-sessions")

    async def _try_to_arrive(self) -> None:
        try:
            await self._arrive()
        except Unavailable as error:
            self._fell(error)

    def _fell(self, error: Unavailable) -> None:
        if not self._is_told:  # once for each outage
            logger.error("sessions wait in the log: %s", error)
        self._is_told = True

    def _wait_for(self, key: str, revision: int, value: bytes | None) -> None:
        self._pending[key] = _Pending(revision, not value)
        self._has_pending.set()

    # Transactions

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in the log, sessions included."""
        found: list[Outcome | None] = [self._refusal(each) for each in batch]
        taken = [
            self._translated(each)
            for each, refusal in zip(batch, found, strict=True)
            if refusal is None
        ]
        outcomes = iter(await self._log.commit(taken))
        settled = [refusal or next(outcomes) for refusal in found]
        for transaction, outcome in zip(batch, settled, strict=True):
            if isinstance(outcome, Committed):
                self._note(transaction, outcome)
        return settled

    def _refusal(self, transaction: Transaction) -> Conflict | None:
        """Why a transaction cannot be: a session is not as it was to be."""
        for check in transaction.checks:
            is_here = check.key in self._pending or not check.key.startswith(PREFIX)
            if not is_here and self._known.get(check.key) != check.revision:
                return Conflict(check.key, None)
        return None

    def _translated(self, transaction: Transaction) -> Transaction:
        """The same in the log's own words."""
        return msgspec.structs.replace(
            transaction,
            checks=tuple(map(self._check, transaction.checks)),
            puts=tuple(map(_put, transaction.puts)),
        )

    def _check(self, check: RowIs) -> RowIs:
        if not check.key.startswith(PREFIX):
            return check
        pending = self._pending.get(check.key)
        if pending is None:
            return RowIs(check.key, 0)
        if pending.is_deleted and check.revision == 0:
            return RowIs(check.key, pending.revision)
        return check

    def _note(self, transaction: Transaction, outcome: Committed) -> None:
        for put, revision in zip(transaction.puts, outcome.revisions, strict=True):
            if put.key.startswith(PREFIX):
                self._wait_for(put.key, revision, put.value)

    # Moving

    async def _move_forever(self) -> None:
        next_sweep = self._clock()
        while True:
            try:
                await self._arrive()
                if self._ttl and self._clock() >= next_sweep:
                    next_sweep = self._clock() + SWEEP_INTERVAL
                    await self._sweep()
                await self._move()
            except Unavailable as error:
                self._fell(error)
                await asyncio.sleep(PAUSE)
                continue
            except Exception:
                # The root of the task, without which sessions would wait for ever.
                logger.exception("sessions wait in the log")
                await asyncio.sleep(TROUBLE_PAUSE)
                continue
            self._is_told = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_INTERVAL):
                    await self._has_pending.wait()

    async def _arrive(self) -> None:
        if not self._is_there:
            await self._sessions.open()
            self._is_there = True

    async def _move(self) -> None:
        """Bring what the log holds to the store of the sessions."""
        for key, pending in list(self._pending.items()):
            row = await self._log.get(key)
            if row is None:
                self._arrived(key, pending)
                continue
            revision = 0
            if row.value == _DELETED:
                await self._sessions.delete(key)
            else:
                revision = (
                    await self._sessions.put(key, row.value, now=self._clock()) or 0
                )
            self._remember(key, -revision)
            moved = Transaction((RowIs(key, row.revision),), (Put(key, None),))
            (outcome,) = await self._log.commit([moved])
            if isinstance(outcome, Committed):
                self._arrived(key, pending)

    def _arrived(self, key: str, pending: _Pending) -> None:
        if self._pending.get(key) == pending:
            del self._pending[key]
        if not self._pending:
            self._has_pending.clear()

    async def _sweep(self) -> None:
        for key in await self._sessions.expire(self._clock() - self._ttl):
            self._remember(key, 0)

    def _remember(self, key: str, revision: int) -> None:
        self._known.pop(key, None)
        self._known[key] = revision
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    # Reading

    async def get(self, key: str) -> Row | None:
        """The row under ``key``, from wherever it is."""
        if not key.startswith(PREFIX):
            return await self._log.get(key)
        if key in self._pending:
            row = await self._log.get(key)
            if row is not None:
                return None if row.value == _DELETED else row
        if not self._is_there:
            raise Unavailable("sessions: their store cannot be reached now")
        known = self._known.get(key)
        session = await self._sessions.get(key)
        if self._known.get(key) == known:  # else it was written since this was read
            self._remember(key, 0 if session is None else -session.revision)
        return None if session is None else _row(session)

    async def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix; sessions from wherever they are, where they are meant."""
        here = {row.key: row for row in await self._log.scan(prefix)}
        if prefix.startswith(PREFIX):
            there = {each.key: _row(each) for each in await self._sessions.all()}
            here = {key: row for key, row in {**there, **here}.items() if row.value}
        return [here[key] for key in sorted(here) if key.startswith(prefix)]

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        return await self._log.read(stream, after, limit)

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record."""
        return await self._log.last_seq(stream)

    async def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        return await self._log.streams(prefix)

    async def aclose(self) -> None:
        """Move what can be moved at once, and release both."""
        moving, self._moving = self._moving, None
        if moving is not None:
            moving.cancel()
            await asyncio.wait([moving])
            if self._is_there:
                with contextlib.suppress(TimeoutError, Unavailable):
                    async with asyncio.timeout(CLOSE_TIMEOUT):
                        await self._move()
        self._is_there = False
        await self._sessions.aclose()
        await self._log.aclose()


def _put(put: Put) -> Put:
    is_deletion = put.value is None and put.key.startswith(PREFIX)
    return Put(put.key, _DELETED) if is_deletion else put


def _row(session: Session) -> Row:
    return Row(session.key, -session.revision, session.value)
