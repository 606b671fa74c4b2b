"""What LangGraph's and LangChain's values look like as plain JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kgnb.engines.messages import role_of

_DEEPEST = 16


def is_message(value: Any) -> bool:
    """Whether it is one of LangChain's messages."""
    return isinstance(getattr(value, "type", None), str) and hasattr(value, "content")


def message_of(message: Any) -> dict[str, Any]:
    """A LangChain message as role and content, with the tools that it calls."""
    shown = {
        "role": role_of(message.type),
        "content": plain(message.content),
    }
    calls = getattr(message, "tool_calls", None)
    if calls:
        shown["tool_calls"] = [
            {"name": call["name"], "args": plain(call["args"])} for call in calls
        ]
    return shown


def plain(value: Any, *, levels: int = _DEEPEST) -> Any:
    """A node's update for people: messages, models and dataclasses as dicts.

    What is left that JSON does not know is shown by its repr, elsewhere.
    """
    if not levels:
        return value
    if is_message(value):
        return message_of(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v, levels=levels - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, levels=levels - 1) for item in value]
    fields = fields_of(value)
    return value if fields is None else plain(fields, levels=levels - 1)


def fields_of(value: Any) -> dict[str, Any] | None:
    """Those of a pydantic model or a dataclass; None of anything else."""
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    names = getattr(type(value), "model_fields", None)  # pydantic's
    if isinstance(names, Mapping):
        return {name: getattr(value, name, None) for name in names}
    return None
