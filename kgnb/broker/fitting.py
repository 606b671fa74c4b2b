"""Whether a value fits a JSON Schema, told field by field."""

from __future__ import annotations

from datetime import datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.protocol.events import FieldProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import FormatChecker, ValidationError

_MOST = 20
"""Problems told at once."""
_FORMATS = ("date", "email", "ipv4", "ipv6", "uuid")
"""Those that are checked alike on every machine, whatever is installed."""


def problems_of(schema: dict[str, Any], value: Any) -> list[FieldProblem]:
    """What keeps ``value`` from fitting; empty where it fits.

    Raises:
        InvalidValue: The schema itself is broken.
    """
    # Imported where it is used: with Jupyter's extras it takes over a second,
    # which a kernel should not pay for its first run.
    import referencing  # noqa: PLC0415  # see above
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  # ditto
    from jsonschema.exceptions import UnknownType, best_match  # noqa: PLC0415  # ditto
    from jsonschema.validators import validator_for  # noqa: PLC0415  # ditto
    from referencing.exceptions import Unresolvable  # noqa: PLC0415  # ditto

    kind = validator_for(schema, default=Draft202012Validator)
    # Schemas come from a kernel: a ``$ref`` must make nobody fetch anything.
    nothing_remote = referencing.Registry[Any]()
    found: list[FieldProblem] = []
    try:
        kind.check_schema(schema)
        validator = kind(
            schema, registry=nothing_remote, format_checker=_format_checker()
        )
        for error in validator.iter_errors(value):
            # The member of a union that comes nearest says more than the union.
            nearest = best_match([error]) or error
            found += _told(nearest)
            if len(found) >= _MOST:
                break
    except (SchemaError, UnknownType, Unresolvable) as broken:
        raise InvalidValue(
            f"its schema cannot be used: {str(broken).splitlines()[0][:200]}"
        ) from None
    return found


@cache
def _format_checker() -> FormatChecker:
    from jsonschema import FormatChecker  # noqa: PLC0415  # see ``problems_of``

    checker = FormatChecker(_FORMATS)
    # RFC 3339 wants a zone, a Python type need not: its own validators decide.
    checker.checks("date-time", ValueError)(_parses(datetime.fromisoformat))
    checker.checks("time", ValueError)(_parses(time.fromisoformat))
    return checker


def _parses(parse: Any) -> Any:
    def is_valid(value: object) -> bool:
        return not isinstance(value, str) or bool(parse(value) is not None)

    return is_valid


def _told(error: ValidationError) -> Iterator[FieldProblem]:
    path = list(error.absolute_path)
    if error.validator == "required":
        # One error for each missing field, whose name is in its text alone.
        names: Any = error.validator_value
        missing = [name for name in names if error.message.startswith(repr(name))]
        yield FieldProblem(path=[*path, *missing[:1]], message="is required")
        return
    yield FieldProblem(path=path, message=_message(error))


_TEXTS = {
    "minimum": "expected at least {0}",
    "maximum": "expected at most {0}",
    "exclusiveMinimum": "expected more than {0}",
    "exclusiveMaximum": "expected less than {0}",
    "multipleOf": "expected a multiple of {0}",
    "minLength": "expected at least {0} characters",
    "maxLength": "expected at most {0} characters",
    "minItems": "expected at least {0} entries",
    "maxItems": "expected at most {0} entries",
    "uniqueItems": "expected no entry twice",
    "pattern": "expected a text of the form {0}",
    "const": "expected {0!r}",
}
_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


def _message(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    shown = repr(error.instance)[:80]
    match error.validator:
        case "type":
            kinds = wanted if isinstance(wanted, list) else [wanted]
            names = " or ".join(_NAMES.get(str(each), str(each)) for each in kinds)
            return f"expected {names}, got {shown}"
        case "enum":
            listed = ", ".join(repr(each) for each in wanted)
            return f"expected one of {listed[:200]}, got {shown}"
        case "format":
            return f"expected a valid {wanted}, got {shown}"
        case str() as name if name in _TEXTS:
            return _TEXTS[name].format(wanted)
    return error.message[:200]
