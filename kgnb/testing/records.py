"""The records that runs leave in a notebook's outputs, and how two of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MIME = "application/vnd.kgnb.run+json"
_LONGEST = 60
"""Characters of a value that a difference shows."""


def records_of(cell: Any) -> list[dict[str, Any]]:
    """The records of the runs that ended in a code cell, in order."""
    bundles = [output.get("data", {}).get(MIME) for output in cell.get("outputs", ())]
    return [bundle["record"] for bundle in bundles if bundle and bundle.get("final")]


def first_difference(was: Any, now: Any) -> str | None:
    """Where two JSON values differ first, in words; None if they are equal."""
    before, after = dict(_leaves(was)), dict(_leaves(now))
    for place in [*before, *(place for place in after if place not in before)]:
        if place not in after:
            return f"{place} was {_short(before[place])}, now there is none"
        if place not in before:
            return f"{place} was not there, now it is {_short(after[place])}"
        if before[place] != after[place]:
            return (
                f"{place} was {_short(before[place])}, now it is {_short(after[place])}"
            )
    return None


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Each scalar and each empty container, by its place."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{at}[{index}]")
    else:
        yield at, value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
