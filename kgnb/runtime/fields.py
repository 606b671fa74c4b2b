"""Fields of what may be an object or a dict: clients give their chunks as either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get(thing: Any, name: str) -> Any:
    """A field, else None."""
    if isinstance(thing, Mapping):
        return thing.get(name)
    return getattr(thing, name, None)


def has(thing: Any, name: str) -> bool:
    """Whether the field is there, be it None."""
    return name in thing if isinstance(thing, Mapping) else hasattr(thing, name)


def text(thing: Any, name: str) -> str:
    """A field that is a text, else an empty one."""
    value = get(thing, name)
    return value if isinstance(value, str) else ""
