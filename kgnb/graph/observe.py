"""What the lifecycle tells whoever watches a run, and where it lets itself be held.

The lifecycle stands once: ``graph.run(shared)`` goes through it with nobody
watching, an engine with an ``Observer`` that the runtime supplies.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from kgnb.graph.context import Context, NodeVisit

Outcome = Literal["completed", "failed", "cancelled"]


class NoResult(Enum):
    """The type of ``NO_RESULT``."""

    NO_RESULT = "no result"


NO_RESULT: Final = NoResult.NO_RESULT
"""Stands where a visit leaves the run no result: another node follows, or it failed."""


class Via(msgspec.Struct, frozen=True, gc=False):
    """The edge that led to a visit."""

    node_id: str
    action: str
    """The edge's label; ``"default"`` for a falsy action."""


class Observer(Protocol):
    """Is told each step of a run and may hold or end it.

    Every method is called from the thread or task that runs the node in question,
    so from several at once, and none of the plain ones may block, but for
    ``checkpoint`` and ``wait`` (never called on an event loop). Order for one visit:

        checkpoint, node_started,
          [item_started] (attempt_failed)* [item_finished] ...,
        node_finished

    with further checkpoints between phases, attempts and items. ``node_finished``
    comes exactly once per ``node_started``, cancelled runs included; for sync code
    of a cancelled run only when its thread comes to its next checkpoint. An
    exception out of a reporting method ends the run.
    """

    def checkpoint(self, visit: NodeVisit) -> None:
        """Block while the run is paused (sync code).

        Raises:
            asyncio.CancelledError: The run was cancelled.
        """

    async def checkpoint_async(self, visit: NodeVisit) -> None:
        """Wait while the run is paused (async code, on the run's loop)."""

    def wait(self, visit: NodeVisit, seconds: float) -> None:
        """Sleep between two attempts of sync code.

        Raises:
            asyncio.CancelledError: The run was cancelled before the time was over.
        """

    def wait_for(
        self, visit: NodeVisit, future: Future[Any], seconds: float | None
    ) -> bool:
        """Wait for an attempt that runs in another thread or process.

        Returns:
            Whether ``future`` is done; False after so many seconds.

        Raises:
            asyncio.CancelledError: The run was cancelled before.
        """
        ...

    def attempt_left(self, visit: NodeVisit) -> None:
        """Nobody waits any more for an attempt, which still runs in its thread."""

    def enter(self, visit: NodeVisit) -> AbstractContextManager[object]:
        """Set ``current_context`` around user code.

        Entered for a whole visit (attempt 1, no item), and again inside it for each
        batch item and each later attempt; always left in the thread or task that
        entered it. Leaving does not end the visit: ``node_finished`` does.
        """
        ...

    def node_started(self, visit: NodeVisit, via: Via | None) -> None:
        """A visit began; ``via`` is None at the start of a graph."""

    def attempt_failed(
        self, visit: NodeVisit, error: Exception, retry_in: float | None
    ) -> None:
        """One exec raised.

        Args:
            visit: Names the attempt, and the item if any.
            error: What exec raised.
            retry_in: Seconds until the next attempt; None after the last one, when
                ``exec_fallback`` is asked.
        """

    def item_started(self, visit: NodeVisit, index: int, total: int | None) -> None:
        """A batch item began; ``total`` is None for items of unknown number."""

    def item_finished(
        self,
        visit: NodeVisit,
        index: int,
        total: int | None,
        error: BaseException | None,
    ) -> None:
        """A batch item ended, well if ``error`` is None."""

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
        """A visit ended.

        Args:
            visit: The visit, as in ``node_started``.
            outcome: How it ended.
            action: The label of the edge to follow (``"default"`` for a falsy
                action), whether or not such an edge exists; None unless completed.
            error: What it failed by; with "completed" it is the exception that
                ``on_error`` took.
            result: What exec returned, if the run ends here, else ``NO_RESULT``.
                The last one is the run's result.
            duration: Seconds, all attempts and the waits between them included.
        """


class GuestObserver(Observer, Protocol):
    """Is told, besides, what is known of graphs that another library runs."""

    def context(self, visit: NodeVisit) -> Context:
        """What ``enter`` sets, for who cannot surround the user's code.

        It must be ``close``d when the attempt is over.
        """
        ...

    async def breakpoint(self, names: Sequence[str]) -> None:
        """Pause before nodes of the outermost graph, and wait until somebody resumes.

        Returns at once in CI mode, where nobody could.
        """

    def thread_entered(self, key: Hashable, visit: NodeVisit) -> None:
        """The thread is about to run a visit's code, which nothing can stop then.

        Args:
            key: The call's own; for ``thread_left``.
            visit: Whose code it is.
        """

    def thread_left(self, key: Hashable) -> None:
        """That code has ended. Called for other keys, too."""

    def graph_changed(self) -> None:
        """The engine describes more of its graph than before. Never blocks."""

    def node_result(self, visit: NodeVisit, result: Any) -> None:
        """What a visit left the run, where that was not known when it ended."""

    def step(self, state: Mapping[str, Any]) -> Callable[[Sequence[str]], None] | None:
        """Take down the state that a step of the outermost graph left.

        Returns:
            What tells the step, given the nodes that follow it: to be called once.
            None where nobody wants to know, or nothing is told of steps.
        """
        ...


class Unobserved(Observer):
    """Hears nothing; lets the sync code of a plain ``run_async`` be stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()  # asked at each phase
        self._ended: Future[None] = Future()  # waited for, along with others

    def stop(self) -> None:
        """End sync code at its next checkpoint. From any thread, but once."""
        self._stopped.set()
        self._ended.set_result(None)

    def checkpoint(self, visit: NodeVisit) -> None:  # noqa: ARG002
        """See ``Observer.checkpoint``."""
        if self._stopped.is_set():
            raise asyncio.CancelledError

    async def checkpoint_async(self, visit: NodeVisit) -> None:
        """See ``Observer.checkpoint_async``."""

    def wait(self, visit: NodeVisit, seconds: float) -> None:  # noqa: ARG002
        """See ``Observer.wait``."""
        if self._stopped.wait(seconds):
            raise asyncio.CancelledError

    def wait_for(
        self,
        visit: NodeVisit,  # noqa: ARG002
        future: Future[Any],
        seconds: float | None,
    ) -> bool:
        """See ``Observer.wait_for``."""
        wait([future, self._ended], seconds, return_when=FIRST_COMPLETED)
        if self._stopped.is_set():
            raise asyncio.CancelledError
        return future.done()

    def attempt_left(self, visit: NodeVisit) -> None:
        """See ``Observer.attempt_left``."""

    def enter(self, visit: NodeVisit) -> AbstractContextManager[object]:  # noqa: ARG002
        """Leave the context as it is: an enclosing watched node stays it."""
        return nullcontext()

    def node_started(self, visit: NodeVisit, via: Via | None) -> None:
        """See ``Observer.node_started``."""

    def attempt_failed(
        self, visit: NodeVisit, error: Exception, retry_in: float | None
    ) -> None:
        """See ``Observer.attempt_failed``."""

    def item_started(self, visit: NodeVisit, index: int, total: int | None) -> None:
        """See ``Observer.item_started``."""

    def item_finished(
        self,
        visit: NodeVisit,
        index: int,
        total: int | None,
        error: BaseException | None,
    ) -> None:
        """See ``Observer.item_finished``."""

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
