"""From the steps of an engine to the events of a run; see ``graph.observe``."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

from kgnb.errors import KgnbError
from kgnb.graph.observe import NO_RESULT
from kgnb.protocol import codec, ids
from kgnb.protocol import events as e
from kgnb.runtime.context import RunContext
from kgnb.runtime.result import answered_values
from kgnb.runtime.stepping import followed, following

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from kgnb.graph.context import NodeVisit
    from kgnb.graph.observe import Outcome, Via
    from kgnb.runtime.durable import Durable
    from kgnb.runtime.execution import Execution

LONGEST_MESSAGE = 2_000
"""Characters of an exception's text that are shown."""


def problem(error: BaseException, node_id: str | None) -> e.Problem:
    """What is shown of an exception."""
    text = str(error)[:LONGEST_MESSAGE]
    if isinstance(error, KgnbError):
        return e.Problem(code=error.code, message=text, node_id=_node(node_id))
    kind = type(error).__name__
    message = f"{kind}: {text}" if text else kind
    return e.Problem(code="internal", message=message, node_id=_node(node_id))


def _node(node_id: str | None) -> ids.NodeId | None:
    return None if node_id is None else ids.NodeId(node_id)


def _plain(result: Any) -> tuple[Any, bool]:
    """A result as JSON can carry it, and whether it had to be replaced."""
    return codec.json_safe(answered_values(result))


class RunObserver:
    """Reports one run and holds it where it is paused. From any thread."""

    def __init__(self, execution: Execution, pause_before: Collection[str]) -> None:
        self._execution = execution
        self._control = execution.control
        self._pause_before = frozenset(pause_before)
        self._lock = threading.Lock()
        self._active: dict[str, NodeVisit] = {}
        self._items_done: dict[str, int] = {}
        self._durable = execution.durable
        self.result: Any = NO_RESULT
        if self._durable is not None:
            self.result = self._durable.result
        self.failed_node: str | None = None

    @property
    def active(self) -> list[NodeVisit]:
        """Visits that have begun and not ended."""
        with self._lock:
            return list(self._active.values())

    # Holding.

    def _arrive(self, visit: NodeVisit) -> None:
        """A node named in ``pause_before`` is about to begin."""
        if visit.node_id in self._pause_before and visit.task_id not in self._active:
            self._execution.pause(before=visit.node_id)

    def checkpoint(self, visit: NodeVisit) -> None:
        """See ``Observer.checkpoint``."""
        if self._pause_before:
            self._arrive(visit)
        self._control.hold()

    async def checkpoint_async(self, visit: NodeVisit) -> None:
        """See ``Observer.checkpoint_async``."""
        if self._pause_before:
            self._arrive(visit)
        await self._control.hold_async()

    def wait(self, visit: NodeVisit, seconds: float) -> None:
        """See ``Observer.wait``."""
        del visit
        self._control.sleep(seconds)

    def wait_for(
        self, visit: NodeVisit, future: Future[Any], seconds: float | None
    ) -> bool:
        """See ``Observer.wait_for``."""
        del visit
        return self._control.wait_for(future, seconds)

    def attempt_left(self, visit: NodeVisit) -> None:
        """See ``Observer.attempt_left``."""
        what = "" if visit.item is None else f"item {visit.item}: "
        text = (
            f"{what}attempt {visit.attempt} is no longer waited for but still running; "
            f"it ends at its next kgnb.track, progress, stream or ask\n"
        )
        data = e.LogData(stream="logging", level="WARNING", text=text)
        self._execution.producer.log(e.Log(data=data, **self._execution.place(visit)))

    def enter(self, visit: NodeVisit) -> AbstractContextManager[object]:
        """See ``Observer.enter``."""
        return self.context(visit)

    def context(self, visit: NodeVisit) -> RunContext:
        """See ``Observer.context``."""
        if visit.attempt > 1:
            if visit.item is None:
                self.status(visit, "running")
            else:
                self._item(visit, visit.item, 0.0)
        return RunContext(self._execution, visit)

    async def breakpoint(self, names: Sequence[str]) -> None:
        """See ``Observer.breakpoint``."""
        if self._execution.options.mode == "ci":
            return
        self._execution.pause(before=names[0] if names else None)
        await self._control.hold_async()

    # Reporting.

    def status(self, visit: NodeVisit, status: e.NodeStatus) -> None:
        """A change of state that is neither the beginning nor the end."""
        with self._lock:
            if visit.task_id in self._active:
                update = e.NodeUpdate(status=status, **self._execution.place(visit))
                self._execution.put(update)

    def node_started(self, visit: NodeVisit, via: Via | None) -> None:
        """See ``Observer.node_started``."""
        led = None
        if via is not None:
            led = e.Via(node_id=ids.NodeId(via.node_id), action=via.action)
        with self._lock:
            self._active[visit.task_id] = visit
            if self._durable is not None and (done := self._durable.items_done(visit)):
                self._items_done[visit.task_id] = done
            self._execution.put(
                e.NodeUpdate(status="running", via=led, **self._execution.place(visit))
            )

    def attempt_failed(
        self, visit: NodeVisit, error: Exception, retry_in: float | None
    ) -> None:
        """See ``Observer.attempt_failed``."""
        if retry_in is None:
            return
        shown = problem(error, visit.node_id)
        if visit.item is not None:
            text = f"item {visit.item}: attempt {visit.attempt} failed: {shown.message}"
            data = e.LogData(stream="logging", level="WARNING", text=text + "\n")
            log = e.Log(data=data, **self._execution.place(visit))
            self._execution.producer.log(log)
            self._item(visit, visit.item, 0.0, shown.message)
            return
        message = f"attempt {visit.attempt} failed, trying again in {retry_in:.3g} s"
        self._execution.put(
            e.NodeUpdate(
                status="retrying",
                message=message,
                error=shown,
                **self._execution.place(visit),
            )
        )

    def item_started(self, visit: NodeVisit, index: int, total: int | None) -> None:
        """See ``Observer.item_started``."""
        del total
        self._item(visit, index, 0.0)

    def item_finished(
        self,
        visit: NodeVisit,
        index: int,
        total: int | None,
        error: BaseException | None,
    ) -> None:
        """See ``Observer.item_finished``."""
        if error is not None:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            why = "cancelled" if is_cancelled else problem(error, None).message
            self._item(visit, index, 100.0, why, failed=True)
            return
        if self._durable is None:
            self._item(visit, index, 100.0)
        else:
            self._item_kept(visit, self._durable)
        with self._lock:
            done = self._items_done.get(visit.task_id, 0) + 1
            self._items_done[visit.task_id] = done
        percent = 100.0 * done / total if total else 0.0
        data = e.ProgressData(percent=round(percent, 2), current=done, total=total)
        where = self._execution.place(visit)
        producer = self._execution.producer
        producer.progress(e.Progress(data=data, **where))
        producer.progress(
            e.NodeUpdate(status="running", progress=data.percent, **where)
        )

    def _item_kept(self, visit: NodeVisit, durable: Durable) -> None:
        """An item ended whose value may be kept with the report."""
        producer = self._execution.producer
        data = e.ProgressData(percent=100.0, item=str(visit.item))
        report = e.Progress(data=data, **self._execution.place(visit))
        with durable.lock:
            producer.put(report, durable.item_finished(visit))
        refusal = durable.refusal(visit)
        if refusal is not None:
            text = f"{refusal}: the item runs again if the run is resumed\n"
            logged = e.LogData(stream="logging", level="WARNING", text=text)
            producer.log(e.Log(data=logged, **self._execution.place(visit)))

    def _item(
        self,
        visit: NodeVisit,
        index: int,
        percent: float,
        message: str | None = None,
        *,
        failed: bool = False,
    ) -> None:
        data = e.ProgressData(
            percent=percent,
            message=message,
            item=str(index),
            closed=failed,
            failed=failed,
        )
        report = e.Progress(data=data, **self._execution.place(visit))
        self._execution.producer.progress(report)

    def node_finished(
        self,
        visit: NodeVisit,
        outcome: Outcome,
        *,
        action: str | None,
        error: BaseException | None,
        result: Any,
        duration: float,
    ) -> None:
        """See ``Observer.node_finished``."""
        execution = self._execution
        execution.questions.end_task(visit.task_id)
        where = execution.place(visit)
        if self._control.is_behind(error):
            outcome = "cancelled"
        if outcome == "failed" and error is not None and self.failed_node is None:
            # Nested graphs fail with their nodes; the innermost comes first.
            self.failed_node = visit.node_id
            execution.name_failure(error, visit)
        update = e.NodeUpdate(
            status=outcome,
            action=action,
            duration=round(duration, 6),
            error=None if error is None else problem(error, visit.node_id),
            **where,
        )
        if outcome == "cancelled":
            update.error = None
        with self._lock:
            self._active.pop(visit.task_id, None)
            self._items_done.pop(visit.task_id, None)
            if self._durable is None:
                execution.put(update)
            else:
                self._put_kept(visit, update, result)
        if result is not NO_RESULT:
            self.node_result(visit, result)
        tells = execution.tells_steps and execution.visits_are_steps
        if tells and outcome == "completed" and not visit.path:
            self._step(visit, action, result)

    def _put_kept(self, visit: NodeVisit, update: e.NodeUpdate, result: Any) -> None:
        """The end of a visit, with what a durable run keeps of it."""
        durable = cast("Durable", self._durable)
        given = result if result is NO_RESULT else _plain(result)[0]
        with durable.lock:
            checkpoint = durable.finished(visit, update, given)
            self._execution.producer.put(update, checkpoint)

    def graph_changed(self) -> None:
        """See ``GuestObserver.graph_changed``."""
        self._execution.picture.changed()

    def thread_entered(self, key: Hashable, visit: NodeVisit) -> None:
        """See ``GuestObserver.thread_entered``."""
        self._execution.threads.enter(key, visit)

    def thread_left(self, key: Hashable) -> None:
        """See ``GuestObserver.thread_left``."""
        self._execution.threads.leave(key)

    def node_result(self, visit: NodeVisit, result: Any) -> None:
        """See ``Observer.node_result``."""
        plain, was_replaced = _plain(result)
        self.result = plain
        where = self._execution.place(visit)
        self._execution.put(e.ResultEvent(data=plain, truncated=was_replaced, **where))

    def step(self, state: Mapping[str, Any]) -> Callable[[Sequence[str]], None] | None:
        """See ``GuestObserver.step``."""
        execution = self._execution
        if not execution.tells_steps:
            return None
        step = execution.options.steps.of(execution.id, state)

        def tell(names: Sequence[str]) -> None:
            execution.put(followed(step, names))

        return tell

    def step_within(self, visit: NodeVisit) -> None:
        """A node took a step by itself, and goes on."""
        execution = self._execution
        if execution.tells_steps and execution.visits_are_steps:
            step = execution.options.steps.of(execution.id, execution.shared)
            execution.put(followed(step, [visit.node_id]))

    def _step(self, visit: NodeVisit, action: str | None, result: Any) -> None:
        execution = self._execution
        names: list[str] = []
        if result is NO_RESULT:
            names = following(execution.graph, visit.node_id, action)
        else:
            execution.options.steps.reply(execution.shared, result)
        step = execution.options.steps.of(execution.id, execution.shared)
        execution.put(followed(step, names))
