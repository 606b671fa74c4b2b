"""The threads that the nodes of a run are in, some of which nothing can stop."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from kgnb.graph.context import current_context
from kgnb.protocol import events as e
from kgnb.runtime.context import RunContext

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kgnb.graph.context import NodeVisit
    from kgnb.graph.workers import ThreadWorker
    from kgnb.runtime.execution import Execution

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 0.5
"""Seconds that the threads of a cancelled run get to come to a checkpoint."""
MOST = 32
"""Threads of the loop's executor, which all runs share; asyncio's own most."""


class Threads:
    """Which visits of a run have code in threads that are not the run's own.

    Those of a loop's executor, where another library's sync nodes run and what
    ``asyncio.to_thread`` is given, and of that library's. From any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered: dict[Hashable, NodeVisit] = {}

    def enter(self, key: Hashable, visit: NodeVisit) -> None:
        """A thread is about to run code of a visit; ``key`` is the call's own."""
        with self._lock:
            self._entered[key] = visit

    def leave(self, key: Hashable) -> None:
        """It has done so, or never will. Safe to call twice."""
        with self._lock:
            self._entered.pop(key, None)

    @property
    def busy(self) -> list[NodeVisit]:
        """One of the visits of each task."""
        with self._lock:
            return list(
                {visit.task_id: visit for visit in self._entered.values()}.values()
            )


class LoopThreads(ThreadPoolExecutor):
    """The default executor of the loop on which runs live."""

    def __init__(self) -> None:
        super().__init__(MOST, thread_name_prefix="kgnb-executor")

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """See ``Executor.submit``; keeps whose code it is."""
        future = super().submit(fn, *args, **kwargs)
        context = current_context.get()
        if isinstance(context, RunContext):
            threads = context.execution.threads
            threads.enter(future, context.visit)
            future.add_done_callback(threads.leave)
        return future


async def settle(execution: Execution, worker: ThreadWorker, *, ended: bool) -> None:
    """Let threads that were told to stop report their end; name those that go on.

    Args:
        execution: The run.
        worker: Its own threads.
        ended: Whether the graph came to its end: what its nodes then left behind in
            threads is meant to go on.
    """

    def others() -> list[NodeVisit]:
        return [] if ended else execution.threads.busy

    until = time.monotonic() + GRACE
    while (worker.busy or others()) and time.monotonic() < until:  # noqa: ASYNC110 - threads set no asyncio event
        await asyncio.sleep(0.005)
    active = execution.observer.active
    if worker.busy:
        for visit in active:
            _tell(execution, **execution.place(visit))
    known = {visit.task_id for visit in active}
    for visit in others():
        if visit.task_id not in known:
            # Its visit is over: this is said of the node.
            place = execution.place(visit) | {"task_id": None, "attempt": None}
            _tell(execution, **place)


def _tell(execution: Execution, **place: Any) -> None:
    text = "still running in its thread, which nothing can stop\n"
    data = e.LogData(stream="logging", level="WARNING", text=text)
    execution.put(e.Log(data=data, **place))
