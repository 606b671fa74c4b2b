"""Values as a person reads them, and how wide that is in a terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec


def shown(value: Any) -> str:
    """A value as a person reads it: a text as it is, anything else as JSON.

    Keys are sorted, so that equal values read the same in every execution.
    """
    if isinstance(value, str):
        return value
    try:
        raw = msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError):
        return repr(value)
    if len(raw) > _ONE_LINE:
        raw = msgspec.json.format(raw, indent=2)
    return raw.decode()


_ONE_LINE = 72
"""Characters of JSON that still read well on one line."""


def columns(value: str) -> int:
    """Width of a text in a terminal: wide East Asian characters take two cells."""
    return sum(
        0
        if unicodedata.combining(c)
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in value
    )
