"""What became of a run's state, step by step: the differences of its checkpoints."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from kgnb.runtime.cassette.redaction import redact
from kgnb.runtime.comparing.values import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.engines.checkpoints import Checkpoint

MOST_STEPS = 200
"""Of a run those that are told: the latest."""


class StateStep(msgspec.Struct, frozen=True, kw_only=True):
    """A stored state, by what is not as it was before."""

    step: int | None
    source: str | None
    """What made it: a visit, ``"Draft:2"``, or ``start``; see ``Checkpoint``."""
    at: str | None
    """RFC 3339."""
    next: tuple[str, ...]
    """The nodes that came next."""
    changes: tuple[Difference, ...]


class StateSteps(msgspec.Struct, frozen=True, kw_only=True):
    """A run's steps, the oldest first, or why there are none."""

    steps: tuple[StateStep, ...] = ()
    left_out: bool = False
    """Whether there are earlier ones."""
    reason: str = ""

    @classmethod
    def of(cls, history: Sequence[Checkpoint], since: str | None = None) -> StateSteps:
        """The latest steps; see ``steps_of``.

        Args:
            history: As there, but ``MOST_STEPS + 1`` of it are enough.
            since: As there.
        """
        steps = steps_of(history, since)
        return cls(steps=steps[-MOST_STEPS:], left_out=len(steps) > MOST_STEPS)


def steps_of(
    history: Sequence[Checkpoint], since: str | None = None
) -> tuple[StateStep, ...]:
    """What each checkpoint changed; what looks like a secret is hidden.

    Args:
        history: As ``Run.history`` gives it, the newest first.
        since: When the run began: earlier ones, of other runs of a thread, are only
            what its first is compared with.
    """
    ours = [one for one in history if not _is_before(one, since)]
    earlier = history[len(ours) : len(ours) + 1]
    values = [redact(one.values) for one in (*ours, *earlier)]
    states = [*([] if earlier else [{}]), *reversed(values)]
    return tuple(
        StateStep(
            step=now.step,
            source=now.source,
            at=now.created_at,
            next=now.next,
            changes=differences(before, after, "shared"),
        )
        for now, (before, after) in zip(reversed(ours), pairwise(states), strict=True)
    )


def _is_before(one: Checkpoint, since: str | None) -> bool:
    if one.run_id is not None:
        return False  # a run's own: its start is stored before its first event is
    try:
        made = datetime.fromisoformat(one.created_at or "")
        return made < datetime.fromisoformat(since or "")
    except (ValueError, TypeError):
        return False
