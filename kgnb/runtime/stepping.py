"""What a run tells of itself after each of its steps: messages, state, what is next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.messages import messages_of
from kgnb.protocol import codec
from kgnb.protocol import events as e

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.protocol.ids import RunId

LARGEST = 1024 * 1024
"""Bytes of JSON of one key of the state, and of one reply."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of ``shared`` are told."""

    messages: str = "messages"
    """The key of the messages."""
    state: tuple[str, ...] = ()
    replies: bool = False
    """Whether what the run results in is its reply: a function's is."""

    def reply(self, shared: Any, result: Any) -> None:
        """Add what a function resulted in to the messages, if it has not itself."""
        messages = shared.get(self.messages) if isinstance(shared, Mapping) else None
        if not (self.replies and isinstance(messages, list)) or result is None:
            return
        said = messages_of(messages[-1:])
        if said and said[0]["role"] == "user":
            plain, _ = codec.json_safe(result, limit=LARGEST)
            given = {"role": "assistant", "content": plain}
            messages.extend(messages_of([result]) or [given])

    def of(self, run_id: RunId, shared: Any) -> e.Step:
        """The event of a step that left this, as far as its followers are unknown."""
        known = shared if isinstance(shared, Mapping) else {}
        return e.Step(
            run_id=run_id,
            messages=messages_of(known.get(self.messages)),
            state={
                key: codec.json_safe(known[key], limit=LARGEST)[0]
                for key in self.state
                if key in known
            },
            next=None,
            next_nodes=[],
        )


def followed(step: e.Step, names: Sequence[str]) -> e.Step:
    """A step whose followers are known; changes it."""
    step.next_nodes = list(names)
    step.next = names[0] if names else None
    return step


def following(graph: e.GraphSpec, node_id: str, action: str | None) -> list[str]:
    """The nodes to which an action leads from a node."""
    wanted = action or "default"
    return [
        edge.target
        for edge in graph.edges
        if edge.source == node_id and edge.action == wanted
    ]
