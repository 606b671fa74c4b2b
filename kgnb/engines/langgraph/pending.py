"""Interrupts that a thread has open before a run of it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kgnb.engines.langgraph.interrupts import words_of
from kgnb.errors import Conflict, InvalidValue

_INTERRUPT = "__interrupt__"
"""The channel to which LangGraph writes them."""
_ID = re.compile("[0-9a-f]{32}")


def is_asking(stored: Any) -> bool:
    """Whether a checkpoint may have open ones; its state says it for sure.

    Args:
        stored: The tuple that the checkpointer has, or None.
    """
    writes = () if stored is None else stored.pending_writes or ()
    return any(channel == _INTERRUPT for _, channel, _ in writes)


def left_unanswered(thread_id: str | None, state: Any) -> str:
    """What becomes of them by a new input; LangGraph drops them."""
    return (
        f"thread {thread_id!r} waited for an answer to {_questions(state)}: the new "
        f"input takes its place, and it is dropped; a run without input would have "
        f"asked it again"
    )


def check_answer(thread_id: str | None, answer: Any, state: Any) -> None:
    """Refuse a ``Command(resume=…)`` that LangGraph would drop, or take for another.

    Raises:
        InvalidValue: The thread asks nothing; or several, and it is not said which.
        Conflict: It names an interrupt that is not open, or no longer.
    """
    pending = {interrupt.id for interrupt in state.interrupts}
    if not pending:
        raise InvalidValue(
            f"Command(resume=…): thread {thread_id!r} waits for no answer, and would "
            f"not go on by one; give an input"
        )
    by_id = isinstance(answer, Mapping) and all(_ID.fullmatch(str(k)) for k in answer)
    if by_id and answer:
        if stale := [key for key in answer if key not in pending]:
            raise Conflict(
                f"Command(resume=…): thread {thread_id!r} does not wait, or no longer, "
                f"for {', '.join(map(repr, stale))}; it asks {_questions(state)}"
            )
    elif len(pending) > 1:
        raise InvalidValue(
            f"Command(resume=…): thread {thread_id!r} waits for {len(pending)} "
            f"answers, to {_questions(state)}; give {{interrupt.id: answer}}, or run "
            f"the graph on it without input to be asked for each"
        )


def _questions(state: Any) -> str:
    return ", ".join(
        f"{words_of(interrupt.value, task.name)!r} ({task.name})"
        for task in state.tasks
        for interrupt in task.interrupts
    )
