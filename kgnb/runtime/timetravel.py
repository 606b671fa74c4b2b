"""The past of a durable run of kgnb's own graphs, and runs that begin in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.checkpoints import Checkpoint, Fork
from kgnb.errors import InvalidValue, Unavailable
from kgnb.graph.keeping import encoded
from kgnb.graph.past import Moment, Past
from kgnb.graph.progress import Progress
from kgnb.protocol import events as e
from kgnb.protocol import ids
from kgnb.runtime.durable import Durable, transient_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kgnb.graph.records import State


def history_of(
    past: Past, limit: int | None, *, start: str | None, origin: e.ForkedFrom | None
) -> list[Checkpoint]:
    """A run's steps, the newest first.

    Args:
        past: The run's checkpoints.
        limit: The most to give.
        start: The graph's first node.
        origin: The checkpoint that the run was forked from.
    """
    steps = past.steps()
    if not steps:
        raise Unavailable(f"run {past.run_id!r} has stored no checkpoint yet")
    first = None if origin is None else f"{origin.run_id}:{origin.seq}"
    parents = [*(past.key(moment.seq) for moment in steps[1:]), first]
    listed = zip(steps, parents, strict=True)
    return [
        _checkpoint(past, moment, parent, start)
        for moment, parent in itertools.islice(listed, limit)
    ]


def _checkpoint(
    past: Past, moment: Moment, parent: str | None, start: str | None
) -> Checkpoint:
    is_first = moment.record.kind == "start"
    has_begun = bool(moment.state.places) or start is None
    return Checkpoint(
        id=past.key(moment.seq),
        step=moment.step,
        source="start" if is_first else moment.record.task_id,
        next=moment.next if has_begun else (str(start),),
        parent=parent,
        created_at=moment.record.at,
        run_id=past.run_id,
        seq=moment.seq,
        snapshot=moment,
    )


class Beginning(msgspec.Struct, frozen=True):
    """Where in another run's past a run begins."""

    origin: e.ForkedFrom
    state: State
    shared: dict[str, Any]
    """What is not kept, and so is not in the state."""

    def durable(self) -> Durable:
        """What the new run keeps of itself, from there on."""
        progress = Progress(self.shared, self.state.transient, self.state)
        return Durable(progress, forked_from=self.origin, state=self.state)


def beginning_of(
    where: Fork, run_id: str, live: Mapping[Any, Any], read: Callable[[], Past]
) -> Beginning:
    """Where a fork of a run at hand begins.

    Args:
        where: As the user said it.
        run_id: The run that is forked.
        live: What its nodes share: keys that are not kept come from there.
        read: Reads its checkpoints; not called where ``where`` brings its own.

    Raises:
        InvalidValue: There is no such place, or an edit cannot be kept.
    """
    if where.as_node is not None:
        raise InvalidValue(
            "fork(as_node=...): of kgnb's own graphs a checkpoint tells what follows; "
            "fork at another one"
        )
    at = where.at
    if isinstance(at, Checkpoint):
        if at.run_id != run_id:
            raise InvalidValue(f"fork(at={at!r:.80}): a checkpoint of another run")
        moment = _moment_of(at)
    else:
        moment = read().find(_place(at))
    return _edited(moment, run_id, where.values, moment.state.transient, live)


def beginning_at(
    at: Checkpoint, *, edits: Any, transient: Collection[str] = ()
) -> Beginning:
    """Where a run begins that was told a checkpoint of any process's run.

    Args:
        at: The checkpoint.
        edits: A dict: what is to differ, and what is not kept.
        transient: Keys that are not to be kept from there on; none: those that were
            not so far.

    Raises:
        InvalidValue: An edit cannot be kept.
    """
    moment = _moment_of(at)
    keys = transient_of(transient, moment.state)
    return _edited(moment, str(at.run_id), edits, keys, {})


def _moment_of(at: Checkpoint) -> Moment:
    if isinstance(at.snapshot, Moment):
        return at.snapshot
    raise InvalidValue(f"{at!r:.80} is no checkpoint of a durable run")


def _place(at: Any) -> int | str | None:
    is_number = isinstance(at, int) and not isinstance(at, bool)
    if at is None or is_number or isinstance(at, str):
        return at  # type: ignore[no-any-return]  # it is one of these
    raise InvalidValue(
        f"fork(at={at!r:.80}): expected a checkpoint of run.history(), its id, the "
        f"number of its step, or a node or visit, such as 'Draft' or 'Draft:2'"
    )


def _edited(
    moment: Moment,
    run_id: str,
    edits: Any,
    transient: Collection[str],
    live: Mapping[Any, Any],
) -> Beginning:
    state = moment.state
    values = {key: raw for key, raw in state.values.items() if key not in transient}
    shared = {key: live[key] for key in transient if key in live}
    for key, value in _checked(edits).items():
        if key in transient:
            shared[key] = value
        else:
            values[key] = msgspec.Raw(encoded(value, f"shared[{key!r}]"))
    return Beginning(
        e.ForkedFrom(run_id=ids.RunId(run_id), seq=moment.seq),
        msgspec.structs.replace(state, values=values, transient=sorted(transient)),
        shared,
    )


def _checked(edits: Any) -> Mapping[str, Any]:
    if edits is None:
        return {}
    if not isinstance(edits, Mapping):
        raise InvalidValue(f"fork(shared={edits!r:.80}): expected a dict of edits")
    for key in edits:
        if not isinstance(key, str):
            raise InvalidValue(
                f"fork(shared=...): expected keys that are text: {key!r}"
            )
    return edits
