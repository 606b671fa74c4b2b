"""A record as HTML: no scripts, no links, nothing to load.

It stands in a saved notebook, in nbconvert's page and in a page of its own. A
host that strips style sheets (GitHub) still gets headings, lists and a picture
with colours of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
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
    from collections.abc import Iterable, Iterator, Mapping

_WIDTH = re.compile(r' width="(\d{1,6})"')
_SHORT = 240
"""Characters of a payload that stay unfolded."""


def record_svg(record: Mapping[str, Any]) -> str | None:
    """The picture with the record's states, or None where there is none."""
    svg = record["graph"].get("svg")
    return (paint(svg, record) or None) if svg else None


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the record."""

    title: str
    body: str
    """What stands below the title, as HTML; empty where there is nothing to tell."""
    is_folded: bool = False
    """Whether it is closed at first."""


def record_html(
    record: Mapping[str, Any], *, signature: Mapping[str, Any] | None = None
) -> str:
    """The record as one ``<div>``, with its style sheet inside.

    Args:
        record: What :func:`kgnb.protocol.record.static_record` gives.
        signature: With it the page names the run, its times and who answered:
            the output's metadata (``run_id``, ``started_at``, ``ended_at``,
            ``durations``, ``answered_by``, ``votes``). Without it the page is the
            same in every execution.
    """
    return "".join(_page(record, Names.of(record), signature or {}))


def style() -> str:
    """The style sheet, scoped to ``.kgnb-record``."""
    return files("kgnb.panel").joinpath("record.css").read_text("utf-8")


def _page(
    record: Mapping[str, Any], names: Names, signature: Mapping[str, Any]
) -> Iterator[str]:
    yield f'<div class="kgnb-record"><style>{style()}</style>'
    yield (
        f'<p class="kgnb-head"><strong>{escape(label(record["workflow"]))}</strong> '
        f"{pill(record)}{_usage(record)}</p>"
    )
    if record["status"] not in ENDED:
        yield '<p class="kgnb-note">This run had not ended when this was saved.</p>'
    if svg := record_svg(record):
        yield framed(svg)
    yield error_html(record, names)
    for part in parts(record, names, signature):
        yield _laid_out(part)
    durations = signature.get("durations") or {}
    nodes = Part("Nodes", nodes_html(record, names, durations), is_folded=True)
    yield _laid_out(nodes, is_open=not record["graph"].get("svg"))
    yield from _signature(signature)
    yield "</div>"


def parts(
    record: Mapping[str, Any], names: Names, signature: Mapping[str, Any]
) -> Iterator[Part]:
    """What was said, asked, made and written: the sections of every page of a record.

    Args:
        record: See :func:`record_html`.
        names: Its names.
        signature: Likewise; ``decisions`` may tell more of each approval, as sentences
            by its index.
    """
    yield Part("Texts", "".join(_streams(record, names)))
    yield Part("Approvals", "".join(_questions(record, names, signature)))
    yield Part("Results", "".join(_results(record, names)))
    yield Part("Messages", "".join(_messages(record)))
    yield Part("Updates", "".join(_updates(record, names)), is_folded=True)
    yield Part("Logs", "".join(_logs(record, names)), is_folded=True)


def _laid_out(part: Part, *, is_open: bool = False) -> str:
    if not part.body:
        return ""
    if not part.is_folded:
        return f"<h4>{escape(part.title)}</h4>{part.body}"
    state = " open" if is_open else ""
    summary = f"<summary>{escape(part.title)}</summary>"
    return f"<details{state}>{summary}{part.body}</details>"


def pill(record: Mapping[str, Any]) -> str:
    """The run's status, by shape, word and colour."""
    status = record["status"]
    return (
        f'<span class="kgnb-pill" data-state="{escape(status)}">'
        f"{escape(RUN_WORDS[status])}</span>"
    )


def framed(svg: str) -> str:
    """The picture in its frame, in which a wide one scrolls."""
    return (
        '<div class="kgnb-picture" tabindex="0" role="group" '
        f'aria-label="Picture of the graph" style="--k-width:{_width(svg)}px">'
        f"{svg}</div>"
    )


def _usage(record: Mapping[str, Any]) -> str:
    words = usage_words(record.get("usage"))
    return f' <span class="kgnb-usage">{escape(words)}</span>' if words else ""


def _width(svg: str) -> int:
    found = _WIDTH.search(svg)
    return int(found[1]) if found else 0


def text_html(text: str, group: str = "kgnb-text", *, is_struck: bool = False) -> str:
    """A text as it stands, in a box that scrolls."""
    marked = f"<s>{escape(text)}</s>" if is_struck else escape(text)
    # Wrapped in the element too, for hosts that strip style sheets.
    return (
        f'<pre class="{group}" tabindex="0" style="white-space:pre-wrap">{marked}</pre>'
    )


def value_html(value: Any) -> str:
    """A value: a text as it stands, anything else as JSON."""
    is_text = isinstance(value, str)
    return text_html(shown(value), "kgnb-text" if is_text else "kgnb-text kgnb-code")


def error_html(record: Mapping[str, Any], names: Names) -> str:
    """Why the run failed, if it did."""
    error = record["error"]
    if not error:
        return ""
    where = f" in {names.node(error['node_id'])}" if error.get("node_id") else ""
    return (
        f'<div class="kgnb-error"><p><strong>Error{escape(where)}</strong> '
        f"<code>{escape(error['code'])}</code></p>{text_html(error['message'])}</div>"
    )


def _streams(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    for stream in record["streams"]:
        title = escape(stream_title(stream, names))
        text = stream["text"]
        if stream.get("superseded"):
            yield f"<details><summary><s>{title}</s> superseded</summary>"
            yield f"{text_html(text, is_struck=True)}</details>"
        elif stream["kind"] == "text":
            facts = escape(stream_facts(stream))
            yield f'<p class="kgnb-title">{title}{facts}</p>{text_html(text)}'
        else:
            is_call = stream["kind"] == "tool_call"
            group = "kgnb-text kgnb-code" if is_call else "kgnb-text"
            yield f"<details><summary>{title}</summary>{text_html(text, group)}"
            for word, came in outcome_words(stream):
                yield f'<p class="kgnb-title">{escape(word)}</p>{text_html(came)}'
            yield "</details>"


def _questions(
    record: Mapping[str, Any], names: Names, signature: Mapping[str, Any]
) -> Iterator[str]:
    answered_by = signature.get("answered_by") or {}
    votes = signature.get("votes") or {}
    decisions = signature.get("decisions") or {}
    for index, approval in enumerate(record["approvals"]):
        key = str(index)
        yield from _question(
            question(approval, names, answered_by.get(key), votes.get(key) or ()),
            decisions.get(key) or (),
        )


def _question(told: Question, more: Iterable[str]) -> Iterator[str]:
    yield f'<div class="kgnb-card"><p class="kgnb-title">{escape(told.title)} asks</p>'
    yield f'<p class="kgnb-question">{escape(told.message)}</p>'
    if told.payload:
        is_open = " open" if len(told.payload) <= _SHORT else ""
        yield f"<details{is_open}><summary>What was shown</summary>"
        yield f"{text_html(told.payload)}</details>"
    if told.edited:
        yield "<details open><summary>What it was changed to</summary>"
        yield f"{text_html(told.edited)}</details>"
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
    for sentence in (*told.votes, *more):
        yield f'<p class="kgnb-outcome">{escape(sentence)}</p>'
    yield "</div>"


def _options(told: Question) -> Iterator[str]:
    for index, option in enumerate(told.options):
        if index == told.chosen:
            yield f'<b class="kgnb-option kgnb-chosen">✓ {escape(option)}</b>'
        else:
            yield f'<span class="kgnb-option">{escape(option)}</span>'


def _results(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    last = final_result(record)
    for node, value in record["results"].items():
        yield f'<p class="kgnb-title">{escape(names.node(node))}</p>'
        yield value_html(value)
    if last is not None:
        yield f'<p class="kgnb-title">Run</p>{value_html(last)}'


def _messages(record: Mapping[str, Any]) -> Iterator[str]:
    for message in record["messages"]:
        yield f'<p class="kgnb-title">{escape(message_title(message))}</p>'
        yield value_html(message["content"])


def _updates(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    """What nodes sent under names of their own."""
    entries = [
        (f"{names.node(update['node_id'])}, {label(update['type'])}", update["data"])
        for update in record.get("custom", ())
    ]
    return _listed((title, shown(data)) for title, data in entries)


def _logs(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    entries = []
    for log in record["logs"]:
        level = f" {label(log['level'])}" if log["level"] else ""
        title = f"{names.node(log['node_id'])}, {log['stream']}{level}"
        entries.append((title, log["text"]))
    return _listed(entries)


def _listed(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for heading, text in entries:
        yield f'<p class="kgnb-title">{escape(heading)}</p>'
        yield text_html(text, "kgnb-text kgnb-code")


def nodes_html(
    record: Mapping[str, Any], names: Names, durations: Mapping[str, Any]
) -> str:
    """The graph as a list, for who cannot see the picture or has none."""
    return "".join(_nodes(record, names, durations))


def _nodes(
    record: Mapping[str, Any], names: Names, durations: Mapping[str, Any]
) -> Iterator[str]:
    yield "<ul>"
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
    yield edges_html(record, names)


def edges_html(record: Mapping[str, Any], names: Names) -> str:
    """The arrows that were taken, as a list."""
    if not record["edges"]:
        return ""
    words = [
        f"{edge_words(edge, names)} {times(edge['count'])}".strip()
        for edge in record["edges"]
    ]
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in words)}</ul>"


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
