"""What an answer must be: a JSON Schema, or a type that has one.

On the wire stands the JSON Schema, by which the broker judges; the value becomes an
instance in the kernel, where the type's own validators run.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kgnb.errors import InvalidValue
from kgnb.protocol import codec
from kgnb.protocol.events import FieldProblem
from kgnb.runtime import files
from kgnb.runtime.schemas import check_schema, note_formats

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 1024 * 1024
"""Bytes of JSON of what is shown with one question, or answered to it."""


class Misfit(Exception):
    """A value that fits the JSON Schema, and not the type: no error of the asker's."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__("; ".join(told(problem) for problem in problems))
        self.problems = problems


def told(problem: FieldProblem) -> str:
    """A problem in one line: ``pages: expected at most 5``."""
    path = ".".join(map(str, problem.path))
    return f"{path}: {problem.message}" if path else problem.message


class Shape(Protocol):
    """Turns answers into values and back."""

    @property
    def json_schema(self) -> dict[str, Any] | None:
        """By which the broker judges; None: by the kind alone."""
        ...

    def load(self, plain: Any) -> Any:
        """The value that an answer stands for. May run the user's validators.

        Raises:
            Misfit: The type does not take it.
        """
        ...

    def dump(self, value: Any) -> Any:
        """A value, or what is one already on the wire, as JSON has it.

        Raises:
            InvalidValue: JSON cannot carry it.
        """
        ...


class PlainShape(msgspec.Struct, frozen=True):
    """JSON as it comes."""

    json_schema: dict[str, Any] | None = None

    def load(self, plain: Any) -> Any:
        """See ``Shape.load``."""
        return plain

    def dump(self, value: Any) -> Any:
        """See ``Shape.dump``."""
        return plain_of(value)


class FileShape(msgspec.Struct, frozen=True):
    """A file of the person's."""

    json_schema: dict[str, Any]

    def load(self, plain: Any) -> Any:
        """See ``Shape.load``."""
        return files.from_wire(plain)

    def dump(self, value: Any) -> Any:
        """See ``Shape.dump``."""
        return files.to_wire(value)


class TypeShape(msgspec.Struct, frozen=True):
    """A type that msgspec knows: Struct, dataclass, TypedDict, Enum, ``list[int]``."""

    type: Any
    json_schema: dict[str, Any]

    def load(self, plain: Any) -> Any:
        """See ``Shape.load``."""
        try:
            # By way of JSON: what comes from JSON is converted by its rules.
            return msgspec.json.decode(msgspec.json.encode(plain), type=self.type)
        except msgspec.ValidationError as error:
            raise Misfit([_problem_of(str(error))]) from None

    def dump(self, value: Any) -> Any:
        """See ``Shape.dump``."""
        return plain_of(value)


class PydanticShape(msgspec.Struct, frozen=True):
    """A type that pydantic knows: a model, or what holds one."""

    adapter: Any
    json_schema: dict[str, Any]

    def load(self, plain: Any) -> Any:
        """See ``Shape.load``."""
        pydantic = sys.modules["pydantic"]
        try:
            return self.adapter.validate_json(msgspec.json.encode(plain))
        except pydantic.ValidationError as error:
            found = error.errors(
                include_url=False, include_context=False, include_input=False
            )
            raise Misfit([_pydantic_problem(plain, each) for each in found]) from None

    def dump(self, value: Any) -> Any:
        """See ``Shape.dump``."""
        return plain_of(
            # Plain dicts pass as they are, hence no warnings.
            self.adapter.dump_python(value, mode="json", by_alias=True, warnings=False)
        )


def shape_of(schema: Any) -> Shape:
    """The shape that ``schema=`` stands for.

    Raises:
        InvalidValue: No JSON Schema can be made of it, or it is none.
    """
    if schema is None:
        return PlainShape()
    if isinstance(schema, Mapping):
        plain = plain_of(dict(schema))
        check_schema(plain)
        return PlainShape(plain)
    if type_of_payload(schema) is not None:
        raise InvalidValue(
            f"schema={schema!r:.80} is an instance; give its type, "
            f"{type(schema).__name__}"
        )
    if _is_pydantics(schema):
        return _pydantic_shape(schema)
    try:
        return TypeShape(schema, note_formats(msgspec.json.schema(schema), schema))
    except (TypeError, RecursionError) as error:
        if "pydantic" in sys.modules and not isinstance(schema, str):
            return _pydantic_shape(schema)
        raise InvalidValue(
            f"schema={schema!r:.80}: no JSON Schema can be made of it: "
            f"{str(error).splitlines()[-1]}; {_TAKEN}"
        ) from None


_TAKEN = (
    "expected a JSON Schema as a dict, a pydantic model, a dataclass, a msgspec "
    "Struct, a TypedDict, or a type made of them"
)


def type_of_payload(payload: Any) -> Any:
    """The type that an edited payload has to keep; None for plain JSON."""
    kind = type(payload)
    is_typed = dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)
    return kind if is_typed or _is_pydantics(kind) else None


def _is_pydantics(schema: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    if pydantic is None:
        return False
    # A model, or a dataclass of pydantic's own.
    has_validator = isinstance(schema, type) and hasattr(
        schema, "__pydantic_validator__"
    )
    return has_validator or isinstance(schema, pydantic.TypeAdapter)


def _pydantic_shape(schema: Any) -> PydanticShape:
    pydantic = sys.modules["pydantic"]
    try:
        is_adapter = isinstance(schema, pydantic.TypeAdapter)
        adapter = schema if is_adapter else pydantic.TypeAdapter(schema)
        return PydanticShape(adapter, adapter.json_schema())
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        raise InvalidValue(
            f"schema={schema!r:.80}: no JSON Schema can be made of it: "
            f"{str(error).splitlines()[0]}; {_TAKEN}"
        ) from None


def plain_of(value: Any) -> Any:
    """A user's value as JSON has it.

    Raises:
        InvalidValue: JSON cannot carry it, or it is too large.
    """
    plain, was_replaced = codec.json_safe(value, limit=LARGEST)
    if was_replaced:
        raise InvalidValue(
            f"{value!r:.80}: expected what JSON can carry, in at most {LARGEST} bytes"
        )
    return plain


_AT = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_PART = re.compile(r"\.([^.\[]+)|(\[)")


def _problem_of(text: str) -> FieldProblem:
    """What msgspec says: ``Expected `int`, got `str` - at `$.pages` ``."""
    found = _AT.match(text)
    assert found is not None  # noqa: S101 - it matches every text
    path: list[str | int] = []
    for part in _PART.finditer(found["path"] or ""):
        if part[2]:
            break  # an index that msgspec does not tell
        path.append(part[1])
    return FieldProblem(path=path, message=found["message"].replace("`", ""))


def _pydantic_problem(plain: Any, error: Mapping[str, Any]) -> FieldProblem:
    path = _path_in(plain, error["loc"])
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    message = error["msg"].removeprefix("Value error, ")
    return FieldProblem(path=path, message=message.removeprefix("Assertion failed, "))


def _path_in(plain: Any, location: Sequence[str | int]) -> list[str | int]:
    """The part of pydantic's ``loc`` that leads through the value.

    It names the members of unions, too.
    """
    path: list[str | int] = []
    for step in location:
        match plain, step:
            case dict(), str() if step in plain:
                plain = plain[step]
            case list(), int() if step < len(plain):
                plain = plain[step]
            case _:
                continue
        path.append(step)
    return path
