"""Ready nodes for many people: an announcement, and a session with votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgnb.graph.context import current_context
from kgnb.graph.spec import label_of
from kgnb.graph.websocket import WebSocketNode, entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence


_LONGEST_NAME = 80
"""Characters."""


class BroadcastWebSocketNode(WebSocketNode):
    """Announces ``shared["message"]`` to all clients, to a group or to a topic.

    Clients get ``{type: "announcement", content, source}``, watching or not; they join
    groups and subscribe to topics by ``join_group`` and ``subscribe``, or are put into
    them by ``kgnb.manager``. The result is ``{status, recipients}``.

    Args:
        args: See ``WebSocketNode``.
        group: The group that it is for.
        topic: The topic that it is for; without either it goes to all who are there.
        settings: See ``WebSocketNode``.
    """

    def __init__(
        self,
        *args: Any,
        group: str | None = None,
        topic: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        if group is not None and topic is not None:
            msg = f"{type(self).__name__}: expected a group or a topic, got both"
            raise ValueError(msg)
        self.group = group
        self.topic = topic

    async def prep_async(self, shared: Any) -> Any:
        """What is announced.

        Raises:
            InvalidValue: There is nothing.
        """
        return entry_of(self, shared, "message", "what to announce")

    async def exec_async(self, prep_res: Any) -> dict[str, Any]:
        """Announce it."""
        reached = await self.announce(prep_res, group=self.group, topic=self.topic)
        return {"status": "broadcast_sent", "recipients": reached}

    async def announce(
        self, content: Any, *, group: str | None = None, topic: str | None = None
    ) -> int:
        """Announce something; outside a run it passes silently.

        Returns:
            How many clients it reached; those count that get it when they are back.
        """
        context = current_context.get()
        if context is None:
            return 0
        source = label_of(self)
        message = {"type": "announcement", "content": content, "source": source}
        return await context.announce(message, group=group, topic=topic)


class CollaborativeWebSocketNode(WebSocketNode):
    """A session in which several people talk about ``shared["proposal"]`` and vote.

    Participants send a ``node_input`` with ``{action: "join"}``, ``{action: "vote",
    value}`` or ``{action: "leave"}``; whatever else they send is passed on to all.
    Who is signed in takes part by that name and no other; the rest give theirs as
    ``participant``. A bare option is a vote. A later vote of one participant takes
    the place of his earlier one. (Where each *person* must be known to have one vote,
    ``kgnb.ask(..., need=2)`` counts them.)

    Sends ``session_ready``, ``participant_joined``, ``participant_left``,
    ``vote_counted``, ``vote_refused`` (the value is no option),
    ``collaborative_update`` and ``decision``. It ends when
    ``quorum`` votes agree, when all have left, or after ``idle_timeout`` without a
    word. The result is ``{status: decided · ended · timeout, result, votes,
    participants}``.

    Args:
        args: See ``WebSocketNode``.
        options: What may be voted for.
        quorum: How many equal votes decide.
        settings: See ``WebSocketNode``.
    """

    idle_timeout: float | None = 300.0
    """Seconds; None waits for ever."""

    def __init__(
        self,
        *args: Any,
        options: Sequence[str] = ("yes", "no"),
        quorum: int = 2,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        if isinstance(options, str) or not options or quorum < 1:
            msg = (
                f"{type(self).__name__}: expected some options and a quorum of at "
                f"least 1, got options={options!r}, quorum={quorum!r}"
            )
            raise ValueError(msg)
        self.options = list(options)
        self.quorum = quorum

    async def prep_async(self, shared: Any) -> Any:
        """What is talked about.

        Raises:
            InvalidValue: There is nothing.
        """
        return entry_of(self, shared, "proposal", "what to talk about")

    async def exec_async(self, prep_res: Any) -> dict[str, Any]:
        """Hold the session to its end."""
        session = Session(self.options, self.quorum)
        ready = {"proposal": prep_res, "options": self.options, "quorum": self.quorum}
        await self.send_update("session_ready", ready)
        while session.status is None:
            answer = await self._receive(self.idle_timeout, prompt="Join, talk or vote")
            if answer.outcome == "timed_out":
                session.status = "timeout"
                break
            who = participant_of(answer)
            for kind, data in session.take(who, answer.value):
                await self.send_update(kind, data)
        return session.result()


class Session:
    """Who takes part, and how they voted."""

    def __init__(self, options: Sequence[str], quorum: int) -> None:
        self._options = options
        self._quorum = quorum
        self.participants: list[str] = []
        self.votes: dict[str, str] = {}
        self.decision: str | None = None
        self.status: str | None = None
        """How it ended."""

    def take(self, who: str, data: Any) -> list[tuple[str, Any]]:
        """Take what a participant sent; the updates that all are to get."""
        match data:
            case {"action": "leave"} | {"type": "leave_session"}:
                return self._leave(who)
            case {"action": "join"}:
                return self._join(who)
            case {"action": "vote", "value": value}:
                return [*self._join(who), *self._vote(who, value)]
            case str(value) if value in self._options:
                return [*self._join(who), *self._vote(who, value)]
        return [*self._join(who), ("collaborative_update", {"from": who, "data": data})]

    def _join(self, who: str) -> list[tuple[str, Any]]:
        if who in self.participants:
            return []
        self.participants.append(who)
        joined = {"participant": who, "participants": [*self.participants]}
        return [("participant_joined", joined)]

    def _leave(self, who: str) -> list[tuple[str, Any]]:
        if who not in self.participants:
            return []
        self.participants.remove(who)
        self.votes.pop(who, None)
        if not self.participants:
            self.status = "ended"
        left = {"participant": who, "participants": [*self.participants]}
        return [("participant_left", left)]

    def _vote(self, who: str, value: Any) -> list[tuple[str, Any]]:
        if value not in self._options:
            why = f"{value!r} is not among {', '.join(map(repr, self._options))}"
            return [("vote_refused", {"from": who, "reason": why})]
        self.votes[who] = value
        counted = Counter(self.votes.values())
        told = {"from": who, "value": value, "votes": dict(counted)}
        updates: list[tuple[str, Any]] = [("vote_counted", told)]
        if counted[value] >= self._quorum:
            self.status, self.decision = "decided", value
            updates.append(("decision", {"value": value, "votes": dict(self.votes)}))
        return updates

    def result(self) -> dict[str, Any]:
        """What the session came to."""
        return {
            "status": self.status,
            "result": self.decision,
            "votes": dict(self.votes),
            "participants": [*self.participants],
        }


def participant_of(answer: Any) -> str:
    """By what name somebody takes part: his own if it is known, else what he says."""
    by, data = answer.by, answer.value
    if by is not None and by.user:
        return str(by.user)
    name = data.get("participant") if isinstance(data, Mapping) else None
    if name:
        return str(name)[:_LONGEST_NAME]
    return by.via if by is not None and by.via else "anonymous"
