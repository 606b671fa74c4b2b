"""What is let go: runs that ended long ago, all that hangs on them, and the audit.

A run goes from memory first: who asks for it is told that there is no such run. Its
events follow in steps, so that a long one holds up nobody's transaction, and its rows
with the last of them. If the log fails meanwhile, the rest is found again after a
restart.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import audit, rows
from kgnb.protocol.ids import seconds
from kgnb.storage.base import Put, RowIs, Transaction, Trim

if TYPE_CHECKING:
    from kgnb.broker.approvals import Approvals
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.broker.starts import Starts
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.storage.base import Outcome, Record

LOOK_INTERVAL = 60.0
"""Seconds between two looks for what is too old."""
AT_ONCE = 100
"""Runs that one look lets go, one after the other."""
STEP = 10_000
"""Events deleted in one transaction."""


class _When(msgspec.Struct):
    """As much of an audit's entry as tells its age."""

    at: str


class Retention:
    """Lets go of finished runs and of the audit's old entries."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        runs: Runs,
        approvals: Approvals,
        *,
        starts: Starts,
        subscriptions: Subscriptions,
        started_at: float,
    ) -> None:
        self._effects = effects
        self._limits = limits
        self._runs = runs
        self._approvals = approvals
        self._starts = starts
        self._subscriptions = subscriptions
        self._next_look = started_at + LOOK_INTERVAL
        self._leaving: deque[Run] = deque()
        self._is_erasing = False
        self._is_trimming = False

    def tick(self, now: float) -> None:
        """Look for what is too old, now and then."""
        if now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL
        if not self._leaving:
            self._leaving.extend(self._due(now))
            self._go_on()
        if self._limits.retention and not self._is_trimming:
            self._look_at_audit(now - self._limits.retention)

    # Runs

    def _due(self, now: float) -> list[Run]:
        """Runs that are to go: the too old, and the oldest of too many.

        Of too many those go last that somebody may still go on with.
        """
        ended = [run for run in self._runs.by_id.values() if run.is_over]
        for run in ended:
            # Rows of a log from before this was written down are as old as today.
            run.row.over_at = run.row.over_at or now
        ended.sort(key=lambda run: run.row.over_at)
        due: list[Run] = []
        if self._limits.retention:
            since = now - self._limits.retention
            due = [run for run in ended if run.row.over_at <= since]
        ended.sort(key=_can_go_on)
        due += ended[: max(0, len(ended) - self._limits.max_finished_runs)]
        return list(dict.fromkeys(due))[:AT_ONCE]

    def _go_on(self) -> None:
        """Let the next run go, unless one is on its way."""
        while self._leaving and not self._is_erasing:
            run = self._leaving.popleft()
            if run.is_over:  # else its kernel took it up again
                self._let_go(run)

    def _let_go(self, run: Run) -> None:
        puts = [Put(rows.RUN + run.id, None)]
        puts += [Put(rows.APPROVAL + key, None) for key in self._approvals.forget(run)]
        self._runs.forget(run)
        self._starts.forget(run)
        self._subscriptions.run_forgotten(run)
        if self._is_last_of_session(run):
            key = rows.session_key(run.row.owner, run.row.session_id or "")
            puts.append(Put(key, None))
        self._is_erasing = True
        self._erase(run, tuple(puts), 0)

    def _is_last_of_session(self, run: Run) -> bool:
        """Whether no run is left that knows the session whose messages are kept."""
        owner, session_id = run.row.owner, run.row.session_id
        return session_id is not None and not any(
            (other.row.owner, other.row.session_id) == (owner, session_id)
            for other in self._runs.by_id.values()
        )

    def _erase(self, run: Run, puts: tuple[Put, ...], through: int) -> None:
        """Delete the next events behind ``through``, with the last of them the rows."""
        stream = rows.STREAM + run.id
        through += STEP
        is_last = through >= run.seq
        if is_last:
            # Who takes the run up again at this very moment changes its row.
            unchanged = RowIs(rows.RUN + run.id, run.revision)
            transaction = Transaction(
                (unchanged,), puts, drops=(stream, rows.CHECKPOINT + run.id)
            )
        else:
            kept = rows.CHECKPOINT + run.id
            trims = (Trim(stream, through), Trim(kept, through))
            transaction = Transaction(trims=trims)

        def done(outcome: Outcome | None, _now: float) -> None:
            if outcome is not None and not is_last:
                self._erase(run, puts, through)
                return
            self._is_erasing = False
            self._go_on()

        self._effects.commit(transaction, done)

    # The audit

    def _look_at_audit(self, since: float) -> None:
        """Drop the entries that are older than ``since``, a page at a time."""
        self._is_trimming = True

        def read(records: list[Record] | None, _now: float) -> None:
            through = 0
            for record in records or ():
                if not _is_older(record.payload, since):
                    break
                through = record.seq
            if not through:
                self._is_trimming = False
                return
            transaction = Transaction(trims=(Trim(audit.STREAM, through),))
            self._effects.commit(transaction, trimmed)

        def trimmed(outcome: Outcome | None, _now: float) -> None:
            if outcome is None:
                self._is_trimming = False
            else:
                self._look_at_audit(since)

        self._effects.read(None, audit.STREAM, 0, self._limits.read_page, read)


def _can_go_on(run: Run) -> bool:
    """Whether a run that is over may be taken up again from where it was lost."""
    return run.row.can_go_on or bool(run.open_approvals)


def _is_older(entry: bytes, since: float) -> bool:
    """Whether an entry was written before ``since``, or says nothing of it."""
    try:
        return seconds(msgspec.json.decode(entry, type=_When).at) <= since
    except (msgspec.MsgspecError, ValueError):
        return True  # somebody wrote over the log; nobody can read it
