"""What ``shared`` must look like, where a graph's author has said so.

``shared`` stays the user's own mapping: values are looked at, never converted or
copied into it. A value fits if reading it as its type changes nothing, so that
``shared["author"].name`` works where the type says ``author: Author``; a dict that
an Author could be made of does not fit.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kgnb.errors import StateError
from kgnb.graph.near import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(msgspec.Struct, frozen=True):
    """Something in ``shared`` that does not fit."""

    key: Any
    expected: str
    got: str


class State(Protocol):
    """The type of a graph's ``shared``."""

    name: str

    def faults(self, shared: Mapping[Any, Any]) -> Iterator[Fault]:
        """All that does not fit."""
        ...


def state_of(given: Any) -> State:
    """How to check against ``Graph(state=given)``.

    Raises:
        TypeError: It is no msgspec Struct, dataclass, TypedDict or pydantic model,
            or has a field that cannot be checked.
    """
    if isinstance(given, type):
        # Pydantic is known by what its models have: who has none does not load it.
        if hasattr(given, "model_validate") and hasattr(given, "model_fields"):
            return _Model(given)
        if (
            issubclass(given, msgspec.Struct)
            or dataclasses.is_dataclass(given)
            or typing.is_typeddict(given)
        ):
            return _Fields(given)
    msg = (
        f"state= takes a msgspec Struct, a dataclass, a TypedDict or a pydantic model, "
        f"as a class; got {given!r:.80}"
    )
    raise TypeError(msg)


def check_state(
    state: State, shared: Any, *, graph: str, node: str | None = None
) -> None:
    """See that ``shared`` fits.

    Args:
        state: What it must look like.
        shared: What the nodes share.
        graph: The graph's name.
        node: Who has just written to it; None at the graph's start.

    Raises:
        StateError: Names the node, the key, what was expected and what is there.
    """
    if not isinstance(shared, Mapping):
        fault = Fault(None, "a mapping", type(shared).__name__)
        raise _error(state, fault, {}, graph=graph, node=node)
    for fault in state.faults(shared):
        raise _error(state, fault, shared, graph=graph, node=node)


def _error(
    state: State,
    fault: Fault,
    shared: Mapping[Any, Any],
    *,
    graph: str,
    node: str | None,
) -> StateError:
    who = f"graph {graph!r} begins with" if node is None else f"node {node!r} left"
    if fault.key is None or fault.key in shared:
        what = "shared" if fault.key is None else f"shared[{fault.key!r}]"
        text = f"{what} that does not fit {state.name}"
        end = f", got {fault.got}"
    else:
        near = nearest(fault.key, shared)
        text = f"no shared[{fault.key!r}], which {state.name} requires"
        end = "" if near is None else f"; there is {near!r}, perhaps misspelt"
    return StateError(
        f"{who} {text}: expected {fault.expected}{end}",
        node=node,
        key=fault.key,
        expected=fault.expected,
        got=fault.got,
    )


class _Field(msgspec.Struct, frozen=True):
    type: Any
    is_required: bool


class _Fields:
    """A type whose fields are checked one by one."""

    def __init__(self, cls: Any) -> None:
        self.name: str = cls.__name__
        self._fields = _fields_of(cls)
        self._is_closed = bool(
            getattr(getattr(cls, "__struct_config__", None), "forbid_unknown_fields", 0)
        )
        for key, field in self._fields.items():
            try:
                _fits(None, field.type)
            except TypeError as error:
                msg = f"state={self.name}: field {key!r} cannot be checked: {error}"
                raise TypeError(msg) from None

    def __repr__(self) -> str:
        return self.name

    def faults(self, shared: Mapping[Any, Any]) -> Iterator[Fault]:
        for key, field in self._fields.items():
            if key not in shared:
                if field.is_required:
                    yield Fault(key, _shown(field.type), "nothing")
            elif (got := _fits(shared[key], field.type)) is not None:
                yield Fault(key, _shown(field.type), got)
        if self._is_closed:
            for key in shared:
                if key not in self._fields:
                    yield Fault(key, "no such key", _got(shared[key]))


class _Model:
    """A pydantic model, whose own validators are asked."""

    def __init__(self, cls: Any) -> None:
        self.name: str = cls.__name__
        self._cls = cls

    def __repr__(self) -> str:
        return self.name

    def faults(self, shared: Mapping[Any, Any]) -> Iterator[Fault]:
        try:
            model = self._cls.model_validate(dict(shared), strict=True)
        except ValueError as error:
            yield from self._told(error)
            return
        for name, info in self._cls.model_fields.items():
            key = info.alias or name
            if key in shared and not _is_same(getattr(model, name), shared[key]):
                yield Fault(key, _shown(info.annotation), _got(shared[key]))

    def _told(self, error: Any) -> Iterator[Fault]:
        fields = self._cls.model_fields
        types = {info.alias or name: info.annotation for name, info in fields.items()}
        for each in error.errors():
            key, *within = each["loc"] or (None,)
            is_missing = each["type"] == "missing"
            if is_missing and not within and key in types:
                expected = _shown(types[key])
            else:
                inside = "".join(f"[{part!r}]" for part in within)
                expected = f"“{each['msg']}{f' at {inside}' if inside else ''}”"
            yield Fault(key, expected, "nothing" if is_missing else _got(each["input"]))


def _fields_of(cls: Any) -> dict[str, _Field]:
    hints = typing.get_type_hints(cls, include_extras=True)
    if typing.is_typeddict(cls):
        required = cls.__required_keys__
        return {
            key: _Field(_unwrapped(hint), key in required)
            for key, hint in hints.items()
        }
    if issubclass(cls, msgspec.Struct):
        return {
            field.name: _Field(field.type, field.required)
            for field in msgspec.structs.fields(cls)
        }
    missing = dataclasses.MISSING
    return {
        field.name: _Field(
            hints[field.name],
            field.default is missing and field.default_factory is missing,
        )
        for field in dataclasses.fields(cls)
    }


def _unwrapped(hint: Any) -> Any:
    """The type within ``Required`` or ``NotRequired``."""
    if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        return typing.get_args(hint)[0]
    return hint


def _fits(value: Any, expected: Any) -> str | None:
    """What is there instead; None if the value fits.

    Raises:
        TypeError: The type is of a kind that msgspec cannot check.
    """
    try:
        read = msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        # "Expected `int`, got `str` - at `$[0]`": where, if inside.
        _, _, inside = str(error).partition(" - at ")
        return f"{_got(value)} ({error})" if inside else _got(value)
    return None if _is_same(read, value) else _got(value)


def _is_same(read: Any, value: Any) -> bool:
    if read is value:
        return True
    try:
        return bool(read == value)
    except (TypeError, ValueError):
        return False  # arrays and data frames do not say yes or no


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _got(value: Any) -> str:
    return f"{value!r:.80} ({type(value).__name__})"
