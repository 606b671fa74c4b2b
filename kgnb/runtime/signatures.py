"""What may be given to a published function: what its signature says.

Annotations are types that a start's params must fit and are converted to; a parameter
without one takes anything, one with a default may be left out.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.graph.functions import WHOLE
from kgnb.runtime.schemas import follow_ref
from kgnb.runtime.shapes import PlainShape, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FROM_THE_SOCKET = ("key", "message")
"""What a start may carry besides its params; who starts it has no choice in that."""


def shape_of_signature(function: Callable[..., Any], *, filled: str | None) -> Shape:
    """The shape of the params of a start.

    Args:
        function: The function, whose parameters can all be given by name.
        filled: A parameter that is given otherwise: the session's messages.

    Raises:
        InvalidValue: An annotation is of no type that JSON can carry.
    """
    parameters = inspect.signature(function).parameters
    fields = {
        name: parameter
        for name, parameter in parameters.items()
        if name not in {WHOLE, filled}
    }
    if len(parameters) == 1 and (not fields or _may_be_whole(parameters)):
        return PlainShape()
    shape = _shape_of_fields(function, fields)
    if WHOLE not in parameters:
        _close(shape.json_schema or {})
    return shape


def _may_be_whole(parameters: Mapping[str, inspect.Parameter]) -> bool:
    """Whether it may be ``shared`` under another name: it says nothing of itself."""
    only = next(iter(parameters.values()))
    return only.annotation is only.default is inspect.Parameter.empty


def _close(schema: dict[str, Any]) -> None:
    """Allow no others: nothing would read them."""
    params = follow_ref(schema, schema)
    params["additionalProperties"] = False
    known = params.setdefault("properties", {})
    for name in FROM_THE_SOCKET:
        known.setdefault(name, {})


def _shape_of_fields(
    function: Callable[..., Any], fields: dict[str, inspect.Parameter]
) -> Shape:
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    try:
        hints = typing.get_type_hints(inner, include_extras=True)
        return shape_of(
            _type_of({n: (hints.get(n, Any), p) for n, p in fields.items()})
        )
    except (InvalidValue, NameError) as error:
        raise InvalidValue(
            f"publish: what {getattr(inner, '__name__', inner)} takes cannot be told "
            f"as JSON ({error}); say by params= what a start may give"
        ) from None


def _type_of(fields: dict[str, tuple[Any, inspect.Parameter]]) -> Any:
    """A type with these fields: msgspec's, or pydantic's where one of theirs is."""
    kind = msgspec.defstruct(
        "Params",
        [_field_of(name, *field) for name, field in fields.items()],
        kw_only=True,
    )
    try:
        msgspec.json.schema(kind)
    except TypeError:
        if "pydantic" in sys.modules:
            return _pydantics(fields)
    return kind


def _field_of(name: str, hint: Any, parameter: inspect.Parameter) -> Any:
    given = parameter.default
    if given is inspect.Parameter.empty:
        return name, hint
    return name, hint, msgspec.field(default_factory=functools.partial(_same, given))


def _pydantics(fields: dict[str, tuple[Any, inspect.Parameter]]) -> Any:
    pairs: Any = {}
    for name, (hint, parameter) in fields.items():
        is_needed = parameter.default is inspect.Parameter.empty
        pairs[name] = hint, ... if is_needed else parameter.default
    # What it does not know either is complained of when the schema is made.
    config = {"arbitrary_types_allowed": True}
    return sys.modules["pydantic"].create_model("Params", __config__=config, **pairs)


def _same(value: Any) -> Any:
    # As a factory: msgspec refuses defaults that can change, and copies none.
    return value
