"""A question that nobody sees: asked in the terminal, or complained of."""

from __future__ import annotations

import logging
import select
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from kgnb.errors import KgnbError
from kgnb.runtime import commanding, process
from kgnb.runtime.dialogue import dialogue

if TYPE_CHECKING:
    from kgnb.runtime.asked import Asked
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.result import Answer

logger = logging.getLogger("kgnb")

PATIENCE = 5.0
"""Seconds after which a question that nobody sees is complained of."""
_POLL = 0.2


def attend(execution: Execution, asked: Asked) -> None:
    """Look after a question that blocks; called twice a second while it does."""
    if execution.options.mode == "ci" or execution.has_view or asked.is_attended:
        return
    if process.kernel() is None and process.allows_stdin() and hasattr(select, "poll"):
        asked.is_attended = True
        _terminal.offer(execution, asked)
    elif time.monotonic() - asked.asked_at >= PATIENCE:
        asked.is_attended = True
        logger.warning(
            "ask(%r) in node %r waits, and no panel shows it. Answer it with "
            "run.answer(run.approvals[-1].approval_id, value), or start the run with "
            "answers={%r: ...}",
            asked.data.message,
            asked.visit.node_id,
            asked.data.message,
        )


class _Terminal:
    """Asks one question after the other, in a thread that ends when there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Execution, Asked]] = deque()
        self._is_running = False

    def offer(self, execution: Execution, asked: Asked) -> None:
        with self._lock:
            self._waiting.append((execution, asked))
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._work, name="kgnb-prompt", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                execution, asked = self._waiting.popleft()
            try:
                while not asked.future.done() and not _ask(execution, asked):
                    pass
            except Exception:
                # The root of the thread: the next question is to be asked all the same.
                logger.exception(
                    "ask(%r) broke off in the terminal; answer it by run.answer(...)",
                    asked.data.message,
                )


_terminal = _Terminal()


def _ask(execution: Execution, asked: Asked) -> bool:
    """Ask once; False where the answer was none."""
    answer = _talk(asked)
    if answer is None:
        return True
    try:
        commanding.answer(execution, asked.approval_id, answer)
    except KgnbError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the terminal is the panel here
        return error.code not in ("invalid", "unavailable")
    return True


def _talk(asked: Asked) -> Answer | None:
    """What was typed, or None where the question was decided meanwhile."""
    talk = dialogue(asked.data)
    text = next(talk)
    while True:
        print(text, end="", file=sys.stderr, flush=True)  # noqa: T201
        line = _read_line(asked)
        if line is None:
            talk.close()
            return None
        try:
            text = talk.send(line)
        except StopIteration as done:
            answer: Answer = done.value
            return answer


def _read_line(asked: Asked) -> str | None:
    """A line of the terminal, or None where the question was decided meanwhile."""
    while not asked.future.done():
        # In pieces: a blocked readline could not be taken back when a click comes.
        ready, _, _ = select.select([sys.stdin], [], [], _POLL)
        if ready:
            line = sys.stdin.readline()
            return line.strip() if line else None
    print(file=sys.stderr)  # noqa: T201
    return None
