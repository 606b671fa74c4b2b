"""What stands first in a report: a sentence on the whole run, and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
from kgnb.panel.report.words import counted, seconds_between, span_words, time_words
from kgnb.panel.summary import who
from kgnb.protocol.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kgnb.panel.summary import Names

_ENDED_AS = {
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "lost": "Lost",
}


def sentence(view: Mapping[str, Any], names: Names) -> str:
    """Such as ``Completed in 4.2 s: 6 visits of 4 nodes, 1 question, by ada``."""
    status = view["status"]
    took = span_words(seconds_between(view["started_at"], view["ended_at"]))
    end = _ENDED_AS.get(status, "Under way")
    if status in ENDED and took:
        end += f" {'in' if status == 'completed' else 'after'} {took}"
    if (error := view["error"]) and error.get("node_id"):
        end += f", in {names.node(error['node_id'])}"
    reached = [node for node in view["nodes"].values() if node["visits"]]
    visits = sum(node["visits"] for node in reached)
    parts = [f"{counted(visits, 'visit')} of {counted(len(reached), 'node')}"]
    if view["approvals"]:
        parts.append(counted(len(view["approvals"]), "question"))
        people = sorted({name for a in view["approvals"] if (name := who(a["by"]))})
        if people:
            parts[-1] += f", answered by {_listed(people)}"
    return f"{end}: {', '.join(parts)}."


_MOST_NAMES = 5


def _listed(names: list[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def facts(view: Mapping[str, Any]) -> str:
    """The figures, as a list of terms and what they are."""
    pairs = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(told)}</dd></div>"
        for term, told in _facts(view)
        if told
    )
    return f'<dl class="kgnb-facts">{pairs}</dl>'


def _facts(view: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Started", time_words(view["started_at"])
    yield "Ended", time_words(view["ended_at"])
    yield "Took", span_words(seconds_between(view["started_at"], view["ended_at"]))
    retries = sum(visit["attempts"] - 1 for visit in view["timeline"])
    yield "Retries", f"{retries:,}" if retries else ""
    waited = _waited(view)
    yield "Waited for people", span_words(waited) if waited else ""
    if usage := view["usage"]:
        yield "Tokens in", _of(usage["input_tokens"], usage["cached_tokens"], "cached")
        yield (
            "Tokens out",
            _of(usage["output_tokens"], usage["reasoning_tokens"], "reasoning"),
        )
    yield "Run", label(view["run_id"])
    yield "Session", label(view["session_id"] or "")
    if origin := view["forked_from"]:
        yield "Forked from", f"{label(origin['run_id'])}, checkpoint {origin['seq']}"
    for pause in view["interruptions"]:
        at, resumed = time_words(pause["at"]), time_words(pause["resumed_at"])
        yield "Interrupted", f"{pause['status']} at {at}, resumed at {resumed}"


def _of(count: int, inner: int, word: str) -> str:
    return f"{count:,} ({inner:,} {word})" if inner else f"{count:,}"


def _waited(view: Mapping[str, Any]) -> float:
    """Seconds in which at least one question was open and later answered."""
    spans = []
    for approval in view["approvals"]:
        at = (approval["by"] or {}).get("at")
        begin = seconds_between(view["started_at"], approval["opened_at"])
        end = seconds_between(view["started_at"], at)
        if begin is not None and end is not None:
            spans.append((begin, end))
    total, until = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total
