"""Settings that a graph hands down to its nodes."""

from __future__ import annotations

from typing import Any


class Config:
    """Named values; an empty one is falsy.

    A graph with a non-empty config gives that same object to each node it visits
    whose own config is empty.
    """

    def __init__(self, **values: Any) -> None:
        self._values = dict(values)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set one value."""
        self._values[key] = value

    def update(self, **values: Any) -> None:
        """Set several values."""
        self._values.update(values)

    def merge(self, other: Config) -> Config:
        """A new config with the values of both; ``other`` wins."""
        return type(self)(**{**self._values, **other.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        """A copy of the values."""
        return dict(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{key}={value!r}" for key, value in self._values.items())
        return f"Config({pairs})"
