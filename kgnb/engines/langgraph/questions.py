"""The open interrupts of a run as approvals: asked at once, resumed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kgnb.engines.langgraph.interrupts import card_of
from kgnb.errors import Conflict, Unanswerable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.engines.langgraph.interrupts import Card
    from kgnb.engines.langgraph.swallowed import Watch
    from kgnb.engines.langgraph.visits import Task, Visits
    from kgnb.graph.context import Pending


class _Told(NamedTuple):
    """An interrupt, as the stream told it."""

    task: Task
    root: str
    """The id of the task of the outermost graph in which it is."""
    shown: str
    """What it was given."""


class _Open:
    """One interrupt, and what was answered to it."""

    def __init__(self, told: _Told, card: Card, asked: list[Pending[Any]]) -> None:
        self.told = told
        self.task = told.task
        self.card = card
        self.asked = asked
        self.value: Any = None
        self.is_scripted = False

    async def wait(self) -> None:
        """Wait for all of its answers."""
        answers = [await asked for asked in self.asked]
        self.value = self.card.value(answers)
        self.is_scripted = any(a.by and a.by.kind == "script" for a in answers)


class Inquiry:
    """Asks what interrupts ask, and gathers the answers of one call of the graph.

    A graph takes the id of an interrupt that was answered before for an answer to the
    same node's next one. So each question is an approval of its own, which takes one
    answer, and ids are checked against those pending before they are sent.
    """

    def __init__(self, visits: Visits, watch: Watch) -> None:
        self._visits = visits
        self._watch = watch
        self._open: dict[str, _Open] = {}
        self._sent: dict[str, _Open] = {}
        self._kept: dict[str, _Open] = {}
        """Answered, and not sent: LangGraph waits for another one of the node first."""
        self._was_refused = False

    @property
    def is_open(self) -> bool:
        """Whether anything was asked since the graph was called last."""
        return bool(self._open)

    @property
    def why(self) -> str:
        """Who waits."""
        names = {each.task.visit.node_id for each in self._open.values()}
        return f"{', '.join(sorted(names))} asks by interrupt()"

    def take(self, task: Task, interrupt: Mapping[str, Any], root: str) -> None:
        """Ask, unless it was asked before; the graphs around it tell it too."""
        key = interrupt["id"]
        if key in self._open:
            return
        told = _Told(task, root, repr(interrupt["value"]))
        kept = self._kept.pop(key, None)
        if kept is not None and kept.told == told:
            self._open[key] = kept
            return
        node = task.visit.node_id
        card = card_of(interrupt["value"], interrupt.get("response_schema"), node)
        self._ask(key, told, card, "")

    def _ask(self, key: str, told: _Told, card: Card, besides: str) -> None:
        context = self._visits.asking(told.task)
        asked = []
        for question in card.questions:
            message = question["message"] + besides
            asked.append(context.ask(**{**_ASK, **question, "message": message}))
        self._open[key] = _Open(told, card, asked)

    def ask_again(self, task: Task, error: BaseException) -> bool:
        """Ask anew what was answered by what its ``response_schema`` refuses.

        Returns:
            False where a script answered, which would only say the same.
        """
        refused = {k: one for k, one in self._sent.items() if one.task is task}
        if not refused:  # the graph around it fails by the same
            return self._was_refused
        if any(one.is_scripted for one in refused.values()):
            return False
        self._was_refused = True
        for key, one in refused.items():
            self._ask(key, one.told, one.card, f"\n(not accepted: {error})")
        return True

    async def wait(self) -> None:
        """Wait until all that is open is answered.

        Raises:
            Unanswerable: An answer could be taken for that to another question.
        """
        asked = list(self._open.values())
        self._check_order(asked)
        for one in asked:
            await one.wait()
        await self._watch.tools.settle()
        self._check_order(asked)  # threads may have asked on, past their node's pause

    def _check_order(self, asked: list[_Open]) -> None:
        for one in asked:
            try:
                self._watch.check_order(one.task)
            except Unanswerable as error:
                self._visits.end(one.task, "failed", error)
                raise

    def send(self, state: Any) -> dict[str, Any]:
        """What each interrupt is to return, by its id. To be sent to the graph.

        Args:
            state: Of the thread, as LangGraph has it now.

        Raises:
            Conflict: One was answered elsewhere meanwhile.
        """
        pending = {interrupt.id for interrupt in state.interrupts}
        waiting = {task.id for task in state.tasks if task.interrupts}
        # A node that called two graphs at once is asked by one after the other.
        later = {k: one for k, one in self._open.items() if k not in pending}
        stale = [o for o in later.values() if o.told.root not in waiting]
        if stale or len(later) == len(self._open):
            names = ", ".join(one.task.visit.node_id for one in stale or later.values())
            raise Conflict(
                f"{names} no longer waits for this answer: the thread was resumed by "
                f"somebody else; nothing was sent"
            )
        now = {k: one for k, one in self._open.items() if k in pending}
        if self._was_refused:
            # The other answers of that call were not taken either, where they wait.
            refused = {k: one for k, one in self._sent.items() if k in pending}
            now = {**refused, **now}
        self._sent, self._kept, self._open = now, later, {}
        self._was_refused = False
        return {key: one.value for key, one in now.items()}


_ASK: dict[str, Any] = {
    "options": None,
    "schema": None,
    "payload": None,
    "kind": None,
    "timeout": None,
    "on_timeout": msgspec.UNSET,
    "need": 1,
    "approvers": None,
    "veto": None,
    "name": None,
}
