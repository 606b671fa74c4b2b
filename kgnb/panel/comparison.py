"""Two runs side by side as HTML: no scripts, no links, nothing to load.

A host that strips style sheets (GitHub) still gets tables, in which what differs is
said in words.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from kgnb.drawing.text import escape, label, reveal
from kgnb.panel.static_html import style
from kgnb.panel.summary import RUN_WORDS
from kgnb.runtime.comparing import PathStep, Same, became, folded, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kgnb.runtime.comparing import Comparison, Difference, Visit

MOST_ROWS = 100
"""Rows of a table that are shown."""
_MARKS = {
    "same": "= same",
    "changed": "≠ differs",
    "removed": "\N{MINUS SIGN} only in a",
    "added": "+ only in b",
}
_ABSENT = ""


def comparison_html(comparison: Comparison) -> str:
    """The comparison as one ``<div>``, with its style sheet inside.

    The same in every execution where what was compared is.
    """
    return "".join(_page(comparison))


def _page(c: Comparison) -> Iterator[str]:
    css = files("kgnb.panel").joinpath("comparison.css").read_text("utf-8")
    state, words = ("completed", "= the same") if c.same else ("waiting", "≠ different")
    yield f'<div class="kgnb-record"><style>{style()}{css}</style>'
    yield (
        f'<p class="kgnb-head"><strong>Two runs compared</strong> '
        f'<span class="kgnb-pill" data-state="{state}">{escape(words)}</span></p>'
    )
    if not c.same:
        yield f'<p class="kgnb-note">{escape(_sentence(c))}</p>'
    yield from _table("Runs", ("", "a", "b"), _runs(c))
    yield from _path(c)
    if c.state is None:
        yield (
            '<p class="kgnb-note">What the nodes shared is not known of both runs: '
            "neither the log nor a saved record has it.</p>"
        )
    yield from _differences("State", c.state or ())
    yield from _differences("Results", c.results)
    yield "</div>"


def _sentence(c: Comparison) -> str:
    text = verdict(c)
    return f"{text[0].upper()}{text[1:]}."


def _runs(c: Comparison) -> Iterator[str]:
    yield _row("same", "workflow", *(escape(label(name)) for name in c.names))
    kind = "same" if c.statuses[0] == c.statuses[1] else "changed"
    yield _row(kind, "outcome", *(escape(RUN_WORDS[status]) for status in c.statuses))


def _path(c: Comparison) -> Iterator[str]:
    if not c.path:
        return
    title = "Path" if c.is_ordered else "Visits (saved records do not tell their order)"
    if c.diverges is None:
        count = "1 visit" if len(c.path) == 1 else f"{len(c.path)} visits"
        yield f"<details><summary>Path: {count}, the same in both</summary>"
        yield from _table(title, ("", "a", "b"), map(_step, c.path))
        yield "</details>"
        return
    yield from _table(title, ("", "a", "b"), map(_step, folded(c.path)))


def _step(step: PathStep | Same) -> str:
    if isinstance(step, Same):
        words = escape(f"{len(step.steps)} visits alike")
        return _row("same", escape("… same"), words, words)
    mark = escape(_MARKS[step.kind])
    return _row(step.kind, mark, _visit(step.a), _visit(step.b))


def _visit(visit: Visit | None) -> str:
    if visit is None:
        return _ABSENT
    return f"<code>{escape(label(visit.name))}</code> {escape(label(became(visit)))}"


def _differences(title: str, found: Sequence[Difference]) -> Iterator[str]:
    if found:
        columns = ("", "place", "a", "b")
        yield from _table(title, columns, map(_difference, found))


def _difference(each: Difference) -> str:
    return _row(
        each.kind,
        escape(_MARKS[each.kind]),
        f"<code>{escape(reveal(each.path))}</code>",
        _value(each.a_text),
        _value(each.b_text),
    )


def _value(text: str | None) -> str:
    return _ABSENT if text is None else f"<code>{escape(reveal(text))}</code>"


def _row(kind: str, mark: str, *cells: str) -> str:
    columns = "".join(f"<td>{cell}</td>" for cell in cells)
    head = f'<th scope="row" class="kgnb-mark">{mark}</th>'
    return f'<tr data-kind="{kind}">{head}{columns}</tr>'


def _head(name: str) -> str:
    if not name:
        return '<td class="kgnb-mark"></td>'
    group = ' class="kgnb-place"' if name == "place" else ""
    return f'<th scope="col"{group}>{escape(name)}</th>'


def _table(title: str, columns: Iterable[str], rows: Iterable[str]) -> Iterator[str]:
    listed = list(rows)
    heads = "".join(map(_head, columns))
    yield (
        '<div class="kgnb-scroll" tabindex="0" role="group" '
        f'aria-label="{escape(title)}"><table class="kgnb-sides">'
        f"<caption>{escape(title)}</caption><thead><tr>{heads}</tr></thead><tbody>"
    )
    yield from listed[:MOST_ROWS]
    yield "</tbody></table></div>"
    if len(listed) > MOST_ROWS:
        more = f"and {len(listed) - MOST_ROWS} more; the comparison itself has them all"
        yield f'<p class="kgnb-note">{more}</p>'
