"""What a run tells of itself after each of its steps: messages, state, what is next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.protocol import codec
from kgnb.protocol import events as e

if TYPE_CHECKING:
    from kgnb.graph.context import NodeVisit
    from kgnb.protocol.ids import RunId

LARGEST = 1024 * 1024
"""Bytes of JSON of a session's messages, and of one key of its state."""

_ROLES = {"human": "user", "ai": "assistant"}
"""LangChain's words for them."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of ``shared`` are told."""

    messages: str = "messages"
    """The key of the messages."""
    state: tuple[str, ...] = ()

    def step(
        self,
        run_id: RunId,
        graph: e.GraphSpec,
        shared: Any,
        visit: NodeVisit,
        *,
        action: str | None,
        is_last: bool,
    ) -> e.Step:
        """The event that follows a visit of a node of the outermost graph."""
        following = [] if is_last else _following(graph, visit.node_id, action)
        return e.Step(
            run_id=run_id,
            messages=messages_of(_entry(shared, self.messages)),
            state={
                key: codec.json_safe(shared[key], limit=LARGEST)[0]
                for key in self.state
                if isinstance(shared, Mapping) and key in shared
            },
            next=following[0] if following else None,
            next_nodes=following,
        )


def _entry(shared: Any, key: str) -> Any:
    return shared.get(key) if isinstance(shared, Mapping) else None


def _following(graph: e.GraphSpec, node_id: str, action: str | None) -> list[str]:
    wanted = action or "default"
    return [
        edge.target
        for edge in graph.edges
        if edge.source == node_id and edge.action == wanted
    ]


def messages_of(value: Any) -> list[dict[str, Any]]:
    """A list of chat messages as JSON has it; what is no message is left out.

    Args:
        value: Dicts with a role and a content, or LangChain's messages.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    found = [_message(each) for each in list(value)]
    return [each for each in found if each is not None]


def _message(value: Any) -> dict[str, Any] | None:
    if isinstance(value, Mapping):
        if "role" not in value or "content" not in value:
            return None
        plain, was_replaced = codec.json_safe(dict(value), limit=LARGEST)
        shown = {"role": str(value["role"]), "content": str(value["content"])}
        return shown if was_replaced else plain
    kind, content = getattr(value, "type", None), getattr(value, "content", None)
    if not isinstance(kind, str) or content is None:
        return None
    plain, _ = codec.json_safe(content, limit=LARGEST)
    return {"role": _ROLES.get(kind, kind), "content": plain}
