"""What a graph may be given: the keys of its input, and what each of them takes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

_UNKNOWN = (PydanticUserError, PydanticUndefinedAnnotation, TypeError, NameError)
"""What pydantic raises for types that JSON Schema has no words for."""
_MESSAGES = {"type": ["array", "object", "string"]}
"""What LangGraph makes messages of: their dicts, pairs and texts, or one of them."""
_DEFS = "#/$defs/"


def input_keys(graph: Any) -> frozenset[str] | None:
    """The keys of a graph's input; None for an ``@entrypoint``, which takes anything.

    What else a graph is given it drops without a word.
    """
    builder = getattr(graph, "builder", None)
    return None if builder is None else frozenset(builder.schemas[builder.input_schema])


def input_schema(graph: Any) -> dict[str, Any] | None:
    """A JSON Schema of a graph's input; None where it is no object, or unknown.

    It refuses what does not fit the types of the keys, and nothing else that the graph
    would take: no key of a TypedDict is required, nor one that a thread may have
    already; what a reducer takes only that itself knows; and messages may be told in
    any way that LangGraph knows.
    """
    keys = input_keys(graph)
    if keys is None:
        return None
    given = graph.builder.input_schema
    try:
        schema = _typed_dict_schema(given) if _is_typed_dict(given) else None
        schema = graph.get_input_jsonschema() if schema is None else schema
    except _UNKNOWN:
        return None
    if schema.get("type") != "object":
        return None
    shown = schema.get("properties", {})
    loose = {key: _loosened(graph, schema, key) for key in shown if key in keys}
    schema = {**schema, "properties": loose}
    if graph.checkpointer is not None:
        schema.pop("required", None)
    return _without_unused_defs(schema)


def _is_typed_dict(schema: Any) -> bool:
    return isinstance(schema, type) and hasattr(schema, "__total__")


def _typed_dict_schema(schema: Any) -> dict[str, Any]:
    """Key by key: types that have no schema keep none of the others from theirs.

    Pydantic refuses ``typing.TypedDict`` as a whole before Python 3.12.
    """
    adapters = []
    for key, kind in get_type_hints(schema).items():
        try:
            adapter = TypeAdapter(kind)
            adapter.json_schema()
        except _UNKNOWN:
            continue
        adapters.append((key, "validation", adapter))
    told, shared = TypeAdapter.json_schemas(adapters)  # type: ignore[arg-type]  # one of its modes
    properties = {key: dict(part) for (key, _), part in told.items()}
    titled = {key: {"title": key, **part} for key, part in properties.items()}
    return {"type": "object", "properties": titled, **shared}


def _loosened(graph: Any, schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    shown: dict[str, Any] = schema["properties"][key]
    title = {"title": shown.get("title", key)}
    if any(_is_message(schema, name) for name in _defs_in(shown, schema, set())):
        return title | _MESSAGES
    reducer = getattr(graph.channels.get(key), "operator", None)
    if reducer is not None and reducer is not operator.add:
        return title
    return shown


def _defs_in(part: Any, schema: Mapping[str, Any], seen: set[str]) -> set[str]:
    """The names of all definitions to which a part of a schema leads."""
    if isinstance(part, Mapping):
        name = str(part.get("$ref", "")).removeprefix(_DEFS)
        if name and name not in seen:
            seen.add(name)
            _defs_in(schema.get("$defs", {}).get(name), schema, seen)
        for each in part.values():
            _defs_in(each, schema, seen)
    elif isinstance(part, list):
        for each in part:
            _defs_in(each, schema, seen)
    return seen


def _is_message(schema: Mapping[str, Any], name: str) -> bool:
    """Whether a definition is that of one of LangChain's messages."""
    fields = schema.get("$defs", {}).get(name, {}).get("properties", {})
    return {"content", "additional_kwargs", "response_metadata"} <= set(fields)


def _without_unused_defs(schema: dict[str, Any]) -> dict[str, Any]:
    used = _defs_in(schema["properties"], schema, set())
    kept = {name: d for name, d in schema.pop("$defs", {}).items() if name in used}
    return {**schema, "$defs": kept} if kept else schema
