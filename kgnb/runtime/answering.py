"""Answers that a script gives: ``answers=``, ``KGNB_ANSWERS``, a test's.

They go the way of every answer, through the log, and stand there as a script's.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from kgnb.runtime.result import Approval

ANSWERS = "KGNB_ANSWERS"


class Skip(Enum):
    """The type of ``SKIP`` and ``TIME_OUT``."""

    SKIP = "skip"
    TIME_OUT = "time_out"

    def __repr__(self) -> str:
        return self.name


SKIP: Final = Skip.SKIP
"""What a callable gives that leaves an approval to people."""
TIME_OUT: Final = Skip.TIME_OUT
"""In place of an answer: nobody answers, and the deadline passes at once."""

Answers = Mapping[str, Any] | Sequence[Any] | Callable[["Approval"], Any]
"""By name, message or node; in order of opening; or asked each time."""

default_answers: ContextVar[Answers | None] = ContextVar(
    "kgnb_default_answers", default=None
)
"""What runs begun in this context take where they have no ``answers=``."""


def is_meant(key: str, approval: Approval) -> bool:
    """Whether a key of ``answers=`` means this approval.

    It is its name, message or node; or in one of them each ``*`` stands for any text.
    """
    known = (approval.name, approval.message, approval.node_id)
    if key in known:
        return True
    if "*" not in key:
        return False
    pattern = re.compile(".*".join(map(re.escape, key.split("*"))), re.DOTALL)
    return any(text is not None and pattern.fullmatch(text) for text in known)


class Script:
    """The answers of one run. ``pick`` may be called from any thread."""

    def __init__(self, answers: Answers) -> None:
        if isinstance(answers, str) or not isinstance(
            answers, Mapping | Sequence | Callable
        ):
            msg = f"answers={answers!r}: expected a dict, a list or a callable"
            raise TypeError(msg)
        self._answers = answers
        self._next = 0
        self._lock = threading.Lock()

    def pick(self, approval: Approval) -> Any:
        """The answer, ``SKIP`` or ``TIME_OUT``. Runs the user's callable, if it is one.

        Raises:
            Unanswerable: The callable's word that the run is to end by it.
        """
        answers = self._answers
        if isinstance(answers, Mapping):
            for key in (approval.name, approval.message, approval.node_id):
                if key is not None and key in answers:
                    return answers[key]
            for key, value in answers.items():
                if isinstance(key, str) and is_meant(key, approval):
                    return value
            return SKIP
        if callable(answers):
            return answers(approval)
        with self._lock:
            if self._next >= len(answers):
                return SKIP
            self._next += 1
            return answers[self._next - 1]


def script_for(
    answers: Answers | None, environ: Mapping[str, str] = os.environ
) -> Script | None:
    """The script of a run: ``answers=``, else the context's, else ``KGNB_ANSWERS``.

    Raises:
        TypeError: ``answers`` is of no kind that can be asked.
        InvalidValue: ``KGNB_ANSWERS`` is neither a JSON object nor an array.
    """
    if answers is None:
        answers = default_answers.get()
    if answers is None and environ.get(ANSWERS):
        try:
            answers = msgspec.json.decode(
                environ[ANSWERS], type=dict[str, Any] | list[Any]
            )
        except msgspec.MsgspecError as error:
            raise InvalidValue(
                f"{ANSWERS}: expected a JSON object or array: {error}"
            ) from None
    return None if answers is None else Script(answers)
