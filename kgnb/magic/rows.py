"""What the magic lists: runs and questions, and the numbers by which one names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LONGEST = 60
"""Characters of a cell of a table."""


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    run_id: str
    workflow: str
    status: str
    at: tuple[str, ...] = ()
    """The nodes at work; of a run of another kernel none are known."""
    url: str | None = None
    resumable: bool = False
    """Whether it is durable, and lost."""
    resume: Callable[[], None] | None = None
    """Ends its pause, if it is this kernel's."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An open approval."""

    approval_id: str
    workflow: str
    message: str
    options: list[Any] | None
    answer: Callable[[Any, str | None], None]
    """Takes the value and the reason; raises ``KgnbError``."""

    def value_of(self, text: str) -> Any:
        """What somebody means who types this: an option, else JSON, else the text."""
        for option in self.options or ():
            if text == shown(option):
                return option
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text


class Numbers:
    """Gives each id a number when it is first seen, which it keeps.

    So a number that was read in an older table still means the same question.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, name: str) -> int:
        """The number of an id."""
        return self._known.setdefault(name, len(self._known) + 1)


def shown(value: Any) -> str:
    """A value in one short line, without what would move a terminal's cursor."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns as wide as what they hold; numbers to the right."""
    lines = [tuple(head), *(tuple(shown(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place == 0 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
