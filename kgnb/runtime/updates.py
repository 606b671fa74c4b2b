"""What a node sends by name, by ``emit`` or ``send_update``: names and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgnb.errors import InvalidValue
from kgnb.protocol import codec
from kgnb.protocol import events as e

LARGEST = 256 * 1024
"""Bytes of JSON of one event that a node sends under a name of its own."""
_NAMED = 200
"""Characters of such a name."""
_MADE = frozenset({"message", "progress", "result", "token"})
"""Reserved names that a node may send: they make the real event."""


def check_type(what: str, kind: str) -> None:
    """Refuse a name that a node's own event cannot have.

    Raises:
        InvalidValue: It is the run's own, or cannot be shown.
    """
    if not kind or len(kind) > _NAMED or not kind.isprintable():
        raise InvalidValue(f"{what}: expected a printable name")
    if kind in codec.RESERVED - _MADE:
        raise InvalidValue(f"{what}: this name is the run's own; choose another one")


def read_progress(what: str, data: Any) -> dict[str, Any]:
    """The arguments of ``progress`` in what was sent under that name.

    Raises:
        InvalidValue: There is no percentage in it.
    """
    percent = get_field(data, "percent", get_field(data, "progress", data))
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        raise InvalidValue(f"{what}: expected a percentage, got {data!r:.80}")
    message = get_field(data, "message", None)
    return {
        "percent": percent,
        "message": None if message is None else str(message),
        "current": _number(data, "current"),
        "total": _number(data, "total"),
    }


def _number(data: Any, name: str) -> float | None:
    value = get_field(data, name, None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def read_message(data: Any) -> e.MessageData:
    """A chat message of a dict in LangChain's or OpenAI's words, or of any value."""
    name, call = get_field(data, "name", None), get_field(data, "tool_call_id", None)
    return e.MessageData(
        role=str(get_field(data, "role", "assistant")),
        content=get_field(data, "content", data),
        name=None if name is None else str(name),
        tool_call_id=None if call is None else str(call),
        args=get_field(data, "args", None),
        failed=bool(get_field(data, "failed", False)),
    )


def get_field(data: Any, name: str, default: Any) -> Any:
    """A field of what may be a dict."""
    return data.get(name, default) if isinstance(data, Mapping) else default
