"""Checkpoints of durable runs, for the kernel that goes on with one.

They are stored with the run's events (see ``draft``) and read here, page by page; what
they hold is the kernel's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import rows
from kgnb.errors import KgnbError, NoSuchRun, Unavailable
from kgnb.protocol import link
from kgnb.storage.base import Transaction

if TYPE_CHECKING:
    from kgnb.broker.connections import Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.storage.base import Outcome, Record

MOST_BYTES = 4 * 1024 * 1024
"""Of checkpoints in one answer, but for a single one that has more."""


class Checkpoints:
    """Reads what durable runs have kept."""

    def __init__(self, effects: Effects, limits: BrokerLimits, runs: Runs) -> None:
        self._effects = effects
        self._limits = limits
        self._runs = runs

    def receive(self, source: Link, frame: link.Recall) -> None:
        """Take the question of a kernel that has said hello; the answer follows.

        Any kernel may ask: a notebook's next kernel is another one.
        """

        def settled(outcome: Outcome | None, _now: float) -> None:
            if outcome is None:
                self._refuse(source, frame, self._unavailable())
                return
            run = self._find(frame)
            if run is not None and (run.inbox or run.is_committing):
                self.receive(source, frame)  # what was declared of it is under way
            elif run is not None:
                self._read(source, frame, run)
            elif frame.run_id is None:
                source.reply(link.Recalled(n=frame.n))
            else:
                self._refuse(source, frame, NoSuchRun(_unknown(frame.run_id)))

        # Behind what is on its way to the log: perhaps that the run is lost.
        self._effects.commit(Transaction(), settled)

    def _find(self, frame: link.Recall) -> Run | None:
        if frame.run_id is not None:
            return self._runs.by_id.get(frame.run_id)
        lost = (
            run
            for run in self._runs.by_id.values()
            if run.row.key == frame.key and run.row.can_go_on
        )
        return max(lost, key=lambda run: run.row.started_at, default=None)

    def _read(self, source: Link, frame: link.Recall, run: Run) -> None:
        stream, most = rows.CHECKPOINT + run.id, self._limits.read_page

        def read(records: list[Record] | None, _now: float) -> None:
            if records is None:
                self._refuse(source, frame, self._unavailable())
                return
            page: list[link.KeptRecord] = []
            size = 0
            for record in records:
                size += len(record.payload)
                if page and size > MOST_BYTES:
                    break
                raw = msgspec.Raw(record.payload)
                page.append(link.KeptRecord(seq=record.seq, record=raw))
            answer = self._standing(source, frame.n, run)
            answer.records = page
            answer.more = len(records) == most or len(page) < len(records)
            source.reply(answer)

        self._effects.read(None, stream, frame.after, most, read)

    @staticmethod
    def _standing(source: Link, n: int, run: Run) -> link.Recalled:
        row = run.row
        return link.Recalled(
            n=n,
            run_id=row.run_id,
            workflow=row.workflow,
            status=run.status,
            epoch=row.epoch,
            seq=run.seq,
            kernel_id=row.kernel_id,
            is_here=row.process_id == source.process_id,
            session_id=row.session_id,
            is_durable=row.is_durable,
        )

    def _unavailable(self) -> Unavailable:
        text = "the log cannot be reached; nothing was resumed"
        return Unavailable(text, retry_after=self._limits.retry_after)

    @staticmethod
    def _refuse(source: Link, frame: link.Recall, error: KgnbError) -> None:
        answer = link.Recalled(n=frame.n, code=error.code, message=str(error))
        source.reply(answer)


def _unknown(run_id: str) -> str:
    return f"run {run_id!r} is not known to this log; it may have been let go"
