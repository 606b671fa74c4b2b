"""A thread's past: its checkpoints, and where a fork of it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.engines.checkpoints import Checkpoint, Fork
from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.engines.langgraph.lanes import Lane
    from kgnb.engines.langgraph.threads import Thread

_COPY = "__copy__"
_INPUT = "__start__"
"""LangGraph's names for who writes a checkpoint anew as it is, and for the input."""


async def state_of(thread: Thread, lane: Lane) -> Checkpoint:
    """The thread as it stands; see ``CheckpointEngine.state``."""
    return _checkpoint_of(await lane.state(thread.latest))


async def history_of(thread: Thread, lane: Lane, limit: int | None) -> list[Checkpoint]:
    """The thread's checkpoints; see ``CheckpointEngine.history``."""
    found = await lane.history(thread.latest, limit=limit)
    return [_checkpoint_of(snapshot) for snapshot in found]


async def begin_fork(thread: Thread, lane: Lane, fork: Fork) -> None:
    """Make the checkpoint from which the fork goes on the thread's latest.

    LangGraph's own way: an edit is an update as a node's, by the reducers, and is
    stored beside what was there. Without edits the checkpoint is copied, so that what
    follows is a fork on every version, and nothing is taken for known that ran in the
    step after it.

    Raises:
        InvalidValue: There is no such checkpoint.
    """
    config, as_node = thread.latest, fork.as_node
    if fork.at is not None:
        config = thread.place(await _id_at(thread, lane, fork.at))
        stored = await lane.stored(config)
        if stored is None:
            raise _missing(thread, f"{fork.at!r:.80}")
        if as_node is None and stored.metadata.get("source") == "input":
            as_node = _INPUT  # which LangGraph 1.1 does not see by itself
    if fork.values is not None:
        await lane.update(config, fork.values, as_node)
    elif fork.at is not None:
        await lane.update(config, None, _COPY)


async def _id_at(thread: Thread, lane: Lane, at: Any) -> str:
    """The id of the checkpoint that ``at`` names."""
    if isinstance(at, int) and not isinstance(at, bool):
        found = await lane.history(thread.latest, filter={"step": at}, limit=1)
        if not found:
            raise _missing(thread, f"of step {at}")
        at = found[0]
    elif isinstance(at, str) and at in thread.graph.nodes:
        at = await _before(thread, lane, at)
    key = at if isinstance(at, str) else _id_of(getattr(at, "config", None))
    if key is None:
        raise InvalidValue(
            f"fork(at={at!r:.80}): expected a checkpoint of run.history(), its id, "
            f"the number of its step, a node's name, or LangGraph's StateSnapshot of it"
        )
    return key


async def _before(thread: Thread, lane: Lane, node: str) -> Any:
    """The thread's newest state after which a node came, or comes."""
    for snapshot in await lane.history(thread.latest):
        if node in snapshot.next:
            return snapshot
    raise _missing(thread, f"after which {node!r} came")


def _missing(thread: Thread, which: str) -> InvalidValue:
    return InvalidValue(
        f"fork: thread {thread.id!r} has no checkpoint {which}; run.history() lists "
        f"those that are stored: with durability='exit' only the last of each run"
    )


def _checkpoint_of(snapshot: Any) -> Checkpoint:
    metadata = snapshot.metadata or {}
    return Checkpoint(
        id=_id_of(snapshot.config),
        step=metadata.get("step"),
        source=metadata.get("source"),
        next=tuple(snapshot.next),
        parent=_id_of(snapshot.parent_config),
        created_at=snapshot.created_at,
        snapshot=snapshot,
    )


def _id_of(config: Mapping[str, Any] | None) -> str | None:
    found = ((config or {}).get("configurable") or {}).get("checkpoint_id")
    return None if found is None else str(found)
