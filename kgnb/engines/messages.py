"""Chat messages as JSON has them, whichever library's they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kgnb.protocol import codec

LARGEST = 1024 * 1024
"""Bytes of JSON of one message."""

_ROLES = {"human": "user", "ai": "assistant"}
"""LangChain's words for them."""


def role_of(kind: str) -> str:
    """The role of a LangChain message; one in pieces has the name of its class."""
    if kind.endswith("MessageChunk"):
        kind = kind.removesuffix("MessageChunk").lower()
    return _ROLES.get(kind, kind)


def messages_of(value: Any) -> list[dict[str, Any]]:
    """A list of chat messages as JSON has it; what is no message is left out.

    Made so that LangChain takes each of them for the message that it was made of.

    Args:
        value: Dicts with a role and a content, pairs of them, or LangChain's messages.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    found = [_message(each) for each in list(value)]
    return [each for each in found if each is not None]


def _message(value: Any) -> dict[str, Any] | None:
    match value:
        case Mapping():
            return _of_mapping(value)
        case (str() as role, content):
            return {"role": role_of(role), "content": _plain(content)}
    kind, content = getattr(value, "type", None), getattr(value, "content", None)
    if not isinstance(kind, str) or content is None:
        return None
    return _of_langchain(value, kind, content)


def _of_mapping(value: Mapping[Any, Any]) -> dict[str, Any] | None:
    if "role" not in value or "content" not in value:
        return None
    plain, was_replaced = codec.json_safe(dict(value), limit=LARGEST)
    if was_replaced:
        return {"role": str(value["role"]), "content": _plain(value["content"])}
    shown: dict[str, Any] = plain
    return shown


def _of_langchain(message: Any, kind: str, content: Any) -> dict[str, Any]:
    role = getattr(message, "role", None)  # of a ChatMessage, which has any
    shown = {"role": role or role_of(kind), "content": _plain(content)}
    name = getattr(message, "name", None)
    if name:
        shown["name"] = name
    calls = getattr(message, "tool_calls", None)
    if calls:
        shown["tool_calls"] = [
            {"id": call.get("id"), "name": call["name"], "args": _plain(call["args"])}
            for call in calls
        ]
    answered = getattr(message, "tool_call_id", None)
    if answered:
        shown["tool_call_id"] = answered
    return shown


def _plain(value: Any) -> Any:
    return codec.json_safe(value, limit=LARGEST)[0]
