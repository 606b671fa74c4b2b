"""What a run keeps of itself, so that another process can go on with it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import Conflict, InvalidValue, MissingKey
from kgnb.graph.context import NodeVisit
from kgnb.graph.observe import NO_RESULT
from kgnb.graph.progress import Checkpoint, Progress
from kgnb.graph.records import Record, State, decode, encode, fold
from kgnb.protocol import ids
from kgnb.protocol.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from kgnb.protocol import events as e
    from kgnb.runtime.producer import Producer
    from kgnb.runtime.recalling import Recollection


class Durable:
    """A run's checkpoints, from its own point of view. From any thread.

    Args:
        progress: The engine's; None where the graph keeps its state itself.
        key: What later runs of the same cell or script have as well; None: nothing.
        taken_up: The dead run that goes on; None: it is a new one.
        forked_from: Where in another run's past it begins, of a new one.
        state: What it begins with, if not afresh.
    """

    def __init__(
        self,
        progress: Progress | None,
        *,
        key: str | None = None,
        taken_up: Recollection | None = None,
        forked_from: e.ForkedFrom | None = None,
        state: State | None = None,
    ) -> None:
        self.progress = progress
        self.key = key
        self.forked_from = forked_from
        self._goes_on = state is not None
        self.run_id: ids.RunId | None = None
        """Of the run that goes on."""
        self.epoch = 1
        self.after = 0
        """The last event of the processes before this one."""
        if taken_up is not None:
            self.run_id = taken_up.run.run_id
            self.epoch = taken_up.run.epoch + 1
            self.after = taken_up.run.seq
        self.result: Any = NO_RESULT
        """What the nodes that have ended gave the run, as JSON has it."""
        if state is not None and state.result is not None:
            self.result = msgspec.json.decode(state.result)
        self.begun = self._start()
        """The first checkpoint, which goes with ``workflow_started``."""

    def _start(self) -> Checkpoint:
        if self.progress is not None:
            return self.progress.start(_now())
        return Checkpoint(encode(Record(kind="start", at=_now(), full=True)))

    @property
    def is_resumed(self) -> bool:
        """Whether it goes on with a run of another process, or of this one."""
        return self.run_id is not None

    def marked(self, started: e.WorkflowStarted) -> e.WorkflowStarted:
        """The run's first event in this process, as a durable run's."""
        started.durable = True
        started.resumed_from = self.run_id
        started.forked_from = self.forked_from
        return started

    # What is reported goes to the log in the order in which it was kept.

    @property
    def lock(self) -> AbstractContextManager[object]:
        """To be held from ``finished`` or ``item_finished`` to the report's sending."""
        return nullcontext() if self.progress is None else self.progress.lock

    def finished(
        self, visit: NodeVisit, update: e.NodeUpdate, result: Any
    ) -> Checkpoint | None:
        """What goes with the end of a visit."""
        if update.status != "completed":
            return None
        if self.progress is None:
            # The graph keeps its state itself; this is for the number of visits.
            record = Record(task_id=visit.task_id, node_id=visit.node_id, at=_now())
            record.action = update.action
            return Checkpoint(encode(record))
        return self.progress.finished(visit, _now(), update.action, result)

    def item_finished(self, visit: NodeVisit) -> Checkpoint | None:
        """What goes with the end of a batch item."""
        if self.progress is None:
            return None
        return self.progress.item_finished(visit, _now())

    def refusal(self, visit: NodeVisit) -> str | None:
        """Why what an item gave is not kept, if it is not."""
        return None if self.progress is None else self.progress.refusal(visit)

    def ask(self, event: e.ApprovalRequest, producer: Producer) -> None:
        """Send a question, with the numbers of the visits that are under way."""
        if self.progress is None or event.task_id is None:
            producer.put(event)
            return
        visit = NodeVisit(event.node_id, event.task_id, tuple(event.path))
        with self.lock:
            producer.put(event, self.progress.asked(visit, _now()))

    def items_done(self, visit: NodeVisit) -> int:
        """How many items of a visit an earlier process finished."""
        return (
            0 if self.progress is None else len(self.progress.items_of(visit.task_id))
        )

    def missing(self, error: LookupError) -> str | None:
        """What to say of a key that a node misses, where it is one that is not kept."""
        named = error.data.get("key") if isinstance(error, MissingKey) else None
        key = named or next(iter(error.args), None)
        progress = self.progress
        if progress is None or not self._goes_on or key not in progress.transient:
            return None
        return (
            f"kgnb: {key!r} is transient, so it was not kept; a run that goes on has "
            f"it from the shared that it is given: kgnb.run(graph, {{{key!r}: …}}, "
            f"resume=…)"
        )


def _now() -> str:
    return ids.timestamp(time.time())


def state_of(found: Recollection) -> State:
    """What a run's checkpoints add up to.

    Raises:
        InvalidValue: One of them is none: somebody wrote over the log.
    """
    state, run_id = State(), str(found.run.run_id)
    for seq, data in found.records:
        fold(state, decode(data, run_id, seq))
    return state


def check_dead(found: Recollection) -> None:
    """Refuse a run that nobody can go on with.

    Raises:
        InvalidValue: It was not durable.
        Conflict: It is at work, or has completed.
    """
    run = found.run
    name = f"run {run.run_id!r} ({run.workflow})"
    if run.status not in ENDED:
        where = "this kernel" if run.is_here else f"kernel {run.kernel_id!r}"
        raise Conflict(
            f"{name} is {run.status} in {where}: only a run that is over, and did not "
            f"complete, can be resumed; cancel it there first",
            kernel_id=run.kernel_id,
        )
    if run.status == "completed":
        raise Conflict(
            f"{name} has completed: there is nothing to go on with; run the graph "
            f"again, or fork the run from a step before its end"
        )
    if not run.is_durable or not found.records:
        raise InvalidValue(
            f"{name} was not durable, and kept nothing to go on from: begin it by "
            f"run(..., durable=True)"
        )


def transient_of(given: Collection[str], state: State | None) -> tuple[str, ...]:
    """The keys that are not kept: as given now, else as they were.

    Raises:
        InvalidValue: They are no keys.
    """
    keys = (given,) if isinstance(given, str) else tuple(given)
    for key in keys:
        if not isinstance(key, str):
            raise InvalidValue(f"run(transient=…): expected keys, got {key!r:.60}")
    return keys or tuple(() if state is None else state.transient)
