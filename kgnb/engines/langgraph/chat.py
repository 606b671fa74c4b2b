"""A session's messages, and those of its thread: what a graph is to be given of them.

A session's list is kept with the log, a thread's by the graph's checkpointer, and
either may be behind: savers may forget (in memory, when the kernel is restarted) or
have more (when it was killed before its last step was stored).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.messages import messages_of
from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gives to a run of a graph."""

    key: str
    """The key of the graph's state that holds the messages."""
    messages: list[Any]
    """All of the session, ``{role, content}``."""
    fresh: int
    """How many at the end of them begin this run."""

    def check(self, graph: Any) -> None:
        """Refuse what the graph's state takes for no messages: it would stay said.

        Raises:
            InvalidValue: It does not.
        """
        channel = graph.channels[self.key].copy()
        try:
            channel.update([self._fresh])
        except (TypeError, ValueError, NotImplementedError) as error:
            why = str(error).partition("\n")[0]
            raise InvalidValue(
                f"{self.key}: {why}; what is said is a text, or a list of content "
                f'blocks such as {{"type": "text", "text": "Hi"}}'
            ) from error

    @property
    def _fresh(self) -> list[Any]:
        return self.messages[len(self.messages) - self.fresh :]

    def input_for(self, graph: Any, state: Mapping[str, Any]) -> list[Any]:
        """The messages that a graph is to be given: none doubled, none lost.

        Args:
            graph: The compiled graph.
            state: Of its thread; empty where it has none.
        """
        stored = state.get(self.key)
        if not stored or not isinstance(stored, list):
            return self.messages
        missing = self._missing(messages_of(stored))
        if _keeps(graph.channels[self.key], stored, missing):
            return missing
        return [*stored, *missing]

    def _missing(self, stored: list[dict[str, Any]]) -> list[Any]:
        """The messages that a thread lacks.

        The thread is right where both differ: the graph may have edited its list.
        """
        length = len(stored)
        if self.messages[:length] == stored:
            return self.messages[length:]
        before = self.messages[: len(self.messages) - self.fresh]
        # Shortened by the graph, and the session may have gone on elsewhere.
        for end in range(len(before), length, -1):
            if before[end - length : end] == stored:
                return self.messages[end:]
        return self._fresh


def _keeps(channel: Any, stored: list[Any], given: Sequence[Any]) -> bool:
    """Whether a key keeps its messages when it is given more: its reducer is tried.

    A key without one does not: what is written to it takes the place of its value.
    """
    tried = channel.copy()
    tried.update([list(stored)])
    tried.update([list(given)])
    return messages_of(tried.get()) != messages_of(given)
