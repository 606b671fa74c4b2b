"""Values of ``shared`` as JSON and back, with the types that JSON has not.

A plain value is written as it is. Another one is ``{"__kgnb__": kind, "value": ...}``;
a user's dict that has this very key, or keys that are no text, is written as a list of
pairs, so that nothing in ``shared`` can be taken for a tag.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import sys
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TAG = "__kgnb__"


class Missing(Enum):
    """The type of ``MISSING``."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What becomes of a value that cannot be written."""


class Writer:
    """Turns one ``shared`` into JSON's types.

    Attributes:
        losses: Sentences on what does not come back as it was.
    """

    def __init__(self) -> None:
        self.losses: list[str] = []
        self._around: set[int] = set()
        self._is_key = False

    def write(self, value: Any, at: str = "shared") -> Any:
        """JSON for ``value``, or ``MISSING``; ``at`` says in sentences where it is.

        Raises:
            InvalidValue: It contains itself.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float and math.isfinite(value):
            return value
        if id(value) in self._around:
            raise InvalidValue(f"checkpoint: {at} contains itself, which no file can")
        self._around.add(id(value))
        try:
            if isinstance(value, Enum):
                return _tagged("enum", [class_path(type(value)), value.name])
            if _is_dataclass(value):
                fields = self._entries(_fields(value), at, "{at}.{key}")
                return _tagged("dataclass", [class_path(type(value)), dict(fields)])
            if isinstance(value, dict | list):
                return self._collection(value, at)
            return self._other(value, at)
        finally:
            self._around.discard(id(value))

    def _collection(self, value: dict[Any, Any] | list[Any], at: str) -> Any:
        if isinstance(value, list):
            self._note_subclass(value, list, at)
            return self._elements(value, at)
        self._note_subclass(value, dict, at)
        entries = self._entries(value, at, "{at}[{key!r}]")
        if TAG not in value and all(type(key) is str for key in value):
            return dict(entries)
        pairs = [[self._key(key, f"a key of {at}"), each] for key, each in entries]
        return _tagged("dict", [pair for pair in pairs if pair[0] is not MISSING])

    def _entries(
        self, value: dict[Any, Any], at: str, place: str
    ) -> list[tuple[Any, Any]]:
        written = [
            (key, self.write(each, place.format(at=at, key=key)))
            for key, each in value.items()
        ]
        return [(key, each) for key, each in written if each is not MISSING]

    def _elements(self, values: Iterable[Any], at: str) -> list[Any]:
        written = (self.write(each, f"{at}[{i}]") for i, each in enumerate(values))
        # A list keeps its length: the place of what cannot be written stays.
        return [None if each is MISSING else each for each in written]

    def _key(self, value: Any, at: str) -> Any:
        """A dict's key or a set's element: what comes back must be hashable."""
        outer, self._is_key = self._is_key, True
        try:
            return self.write(value, at)
        finally:
            self._is_key = outer

    def _other(self, value: Any, at: str) -> Any:
        for kind, cls in _SETS.items():
            if isinstance(value, cls):
                self._note_subclass(value, cls, at)
                # In a steady order: a set's own differs in each process.
                keys = [self._key(e, f"one of {at}") for e in sorted(value, key=repr)]
                return _tagged(kind, [key for key in keys if key is not MISSING])
        if isinstance(value, tuple):
            self._note_subclass(value, tuple, at)
            return _tagged("tuple", self._elements(value, at))
        for kind, (cls, text, _) in _SCALARS.items():
            if isinstance(value, cls):
                if cls is not PurePath:  # which every path is a subclass of
                    self._note_subclass(value, cls, at)
                return _tagged(kind, text(value))
        return self._object(value, at)

    def _object(self, value: Any, at: str) -> Any:
        kind = class_path(type(value))
        attributes = dict(getattr(value, "__dict__", {}))
        is_code = callable(value) or isinstance(value, ModuleType)
        if is_code or not attributes or self._is_key:
            self.losses.append(f"{at} ({kind}) is left out")
            return MISSING
        self.losses.append(f"{at} ({kind}) is kept as a dict of its attributes")
        return self._collection(attributes, at)

    def _note_subclass(self, value: Any, cls: type, at: str) -> None:
        if type(value) is not cls:
            kind = class_path(type(value))
            self.losses.append(f"{at} ({kind}) is kept as a {cls.__name__}")


def read(value: Any) -> Any:
    """The value that ``Writer.write`` made this JSON of.

    Raises:
        InvalidValue: A tag is unknown or holds what it cannot, or names a class that
            is not loaded: no file may cause an import.
    """
    if isinstance(value, list):
        return [read(each) for each in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: read(each) for key, each in value.items()}
    kind, content = value[TAG], value.get("value")
    try:
        return _READERS[kind](content)
    except (
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
        ArithmeticError,
    ) as error:
        raise InvalidValue(
            f"checkpoint: {TAG} {kind!r} with {content!r:.80} cannot be read: {error!r}"
        ) from error


def class_path(cls: type) -> str:
    """How a file names a class: ``module:Class``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _tagged(kind: str, content: Any) -> dict[str, Any]:
    return {TAG: kind, "value": content}


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _fields(value: Any) -> dict[Any, Any]:
    names = [field.name for field in dataclasses.fields(value)]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _loaded_class(path: str) -> type[Any]:
    module, _, qualname = path.partition(":")
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, type):
        raise InvalidValue(  # not a KeyError: it says by itself what to do
            f"checkpoint: class {path} is not loaded; import or define it, then resume"
        )
    return found


def _read_enum(content: Any) -> Any:
    path, name = content
    cls = _loaded_class(path)
    if not issubclass(cls, Enum):
        msg = f"{path} is no enum"
        raise TypeError(msg)
    return cls[name]


def _read_dataclass(content: Any) -> Any:
    path, fields = content[0], read(content[1])
    cls = _loaded_class(path)
    if not hasattr(cls, "__dataclass_fields__"):
        msg = f"{path} is no dataclass"
        raise TypeError(msg)
    made: Any = object.__new__(cls)  # __init__ may take other things than the fields
    for name, each in fields.items():
        object.__setattr__(made, name, each)  # frozen ones too
    return made


def _b64(data: Any) -> str:
    return base64.b64encode(data).decode("ascii")


def _duration(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_SETS: dict[str, type[set[Any] | frozenset[Any]]] = {"set": set, "frozenset": frozenset}
# Kind → (class, JSON of it, back). A subclass stands before its class.
_SCALARS: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "str": (str, str.__str__, str),
    "int": (int, int, int),
    "float": (float, float.__repr__, float),
    "complex": (complex, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    "bytes": (bytes, _b64, base64.b64decode),
    "bytearray": (bytearray, _b64, lambda text: bytearray(base64.b64decode(text))),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (timedelta, _duration, lambda parts: timedelta(*parts)),
    "decimal": (Decimal, str, Decimal),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "path": (PurePath, str, Path),
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda pairs: {read(key): read(each) for key, each in pairs},
    "tuple": lambda parts: tuple(read(parts)),
    "set": lambda parts: set(read(parts)),
    "frozenset": lambda parts: frozenset(read(parts)),
    "enum": _read_enum,
    "dataclass": _read_dataclass,
    **{kind: back for kind, (_, _, back) in _SCALARS.items()},
}
