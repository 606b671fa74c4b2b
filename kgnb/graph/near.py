"""The nearest miss of a name, for the end of an error's sentence."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: object, known: Iterable[object]) -> str | None:
    """The known name that was perhaps meant; None where none is near."""
    near = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return near[0] if near else None


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """The end of a sentence, ``; did you mean 'x'?``, empty if nothing is near."""
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"
