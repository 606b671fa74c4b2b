"""Whether a value may answer an approval."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.fitting import problems_of
from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from kgnb.protocol.events import ApprovalData, FieldProblem


def check_value(data: ApprovalData, value: Any, edited_payload: Any = None) -> None:
    """Hold an answer to the options, the schema or the kind of an approval.

    Raises:
        InvalidValue: It does not fit; the text says what would, and ``problems`` what
            is wrong with which field.
    """
    if data.options is not None and data.schema is None:
        _check_option(data, value)
    if data.kind == "edit":
        _check_edit(data, value, edited_payload)
        return
    if edited_payload is not None:
        raise _refused(data, "it has no payload to edit; leave edited_payload away")
    if data.schema is not None:
        _check_schema(data, value)
    if data.kind == "file":
        _check_file(data, value)
    elif data.kind == "text" and data.options is None and not isinstance(value, str):
        raise _refused(data, f"expected text, got {value!r:.80}")
    elif data.kind == "confirm" and not isinstance(value, bool):
        raise _refused(data, f"expected true or false, got {value!r:.80}")


def is_same(option: Any, value: Any) -> bool:
    """Whether two JSON values are equal: there true is not 1, as it is in Python."""
    return isinstance(option, bool) == isinstance(value, bool) and bool(option == value)


def _refused(data: ApprovalData, text: str) -> InvalidValue:
    return InvalidValue(f"approval {data.message!r}: {text}")


def _check_option(data: ApprovalData, value: Any) -> None:
    options = data.options or []
    if not any(is_same(option, value) for option in options):
        listed = ", ".join(repr(option) for option in options)
        raise _refused(data, f"expected one of {listed}, got {value!r:.80}")


def _check_edit(data: ApprovalData, value: Any, edited_payload: Any) -> None:
    """The payload as it shall be: the answer itself, or beside the option."""
    payload = value
    if data.options is not None:
        _check_option(data, value)
        if edited_payload is None:
            return
        payload = edited_payload
    elif edited_payload is not None:
        raise _refused(data, "the edited payload is the value; leave out the other")
    if data.schema is not None:
        _check_schema(data, payload)
    for kind, name in ((str, "text"), (dict, "an object"), (list, "a list")):
        if isinstance(data.payload, kind) and not isinstance(payload, kind):
            raise _refused(data, f"expected {name}, as it was, got {payload!r:.80}")


def _check_schema(data: ApprovalData, value: Any) -> None:
    assert data.schema is not None  # noqa: S101  # the caller looked
    try:
        problems = problems_of(data.schema, value)
    except InvalidValue as broken:
        raise _refused(data, str(broken)) from None
    if problems:
        raise _misfit(data, problems)


def _misfit(data: ApprovalData, problems: list[FieldProblem]) -> InvalidValue:
    told = "; ".join(
        f"at {'.'.join(map(str, each.path)) or 'the top'}: {each.message}"
        for each in problems
    )
    return InvalidValue(
        f"approval {data.message!r}: {told[:1000]}",
        problems=[msgspec.to_builtins(each) for each in problems],
    )


def _check_file(data: ApprovalData, value: Any) -> None:
    """What its schema cannot say: that its content is what it tells of it."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        raise _refused(data, "expected a file: an object with name and content")
    try:
        size = len(base64.b64decode(value["content"], validate=True))
    except binascii.Error:
        raise _refused(data, "expected the file's content as base64") from None
    if value.get("size", size) != size:
        text = f"the file has {size} bytes, and not {value['size']}"
        raise _refused(data, text)
    schema = data.schema or {}
    # Base64 is in steps of three bytes, so its length alone does not tell.
    largest = schema.get("properties", {}).get("size", {}).get("maximum", size)
    if size > largest:
        raise _refused(data, f"expected at most {largest} bytes, got {size}")
    accept = schema.get("accept")
    name, kind = str(value.get("name", "")).lower(), str(value.get("type", "")).lower()
    if accept is not None and not any(_accepts(each, name, kind) for each in accept):
        listed = ", ".join(accept)
        raise _refused(data, f"expected a file of {listed}, got {name!r} ({kind})")


def _accepts(accepted: str, name: str, kind: str) -> bool:
    """As a browser reads ``accept``: an ending, a media type, or ``image/*``."""
    if accepted.startswith("."):
        return name.endswith(accepted)
    if accepted.endswith("/*"):
        return kind.startswith(accepted[:-1]) or accepted == "*/*"
    return kind == accepted


def unwrap(data: ApprovalData, value: Any) -> Any:
    """The option in a ``node_input``, which may come wrapped.

    The documents' clients send ``{"action": option}`` or ``{"value": option}``.
    """
    if not isinstance(value, dict) or data.options is None:
        return value
    if any(is_same(option, value) for option in data.options):
        return value
    for key in ("value", "action"):
        if key in value:
            return value[key]
    return value
