"""What a run's session has stored, read on request, and runs that begin from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kgnb.engines.base import ThreadWorker
from kgnb.engines.checkpoints import CheckpointEngine, Fork
from kgnb.errors import Unavailable, WrongThread
from kgnb.runtime.waiting import is_on, wait_async, wait_blocking

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable, Generator

    from kgnb.engines.base import Engine
    from kgnb.engines.checkpoints import Checkpoint
    from kgnb.runtime.answering import Answers
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.run import Run

T = TypeVar("T")


class Reading(Generic[T]):
    """Something that is being read: await it, or block on ``result()``."""

    def __init__(
        self, future: concurrent.futures.Future[T], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._future = future
        self._loop = loop

    def __await__(self) -> Generator[Any, None, T]:
        return wait_async(self._future).__await__()

    def result(self, timeout: float | None = None) -> T:
        """Block until it is read.

        Args:
            timeout: Seconds.

        Raises:
            TimeoutError: It was not in time.
            WrongThread: This is the loop that must read; use await.
        """
        if not self._future.done() and is_on(self._loop):
            raise WrongThread(
                "run.state().result() would block the loop that must read it, and "
                "run.history() likewise; use await"
            )
        return wait_blocking(self._future, timeout)


def state(execution: Execution) -> Reading[Checkpoint]:
    """See ``Run.state``."""
    engine = _engine_of(execution, "state()")
    return _read(execution, engine.state)


def history(execution: Execution, limit: int | None) -> Reading[list[Checkpoint]]:
    """See ``Run.history``."""
    engine = _engine_of(execution, "history()")
    return _read(execution, lambda worker: engine.history(worker, limit))


def fork(execution: Execution, where: Fork, answers: Answers | None) -> Run:
    """See ``Run.fork``."""
    from kgnb.runtime.start import begin  # noqa: PLC0415  # it makes runs

    engine = _engine_of(execution, "fork()").forked(where)
    is_here = execution.own_task is not None
    return begin(engine, None, execution.options, answers, is_here=is_here)


def stop_after_step(execution: Execution) -> None:
    """See ``Run.cancel``."""
    engine = _engine_of(execution, "cancel(after='step')")
    is_held = execution.control.is_paused
    if not engine.stop_after_step() or is_held:
        execution.cancel()


def _engine_of(execution: Execution, wanted: str) -> CheckpointEngine:
    engine: Engine = execution.engine
    if not isinstance(engine, CheckpointEngine):
        raise Unavailable(
            f"run {execution.options.workflow!r}: {wanted} takes the checkpoints of a "
            f"compiled LangGraph graph, which alone has any in this version of kgnb; "
            f"kgnb.run(graph, ...) starts anew"
        )
    return engine


def _read(
    execution: Execution, read: Callable[[ThreadWorker], Awaitable[T]]
) -> Reading[T]:
    """Read on the loop on which the run lives, or lived: its checkpointer is there."""
    loop = execution.working_loop
    if loop is None or not loop.is_running():
        raise Unavailable(
            f"run {execution.options.workflow!r}: the loop on which it ran is closed, "
            f"and with it its checkpointer's connection; ask the graph itself, by "
            f"graph.get_state_history(config)"
        )

    async def work() -> T:
        worker = ThreadWorker("kgnb-history")
        try:
            return await read(worker)
        finally:
            worker.close()

    return Reading(asyncio.run_coroutine_threadsafe(work(), loop), loop)
