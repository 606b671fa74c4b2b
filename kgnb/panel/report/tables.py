"""A report's tables: the visits with their bars, the nodes with their figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
from kgnb.panel.painting import WORDS
from kgnb.panel.report.words import seconds_between, span_words
from kgnb.panel.summary import progress_words
from kgnb.protocol.record import visit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kgnb.panel.summary import Names

MOST_ROWS = 300
"""Visits of the table: the latest."""
_WIDE = 1000
"""Units of a bar's width."""
_LEAST = 4
"""Of them, that a short visit is still seen."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    is_number: bool = False


def table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A table, in a frame in which a wide one scrolls.

    Args:
        title: Its name for screen readers.
        columns: Their titles are escaped here.
        rows: Cells of HTML; the first names the row.
    """
    groups = [' class="kgnb-number"' if each.is_number else "" for each in columns]
    heads = "".join(
        f'<th scope="col"{group}>{escape(column.title)}</th>'
        for group, column in zip(groups, columns, strict=True)
    )
    body = "".join(_row(groups, cells) for cells in rows)
    return (
        '<div class="kgnb-scroll" tabindex="0" role="group" '
        f'aria-label="{escape(title)}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(groups: Sequence[str], cells: Sequence[str]) -> str:
    first, *others = cells
    rest = "".join(
        f"<td{group}>{cell}</td>"
        for group, cell in zip(groups[1:], others, strict=True)
    )
    return f'<tr><th scope="row">{first}</th>{rest}</tr>'


def state_html(status: str, more: str = "") -> str:
    """A state by shape, word and colour."""
    words = f"{WORDS.get(status, label(status))}{more}"
    return (
        f'<span class="kgnb-state" data-state="{escape(status)}">{escape(words)}</span>'
    )


def visits_html(view: Mapping[str, Any], names: Names) -> str:
    """Who worked when: a row for each visit, with a bar; empty where none was told of.

    Args:
        view: A ``RunView`` as a dict.
        names: How its nodes are called.
    """
    visits = view["timeline"][-MOST_ROWS:]
    if not visits:
        return ""
    origin = view["started_at"] or visits[0]["started_at"]
    ends = [visit["ended_at"] or visit["started_at"] for visit in visits]
    spans = [
        seconds_between(origin, stamp) or 0.0 for stamp in (*ends, view["ended_at"])
    ]
    begins = seconds_between(origin, visits[0]["started_at"]) or 0.0
    left = 0.0 if len(visits) == len(view["timeline"]) else begins
    scale = _WIDE / (max(spans) - left or 1.0)
    columns = [
        Column("Node"),
        Column("When"),
        Column("Began", is_number=True),
        Column("Took", is_number=True),
        Column("Attempts", is_number=True),
        Column("Outcome"),
    ]
    rows = (_visit(visit, names, origin, left, scale) for visit in visits)
    return table("Visits of nodes", columns, rows)


def _visit(
    visit: Mapping[str, Any], names: Names, origin: str, left: float, scale: float
) -> Sequence[str]:
    begin = seconds_between(origin, visit["started_at"]) or 0.0
    took = visit["duration"]
    if took is None:
        took = seconds_between(visit["started_at"], visit["ended_at"])
    name = names.visit(visit["node_id"], visit_of(visit["task_id"]))
    action = visit["action"]
    more = "" if action in (None, "default") else f" → {label(action)}"
    return (
        escape(name),
        _bar((begin - left) * scale, (took or 0.0) * scale, visit["status"]),
        f"{begin:.2f} s",
        span_words(took),
        f"{visit['attempts']:,}",
        state_html(visit["status"], more),
    )


def _bar(begin: float, width: float, status: str) -> str:
    wide = min(float(_WIDE), max(float(_LEAST), width))
    x = min(max(0.0, begin), _WIDE - wide)
    return (
        f'<svg class="kgnb-bar" viewBox="0 0 {_WIDE} 10" preserveAspectRatio="none" '
        f'aria-hidden="true" data-state="{escape(status)}">'
        f'<rect width="{_WIDE}" height="10" class="kgnb-rail"/>'
        f'<rect x="{x:.0f}" width="{wide:.0f}" height="10" class="kgnb-span"/></svg>'
    )


def nodes_html(record: Mapping[str, Any], view: Mapping[str, Any], names: Names) -> str:
    """The graph as a table: how often each node was reached, and what it took."""
    spent: dict[str, float] = defaultdict(float)
    tries: dict[str, int] = defaultdict(int)
    for visit in view["timeline"]:
        spent[visit["node_id"]] += visit["duration"] or 0.0
        tries[visit["node_id"]] += visit["attempts"] - 1
    figures = ["Visits", "Retries", "Time"]
    has_usage = record.get("usage") is not None
    if has_usage:
        figures += ["Tokens in", "Tokens out"]
    columns = [Column("Node"), Column("State")]
    columns += [Column(title, is_number=True) for title in figures]

    def rows() -> Iterator[Sequence[str]]:
        for node_id, node in record["nodes"].items():
            usage = node.get("usage") or {}
            told = progress_words(node.get("progress"))
            state = state_html(node["status"], f", {told}" if told else "")
            cells = [
                escape(names.node(node_id)),
                state + _problem(node.get("error")),
                f"{node['visits']:,}",
                f"{tries[node_id]:,}" if node_id in tries else "",
                span_words(spent[node_id]) if node_id in spent else "",
            ]
            if has_usage:
                cells += [_count(usage, "input_tokens"), _count(usage, "output_tokens")]
            yield cells

    return table("Nodes and their figures", columns, rows())


def _count(usage: Mapping[str, Any], name: str) -> str:
    return f"{usage[name]:,}" if usage else ""


def _problem(error: Mapping[str, Any] | None) -> str:
    return f'<span class="kgnb-why">{escape(error["message"])}</span>' if error else ""
