"""A record as HTML: no scripts, no links, nothing to load.

It stands in a saved notebook, in nbconvert's page and in a page of its own. A
host that strips style sheets (GitHub) still gets headings, lists and a picture
with colours of its own.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
from kgnb.panel.looking_back import timeline
from kgnb.panel.painting import WORDS, paint, times
from kgnb.panel.summary import (
    RUN_WORDS,
    Names,
    Question,
    edge_words,
    final_result,
    message_title,
    outcome_words,
    progress_words,
    question,
    stream_facts,
    stream_title,
    usage_words,
    who,
)
from kgnb.panel.text import shown
from kgnb.protocol.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH = re.compile(r' width="(\d{1,6})"')
_SHORT = 240
"""Characters of a payload that stay unfolded."""


def record_svg(record: Mapping[str, Any]) -> str | None:
    """The picture with the record's states, or None where there is none."""
    svg = record["graph"].get("svg")
    return (paint(svg, record) or None) if svg else None


def record_html(
    record: Mapping[str, Any],
    *,
    signature: Mapping[str, Any] | None = None,
    view: Mapping[str, Any] | None = None,
) -> str:
    """The record as one ``<div>``, with its style sheet inside.

    Args:
        record: What :func:`kgnb.protocol.record.static_record` gives.
        signature: With it the page names the run, its times and who answered:
            the output's metadata (``run_id``, ``started_at``, ``ended_at``,
            ``durations``, ``answered_by``, ``votes``). Without it the page is the
            same in every execution.
        view: The run's view, on a page of its own: with it the picture can be looked at
            as it was at each step.
    """
    return "".join(_page(record, Names.of(record), signature or {}, view))


def style() -> str:
    """The style sheet, scoped to ``.kgnb-record``."""
    return files("kgnb.panel").joinpath("record.css").read_text("utf-8")


def _page(
    record: Mapping[str, Any],
    names: Names,
    signature: Mapping[str, Any],
    view: Mapping[str, Any] | None,
) -> Iterator[str]:
    status = record["status"]
    yield f'<div class="kgnb-record"><style>{style()}</style>'
    yield (
        f'<p class="kgnb-head"><strong>{escape(label(record["workflow"]))}</strong> '
        f'<span class="kgnb-pill" data-state="{escape(status)}">'
        f"{escape(RUN_WORDS[status])}</span>{_usage(record)}</p>"
    )
    if status not in ENDED:
        yield '<p class="kgnb-note">This run had not ended when this was saved.</p>'
    if svg := record_svg(record):
        steps, svg = timeline(view, names, svg) if view else ("", svg)
        yield (
            '<div class="kgnb-picture" tabindex="0" role="group" '
            f'aria-label="Picture of the graph" style="--k-width:{_width(svg)}px">'
            f"{svg}</div>{steps}"
        )
    yield from _error(record, names)
    yield from _streams(record, names)
    yield from _questions(record, names, signature)
    yield from _results(record, names)
    yield from _messages(record)
    yield from _updates(record, names)
    yield from _logs(record, names)
    yield from _nodes(record, names, signature.get("durations") or {})
    yield from _signature(signature)
    yield "</div>"


def _usage(record: Mapping[str, Any]) -> str:
    words = usage_words(record.get("usage"))
    return f' <span class="kgnb-usage">{escape(words)}</span>' if words else ""


def _section(title: str) -> str:
    return f"<h4>{escape(title)}</h4>"


def _width(svg: str) -> int:
    found = _WIDTH.search(svg)
    return int(found[1]) if found else 0


def _text(text: str, group: str = "kgnb-text", *, is_struck: bool = False) -> str:
    shown = f"<s>{escape(text)}</s>" if is_struck else escape(text)
    # Wrapped in the element too, for hosts that strip style sheets.
    return (
        f'<pre class="{group}" tabindex="0" style="white-space:pre-wrap">{shown}</pre>'
    )


def _value(value: Any) -> str:
    is_text = isinstance(value, str)
    return _text(shown(value), "kgnb-text" if is_text else "kgnb-text kgnb-code")


def _error(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    error = record["error"]
    if error:
        where = f" in {names.node(error['node_id'])}" if error.get("node_id") else ""
        yield f'<div class="kgnb-error"><p><strong>Error{escape(where)}</strong> '
        yield f"<code>{escape(error['code'])}</code></p>{_text(error['message'])}</div>"


def _streams(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    if record["streams"]:
        yield _section("Texts")
    for stream in record["streams"]:
        title = escape(stream_title(stream, names))
        text = stream["text"]
        if stream.get("superseded"):
            yield f"<details><summary><s>{title}</s> superseded</summary>"
            yield f"{_text(text, is_struck=True)}</details>"
        elif stream["kind"] == "text":
            facts = escape(stream_facts(stream))
            yield f'<p class="kgnb-title">{title}{facts}</p>{_text(text)}'
        else:
            is_call = stream["kind"] == "tool_call"
            group = "kgnb-text kgnb-code" if is_call else "kgnb-text"
            yield f"<details><summary>{title}</summary>{_text(text, group)}"
            for word, came in outcome_words(stream):
                yield f'<p class="kgnb-title">{escape(word)}</p>{_text(came)}'
            yield "</details>"


def _questions(
    record: Mapping[str, Any], names: Names, signature: Mapping[str, Any]
) -> Iterator[str]:
    if record["approvals"]:
        yield _section("Approvals")
    answered_by = signature.get("answered_by") or {}
    votes = signature.get("votes") or {}
    for index, approval in enumerate(record["approvals"]):
        key = str(index)
        yield from _question(
            question(approval, names, answered_by.get(key), votes.get(key) or ())
        )


def _question(told: Question) -> Iterator[str]:
    yield f'<div class="kgnb-card"><p class="kgnb-title">{escape(told.title)} asks</p>'
    yield f'<p class="kgnb-question">{escape(told.message)}</p>'
    if told.payload:
        is_open = " open" if len(told.payload) <= _SHORT else ""
        yield f"<details{is_open}><summary>What was shown</summary>"
        yield f"{_text(told.payload)}</details>"
    if told.edited:
        yield "<details open><summary>What it was changed to</summary>"
        yield f"{_text(told.edited)}</details>"
    if told.rules:
        yield f'<p class="kgnb-outcome">{escape(told.rules)}</p>'
    if told.options:
        yield f'<p class="kgnb-options">{" ".join(_options(told))}</p>'
    outcome = escape(told.outcome)
    if told.value:
        outcome += f": <strong>{escape(told.value)}</strong>"
    if told.by:
        outcome += f" by {escape(told.by)}"
    yield f'<p class="kgnb-outcome">{outcome}</p>'
    if told.reason:
        yield f'<p class="kgnb-outcome">Reason: {escape(told.reason)}</p>'
    for vote in told.votes:
        yield f'<p class="kgnb-outcome">{escape(vote)}</p>'
    yield "</div>"


def _options(told: Question) -> Iterator[str]:
    for index, option in enumerate(told.options):
        if index == told.chosen:
            yield f'<b class="kgnb-option kgnb-chosen">✓ {escape(option)}</b>'
        else:
            yield f'<span class="kgnb-option">{escape(option)}</span>'


def _results(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    last = final_result(record)
    if record["results"] or last is not None:
        yield _section("Results")
    for node, value in record["results"].items():
        yield f'<p class="kgnb-title">{escape(names.node(node))}</p>'
        yield _value(value)
    if last is not None:
        yield f'<p class="kgnb-title">Run</p>{_value(last)}'


def _messages(record: Mapping[str, Any]) -> Iterator[str]:
    if record["messages"]:
        yield _section("Messages")
    for message in record["messages"]:
        yield f'<p class="kgnb-title">{escape(message_title(message))}</p>'
        yield _value(message["content"])


def _updates(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    """What nodes sent under names of their own."""
    entries = [
        (f"{names.node(update['node_id'])}, {label(update['type'])}", update["data"])
        for update in record.get("custom", ())
    ]
    return _folded("Updates", [(title, shown(data)) for title, data in entries])


def _logs(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    entries = []
    for log in record["logs"]:
        level = f" {label(log['level'])}" if log["level"] else ""
        title = f"{names.node(log['node_id'])}, {log['stream']}{level}"
        entries.append((title, log["text"]))
    return _folded("Logs", entries)


def _folded(title: str, entries: list[tuple[str, str]]) -> Iterator[str]:
    """A section that is closed at first; none where it has nothing."""
    if not entries:
        return
    yield f"<details><summary>{escape(title)}</summary>"
    for heading, text in entries:
        yield f'<p class="kgnb-title">{escape(heading)}</p>'
        yield _text(text, "kgnb-text kgnb-code")
    yield "</details>"


def _nodes(
    record: Mapping[str, Any], names: Names, durations: Mapping[str, Any]
) -> Iterator[str]:
    """The graph as a list, for who cannot see the picture or has none."""
    is_open = "" if record["graph"].get("svg") else " open"
    yield f"<details{is_open}><summary>Nodes</summary><ul>"
    for node_id, node in record["nodes"].items():
        words = f"{WORDS[node['status']]} {times(node['visits'])}".strip()
        yield f"<li><strong>{escape(names.node(node_id))}</strong> {escape(words)}"
        if progress := progress_words(node.get("progress")):
            yield f", {escape(progress)}"
        if usage := usage_words(node.get("usage")):
            yield f", {escape(usage)}"
        if node_id in durations:
            yield f", {durations[node_id]:.2f} s"
        if error := node.get("error"):
            yield f": {escape(error['message'])}"
        yield "</li>"
    yield "</ul>"
    if record["edges"]:
        yield "<ul>"
        for edge in record["edges"]:
            words = f"{edge_words(edge, names)} {times(edge['count'])}".strip()
            yield f"<li>{escape(words)}</li>"
        yield "</ul>"
    yield "</details>"


def _signature(signature: Mapping[str, Any]) -> Iterator[str]:
    if not signature:
        return
    parts = [f"run {signature.get('run_id') or ''}"]
    if signature.get("started_at"):
        parts.append(f"{signature['started_at']} to {signature.get('ended_at') or ''}")
    people = sorted({who(by) for by in (signature.get("answered_by") or {}).values()})
    if named := [name for name in people if name]:
        parts.append(f"answered by {', '.join(named)}")
    yield f'<p class="kgnb-signature">{escape(" · ".join(parts))}</p>'
