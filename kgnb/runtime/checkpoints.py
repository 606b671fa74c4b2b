"""What a run's session has stored, read on request, and runs that begin from it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kgnb.engines.base import ThreadWorker
from kgnb.engines.checkpoints import CheckpointEngine, Fork
from kgnb.errors import KgnbError, Unavailable, WrongThread
from kgnb.runtime import home as homes
from kgnb.runtime import logged, timetravel
from kgnb.runtime.durable import Durable
from kgnb.runtime.reader import settle
from kgnb.runtime.waiting import is_on, wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from kgnb.engines.base import Engine
    from kgnb.engines.checkpoints import Checkpoint
    from kgnb.graph.past import Past
    from kgnb.runtime.answering import Answers
    from kgnb.runtime.execution import Execution, Options
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


def history(run_id: str, limit: int | None = None) -> Reading[list[Checkpoint]]:
    """The checkpoints of a durable run, by its id, the newest first.

    Of any process: the panel, the run's page and ``run.id`` tell the id. A new run
    begins from one of them by ``kgnb.run(graph, edits, resume=checkpoint)``.

    ``await kgnb.history(run_id)``, or ``kgnb.history(run_id).result()`` in sync code.

    Args:
        run_id: The run's id.
        limit: The most to give; None gives all.

    Raises:
        NoSuchRun: When read: the log at hand has none of that id.
        Unavailable: When read: it keeps no checkpoints.
    """
    home = homes.current()
    execution = home.known(run_id)
    if execution is not None:
        return read_history(execution, limit)
    conversation = logged.conversation_about(home, run_id)

    async def read() -> list[Checkpoint]:
        view = await asyncio.wrap_future(logged.view_of(home, conversation, run_id))
        past = await asyncio.wrap_future(logged.past_of(home, conversation, run_id))
        start, origin = view.graph.start, view.forked_from
        return timetravel.history_of(past, limit, start=start, origin=origin)

    return Reading(home.link.submit(read()), home.link.loop)


def read_state(execution: Execution) -> Reading[Checkpoint]:
    """See ``Run.state``."""
    if _keeps_steps(execution):
        return _read_past(execution, lambda past: _history(execution, past, 1)[0])
    engine = _engine_of(execution, "state()")
    return _read(execution, engine.state)


def read_history(execution: Execution, limit: int | None) -> Reading[list[Checkpoint]]:
    """See ``Run.history``."""
    if _keeps_steps(execution):
        return _read_past(execution, lambda past: _history(execution, past, limit))
    engine = _engine_of(execution, "history()")
    return _read(execution, lambda worker: engine.history(worker, limit))


def fork(
    execution: Execution,
    where: Fork,
    answers: Answers | None,
    *,
    options: Options | None = None,
) -> Run:
    """See ``Run.fork``; ``options``, if not those of the run, say how it is to run."""
    from kgnb.runtime.start import begin  # noqa: PLC0415  # it makes runs

    is_here = execution.own_task is not None
    options = options or execution.options
    if not _keeps_steps(execution):
        engine = _engine_of(execution, "fork()").forked(where)
        return begin(
            engine,
            None,
            options,
            answers,
            is_here=is_here,
            durable=None if execution.durable is None else Durable(None),
            port=execution.port,
        )
    home, conversation = execution.home, execution.port.conversation

    def read() -> Past:
        logged.check_may_block(home, "fork()", "fork at one of await run.history()")
        return logged.wait_for_log(logged.past_of(home, conversation, execution.id))

    start = timetravel.beginning_of(where, execution.id, execution.shared, read)
    return begin(
        execution.engine,
        start.shared,
        options,
        answers,
        is_here=is_here,
        durable=start.durable(),
        port=execution.port,
    )


def stop_after_step(execution: Execution) -> None:
    """See ``Run.cancel``."""
    engine = _engine_of(execution, "cancel(after='step')")
    is_held = execution.control.is_paused
    if not engine.stop_after_step() or is_held:
        execution.cancel()


def _keeps_steps(execution: Execution) -> bool:
    """Whether the log has its steps: of a durable run of kgnb's own graphs."""
    return execution.durable is not None and execution.durable.progress is not None


def _engine_of(execution: Execution, wanted: str) -> CheckpointEngine:
    engine: Engine = execution.engine
    if not isinstance(engine, CheckpointEngine):
        raise logged.keeps_nothing(execution.options.workflow, wanted)
    return engine


def _read_past(execution: Execution, take: Callable[[Past], T]) -> Reading[T]:
    """Read on the link's thread, and take something of it."""
    home = execution.home
    taken: concurrent.futures.Future[T] = concurrent.futures.Future()

    def settle_by(past: concurrent.futures.Future[Past]) -> None:
        try:
            settle(taken, value=take(past.result()))
        except KgnbError as error:
            settle(taken, error=error)

    conversation = execution.port.conversation
    logged.past_of(home, conversation, execution.id).add_done_callback(settle_by)
    return Reading(taken, home.link.loop)


def _history(execution: Execution, past: Past, limit: int | None) -> list[Checkpoint]:
    durable = execution.durable
    origin = None if durable is None else durable.forked_from
    start = execution.graph.start
    return timetravel.history_of(past, limit, start=start, origin=origin)


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
