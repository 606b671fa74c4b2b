"""Transactions on their way to the log, also while the log is in trouble.

A store that fails says so at once, and nothing is stored. One that is silent is worse:
what it was given may be stored or not. Then whoever waits for that is told that it is
not known, everybody behind is refused, and nothing more is given to it until it has
said what became of the first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.effects import Commit
    from kgnb.storage.base import Log, Outcome

    Settle = Callable[[Commit, Outcome | None], None]
    Doubt = Callable[[Commit], None]

logger = logging.getLogger("kgnb.broker")

PATIENCE = 6
"""Looks, of 0.2 s each, after which a store that works does not answer any more."""
SUSPICION = 2
"""Looks that one gets which has failed before."""
_BATCH = 256
"""Transactions of one group commit."""


class Trouble(msgspec.Struct):
    """What the log's failures came to, since the start."""

    outages: int = 0
    refused: int = 0
    """Transactions of which nothing was stored."""
    doubted: int = 0
    """Those of which it was not known in time whether they were stored."""


class Writer:
    """Gives the log one batch after the other. Belongs to the driver's loop.

    It counts looks and not seconds: where this process was busy for long, the log is
    not to blame.

    Args:
        log: Open by the time of ``run``.
        settle: Told what became of a transaction, None if nothing of it was stored.
        doubt: Told that this is not known yet; ``settle`` follows some time.
        done: Called after these.
    """

    def __init__(
        self, log: Log, settle: Settle, doubt: Doubt, done: Callable[[], None]
    ) -> None:
        self.is_healthy = True
        """Whether the log took the last transaction it was given."""
        self.trouble = Trouble()
        self._log = log
        self._settle = settle
        self._doubt = doubt
        self._done = done
        self._waiting: deque[Commit] = deque()
        self._has_some = asyncio.Event()
        self._under_way: list[Commit] = []
        self._singly = 0
        self._looks = 0

    @property
    def waiting(self) -> int:
        """Transactions that the log was not given yet."""
        return len(self._waiting)

    @property
    def is_storing(self) -> bool:
        """Whether the log has something to do."""
        return bool(self._under_way)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be stored."""
        return not self._waiting and not self._under_way

    def put(self, commit: Commit) -> None:
        """Have a transaction stored behind those before it."""
        self._waiting.append(commit)
        self._has_some.set()

    async def run(self) -> None:
        """Give the log what comes, until cancelled."""
        while True:
            await self._has_some.wait()
            batch = self._under_way = self._next()
            self._looks = 0
            try:
                found = await self._log.commit([each.transaction for each in batch])
            except Unavailable as error:
                self._under_way = []
                self._fell(error)
                self._failed(batch)
            else:
                self._under_way = []
                self._rose()
                for commit, outcome in zip(batch, found, strict=True):
                    self._settle(commit, outcome)
            self._done()

    def _next(self) -> list[Commit]:
        size = 1 if self._singly else min(len(self._waiting), _BATCH)
        self._singly = max(0, self._singly - 1)
        batch = [self._waiting.popleft() for _ in range(size)]
        if not self._waiting:
            self._has_some.clear()
        return batch

    def _failed(self, batch: list[Commit]) -> None:
        """Nothing was stored: refuse it, or try each by itself, to spare the others."""
        if len(batch) == 1 or self._looks >= PATIENCE:
            self._refuse(batch)
            return
        self._singly = len(batch)
        self._waiting.extendleft(reversed(batch))
        self._has_some.set()

    def look(self) -> None:
        """See to whoever waits for long; to be called every 0.2 s."""
        if not self._under_way:
            return
        self._looks += 1
        if self._looks == PATIENCE:
            self._fell(Unavailable("it does not answer"))
            self.trouble.doubted += len(self._under_way)
            for commit in self._under_way:
                self._doubt(commit)
        if self._looks >= (PATIENCE if self.is_healthy else SUSPICION):
            behind = list(self._waiting)
            self._waiting.clear()
            self._has_some.clear()
            self._singly = 0
            self._refuse(behind)
        self._done()

    def _refuse(self, commits: list[Commit]) -> None:
        self.trouble.refused += len(commits)
        for commit in commits:
            self._settle(commit, None)

    def _fell(self, error: Unavailable) -> None:
        if self.is_healthy:
            logger.error("the log cannot be written: %s", error)
            self.trouble.outages += 1
        self.is_healthy = False

    def _rose(self) -> None:
        if not self.is_healthy:
            logger.info("the log can be written again")
        self.is_healthy = True
