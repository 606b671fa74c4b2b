"""How the lifecycle finds the one who watches it.

A graph that is watched puts a ``Step`` into a context variable around each visit; the
node's own code takes it up by ``step_of(self)``. Nothing is stored on the node, so a
node object can be visited from several runs at once, and stays picklable.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from concurrent.futures import wait
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import msgspec

from kgnb.graph.context import NodeVisit
from kgnb.graph.observe import NO_RESULT, Observer, Outcome, Via

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from contextlib import AbstractContextManager
    from contextvars import Token
    from types import TracebackType

    from kgnb.graph.spec import Scope
    from kgnb.graph.workers import Worker


class Step:
    """A visit that nobody watches: every report goes nowhere, nothing holds it."""

    __slots__ = ()
    node: Any = None
    original: Any = None

    @property
    def watch(self) -> Watch | None:
        """The watched run that this is a part of."""
        return None

    def checkpoint(self) -> None:
        """See ``Observer.checkpoint``."""

    async def checkpoint_async(self) -> None:
        """See ``Observer.checkpoint_async``."""

    def wait(self, seconds: float) -> None:
        """See ``Observer.wait``."""
        time.sleep(seconds)

    @property
    def executor(self) -> Executor | None:
        """See ``Worker.executor``."""
        return None

    def wait_for(self, future: Future[Any], seconds: float | None) -> bool:
        """See ``Observer.wait_for``."""
        return bool(wait([future], seconds).done)

    def attempt_left(self, number: int) -> None:
        """See ``Observer.attempt_left``."""

    def attempt(self, number: int) -> AbstractContextManager[object]:  # noqa: ARG002
        """Surround attempt ``number`` (from 1) of exec."""
        return self

    def attempt_failed(
        self, number: int, error: Exception, retry_in: float | None
    ) -> None:
        """See ``Observer.attempt_failed``."""

    def item(self, node: Any, index: int, total: int | None) -> Step:  # noqa: ARG002
        """The step of one batch item, to be entered; ``node`` executes it."""
        return self

    def executed(self, value: Any) -> None:
        """Take note of what exec returned."""

    def forgiven(self, error: Exception) -> None:
        """Take note of an error that ``on_error`` took."""

    def leave(self, action: Any, *, ended: bool) -> Via | None:  # noqa: ARG002
        """Take note of the action, and whether its graph ends here.

        Returns:
            The edge to the next visit, if anybody wants to know.
        """
        return None

    def inside(self) -> Level:
        """Where the nodes are run of the graph that this is a visit of."""
        return UNWATCHED_LEVEL

    def lend(self, graph: Any) -> AbstractContextManager[object]:  # noqa: ARG002
        """Surround a run of ``graph``, to report its nodes as this visit's own."""
        return self

    def beside(self) -> Level:
        """Where graphs are run that stand side by side in this node."""
        return UNWATCHED_LEVEL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class Watch:
    """One watched run: whom it reports to and who runs its sync code."""

    def __init__(self, observer: Observer, worker: Worker) -> None:
        self.observer = observer
        self.worker = worker
        self.loop_bound: dict[int, tuple[Any, bool]] = {}
        """Whether a node needs the loop, by identity; the node is held to keep it."""
        self._visits: dict[str, itertools.count[int]] = {}

    def next_visit(self, node_id: str) -> int:
        """Count one more visit of a node. Atomic: items and graphs run in parallel."""
        return next(self._visits.setdefault(node_id, itertools.count(1)))


class Level:
    """A graph being run: the whole one, or one nested in it."""

    def step(self, node: Any, original: Any, via: Via | None) -> Step:  # noqa: ARG002
        """A new visit of ``original`` by its copy ``node``, to be entered."""
        return UNWATCHED


class WatchedLevel(Level):
    """A level whose visits are reported.

    Args:
        watch: The run.
        scope: The names of the nodes at this level.
        is_last: Whether the run ends where this graph ends.
    """

    def __init__(self, watch: Watch, scope: Scope, *, is_last: bool) -> None:
        self.watch: Watch = watch
        self.scope = scope
        self.is_last = is_last
        self.value: Any = NO_RESULT
        """What exec returned in the last visit that ended."""

    def step(self, node: Any, original: Any, via: Via | None) -> VisitStep:
        """See ``Level.step``."""
        spec = self.scope.name(original)
        number = self.watch.next_visit(spec.id)
        visit = NodeVisit(spec.id, f"{spec.id}:{number}", spec.path)
        return VisitStep(self, node, original, visit, via)


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

    def _push(self) -> None:
        entered = self.observer.enter(self.visit)
        entered.__enter__()
        self._entered = entered
        self._token = _current_step.set(self)

    def _pop(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None and self._entered is not None:
            _current_step.reset(self._token)
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

    def executed(self, value: Any) -> None:
        """See ``Step.executed``."""
        self._value = value

    def forgiven(self, error: Exception) -> None:
        """See ``Step.forgiven``."""
        self._forgiven = error

    def inside(self) -> WatchedLevel:
        """See ``Step.inside``."""
        is_last = self.level.is_last and not self.original.successors
        self._inner = self._level_inside(is_last=is_last)
        return self._inner

    def lend(self, graph: Any) -> AbstractContextManager[object]:
        """See ``Step.lend``."""
        return RootStep(graph, self.inside())

    def beside(self) -> Level:
        """See ``Step.beside``."""
        # None of them is the end of the run: that is the end of all.
        return self._level_inside(is_last=False)

    def inside_item(self, index: int) -> Level:
        """Where the nodes are run of one pass of a batch graph."""
        # Never the end of the run: that is the end of all passes.
        self._passes[index] = self._level_inside(is_last=False)
        return self._passes[index]

    def _level_inside(self, *, is_last: bool) -> WatchedLevel:
        scope = self.level.scope.child(self.original)
        return WatchedLevel(self.level.watch, scope, is_last=is_last)

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
        level = WatchedLevel(self._level.watch, self._level.scope, is_last=False)
        return RootStep(node, level)

    def __enter__(self) -> Self:
        self._token = _current_step.set(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current_step.reset(self._token)


UNWATCHED = Step()
UNWATCHED_LEVEL = Level()

_current_step: ContextVar[Step] = ContextVar("kgnb_current_step", default=UNWATCHED)


def step_of(node: Any) -> Step:
    """The visit that ``node`` is being run for.

    A node that is run by hand inside another node's exec finds that other node's
    step in the variable; it is not its own, so it is unwatched. The original counts
    too: a ``_run`` that a user put on an instance runs on the original.
    """
    step = _current_step.get()
    if step.node is node or step.original is node:
        return step
    return UNWATCHED
