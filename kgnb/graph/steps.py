"""How the lifecycle finds the one who watches it.

A graph that is watched puts a ``Step`` into a context variable around each visit; the
node's own code takes it up by ``step_of(self)``. Nothing is stored on the node, so a
node object can be visited from several runs at once, and stays picklable.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import wait
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from contextlib import AbstractContextManager
    from types import TracebackType

    from kgnb.graph.observe import Observer, Via
    from kgnb.graph.progress import Pass, Progress
    from kgnb.graph.watched_steps import EarlierItems
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

    @property
    def earlier_items(self) -> EarlierItems | None:
        """What items gave that were done before the run was resumed, if any."""
        return None

    def gave(self, value: Any) -> None:
        """Take note of what an item gave, as the last thing within its step."""

    def settle(self) -> None:
        """Behind the step: wait until its checkpoint is stored, if it has one."""

    async def settle_async(self) -> None:
        """``settle`` on a loop."""

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

    def beside(self, index: int) -> Level:  # noqa: ARG002
        """Where the graph of that index is run, of several side by side."""
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

    def __init__(
        self, observer: Observer, worker: Worker, progress: Progress | None = None
    ) -> None:
        self.observer = observer
        self.worker = worker
        self.progress = progress
        """Of a durable run."""
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

    def enter(self, graph: Any, shared: Any) -> Pass | None:  # noqa: ARG002
        """A pass through ``graph`` begins; of a durable run, its position."""
        return None


UNWATCHED = Step()
UNWATCHED_LEVEL = Level()

current_step: ContextVar[Step] = ContextVar("kgnb_current_step", default=UNWATCHED)


def step_of(node: Any) -> Step:
    """The visit that ``node`` is being run for.

    A node that is run by hand inside another node's exec finds that other node's
    step in the variable; it is not its own, so it is unwatched. The original counts
    too: a ``_run`` that a user put on an instance runs on the original.
    """
    step = current_step.get()
    if step.node is node or step.original is node:
        return step
    return UNWATCHED
