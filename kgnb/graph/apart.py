"""One attempt of a sync node's exec, away from the thread that waits for it.

An attempt with a time limit gets a thread of its own; one with an executor goes
where that sends it. Nothing can stop a thread: an attempt that nobody waits for any
more is *left*, and ends at its next checkpoint, which every helper but ``log`` and
``emit`` is (see ``context.check_attempt``).
"""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
)
from functools import partial
from typing import TYPE_CHECKING, Any

from kgnb.errors import ExecutorFault, NodeTimeout, WorkerDied
from kgnb.graph.clusters import is_here, is_killed_worker, is_near
from kgnb.graph.context import attempt_left, current_context
from kgnb.graph.policies import NO_POLICY
from kgnb.graph.sending import check_sendable, packs_for, send
from kgnb.graph.spec import label_of
from kgnb.graph.workers import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.context import Errand
    from kgnb.graph.nodes import Node
    from kgnb.graph.steps import Step

TURN_POLL = 0.02
"""Seconds between two looks whether a pool has taken an attempt up."""

_working_in: contextvars.ContextVar[Executor | None] = contextvars.ContextVar(
    "kgnb_working_in", default=None
)


def caller_of(node: Node, step: Step) -> Callable[[Any], Any]:
    """What to call for one attempt: exec itself, where nothing else is asked for."""
    policy = node._policy  # noqa: SLF001 - its lifecycle
    if policy is NO_POLICY and step.executor is None:
        return node.exec
    executor = executor_of(node, step)
    if executor is None and policy.timeout is None:
        return node.exec
    return partial(_exec_apart, node, step, executor)


def executor_of(node: Node, step: Step) -> Executor | None:
    """Where the node's exec is to run, if not here."""
    executor: Any = node._policy.executor  # noqa: SLF001 - its lifecycle
    if executor is None:
        executor = step.executor
    # An exec that already has a place there, such as one that runs a graph, must not
    # wait for another one: it could wait for ever.
    if executor is None or executor is False or executor is _working_in.get():
        return None
    if node._stays_here and not is_here(executor):  # noqa: SLF001
        return None
    found: Executor = executor
    return found


def check_items(node: Node, step: Step, items: Any) -> None:
    """See that all items can travel, before the first one is worked on.

    Raises:
        NotPicklable: One cannot, or the node itself.
    """
    is_known = isinstance(items, list | tuple)  # else they are made one by one
    if is_known and packs_for(executor_of(node, step)):
        check_sendable(node, items)


def _exec_apart(
    node: Node, step: Step, executor: Executor | None, prep_res: Any
) -> Any:
    if executor is not None and not is_here(executor):
        return _exec_afar(node, step, executor, prep_res)
    left = threading.Event()
    work = _in_this_context(node, executor, prep_res, left)
    if executor is None:
        future = in_thread(work)
    else:
        future = _submitted(node, partial(executor.submit, work))
    _wait_or_leave(node, step, future, begins=_runs(future, executor), leave=left.set)
    return _result(node, future)


def _exec_afar(node: Node, step: Step, executor: Executor, prep_res: Any) -> Any:
    """By another process, which reports to the run around this code, if any."""
    context = current_context.get()
    errand = None
    if context is not None:
        errand = context.away(executor, is_near=is_near(executor))
    try:
        ticket = None if errand is None else errand.ticket
        future = _submitted(node, partial(send, executor, node, prep_res, ticket))
        _wait_or_leave(
            node,
            step,
            future,
            begins=_runs(future, executor, errand),
            leave=_nothing if errand is None else errand.leave,
        )
        outcome = _result(node, future)
        if errand is not None and outcome.rest is not None:
            errand.end(outcome.rest)
    except Exception as error:
        if is_killed_worker(error):
            raise _died(node, error) from error
        raise
    finally:
        if errand is not None:
            errand.close()
    return outcome.value()


def _nothing() -> None:
    """Nobody can be told."""


def _submitted(node: Node, submit: Callable[[], Future[Any]]) -> Future[Any]:
    try:
        return submit()
    except (BrokenExecutor, RuntimeError) as error:
        raise _fault(node, error) from error


def _result(node: Node, future: Future[Any]) -> Any:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError) as error:
        raise _fault(node, error) from error


def _runs(
    future: Future[Any], executor: Executor | None, errand: Errand | None = None
) -> Callable[[], bool] | None:
    """Asks whether an attempt has begun; None where that cannot be known."""
    if errand is not None and is_near(executor) is not None:
        # Dask's futures never say that they run, and a pool's do so in its queue.
        return lambda: errand.has_begun
    return future.running if is_here(executor) or is_near(executor) else None


def _wait_or_leave(
    node: Node,
    step: Step,
    future: Future[Any],
    *,
    begins: Callable[[], bool] | None,
    leave: Callable[[], object],
) -> None:
    """Wait for an attempt; one that is waited for no more is told to end.

    Raises:
        NodeTimeout: Its time is over.
        asyncio.CancelledError: The run was cancelled.
    """
    limit = node._policy.timeout  # noqa: SLF001 - its lifecycle
    is_done = False
    try:
        if limit is not None and begins is not None:
            # An attempt has its time from when it begins; others may be before it.
            while not (begins() or future.done()):
                step.wait_for(future, TURN_POLL)
        is_done = step.wait_for(future, limit)
    finally:
        if not is_done:  # nor will it be waited for, also if cancelled, interrupted
            leave()
            # Asked first: Dask's futures can be cancelled while they run.
            was_running = begins is not None and begins() and not future.done()
            if was_running if future.cancel() else not future.done():
                step.attempt_left(node.cur_retry + 1)
    if not is_done:
        raise timed_out(node)


def _in_this_context(
    node: Node, executor: Executor | None, prep_res: Any, left: threading.Event
) -> Callable[[], Any]:
    """The call of exec, to be made by another thread as if it were this one."""

    def work() -> Any:
        attempt_left.set(left)
        if executor is not None:
            _working_in.set(executor)
        return node.exec(prep_res)

    return partial(contextvars.copy_context().run, work)


def timed_out(node: Node) -> NodeTimeout:
    """The error of the running attempt, whose time is over."""
    limit = node._policy.timeout  # noqa: SLF001 - its lifecycle
    attempt = node.cur_retry + 1
    return NodeTimeout(
        f"{label_of(node)}: attempt {attempt} took longer than timeout={limit:g} s",
        node=label_of(node),
        attempt=attempt,
        timeout=limit,
    )


def _died(node: Node, error: Exception) -> WorkerDied:
    name, item = _which(node)
    return WorkerDied(
        f"{name}: the worker process died while it ran this, and so did each one that "
        f"was tried after it; was its memory too small (memory_limit=), or was it "
        f"killed? its log may say, and executor=False keeps the node here: {error}",
        node=label_of(node),
        item=item,
    )


def _which(node: Node) -> tuple[str, int | None]:
    """The node, and its item if any: in words, and the item's number."""
    context = current_context.get()
    item = None if context is None else context.visit.item
    label = label_of(node)
    return label if item is None else f"{label}, item {item}", item


def _fault(node: Node, error: Exception) -> ExecutorFault:
    if isinstance(error, ExecutorFault):
        return error
    if isinstance(error, BrokenExecutor):
        what = (
            "the pool broke, most likely because one of its processes was killed or "
            "crashed; make a new pool and run again"
        )
    else:
        what = "the executor takes no work (was it shut down?); make a new one"
    return ExecutorFault(
        f"{_which(node)[0]}: {what}: {type(error).__name__}: {error}",
        node=label_of(node),
    )
