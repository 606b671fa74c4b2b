"""What the nodes shared, step by step, as far as somebody kept it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.drawing.text import escape, label, reveal
from kgnb.panel.report.tables import Column, table
from kgnb.panel.report.words import clock_words, counted
from kgnb.runtime.cassette.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kgnb.panel.summary import Names
    from kgnb.runtime.comparing.steps import StateStep, StateSteps
    from kgnb.runtime.comparing.values import Difference

MOST_CHANGES = 50
"""Of one step those that are shown."""
_KINDS = {
    "added": "+ added",
    "removed": "\N{MINUS SIGN} removed",
    "changed": "≠ changed",
}
_UNTOLD = (
    "This run's log does not tell what its nodes shared, only what they gave. In the "
    "run's kernel, result.to_html(path) of a durable run (kgnb.run(durable=True)) has "
    "what each step changed."
)


def state_html(states: StateSteps | None, names: Names) -> str:
    """What each step changed, or why nobody can tell."""
    if states is None or not states.steps:
        reason = _UNTOLD if states is None else states.reason
        return f'<p class="kgnb-note">{escape(reason)}</p>'
    return "".join(_steps(states, names))


def _steps(states: StateSteps, names: Names) -> Iterator[str]:
    if states.left_out:
        count = counted(len(states.steps), "step")
        yield (
            f'<p class="kgnb-note">The latest {count}; run.history() has all of '
            "them.</p>"
        )
    for step in states.steps:
        title = escape(_title(step, names))
        if step.changes:
            # Open: it is what the section is for, and each step's is small.
            yield f"<details open><summary>{title}</summary>"
            yield f"{_changes(step.changes)}</details>"
        else:
            yield f'<p class="kgnb-note kgnb-same">{title}</p>'


def _title(step: StateStep, names: Names) -> str:
    parts = [f"Step {step.step}" if step.step is not None else "", _source(step, names)]
    words = " ".join(filter(None, parts))
    if at := clock_words(step.at):
        words += f", {at}"
    if not step.changes:
        return f"{words}: nothing changed"
    return f"{words}: {counted(len(step.changes), 'change')}"


def _source(step: StateStep, names: Names) -> str:
    """Of kgnb's graphs a visit; LangGraph says ``input``, ``loop`` and the like."""
    source = step.source or ""
    if source == "start":
        return "at the start"
    node_id, _, visit = source.rpartition(":")
    if visit.isdecimal():
        return f"after {names.visit(node_id, int(visit))}"
    return f"({label(source)})" if source else ""


def _changes(changes: Sequence[Difference]) -> str:
    columns = [Column("Where"), Column("What"), Column("Before"), Column("After")]
    rows = (
        (
            f"<code>{escape(reveal(each.path))}</code>",
            escape(_KINDS.get(each.kind, each.kind)),
            _value(each.a_text),
            _value(each.b_text),
        )
        for each in changes[:MOST_CHANGES]
    )
    html = table("What changed", columns, rows)
    if len(changes) > MOST_CHANGES:
        more = counted(len(changes) - MOST_CHANGES, "change")
        html += f'<p class="kgnb-note">And {more} more.</p>'
    return html


def _value(text: str | None) -> str:
    # Objects of a library's are shortened to a text that no key names.
    return "" if text is None else f"<code>{escape(reveal(redact(text)))}</code>"
