"""The fields of a form, as the documents write them, as a JSON Schema.

{"type": "form", "fields": [{"name": "email", "type": "text", "label": "E-mail"}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgnb.errors import InvalidValue

_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "string": {"type": "string"},
    "textarea": {"type": "string", "format": "textarea"},
    "email": {"type": "string", "format": "email"},
    "date": {"type": "string", "format": "date"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "checkbox": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "select": {},
}
"""The schema of each type of field; that of ``select`` is its options."""


def schema_of_fields(fields: Any) -> dict[str, Any]:
    """The schema that the filled-in form must fit.

    Args:
        fields: A list of ``{name, type, label}``; ``type`` is ``text`` where there is
            none. Besides, a field may have ``description``, ``default`` (or ``value``),
            ``options`` (the only values), and ``required: False``.

    Raises:
        InvalidValue: It is no such list.
    """
    if not isinstance(fields, list | tuple) or not fields:
        raise InvalidValue(f"form: expected 'fields' as a list, got {fields!r:.80}")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in fields:
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
            raise InvalidValue(
                f"form: expected a field such as {{'name': 'email', 'type': 'text', "
                f"'label': 'E-mail'}}, got {field!r:.80}"
            )
        name = field["name"]
        if name in properties:
            raise InvalidValue(f"form: two fields are named {name!r}")
        properties[name] = _property(name, field)
        if field.get("required", True):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _property(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    kind = field.get("type", "text")
    if kind not in _TYPES:
        known = ", ".join(sorted(_TYPES))
        raise InvalidValue(f"form: field {name!r}: type={kind!r}: expected {known}")
    found = {"title": str(field.get("label", name)), **_TYPES[kind]}
    if "description" in field:
        found["description"] = str(field["description"])
    for key in ("default", "value"):
        if key in field:
            found["default"] = field[key]
    options = field.get("options")
    if options:
        found["enum"] = list(options)
    elif kind == "select":
        raise InvalidValue(f"form: field {name!r}: a select has 'options', a list")
    return found
