"""Recorded runs, shown again: their events are stored as they were.

Nothing follows from them. A question of a replay is no approval of the broker's, so
that nobody can answer it; a decision in it was somebody's once, and is none now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.broker.draft import Draft
from kgnb.broker.rows import RunRow
from kgnb.broker.run import ENDINGS, Run
from kgnb.protocol import events
from kgnb.protocol.ids import RunId, timestamp
from kgnb.storage.base import Committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.broker.effects import Effects
    from kgnb.broker.runs import Runs
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.storage.base import Outcome


class Replays:
    """Runs that no kernel runs. Part of the broker."""

    def __init__(
        self, effects: Effects, runs: Runs, subscriptions: Subscriptions
    ) -> None:
        self._effects = effects
        self._runs = runs
        self._subscriptions = subscriptions

    def take(
        self, recorded: Sequence[events.AnyEvent], kernel_id: str, now: float
    ) -> None:
        """Store the next events of a replay; the first begin it.

        The caller waits until it has read them back before it gives more.

        Args:
            recorded: At least one; all of one run.
            kernel_id: The kernel that shows it.
            now: Seconds.
        """
        first = recorded[0]
        run = self._runs.by_id.get(first.run_id) or self._create(first, kernel_id, now)
        draft = Draft(run.row, run.revision, run.n, now)
        for event in recorded:
            draft.add(event)
            if isinstance(event, events.ApprovalRequest):
                self._runs.approvals.replayed[event.data.approval_id] = run.id
            ending = ENDINGS.get(type(event))
            if ending is not None:
                draft.row.status = ending
                draft.row.ended_at = event.timestamp
                draft.row.over_at = now
        run.is_committing = True

        def done(outcome: Outcome | None, at: float) -> None:
            run.is_committing = False
            if isinstance(outcome, Committed):
                run.revision = outcome.revisions[0] if draft.puts_run else run.revision
                run.row = draft.row
                place = outcome.appended[0]
                self._runs.publish(run, place.first_seq, draft.payloads)
            self._runs.submit(run, at)

        self._effects.commit(draft.transaction(), done)

    def _create(self, first: events.AnyEvent, kernel_id: str, now: float) -> Run:
        row = RunRow(
            run_id=RunId(first.run_id),
            workflow=first.workflow,
            kernel_id=kernel_id,
            started_at=first.timestamp or timestamp(now),
        )
        run = self._runs.by_id[row.run_id] = Run(row)
        self._subscriptions.run_appeared(run, now)
        return run
