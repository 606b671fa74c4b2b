"""The nearest miss of a name, for the end of an error's sentence."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """The end of a sentence, ``; did you mean 'x'?``, empty if nothing is near."""
    near = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
