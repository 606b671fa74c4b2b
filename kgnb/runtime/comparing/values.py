"""What differs between two values, place by place."""

from __future__ import annotations

import dataclasses
import math
import re
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONG = 200
"""Items past which a list is compared as one value, not item by item."""
DEEP = 40
"""Levels down to which values are taken apart."""
_EXCERPT = 90
"""Characters of a long text that are shown, from some before those that differ."""
_BEFORE = 30
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")

Kind = Literal["added", "removed", "changed"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place at which two values differ."""

    path: str
    """Such as ``shared['plan'][2]``."""
    kind: Kind
    """``added``: only ``b`` has it."""
    a: Any = None
    b: Any = None
    a_text: str | None = None
    """``a`` as it read when compared, shortened; None where it has none."""
    b_text: str | None = None

    def __repr__(self) -> str:
        match self.kind:
            case "added":
                return f"+ {self.path}: {self.b_text}"
            case "removed":
                return f"- {self.path}: {self.a_text}"
            case _:
                return f"~ {self.path}: {self.a_text} → {self.b_text}"


def differences(a: Any, b: Any, at: str) -> tuple[Difference, ...]:
    """The places at which ``a`` and ``b`` differ, in the order of ``a``.

    Never raises for what the values are: what cannot be compared counts as different.
    Objects whose class says nothing of equality are compared by their attributes; of
    those without any, such as locks, two of one type are the same.

    Args:
        a: One value, such as a run's ``shared``.
        b: The other.
        at: What to call them.
    """
    return tuple(_Walk().between(a, b, at))


def equal(a: Any, b: Any) -> bool:
    """Whether two values are the same, whatever their types make of ``==``."""
    if a is b:
        return True
    if _is_number(a) and _is_number(b):
        return bool(a == b) or (_is_nan(a) and _is_nan(b))
    if type(a) is not type(b):
        return False
    try:
        return _by_own_rule(a, b)
    except Exception:  # noqa: BLE001 - a user's own __eq__ may raise anything
        return False


def summary(value: Any) -> str:
    """A value on one line, shortened; the same in every execution."""
    if isinstance(value, str) and len(value) > _REPR.maxstring:
        return f"{_REPR.repr(value)} ({len(value):,} characters)"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return _array_summary(value, shape)
    text = " ".join(_ADDRESS.sub("", _REPR.repr(value)).split())
    many = isinstance(value, list | tuple | set | frozenset | dict)
    if many and len(value) > _REPR.maxlist:
        return f"{text} ({len(value):,} items)"
    return text


def _array_summary(value: Any, shape: tuple[Any, ...]) -> str:
    """Of what has a shape: arrays, data frames, tensors."""
    sizes = " \N{MULTIPLICATION SIGN} ".join(map(str, shape)) or "one value"
    dtype = getattr(value, "dtype", None)
    return f"{type(value).__name__} {sizes}" + (f" of {dtype}" if dtype else "")


class _Repr(reprlib.Repr):
    """Shortened, and sets and dicts in a steady order: a set's own is chance."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = 120
        self.maxlong = 60
        self.maxdict = self.maxlist = self.maxtuple = 6
        self.maxset = self.maxfrozenset = self.maxdeque = 6


_REPR = _Repr()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _by_own_rule(a: Any, b: Any) -> bool:
    """By ``equals`` of data frames, else by ``==``, which arrays answer by item."""
    if hasattr(a, "__code__"):  # a function: each run may have made its own
        return bool(a.__code__ == b.__code__)
    ask = getattr(a, "equals", None)
    if callable(ask) and isinstance(answer := ask(b), bool):
        return answer
    if getattr(a, "shape", None) != getattr(b, "shape", None):
        return False
    answer = a == b
    if isinstance(answer, bool):
        return answer
    if hasattr(answer, "__array__") or hasattr(answer, "all"):
        # What is not equal to itself, NaN, is no difference where both have it.
        both_missing = (a != a) & (b != b)  # noqa: PLR0124
        return bool((answer | both_missing).all())
    return bool(answer)


class _Walk:
    """Goes down two values together."""

    def __init__(self) -> None:
        self._around: set[tuple[int, int]] = set()

    def between(self, a: Any, b: Any, at: str) -> Iterator[Difference]:
        """What differs at this place, or below it."""
        pair = (id(a), id(b))
        if a is b or pair in self._around:
            return  # values may contain themselves
        parts = None if len(self._around) >= DEEP else _parts(a, b)
        if parts is None:
            if not equal(a, b):
                yield _changed(a, b, at)
            return
        self._around.add(pair)
        try:
            yield from self._of_parts(*parts, at)
        finally:
            self._around.discard(pair)

    def _of_parts(
        self, a: Mapping[str, Any], b: Mapping[str, Any], at: str
    ) -> Iterator[Difference]:
        for place, value in a.items():
            if place in b:
                yield from self.between(value, b[place], at + place)
            else:
                text = summary(value)
                yield Difference(path=at + place, kind="removed", a=value, a_text=text)
        for place, value in b.items():
            if place not in a:
                text = summary(value)
                yield Difference(path=at + place, kind="added", b=value, b_text=text)


def _changed(a: Any, b: Any, at: str) -> Difference:
    a_text, b_text = summary(a), summary(b)
    both_texts = type(a) is str and type(b) is str
    if both_texts and max(len(a), len(b)) > _REPR.maxstring:
        a_text, b_text = _excerpts(a, b)
    elif a_text == b_text:
        a_text, b_text = _told_apart(a, b, a_text)
    return Difference(path=at, kind="changed", a=a, b=b, a_text=a_text, b_text=b_text)


def _excerpts(a: str, b: str) -> tuple[str, str]:
    """Two long texts about the first character that differs."""
    pairs = enumerate(zip(a, b, strict=False))
    place = next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
    start = max(0, place - _BEFORE)
    return _excerpt(a, start), _excerpt(b, start)


def _excerpt(text: str, start: int) -> str:
    end = start + _EXCERPT
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    return f"{head}{text[start:end]!r}{tail} ({len(text):,} characters)"


def _told_apart(a: Any, b: Any, text: str) -> tuple[str, str]:
    """What to say of two that read alike when shortened."""
    if type(a) is not type(b):
        return f"{text} ({type(a).__name__})", f"{text} ({type(b).__name__})"
    where = _first_difference(a, b)
    return text, "other content" if where is None else f"differs from {where} on"


def _first_difference(a: Any, b: Any) -> str | None:
    if isinstance(a, list | tuple):
        pairs = enumerate(zip(a, b, strict=False))
        place = next((i for i, (x, y) in pairs if not equal(x, y)), min(len(a), len(b)))
        return f"item {place:,}"
    return None


def _parts(a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Both taken apart, by place; None where they are compared as they are."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _entries(a), _entries(b)
    if type(a) is not type(b):
        return None
    if isinstance(a, list | tuple | set | frozenset):
        if max(len(a), len(b)) > LONG:
            return None
        take = _items if isinstance(a, list | tuple) else _elements
        return take(a), take(b)
    names = _field_names(a)
    return None if names is None else (_fields(a, names), _fields(b, names))


def _entries(value: Mapping[Any, Any]) -> dict[str, Any]:
    # Listed first: a run that is still at work may add keys meanwhile.
    return {f"[{_key(key)}]": each for key, each in list(value.items())}


def _key(key: Any) -> str:
    return repr(key) if type(key) is str else summary(key)


def _items(value: Iterable[Any]) -> dict[str, Any]:
    return {f"[{index}]": each for index, each in enumerate(list(value))}


def _elements(value: Iterable[Any]) -> dict[str, Any]:
    return {f"{{{summary(each)}}}": each for each in sorted(value, key=summary)}


def _field_names(value: Any) -> list[str] | None:
    """Of what has fields: dataclasses, structs, models, and plain objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in dataclasses.fields(value)]
    for declared in ("__struct_fields__", "model_fields"):  # msgspec's, pydantic's
        if (names := getattr(type(value), declared, None)) is not None:
            return list(names)
    if _has_own_rule(value) or callable(value):
        return None
    slots = [getattr(cls, "__slots__", ()) for cls in type(value).__mro__]
    named = [name for each in slots if not isinstance(each, str) for name in each]
    return [*named, *getattr(value, "__dict__", ())]


def _has_own_rule(value: Any) -> bool:
    """Whether its class says what is equal to it."""
    return any("__eq__" in vars(cls) for cls in type(value).__mro__[:-1])


def _fields(value: Any, names: Iterable[str]) -> dict[str, Any]:
    return {f".{name}": getattr(value, name) for name in names if hasattr(value, name)}
