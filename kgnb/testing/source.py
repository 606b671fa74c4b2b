"""Values as Python source, laid out as formatters do."""

from __future__ import annotations

from typing import Any

from kgnb.runtime.answering import Skip
from kgnb.runtime.result import Answer
from kgnb.testing.scripted import in_turn

_WIDTH = 88


def code(value: Any, *, before: str, after: str = "") -> str:
    """The source of a value of JSON's types, or of an answer, in its lines.

    Args:
        value: What to write.
        before: What stands before it in its first line, with the indentation.
        after: What follows it.
    """
    whole = f"{before}{_line(value)}{after}"
    opening, items, closing = _parts(value)
    if len(whole) <= _WIDTH or not items:
        return whole
    indent = before[: len(before) - len(before.lstrip())]
    inner = [
        code(item, before=f"{indent}    {label}", after=",") for label, item in items
    ]
    return "\n".join([f"{before}{opening}", *inner, f"{indent}{closing}{after}"])


def _line(value: Any) -> str:
    """All in one line."""
    opening, items, closing = _parts(value)
    listed = ", ".join(f"{label}{_line(item)}" for label, item in items)
    only = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return f"{opening}{listed}{only}{closing}"


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """How it begins, what it holds, each with a label, and how it ends."""
    match value:
        case dict():
            return "{", [(f"{_line(key)}: ", item) for key, item in value.items()], "}"
        case list() | tuple():
            opening, closing = "[]" if isinstance(value, list) else "()"
            return opening, [("", item) for item in value], closing
        case in_turn():
            return "in_turn(", [("", item) for item in value.values], ")"
        case Answer():
            more = {"reason=": value.reason, "payload=": value.payload}
            given = [(name, item) for name, item in more.items() if item is not None]
            return "Answer(", [("", value.value), *given], ")"
        case Skip():
            return value.name, [], ""
    text = repr(value)
    if isinstance(value, str) and text[0] == "'" and '"' not in text:
        text = f'"{text[1:-1]}"'
    return text, [], ""
