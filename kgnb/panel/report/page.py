"""The page of a report: what is above, between and below the parts of the record."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
from kgnb.panel.looking_back import timeline
from kgnb.panel.report.bounds import MOST_TEXT, bounded
from kgnb.panel.report.facts import facts, sentence
from kgnb.panel.report.state import state_html
from kgnb.panel.report.tables import MOST_ROWS, nodes_html, visits_html
from kgnb.panel.report.words import decision
from kgnb.panel.static_html import (
    edges_html,
    error_html,
    framed,
    parts,
    pill,
    record_svg,
    style,
    text_html,
)
from kgnb.panel.summary import Names
from kgnb.panel.text import shown
from kgnb.protocol.record import answered_by, approvals_in_order, static_record
from kgnb.protocol.view import ENDED, RunView
from kgnb.runtime.cassette.redaction import redact
from kgnb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kgnb.runtime.comparing.steps import StateSteps

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="kgnb-record kgnb-report">
"""
_HINT = (
    "<p class='kgnb-note kgnb-hint'>The line below the picture leads to each step of "
    "the run: click on it, or use the arrow keys.</p>"
)
_REST = (
    "All of it is in the run's trace: kgnb report {run_id} --format jsonl, or "
    "result.to_jsonl(path)."
)


def page_html(
    view: RunView | Mapping[str, Any],
    *,
    states: StateSteps | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The run as a page of its own, that loads nothing and runs nothing.

    Its picture can be looked at as it was at each step of the run. Of a large run it
    has the latest, and says what it has not.

    Args:
        view: The run's last view.
        states: What its nodes shared after each step; None: nobody here can tell.
        notes: Of the exception that ended it.
    """
    told = view.to_dict() if isinstance(view, RunView) else view
    plain, left_out = bounded(told)
    if (count := len(told["timeline"]) + told["timeline_dropped"]) > MOST_ROWS:
        left_out.append(f"of {count:,} visits the latest {MOST_ROWS}")
    return "".join(_page(plain, left_out, states, "\n".join(notes)))


def _page(
    plain: Mapping[str, Any],
    left_out: list[str],
    states: StateSteps | None,
    notes: str,
) -> Iterator[str]:
    record = static_record(plain)
    names = Names.of(record)
    title = label(record["workflow"]) or "run"
    sheet = files("kgnb.panel.report").joinpath("report.css").read_text("utf-8")
    yield _HEAD.format(title=escape(f"{title} · run report"), style=style() + sheet)
    yield (
        f"<header><p class='kgnb-kind'>Run report</p>"
        f"<h1>{escape(title)} {pill(record)}</h1>"
        f"<p class='kgnb-lead'>{escape(sentence(plain, names))}</p>{facts(plain)}"
        "</header><main>"
    )
    if record["status"] not in ENDED:
        yield '<p class="kgnb-note">This run had not ended when this was written.</p>'
    if left_out:
        words = f"Left out here: {'; '.join(left_out)}. "
        rest = _REST.format(run_id=plain["run_id"])
        yield f'<p class="kgnb-note">{escape(words + rest)}</p>'
    yield error_html(record, names)
    if notes:
        yield (
            '<div class="kgnb-error"><p><strong>Notes of the error</strong></p>'
            f"{text_html(redact(notes)[:MOST_TEXT])}</div>"
        )
    yield from _picture(plain, record, names)
    yield _section("Visits", visits_html(plain, names))
    yield _section(
        "Nodes", nodes_html(record, plain, names) + edges_html(record, names)
    )
    for part in parts(record, names, _signature(plain)):
        yield _section(part.title, part.body, is_folded=part.is_folded)
    yield _section("State", state_html(states, names))
    if plain["params"]:
        yield _section(
            "Parameters", text_html(shown(plain["params"]), "kgnb-text kgnb-code")
        )
    yield (
        "</main><footer><p class='kgnb-signature'>"
        f"Written by kgnb {escape(__version__)} from the run's events. Times are in "
        "UTC. This page loads nothing and runs nothing; what looks like a secret is "
        "[redacted].</p></footer></body></html>\n"
    )


def _picture(
    plain: Mapping[str, Any], record: Mapping[str, Any], names: Names
) -> Iterator[str]:
    svg = record_svg(record)
    if svg is None:
        return
    steps, svg = timeline(plain, names, svg)
    yield _section(
        "Graph and timeline", f"{_HINT if steps else ''}{framed(svg)}{steps}"
    )


def _section(title: str, body: str, *, is_folded: bool = False) -> str:
    if not body:
        return ""
    name = f"kgnb-{title.lower().replace(' ', '-')}"
    if is_folded:
        summary = f"<summary>Show {escape(title.lower())}</summary>"
        body = f'<details class="kgnb-fold">{summary}{body}</details>'
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>'
        f"{body}</section>"
    )


def _signature(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who answered, when and how, for the approvals."""
    told = approvals_in_order(plain)
    return {
        "answered_by": answered_by(plain),
        "decisions": {str(i): list(decision(each)) for i, each in enumerate(told)},
    }
