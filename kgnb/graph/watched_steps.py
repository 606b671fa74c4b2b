"""The steps of a watched run: of visits, of batch items, and of the run's own graph."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec

from kgnb.graph.checkpoint_values import read
from kgnb.graph.context import NodeVisit
from kgnb.graph.observe import NO_RESULT, Observer, Outcome, Via
from kgnb.graph.records import ROOT
from kgnb.graph.spec import is_graph
from kgnb.graph.steps import UNWATCHED, Level, Step, Watch, current_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor, Future
    from contextlib import AbstractContextManager
    from contextvars import Token
    from types import TracebackType

    from kgnb.graph.progress import Pass
    from kgnb.graph.spec import Scope


class WatchedLevel(Level):
    """A level whose visits are reported.

    Args:
        watch: The run.
        scope: The names of the nodes at this level.
        is_last: Whether the run ends where this graph ends.
        place: What a durable run calls the pass; see ``records.Position``.
    """

    def __init__(
        self, watch: Watch, scope: Scope, *, is_last: bool, place: str = ROOT
    ) -> None:
        self.watch: Watch = watch
        self.scope = scope
        self.place = place
        self.is_last = is_last
        self.value: Any = NO_RESULT
        """What exec returned in the last visit that ended."""

    def step(self, node: Any, original: Any, via: Via | None) -> VisitStep:
        """See ``Level.step``."""
        spec = self.scope.name(original)
        progress = self.watch.progress
        if progress is None:
            number = self.watch.next_visit(spec.id)
        else:
            number = progress.begin(self.place, spec.id, via)
        visit = NodeVisit(spec.id, f"{spec.id}:{number}", spec.path)
        return VisitStep(self, node, original, visit, via)

    def enter(self, graph: Any, shared: Any) -> Pass | None:
        """See ``Level.enter``."""
        progress = self.watch.progress
        if progress is None:
            return None
        found = progress.enter(self.place, graph, self.scope, shared)
        self.value = found.value
        return found


class ReportingStep(Step):
    """What a visit and an item have in common."""

    __slots__ = ("_entered", "_token", "node", "observer", "original", "visit")

    def __init__(
        self, observer: Observer, node: Any, original: Any, visit: NodeVisit
    ) -> None:
        self.observer = observer
        self.node = node
        self.original = original
        self.visit = visit
        self._entered: AbstractContextManager[object] | None = None
        self._token: Token[Step] | None = None

    def checkpoint(self) -> None:
        """See ``Step.checkpoint``."""
        self.observer.checkpoint(self.visit)

    async def checkpoint_async(self) -> None:
        """See ``Step.checkpoint_async``."""
        await self.observer.checkpoint_async(self.visit)

    def wait(self, seconds: float) -> None:
        """See ``Step.wait``."""
        self.observer.wait(self.visit, seconds)

    @property
    def executor(self) -> Executor | None:
        """See ``Step.executor``."""
        watch = self.watch
        return None if watch is None else watch.worker.executor

    def wait_for(self, future: Future[Any], seconds: float | None) -> bool:
        """See ``Step.wait_for``."""
        return self.observer.wait_for(self.visit, future, seconds)

    def attempt_left(self, number: int) -> None:
        """See ``Step.attempt_left``."""
        self.observer.attempt_left(self._at(number))

    def attempt(self, number: int) -> AbstractContextManager[object]:
        """See ``Step.attempt``."""
        # The first attempt is covered by the visit's or the item's own context.
        return UNWATCHED if number == 1 else self.observer.enter(self._at(number))

    def attempt_failed(
        self, number: int, error: Exception, retry_in: float | None
    ) -> None:
        """See ``Step.attempt_failed``."""
        self.observer.attempt_failed(self._at(number), error, retry_in)

    def _at(self, attempt: int) -> NodeVisit:
        if attempt == self.visit.attempt:
            return self.visit
        return msgspec.structs.replace(self.visit, attempt=attempt)

    def settle(self) -> None:
        """See ``Step.settle``."""
        stored = self._on_the_way()
        if stored is not None:
            self.wait_for(stored, None)

    async def settle_async(self) -> None:
        """See ``Step.settle_async``."""
        stored = self._on_the_way()
        if stored is not None:
            await asyncio.wrap_future(stored)

    def _on_the_way(self) -> Future[None] | None:
        watch = self.watch
        if watch is None or watch.progress is None:
            return None
        sent = watch.progress.on_the_way(self.visit)
        return None if sent is None or sent.stored.done() else sent.stored

    def _push(self) -> None:
        entered = self.observer.enter(self.visit)
        entered.__enter__()
        self._entered = entered
        self._token = current_step.set(self)

    def _pop(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None and self._entered is not None:
            current_step.reset(self._token)
            self._entered.__exit__(exc_type, exc, traceback)


class VisitStep(ReportingStep):
    """One visit of one node, reported from its start to its end."""

    __slots__ = (
        "_action",
        "_forgiven",
        "_inner",
        "_passes",
        "_result",
        "_started",
        "_value",
        "_via",
        "level",
    )

    def __init__(
        self,
        level: WatchedLevel,
        node: Any,
        original: Any,
        visit: NodeVisit,
        via: Via | None,
    ) -> None:
        super().__init__(level.watch.observer, node, original, visit)
        self.level = level
        self._via = via
        self._started = 0.0
        self._action: str | None = None
        self._value: Any = NO_RESULT
        self._result: Any = NO_RESULT
        self._forgiven: Exception | None = None
        self._inner: WatchedLevel | None = None
        self._passes: dict[int, WatchedLevel] = {}

    @property
    def watch(self) -> Watch:
        """See ``Step.watch``."""
        return self.level.watch

    def item(self, node: Any, index: int, total: int | None) -> Step:
        """See ``Step.item``."""
        visit = msgspec.structs.replace(self.visit, item=index)
        return _ItemStep(self, node, visit, total)

    @property
    def earlier_items(self) -> EarlierItems | None:
        """See ``Step.earlier_items``."""
        progress = self.watch.progress
        if progress is None:
            return None
        given = progress.items_of(self.visit.task_id)
        return EarlierItems(self, given) if given else None

    def executed(self, value: Any) -> None:
        """See ``Step.executed``."""
        self._value = value

    def forgiven(self, error: Exception) -> None:
        """See ``Step.forgiven``."""
        self._forgiven = error

    def inside(self) -> WatchedLevel:
        """See ``Step.inside``."""
        is_last = self.level.is_last and not self.original.successors
        self._inner = self._level_inside(self.visit.task_id, is_last=is_last)
        return self._inner

    def lend(self, graph: Any) -> AbstractContextManager[object]:
        """See ``Step.lend``."""
        return RootStep(graph, self.inside())

    def beside(self, index: int) -> Level:
        """See ``Step.beside``."""
        # None of them is the end of the run: that is the end of all.
        return self._level_inside(f"{self.visit.task_id}#{index}", is_last=False)

    def inside_item(self, index: int) -> WatchedLevel:
        """Where the nodes are run of one pass of a batch graph."""
        # Never the end of the run: that is the end of all passes.
        place = f"{self.visit.task_id}#{index}"
        self._passes[index] = self._level_inside(place, is_last=False)
        return self._passes[index]

    def value_of_pass(self, index: int) -> Any:
        """What the last node of that pass gave; None where it is no pass."""
        level = self._passes.get(index)
        return None if level is None or level.value is NO_RESULT else level.value

    def _level_inside(self, place: str, *, is_last: bool) -> WatchedLevel:
        scope = self.level.scope.child(self.original)
        return WatchedLevel(self.level.watch, scope, is_last=is_last, place=place)

    def _value_left(self) -> Any:
        """What exec returned, or a graph's last node, or those of all passes."""
        if self._passes:
            ended = [level.value for _, level in sorted(self._passes.items())]
            return [None if value is NO_RESULT else value for value in ended]
        return self._value if self._inner is None else self._inner.value

    def leave(self, action: Any, *, ended: bool) -> Via | None:
        """See ``Step.leave``."""
        self._action = str(action) if action else "default"
        inner = self._inner
        value = self._value_left()
        self.level.value = value
        # A nested graph's last node has given the result itself, unless the graph
        # ended the run by an action that its successors do not know.
        if ended and self.level.is_last and not (inner is not None and inner.is_last):
            self._result = value
        return Via(self.visit.node_id, self._action)

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        self.observer.node_started(self.visit, self._via)
        self._push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pop(exc_type, exc, traceback)
        outcome: Outcome = "completed"
        if exc is not None:
            cancelled = isinstance(exc, asyncio.CancelledError)
            outcome = "cancelled" if cancelled else "failed"
        self.observer.node_finished(
            self.visit,
            outcome,
            action=self._action if exc is None else None,
            error=self._forgiven if exc is None else exc,
            result=self._result,
            duration=time.perf_counter() - self._started,
        )


class _ItemStep(ReportingStep):
    """One batch item within a visit: of a node, or a pass of a batch graph."""

    __slots__ = ("_of", "_total")

    def __init__(
        self, of: VisitStep, node: Any, visit: NodeVisit, total: int | None
    ) -> None:
        super().__init__(of.observer, node, of.original, visit)
        self._of = of
        self._total = total

    @property
    def watch(self) -> Watch:
        return self._of.watch

    def inside(self) -> Level:
        return self._of.inside_item(self.visit.item or 0)

    def gave(self, value: Any) -> None:
        progress = self._of.watch.progress
        if progress is not None:
            # Of a pass the action is not wanted, but what its last node gave.
            index = self.visit.item or 0
            kept = self._of.value_of_pass(index) if is_graph(self.original) else value
            progress.item_gave(self.visit, kept)

    def __enter__(self) -> Self:
        self.observer.item_started(self.visit, self.visit.item or 0, self._total)
        self._push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pop(exc_type, exc, traceback)
        index = self.visit.item or 0
        self.observer.item_finished(self.visit, index, self._total, exc)


class EarlierItems:
    """What items of a visit gave that were done before the run was resumed."""

    def __init__(self, step: VisitStep, given: Mapping[str, msgspec.Raw]) -> None:
        self._step = step
        self._given = given

    def __contains__(self, index: int) -> bool:
        return str(index) in self._given

    def take(self, index: int) -> Any:
        """What the item gave; of a pass, its level has it from here on."""
        value = read(msgspec.json.decode(self._given[str(index)]))
        if is_graph(self._step.original):
            self._step.inside_item(index).value = value
        return value


class RootStep(Step):
    """Stands for the run's own graph, which is no node of itself."""

    __slots__ = ("_level", "_token", "node", "original")

    def __init__(self, graph: Any, level: WatchedLevel) -> None:
        self.node = self.original = graph
        self._level = level
        self._token: Token[Step] | None = None

    @property
    def watch(self) -> Watch:
        """See ``Step.watch``."""
        return self._level.watch

    def inside(self) -> Level:
        """See ``Step.inside``."""
        return self._level

    def item(self, node: Any, index: int, total: int | None) -> Step:  # noqa: ARG002
        """A pass of a batch graph that is nobody's node, so it reports none."""
        level, place = self._level, f"{self._level.place}#{index}"
        return RootStep(
            node, WatchedLevel(level.watch, level.scope, is_last=False, place=place)
        )

    def __enter__(self) -> Self:
        self._token = current_step.set(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            current_step.reset(self._token)
