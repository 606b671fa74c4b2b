"""Whether a value may answer an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from kgnb.protocol.events import ApprovalData


def check_value(data: ApprovalData, value: Any) -> None:
    """Hold ``value`` to the options, the schema or the kind of an approval.

    Raises:
        InvalidValue: It does not fit; the text says what would.
    """
    shown = repr(value)[:80]
    if data.schema is not None:
        _check_schema(data, value)
    elif data.kind in ("edit", "file"):
        # An edited payload has the payload's own shape, which only the asker knows.
        return
    elif data.options is not None:
        if not any(is_same(option, value) for option in data.options):
            options = ", ".join(repr(option) for option in data.options)
            raise InvalidValue(
                f"approval {data.message!r}: expected one of {options}, got {shown}"
            )
    elif data.kind == "text" and not isinstance(value, str):
        raise InvalidValue(f"approval {data.message!r}: expected text, got {shown}")
    elif data.kind == "confirm" and not isinstance(value, bool):
        raise InvalidValue(
            f"approval {data.message!r}: expected true or false, got {shown}"
        )


def is_same(option: Any, value: Any) -> bool:
    """Whether two JSON values are equal: there true is not 1, as it is in Python."""
    return isinstance(option, bool) == isinstance(value, bool) and bool(option == value)


def _check_schema(data: ApprovalData, value: Any) -> None:
    # Imported where it is used: with Jupyter's extras it takes over a second,
    # which a kernel should not pay for its first run.
    import referencing  # noqa: PLC0415  # see above
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  # ditto
    from jsonschema.exceptions import UnknownType, best_match  # noqa: PLC0415  # ditto
    from jsonschema.validators import validator_for  # noqa: PLC0415  # ditto
    from referencing.exceptions import Unresolvable  # noqa: PLC0415  # ditto

    schema = data.schema
    assert schema is not None  # noqa: S101  # the caller looked
    kind = validator_for(schema, default=Draft202012Validator)
    # Schemas come from a kernel: a ``$ref`` must make nobody fetch anything.
    nothing_remote = referencing.Registry[Any]()
    try:
        kind.check_schema(schema)
        error = best_match(kind(schema, registry=nothing_remote).iter_errors(value))
    except (SchemaError, UnknownType, Unresolvable) as broken:
        raise InvalidValue(
            f"approval {data.message!r}: its schema cannot be used: "
            f"{str(broken).splitlines()[0][:200]}"
        ) from None
    if error is not None:
        raise InvalidValue(
            f"approval {data.message!r}: at {error.json_path}: {error.message[:200]}"
        )


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
