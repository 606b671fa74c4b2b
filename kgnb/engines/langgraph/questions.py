"""The open interrupts of a run as approvals: asked at once, resumed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.langgraph.interrupts import card_of
from kgnb.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kgnb.engines.langgraph.interrupts import Card
    from kgnb.engines.langgraph.visits import Task, Visits
    from kgnb.graph.context import Pending


class _Open:
    """One interrupt."""

    def __init__(self, task: Task, card: Card, asked: list[Pending[Any]]) -> None:
        self.task = task
        self.card = card
        self.asked = asked


class Inquiry:
    """Asks what interrupts ask, and gathers the answers of one call of the graph.

    A graph takes the id of an interrupt that was answered before for an answer to the
    same node's next one. So each question is an approval of its own, which takes one
    answer, and ids are checked against those pending before they are sent.
    """

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._open: dict[str, _Open] = {}

    @property
    def is_open(self) -> bool:
        """Whether anything was asked since the graph was called last."""
        return bool(self._open)

    @property
    def why(self) -> str:
        """Who waits."""
        names = {each.task.visit.node_id for each in self._open.values()}
        return f"{', '.join(sorted(names))} asks by interrupt()"

    def take(self, task: Task, interrupt: Mapping[str, Any]) -> None:
        """Ask, unless the graph within has told the same before."""
        key = interrupt["id"]
        if key in self._open:
            return
        node = task.visit.node_id
        card = card_of(interrupt["value"], interrupt.get("response_schema"), node)
        context = self._visits.asking(task)
        asked = [context.ask(**_complete(question)) for question in card.questions]
        self._open[key] = _Open(task, card, asked)

    async def answers(self) -> dict[str, Any]:
        """Wait for all; what each interrupt is to return, by its id."""
        values = {}
        for key, one in self._open.items():
            values[key] = one.card.value([await asked for asked in one.asked])
        return values

    def check_pending(self, pending: Iterable[Any]) -> None:
        """Forget what was asked, if it may be answered now.

        Raises:
            Conflict: It was answered elsewhere meanwhile.
        """
        known = {interrupt.id for interrupt in pending}
        stale = [
            one.task.visit.node_id
            for key, one in self._open.items()
            if key not in known
        ]
        if stale:
            raise Conflict(
                f"{', '.join(stale)} no longer waits for this answer: the thread was "
                f"resumed by somebody else; nothing was sent"
            )
        self._open = {}


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


def _complete(question: dict[str, Any]) -> dict[str, Any]:
    return {**_ASK, **question}
