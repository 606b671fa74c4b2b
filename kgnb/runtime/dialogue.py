"""A question as a dialogue of lines: what a terminal shows and how its lines are read.

No I/O here: a dialogue is a generator that yields what is to be printed, is sent the
line that was typed, and returns the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.runtime.result import Answer
from kgnb.runtime.schemas import follow_ref

if TYPE_CHECKING:
    from collections.abc import Generator

    from kgnb.protocol import events as e

Lines = dict[str, Any]
Schema = dict[str, Any]

_NO_VALUE = msgspec.UNSET


def dialogue(data: e.ApprovalData) -> Generator[str, str, Answer]:
    """Ask one question; the value that it returns is still to be judged."""
    shown = "" if data.payload is None else f"{_readable(data.payload)}\n"
    if data.kind == "edit":
        return (yield from _edit(data, shown))
    ask = f"{shown}{data.message}"
    value: Any
    if data.options is not None:
        value = yield from _option(data, shown)
    elif data.kind == "confirm":
        value = yield from _confirm(f"{ask} [y/n] ")
    elif data.kind == "file":
        value = yield f"{ask} (the path of a file) "
    elif data.schema is not None:
        value = yield from _form(ask, data.schema)
    else:
        value = yield f"{ask} "
    return Answer(value)


def _form(ask: str, whole: Schema) -> Generator[str, str, Any]:
    top = follow_ref(whole, whole)
    if top.get("properties"):
        return (yield from _object(f"{ask}\n", "", top, whole))
    return (yield from _value(ask, top, whole, is_required=True))


def _readable(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _option(data: e.ApprovalData, shown: str) -> Generator[str, str, Any]:
    options = data.options or []
    listed = "".join(f"  {n}  {each}\n" for n, each in enumerate(options, 1))
    line = yield f"{shown}{listed}{data.message} "
    if line.isdecimal() and 1 <= int(line) <= len(options):
        return options[int(line) - 1]
    return next((each for each in options if str(each) == line), line)


def _confirm(prompt: str) -> Generator[str, str, bool]:
    line = yield prompt
    while line.lower() not in ("y", "yes", "n", "no"):
        line = yield "Please answer y or n: "
    return line.lower().startswith("y")


def _edit(data: e.ApprovalData, shown: str) -> Generator[str, str, Answer]:
    """First what is to become of the payload, then the option, where there are any."""
    how = "Enter leaves it as it is, @path takes a file's text"
    kind = "a text" if isinstance(data.payload, str) else "JSON"
    line = yield f"{shown}{data.message}\n({how}, anything else replaces it: {kind}) "
    payload = data.payload
    while line:
        try:
            text = Path(line[1:]).read_text("utf-8") if line.startswith("@") else line
            payload = text
            if not isinstance(data.payload, str):
                payload = msgspec.json.decode(text)
            break
        except (OSError, UnicodeError, msgspec.DecodeError) as error:
            line = yield f"That cannot be taken: {error}. Again: "
    if data.options is None:
        return Answer(payload)
    option = yield from _option(data, "")
    return Answer(option, payload=payload)


def _object(
    head: str, name: str, schema: Schema, whole: Schema
) -> Generator[str, str, Lines]:
    """The fields of an object, in turn; ``head`` stands before the first."""
    value: Lines = {}
    required = schema.get("required", ())
    for key, part in schema["properties"].items():
        field = _without_null(follow_ref(whole, part), whole)
        label = f"{name}.{key}" if name else key
        is_required = key in required
        if field.get("properties") and is_required:
            value[key] = yield from _object(head, label, field, whole)
        else:
            answer = yield from _value(
                f"{head}  {label}", field, whole, is_required=is_required
            )
            if answer is not _NO_VALUE:
                value[key] = answer
        head = ""
    return value


def _without_null(schema: Schema, whole: Schema) -> Schema:
    """What a value must be that is one."""
    members = schema.get("anyOf") or schema.get("oneOf") or []
    real = [each for each in members if each.get("type") != "null"]
    if len(real) != 1:
        return schema
    rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
    return {**follow_ref(whole, real[0]), **rest}


def _value(
    prompt: str, schema: Schema, whole: Schema, *, is_required: bool
) -> Generator[str, str, Any]:
    """One line of a form; an empty one takes the default, or leaves it out."""
    field = _without_null(schema, whole)
    line = yield f"{prompt} ({_hint(field, is_required=is_required)}): "
    while True:
        if not line and "default" in field:
            return field["default"]
        if not line and not is_required:
            return _NO_VALUE
        try:
            return _parsed(line, field)
        except ValueError:
            line = yield f"    expected {_hint(field, is_required=is_required)}: "


def _hint(field: Schema, *, is_required: bool) -> str:
    kind = field.get("format") or field.get("type") or "JSON"
    if "enum" in field:
        kind = "one of " + ", ".join(map(str, field["enum"]))
    elif kind in ("object", "array"):
        kind = f"{kind} as JSON"
    if field.get("default") is not None:
        return f"{kind}, Enter for {field['default']}"
    return str(kind) if is_required else f"{kind}, Enter for none"


def _parsed(line: str, field: Schema) -> Any:
    """A line as the field's value.

    Raises:
        ValueError: It is none.
    """
    for each in field.get("enum", ()):
        if str(each) == line:
            return each
    kind = field.get("type")
    if kind == "string":
        if not line:
            raise ValueError
        return line
    if kind == "boolean" and line.lower() in ("y", "yes", "n", "no"):
        return line.lower().startswith("y")
    return msgspec.json.decode(line)  # its error is a ValueError
