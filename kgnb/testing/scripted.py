"""``answers(...)``: who answers, in people's place, whatever a test asks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from kgnb.errors import Unanswerable
from kgnb.runtime.answering import SKIP, default_answers, is_meant

if TYPE_CHECKING:
    from contextvars import Token

    from kgnb.runtime.answering import Answers
    from kgnb.runtime.result import Approval

Key = str | re.Pattern[str]


class in_turn:  # noqa: N801  # reads as the function that it is used as
    """Answers one key's approvals one after the other.

    ``answers({"Publish?": in_turn("revise", "publish")})``.
    """

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"in_turn({', '.join(map(repr, self.values))})"


class ScriptedAnswers:
    """The answers of a test, and what became of them. Made by ``answers``.

    Used with ``with``: every run begun inside, by this thread or by tasks that it
    starts, takes its answers from here, unless it has ``answers=`` of its own. May be
    called from any thread.
    """

    def __init__(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        self.asked: list[Approval] = []
        """What was asked so far, in the order of asking."""
        self.given: list[Any] = []
        """What each got."""
        self._lock = threading.Lock()
        self._in_order: list[Any] = []
        self._ask: Callable[[Approval], Any] | None = None
        self._by_key: dict[Key, list[Any]] = {}
        self._is_fixed: dict[Key, bool] = {}
        self._unused: list[Key] = []
        self._unanswered: list[Approval] = []
        self._token: Token[Answers | None] | None = None
        self._take(given, named)

    def _take(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        keyed: dict[Key, Any] = {}
        match given:
            case (Mapping() as mapping,):
                keyed.update(mapping)
            case (list() as listed,):
                self._in_order = list(listed)
            case (ask,) if callable(ask):
                self._ask = ask
            case _:
                self._in_order = list(given)
        keyed.update(named.items())
        for key, value in keyed.items():
            if not isinstance(key, str | re.Pattern):
                raise TypeError(
                    f"answers({{{key!r}: …}}): expected a name, a message, one with "
                    f"'*' for any text, or re.compile(…)"
                )
            is_turn = isinstance(value, in_turn)
            self._by_key[key] = list(value.values) if is_turn else [value]
            self._is_fixed[key] = not is_turn
        self._unused = list(self._by_key)

    def __call__(self, approval: Approval) -> Any:
        """The answer to an approval; kgnb calls this.

        Raises:
            Unanswerable: None of the answers is meant for it; the run fails by this.
        """
        with self._lock:
            self.asked.append(approval)
            is_found, value = self._find(approval)
        if is_found and callable(value):
            value = value(approval)
        if not is_found and self._ask is not None:
            is_found, value = True, self._ask(approval)
        if not is_found:
            self._unanswered.append(approval)
            raise Unanswerable(self._missing(approval))
        self.given.append(value)
        return value

    def _find(self, approval: Approval) -> tuple[bool, Any]:
        for key, values in self._by_key.items():
            if values and _is_meant(key, approval):
                if key in self._unused and (self._is_fixed[key] or len(values) == 1):
                    self._unused.remove(key)
                return True, values[0] if self._is_fixed[key] else values.pop(0)
        if self._in_order:
            return True, self._in_order.pop(0)
        return False, SKIP

    def _missing(self, approval: Approval) -> str:
        return (
            f"approval {_called(approval)} of node {approval.node_id!r}: none of the "
            f"scripted answers= is meant for it. {self._left()} Add one: "
            f"answers({{{approval.name or approval.message!r}: …}})"
        )

    def _left(self) -> str:
        left = [repr(_text(key)) for key, values in self._by_key.items() if values]
        left += [f"in order: {value!r:.60}" for value in self._in_order]
        return f"There are {', '.join(left)}." if left else "None is left."

    @property
    def unused(self) -> list[str]:
        """Answers that nobody asked for: keys, and values of those in order."""
        values = [repr(value) for value in self._in_order]
        return [repr(_text(key)) for key in self._unused] + values

    def check(self) -> None:
        """Hold the test to its script.

        Raises:
            AssertionError: Answers are left over, or an approval got none; lists them.
        """
        problems = []
        if self._unanswered:
            listed = ", ".join(_called(one) for one in self._unanswered)
            problems.append(f"not answered: {listed}")
        if self.unused:
            problems.append(f"never asked for: {', '.join(self.unused)}")
        if problems:
            asked = ", ".join(_called(one) for one in self.asked) or "nothing"
            raise AssertionError(f"answers(): {'; '.join(problems)}; asked was {asked}")

    def __enter__(self) -> Self:
        self._token = default_answers.set(self)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._token is not None:
            default_answers.reset(self._token)
            self._token = None
        if kind is None:  # what is wrong already is not hidden by what comes of it
            self.check()


def answers(*given: Any, **named: Any) -> ScriptedAnswers:
    """Script the approvals of every run that is begun inside.

        with kgnb.testing.answers({"Publish?": "publish", "Refund *": SKIP}):
            kgnb.run(graph).result()

    Args:
        given: A dict; or a list, or the values themselves, in order of opening; or a
            callable that takes the ``Approval``. A dict's keys are names, messages,
            or nodes; one with ``*`` stands for any text there; or a compiled regular
            expression, which is searched in the message. The first that fits counts.
        named: Answers by the ``name=`` of ``ask``.

    A value is the answer itself; ``Answer(value, reason=…)``; ``SKIP`` to leave it to
    people; ``TIME_OUT`` to let its deadline pass at once; ``in_turn(…)``; or a callable
    that takes the ``Approval``. One of a dict serves any number of approvals.

    An approval for which there is none fails its run at once. At the end of the block,
    answers that were not used fail the test; both errors list them.
    """
    return ScriptedAnswers(given, named)


def _is_meant(key: Key, approval: Approval) -> bool:
    if isinstance(key, str):
        return is_meant(key, approval)
    return key.search(approval.message) is not None


def _text(key: Key) -> str:
    return key if isinstance(key, str) else key.pattern


def _called(approval: Approval) -> str:
    if approval.name:
        return f"{approval.name!r} ({approval.message})"
    return repr(approval.message)
