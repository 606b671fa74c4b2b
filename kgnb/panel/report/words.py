"""Times, durations and decisions, as a report says them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import label, reveal
from kgnb.panel.summary import who
from kgnb.panel.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MINUTE = 60
_HOUR = 3600
_WAYS = {
    "panel": "with a click in the panel",
    "control": "with a click in the notebook",
    "comm": "with a click in the notebook",
    "page": "with a click on the run's page",
    "python": "with a Python client",
    "http": "with a call over HTTP",
    "prompt": "at the prompt of the cell",
    "kernel": "from the kernel",
    "deadline": "when the time was up",
    "votes": "because no option could win any more",
    "script": "",
}
"""By which way an answer came → in words; others are named as they are."""


def moment(stamp: str | None) -> datetime | None:
    """A time of the wire, in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def time_words(stamp: str | None) -> str:
    """``2026-11-21 03:40:44.123 UTC``; empty for what is no time."""
    found = moment(stamp)
    return (
        f"{found:%Y-%m-%d %H:%M:%S}.{found.microsecond // 1000:03} UTC" if found else ""
    )


def clock_words(stamp: str | None) -> str:
    """``03:40:44 UTC``."""
    found = moment(stamp)
    return f"{found:%H:%M:%S} UTC" if found else ""


def seconds_between(begin: str | None, end: str | None) -> float | None:
    """None where one of them is no time."""
    first, last = moment(begin), moment(end)
    return (last - first).total_seconds() if first and last else None


def span_words(seconds: float | None) -> str:
    """``0.25 s``, ``4.2 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def counted(count: int, word: str) -> str:
    """``1 visit``, ``2 visits``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def decision(approval: Mapping[str, Any]) -> Iterator[str]:
    """When it was asked, and who decided it how and when: sentences.

    Args:
        approval: An entry of a view's ``approvals``.
    """
    asked = approval["opened_at"]
    yield f"Asked at {time_words(asked) or 'an unknown time'}"
    by = approval["by"]
    if by is not None:
        yield _decided(by, asked)
    elif approval["state"] == "open":
        yield "Nobody had answered when this was written"
    votes = approval["votes"]
    if votes:
        yield _tally(approval)
    for vote in votes:
        yield _vote(vote)


def _decided(by: Mapping[str, Any], asked: str) -> str:
    name = who(by)
    person = f"by {name}" if name else ""
    via = by.get("via") or ""
    way = _WAYS.get(via, f"by way of {label(via)}" if via else "")
    parts = ["Decided", person, way]
    if at := clock_words(by.get("at")):
        parts.append(f"at {at}")
    took = seconds_between(asked, by.get("at"))
    words = " ".join(filter(None, parts))
    return f"{words}, {span_words(max(0.0, took))} later" if took is not None else words


def _tally(approval: Mapping[str, Any]) -> str:
    """Such as ``Votes: publish 2, revise 1; 2 of the same were needed``."""
    values = Counter(_worded(vote.get("value")) for vote in approval["votes"])
    told = ", ".join(f"{value} {count}" for value, count in values.items())
    return f"Votes: {told}; {approval['need']} of the same were needed"


def _vote(vote: Mapping[str, Any]) -> str:
    words = f"{label(vote.get('user') or 'somebody')}: {_worded(vote.get('value'))}"
    if at := clock_words(vote.get("at")):
        words += f", at {at}"
    return f"{words} ({reveal(vote['reason'])})" if vote.get("reason") else words


def _worded(value: Any) -> str:
    return reveal(shown(value))
