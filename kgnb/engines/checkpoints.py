"""What an engine offers whose graph stores its state as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from kgnb.engines.base import Engine

if TYPE_CHECKING:
    from kgnb.graph.workers import Worker


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One stored state of a run or session, and where it stands in its history."""

    id: str | None
    """None where nothing is stored yet, of a session that has just begun."""
    step: int | None = None
    """Of kgnb's graphs the number of visits that had ended: 0 is the start."""
    source: str | None = None
    """What made it: of LangGraph input, loop, update or fork; of kgnb's graphs the
    visit that ended, ``"Draft:2"``, or start."""
    next: tuple[str, ...] = ()
    """The nodes that come next; none at the end."""
    parent: str | None = None
    """The id of the one before it: forks share theirs."""
    created_at: str | None = None
    """RFC 3339."""
    run_id: str | None = None
    """The run that made it. None of LangGraph, whose checkpoints are a thread's."""
    seq: int | None = None
    """Its place among its run's checkpoints, from 1; None of LangGraph."""
    snapshot: Any = None
    """As whoever stored it gives it back: LangGraph's ``StateSnapshot``, or of kgnb's
    graphs a ``kgnb.graph.past.Moment``."""

    @property
    def values(self) -> Any:
        """The state."""
        return self.snapshot.values

    @property
    def config(self) -> Any:
        """What names it to LangGraph, and to ``kgnb.run(graph, config=...)``."""
        return self.snapshot.config

    def __repr__(self) -> str:
        # Not the state: a cell's output is kept, and may be shown to anybody.
        return (
            f"<Checkpoint step={self.step} source={self.source!r} "
            f"next={self.next!r} id={self.id!r}>"
        )


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run is to begin in its session's history, and with what changed."""

    at: Any = None
    """A checkpoint, its id or its step; None: the latest."""
    values: Any = None
    """The edits; None leaves the state as it is."""
    as_node: str | None = None
    """The node that is to have made them."""


@runtime_checkable
class CheckpointEngine(Engine, Protocol):
    """An engine whose sessions have a history.

    Its coroutines run on the loop of the run, also while it runs and after its end.
    """

    async def state(self, worker: Worker) -> Checkpoint:
        """The session as it stands."""
        ...

    async def history(self, worker: Worker, limit: int | None) -> list[Checkpoint]:
        """The session's checkpoints, the newest first."""
        ...

    def forked(self, fork: Fork) -> CheckpointEngine:
        """The engine of another run, which begins there."""
        ...

    def stop_after_step(self) -> bool:
        """Begin no further step.

        Returns:
            False where no step is under way, and nothing would notice.

        Raises:
            Unavailable: The library cannot.
        """
        ...
