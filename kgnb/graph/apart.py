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
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from typing import TYPE_CHECKING, Any

from kgnb.errors import ExecutorFault, NodeTimeout
from kgnb.graph.context import attempt_left
from kgnb.graph.policies import NO_POLICY
from kgnb.graph.sending import check_sendable, send, unpack
from kgnb.graph.spec import label_of
from kgnb.graph.workers import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

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
    if node._stays_here and not isinstance(executor, ThreadPoolExecutor):  # noqa: SLF001
        return None
    found: Executor = executor
    return found


def check_items(node: Node, step: Step, items: Any) -> None:
    """See that all items can travel, before the first one is worked on.

    Raises:
        NotPicklable: One cannot, or the node itself.
    """
    is_known = isinstance(items, list | tuple)  # else they are made one by one
    if is_known and isinstance(executor_of(node, step), ProcessPoolExecutor):
        check_sendable(node, items)


def _exec_apart(
    node: Node, step: Step, executor: Executor | None, prep_res: Any
) -> Any:
    is_here = executor is None or isinstance(executor, ThreadPoolExecutor)
    left = threading.Event()
    if executor is None:
        future = in_thread(_in_this_context(node, None, prep_res, left))
    else:
        try:
            if is_here:
                work = _in_this_context(node, executor, prep_res, left)
                future = executor.submit(work)
            else:
                future = send(executor, node, prep_res)
        except (BrokenExecutor, RuntimeError) as error:
            raise _fault(node, error) from error
    is_done = False
    try:
        is_done = _wait(future, executor, step, node._policy.timeout)  # noqa: SLF001
    finally:
        if not is_done:  # nor will it be waited for, also if cancelled, interrupted
            left.set()
            if not future.cancel() and not future.done():
                step.attempt_left(node.cur_retry + 1)
    if not is_done:
        raise timed_out(node)
    try:
        outcome = future.result()
    except (BrokenExecutor, CancelledError) as error:
        raise _fault(node, error) from error
    return outcome if is_here else unpack(outcome)


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


def _wait(
    future: Future[Any], executor: Executor | None, step: Step, limit: float | None
) -> bool:
    if limit is not None and isinstance(
        executor, ThreadPoolExecutor | ProcessPoolExecutor
    ):
        # An attempt has its time from when it begins; others may be before it.
        while not (future.running() or future.done()):
            step.wait_for(future, TURN_POLL)
    return step.wait_for(future, limit)


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
        f"{label_of(node)}: {what}: {type(error).__name__}: {error}",
        node=label_of(node),
    )
