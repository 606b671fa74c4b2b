"""A recording's events as those of another run, each when it is due."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import msgspec

from kgnb.protocol import events as e
from kgnb.protocol import ids

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDS = (e.WorkflowCompleted, e.WorkflowFailed, e.WorkflowCancelled, e.WorkflowLost)


class Script:
    """A recording's events as another run's, and when each is due.

    With a speed their times are those of the replay; without, the recording's.

    Args:
        recorded: The events.
        run_id: Whose they are to be.
        speed: See ``kgnb.replay``.
        idle: Likewise.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        recorded: list[e.AnyEvent],
        run_id: ids.RunId,
        *,
        speed: float,
        idle: float | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run_id = run_id
        self._speed = speed
        self._clock = clock
        self._events = list(recorded)
        if not isinstance(recorded[-1], _ENDS):
            self._events.append(_no_end(recorded))
        self._offsets = _offsets(self._events, idle)
        self._began = clock()
        self._ahead = 0.0
        """Seconds by which somebody hurried it on."""
        self.taken = 0
        """Events that were given."""

    @property
    def is_over(self) -> bool:
        """Whether all were given."""
        return self.taken == len(self._events)

    @property
    def wait(self) -> float:
        """Seconds until the next is due."""
        return self._due(self.taken) - self._ahead - self._clock()

    def _due(self, index: int) -> float:
        if not self._speed:
            return self._began
        return self._began + self._offsets[index] / self._speed

    def hurry(self) -> None:
        """All the rest is due now: nobody waits."""
        self._ahead = float("inf")

    def take_due(self, most: int) -> list[e.AnyEvent]:
        """The next, and those that are due with it."""
        taken = [self.take()]
        while len(taken) < most and not self.is_over and self.wait <= 0:
            taken.append(self.take())
        return taken

    def take(self) -> e.AnyEvent:
        """The next."""
        index, event = self.taken, self._events[self.taken]
        self.taken += 1
        stamp = event.timestamp
        if self._speed:
            stamp = ids.timestamp(self._due(index))
        told = msgspec.structs.replace(
            event, run_id=self._run_id, seq=0, workflow_id="", timestamp=stamp
        )
        if isinstance(told, e.ApprovalRequest | e.ApprovalVote | e.ApprovalResolved):
            return self._renamed(told, event.timestamp)
        return told

    def _renamed(
        self,
        told: e.ApprovalRequest | e.ApprovalVote | e.ApprovalResolved,
        was: str,
    ) -> e.AnyEvent:
        """An approval's id tells its run: an answer must not reach the other one's."""
        key = f"{self._run_id}/{told.data.approval_id}".encode()
        changed = {"approval_id": hashlib.sha256(key).hexdigest()[:20]}
        if isinstance(told.data, e.ApprovalData) and told.data.expires_at and was:
            left = ids.seconds(told.data.expires_at) - ids.seconds(was)
            changed["expires_at"] = ids.timestamp(ids.seconds(told.timestamp) + left)
        data = msgspec.structs.replace(told.data, **changed)
        return msgspec.structs.replace(told, data=data)


def _no_end(recorded: list[e.AnyEvent]) -> e.WorkflowLost:
    last = recorded[-1]
    return e.WorkflowLost(
        run_id=last.run_id,
        workflow=last.workflow,
        timestamp=last.timestamp,
        reason="the recording ends here",
    )


def _offsets(recorded: list[e.AnyEvent], idle: float | None) -> list[float]:
    """Seconds from the start to each event; never less than to the one before."""
    offsets, latest = [0.0], _seconds(recorded[0], 0.0)
    for event in recorded[1:]:
        at = max(latest, _seconds(event, latest))
        gap = at - latest
        offsets.append(offsets[-1] + (gap if idle is None else min(gap, idle)))
        latest = at
    return offsets


def _seconds(event: e.AnyEvent, otherwise: float) -> float:
    """When it was, if it says so."""
    try:
        return ids.seconds(event.timestamp)
    except ValueError:
        return otherwise
