"""The retry rule: only exec is repeated, then the fallback has the last word.

``max_retries`` counts all attempts, the first included; ``cur_retry`` counts from 0
and is set on the copy that runs this visit or item, where exec can read it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from kgnb.graph.steps import Step, step_of

if TYPE_CHECKING:
    from kgnb.graph.nodes import Node

NEVER_TRIED = "Execution loop finished unexpectedly."


def exec_with_retries(node: Node, prep_res: Any) -> Any:
    """Run ``node.exec``, again if it raises, and then ``exec_fallback``."""
    step = step_of(node)
    for number in range(1, node.max_retries + 1):
        node.cur_retry = number - 1
        if number > 1:
            step.wait(node.wait)
            step.checkpoint()
        with step.attempt(number):
            try:
                return node.exec(prep_res)
            except Exception as error:  # noqa: BLE001 - the user's code decides what it raises
                if _is_last(node, step, number, error):
                    return node.exec_fallback(prep_res, error)
    raise RuntimeError(NEVER_TRIED)


async def exec_with_retries_async(node: Any, prep_res: Any) -> Any:
    """Run ``node.exec_async``, again if it raises, and then its fallback."""
    step = step_of(node)
    for number in range(1, node.max_retries + 1):
        node.cur_retry = number - 1
        if number > 1:
            await asyncio.sleep(node.wait)
            await step.checkpoint_async()
        with step.attempt(number):
            try:
                return await node.exec_async(prep_res)
            except Exception as error:  # noqa: BLE001 - the user's code decides what it raises
                if _is_last(node, step, number, error):
                    return await node.exec_fallback_async(prep_res, error)
    raise RuntimeError(NEVER_TRIED)


def _is_last(node: Node, step: Step, number: int, error: Exception) -> bool:
    """Report a failed attempt; whether it was the last one."""
    last = number >= node.max_retries
    node._log(  # noqa: SLF001 - part of its lifecycle
        logging.WARNING,
        "attempt %d of %d failed: %r",
        number,
        node.max_retries,
        error,
    )
    step.attempt_failed(number, error, None if last else node.wait)
    if not last:
        node._note_retry()  # noqa: SLF001
    return last
