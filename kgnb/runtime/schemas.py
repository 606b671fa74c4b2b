"""Looking into JSON Schemas, without the weight of a validator.

Loading one takes a second, which a kernel should not pay to ask a question: the
broker judges answers by ``jsonschema``; here only what would make a question
unanswerable is found before it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import inspect

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = frozenset(
    {"object", "array", "string", "number", "integer", "boolean", "null"}
)
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions")


def check_schema(schema: dict[str, Any]) -> None:
    """Refuse a schema that no answer could be held to.

    Raises:
        InvalidValue: Where it is broken, and how.
    """
    for path, part in _parts(schema, "schema"):
        _check_part(path, part, schema)


def _check_part(path: str, part: Any, whole: dict[str, Any]) -> None:
    if isinstance(part, bool):
        return
    if not isinstance(part, dict):
        raise InvalidValue(f"{path}: expected a dict or a bool, got {part!r:.60}")
    named = part.get("type", [])
    for name in named if isinstance(named, list) else [named]:
        if name not in _TYPES:
            raise InvalidValue(
                f"{path}: type={name!r}: JSON Schema knows {', '.join(sorted(_TYPES))}"
            )
    for key, kind in (("properties", dict), ("required", list), ("enum", list)):
        if key in part and not isinstance(part[key], kind):
            raise InvalidValue(
                f"{path}: {key}={part[key]!r:.60}: expected a {kind.__name__}"
            )
    if "$ref" in part and resolve(whole, part["$ref"]) is None:
        raise InvalidValue(
            f"{path}: $ref={part['$ref']!r}: expected a place within this schema, "
            f"such as '#/$defs/Item'; nothing is fetched from elsewhere"
        )


def _parts(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All schemas in a schema, itself first."""
    yield path, part
    if not isinstance(part, dict):
        return
    for key in _ONE:
        if key in part:
            yield from _parts(part[key], f"{path}.{key}")
    for key in _LISTS:
        for index, each in enumerate(part.get(key) or ()):
            yield from _parts(each, f"{path}.{key}[{index}]")
    for key in _MAPS:
        for name, each in (part.get(key) or {}).items():
            yield from _parts(each, f"{path}.{key}.{name}")


def resolve(whole: dict[str, Any], reference: Any) -> Any:
    """What ``#/$defs/Item`` points to; None where that is nothing in ``whole``."""
    if not isinstance(reference, str) or not f"{reference}/".startswith("#/"):
        return None
    found: Any = whole
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def follow_ref(whole: dict[str, Any], part: dict[str, Any]) -> Any:
    """The part itself, or what it refers to."""
    while "$ref" in part:
        part = resolve(whole, part["$ref"])
    return part


def note_formats(schema: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Add the formats that msgspec leaves out: those of datetimes and times.

    It names them only where a time zone is required, since RFC 3339 wants one; a form
    wants to know all the same that a date belongs there.
    """
    _note(schema, inspect.type_info(kind), schema, set())
    return schema


def _note(part: Any, info: Any, whole: dict[str, Any], seen: set[int]) -> None:
    if isinstance(info, inspect.Metadata):
        _note(part, info.type, whole, seen)
        return
    part = follow_ref(whole, part)
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(info, inspect.DateTimeType | inspect.TimeType):
        is_time = isinstance(info, inspect.TimeType)
        part.setdefault("format", "time" if is_time else "date-time")
    for inner, kind in _members(part, info):
        _note(inner, kind, whole, seen)


def _members(part: dict[str, Any], info: Any) -> Iterator[tuple[Any, Any]]:
    """The schemas within a schema, each with the type that it is of."""
    match info:
        case (
            inspect.StructType(fields=fields)
            | inspect.DataclassType(fields=fields)
            | inspect.TypedDictType(fields=fields)
        ):
            properties = part.get("properties", {})
            for field in fields:
                if field.encode_name in properties:
                    yield properties[field.encode_name], field.type
        case inspect.ListType(item_type=item) | inspect.SetType(item_type=item):
            yield part.get("items", {}), item
        case inspect.DictType(value_type=value):
            yield part.get("additionalProperties", {}), value
        case inspect.UnionType(types=kinds):
            # msgspec lists the members in the order of the types.
            yield from zip(part.get("anyOf", ()), kinds, strict=False)
