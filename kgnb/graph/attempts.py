"""The retry rule: only exec is repeated, then the fallback has the last word.

``max_retries`` counts all attempts, the first included; ``cur_retry`` counts from 0
and is set on the copy that runs this visit or item, where exec can read it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from kgnb.errors import ExecutorFault
from kgnb.graph.apart import caller_of, timed_out
from kgnb.graph.spec import label_of
from kgnb.graph.steps import Step, step_of

if TYPE_CHECKING:
    from kgnb.graph.nodes import Node

NEVER_TRIED = "Execution loop finished unexpectedly."


def exec_with_retries(node: Node, prep_res: Any) -> Any:
    """Run ``node.exec``, again if it raises, and then ``exec_fallback``."""
    step = step_of(node)
    call = caller_of(node, step)
    pause: float | None = None
    for number in range(1, node.max_retries + 1):
        node.cur_retry = number - 1
        if pause is not None:
            step.wait(pause)
            step.checkpoint()
        with step.attempt(number):
            try:
                return call(prep_res)
            except ExecutorFault:
                raise
            except Exception as error:  # noqa: BLE001 - the user's code decides what it raises
                pause = _pause_after(node, step, number, error)
                if pause is None:
                    return node.exec_fallback(prep_res, error)
    raise _never_tried(node)


async def exec_with_retries_async(node: Any, prep_res: Any) -> Any:
    """Run ``node.exec_async``, again if it raises, and then its fallback."""
    step = step_of(node)
    pause: float | None = None
    for number in range(1, node.max_retries + 1):
        node.cur_retry = number - 1
        if pause is not None:
            await asyncio.sleep(pause)
            await step.checkpoint_async()
        with step.attempt(number):
            try:
                if node._policy.timeout is None:  # noqa: SLF001 - part of its lifecycle
                    return await node.exec_async(prep_res)
                return await _exec_in_time(node, prep_res)
            except Exception as error:  # noqa: BLE001 - the user's code decides what it raises
                pause = _pause_after(node, step, number, error)
                if pause is None:
                    return await node.exec_fallback_async(prep_res, error)
    raise _never_tried(node)


def _never_tried(node: Any) -> RuntimeError:
    error = RuntimeError(NEVER_TRIED)
    error.add_note(
        f"{label_of(node)}: max_retries={node.max_retries} leaves no attempt; it "
        f"counts all of them, the first included"
    )
    return error


async def _exec_in_time(node: Any, prep_res: Any) -> Any:
    """Cancel exec_async when its time is over."""
    limit = asyncio.timeout(node._policy.timeout)  # noqa: SLF001 - its lifecycle
    try:
        async with limit:
            return await node.exec_async(prep_res)
    except TimeoutError:
        if not limit.expired():
            raise  # exec's own
        raise timed_out(node) from None


def _pause_after(node: Node, step: Step, number: int, error: Exception) -> float | None:
    """Report a failed attempt; seconds until the next one, None if it was the last."""
    policy = node._policy  # noqa: SLF001 - part of its lifecycle
    pause = None
    if number < node.max_retries and isinstance(error, policy.retry_on):
        pause = policy.pause_after(number, node.wait)
    node._log(  # noqa: SLF001
        logging.WARNING,
        "attempt %d of %d failed: %r",
        number,
        node.max_retries,
        error,
    )
    step.attempt_failed(number, error, pause)
    if pause is not None:
        node._note_retry()  # noqa: SLF001
    return pause
