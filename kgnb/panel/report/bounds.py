"""What of a run fits a page: the latest of each list, long texts without their middle.

What looks like a secret is hidden on the way, as in a recording: a report is made to
be given to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.panel.text import shown
from kgnb.runtime.cassette.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Plain = dict[str, Any]

MOST_TEXT = 20_000
"""Characters of one text."""
MOST_OF_A_KIND = 1_000_000
"""Characters of all texts of a kind: of all streams, of all output…"""
MOST_ENTRIES = 500
"""Entries of a list; the view itself keeps 1000 of some, and counts the others."""
_BEGINNING = 3 / 5
"""Of a shortened text that share is its beginning, the rest its end."""
_AROUND = 500
"""Characters beyond a cut that are looked at too: a secret may lie across it."""

_KINDS = {
    "streams": ("texts", ("text", "outcome")),
    "approvals": (
        "approvals",
        ("message", "options", "payload", "value", "edited_payload", "reason", "votes"),
    ),
    "messages": ("messages", ("content",)),
    "custom": ("updates", ("data",)),
    "logs": ("pieces of output", ("text",)),
}
"""List of the view → how its entries are called, and which fields are the user's."""
_DROPPED = {"custom": "custom_dropped", "logs": "logs_dropped"}
"""List of the view → where it counts what it no longer has."""


def bounded(view: Mapping[str, Any]) -> tuple[Plain, list[str]]:
    """What of a view is shown.

    Args:
        view: A ``RunView`` as a dict; it is not changed.

    Returns:
        The view with less in it, and what was left out, in words.
    """
    bounds = _Bounds()
    small = dict(view)
    for name, (words, fields) in _KINDS.items():
        gone = view.get(_DROPPED.get(name, ""), 0)
        small[name] = bounds.latest(view[name], fields, words, gone)
    small["results"] = bounds.results(view["results"])
    for name in ("result", "params", "message"):
        small[name] = bounds.small(view[name])
    small["error"] = bounds.fields(view["error"] or {}, ("message",)) or None
    small["nodes"] = {
        name: {
            **node,
            "error": bounds.fields(node["error"] or {}, ("message",)) or None,
        }
        for name, node in view["nodes"].items()
    }
    return small, bounds.told()


class _Bounds:
    """Shortens, and remembers what it did."""

    def __init__(self) -> None:
        self._left_out: list[str] = []
        self._shortened = 0

    def told(self) -> list[str]:
        """What is not there, in words."""
        if not self._shortened:
            return self._left_out
        words = (
            "1 text is" if self._shortened == 1 else f"{self._shortened:,} texts are"
        )
        return [*self._left_out, f"{words} shortened to beginning and end"]

    def latest(
        self, entries: list[Plain], fields: tuple[str, ...], words: str, gone: int
    ) -> list[Plain]:
        """The latest entries that fit, shortened."""
        kept: list[Plain] = []
        room = MOST_OF_A_KIND
        for entry in reversed(entries[-MOST_ENTRIES:]):
            room -= _size([entry[name] for name in fields])
            before = self._shortened
            small = self.fields(entry, fields)
            room += _size([entry[name] for name in fields])
            room -= _size([small[name] for name in fields])
            if room < 0:
                self._shortened = before
                break
            kept.append(small)
        total = len(entries) + gone
        if len(kept) < total:
            self._left_out.append(f"of {total:,} {words} the latest {len(kept):,}")
        return kept[::-1]

    def fields(self, entry: Mapping[str, Any], names: tuple[str, ...]) -> Plain:
        """An entry with those fields shortened."""
        return {
            key: self.small(value) if key in names else value
            for key, value in entry.items()
        }

    def results(self, results: Mapping[str, Any]) -> Plain:
        """What nodes gave, as far as it fits."""
        kept: Plain = {}
        room = MOST_OF_A_KIND
        for name, value in results.items():
            small = self.small(value)
            room -= _size(small)
            if room < 0:
                self._left_out.append(f"{len(results) - len(kept):,} results")
                break
            kept[name] = small
        return kept

    def small(self, value: Any) -> Any:
        """A value, or the beginning and end of its text; nothing secret in it."""
        if isinstance(value, str):
            return self._text(value, hide=redact)
        hidden = redact(value)
        if isinstance(hidden, dict | list) and _size(hidden) > MOST_TEXT:
            return self._text(shown(hidden), hide=lambda text: text)
        return hidden

    def _text(self, text: str, hide: Callable[[str], str]) -> str:
        if len(text) <= MOST_TEXT:
            return hide(text)
        self._shortened += 1
        head = int(MOST_TEXT * _BEGINNING)
        tail = MOST_TEXT - head
        beginning = hide(text[: head + _AROUND])[:head]
        end = hide(text[-tail - _AROUND :])[-tail:]
        left_out = f"{len(text) - MOST_TEXT:,} characters left out"
        return f"{beginning}\n[… {left_out} …]\n{end}"


def _size(value: Any) -> int:
    """Characters that it takes to show a value."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(_size, value))
    if isinstance(value, dict):
        return sum(len(key) + _size(entry) for key, entry in value.items())
    return 8
