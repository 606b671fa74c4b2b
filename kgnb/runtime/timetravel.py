"""The past of a durable run of kgnb's own graphs, and runs that begin in it."""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.doorway import door
from kgnb.engines.checkpoints import Checkpoint, Fork
from kgnb.errors import InvalidValue, KgnbError, Unavailable, WrongThread
from kgnb.graph.keeping import encoded
from kgnb.graph.past import Moment, Past
from kgnb.graph.progress import Progress
from kgnb.protocol import events as e
from kgnb.protocol import ids
from kgnb.runtime.durable import Durable
from kgnb.runtime.reader import settle
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.records import State
    from kgnb.runtime.home import Home
    from kgnb.runtime.recalling import Recollection

READ_WAIT = 10.0
"""Seconds that the log has to give a run's checkpoints back."""


def reading(home: Home, run_id: str) -> concurrent.futures.Future[Past]:
    """Read a run's checkpoints from the log that has it.

    Returns:
        They; or ``InvalidValue`` where it is not durable, ``NoSuchRun``,
        ``Unavailable``.
    """
    conversation = home.conversation_of(run_id)
    past: concurrent.futures.Future[Past] = concurrent.futures.Future()

    def ask() -> None:
        if not conversation.is_up:
            settle(past, error=Unavailable("the run's log cannot be reached now"))
            return
        asked = conversation.recalling.ask(run_id=ids.RunId(run_id))
        asked.add_done_callback(lambda found: _settle(past, found))

    home.on_link(ask)
    return past


def _settle(
    past: concurrent.futures.Future[Past],
    found: concurrent.futures.Future[Recollection],
) -> None:
    try:
        recollection = found.result()
        run_id = str(recollection.run.run_id)
        if not recollection.run.is_durable:
            raise not_durable(recollection.run.workflow, "reading its past")
        settle(past, value=Past(run_id, recollection.records))
    except KgnbError as error:
        settle(past, error=error)


def not_durable(workflow: str, wanted: str) -> Unavailable:
    """Why a run has no past."""
    return Unavailable(
        f"run {workflow!r}: {wanted} takes checkpoints, and this run keeps none; begin "
        f"it by kgnb.run(graph, durable=True), or run a LangGraph graph that has a "
        f"checkpointer"
    )


def history_of(
    past: Past, limit: int | None, *, start: str | None, origin: str | None
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
    parents = [*(past.key(moment.seq) for moment in steps[1:]), origin]
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


def beginning(
    where: Fork, run_id: str, live: Mapping[Any, Any], read: Callable[[], Past]
) -> Beginning:
    """Where a fork begins.

    Args:
        where: As the user said it.
        run_id: The run that is forked.
        live: What its nodes share in this process: keys that are not kept come from
            there.
        read: Reads its checkpoints; not called where ``where`` brings its own.

    Raises:
        InvalidValue: There is no such place, or an edit cannot be kept.
    """
    if where.as_node is not None:
        raise InvalidValue(
            "fork(as_node=...): of kgnb's own graphs a checkpoint tells what follows; "
            "fork at another one"
        )
    moment = _moment(where.at, run_id, read)
    state = moment.state
    values, shared = dict(state.values), {}
    for key in state.transient:
        if key in live:
            shared[key] = live[key]
    for key, value in _edits(where.values).items():
        if key in state.transient:
            shared[key] = value
        else:
            values[key] = msgspec.Raw(encoded(value, f"shared[{key!r}]"))
    return Beginning(
        e.ForkedFrom(run_id=ids.RunId(run_id), seq=moment.seq),
        msgspec.structs.replace(state, values=values),
        shared,
    )


def _moment(at: Any, run_id: str, read: Callable[[], Past]) -> Moment:
    if isinstance(at, Checkpoint):
        if at.run_id != run_id or not isinstance(at.snapshot, Moment):
            raise InvalidValue(f"fork(at={at!r:.80}): a checkpoint of another run")
        return at.snapshot
    is_number = isinstance(at, int) and not isinstance(at, bool)
    if at is not None and not is_number and not isinstance(at, str):
        raise InvalidValue(
            f"fork(at={at!r:.80}): expected a checkpoint of run.history(), its id, the "
            f"number of its step, or a node or visit, such as 'Draft' or 'Draft:2'"
        )
    return read().find(at)


def _edits(shared: Any) -> Mapping[str, Any]:
    if shared is None:
        return {}
    if not isinstance(shared, Mapping):
        raise InvalidValue(f"fork(shared={shared!r:.80}): expected a dict of edits")
    for key in shared:
        if not isinstance(key, str):
            raise InvalidValue(
                f"fork(shared=...): expected keys that are text: {key!r}"
            )
    return shared


def read_now(home: Home, run_id: str) -> Past:
    """A run's checkpoints; blocks, at most 10 s.

    Raises:
        WrongThread: This is a loop that must read.
        KgnbError: See ``reading``.
    """
    if home.link.is_current or door.is_mine:
        raise WrongThread(
            "fork(): reading the run's checkpoints would block the loop on which its "
            "log lives; fork at one of await run.history()"
        )
    try:
        return wait_blocking(reading(home, run_id), READ_WAIT)
    except TimeoutError as error:
        if isinstance(error, KgnbError):
            raise
        raise Unavailable("the run's log did not answer in time") from None
