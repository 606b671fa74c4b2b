"""The wiring of a workflow file: lines that read like the Python they stand for.

    draft >> review
    review - "revise" >> draft
    review - "publish" >> publish >> archive   # a chain; a comment
    review - "drop" >> null                    # ends the graph here

The first name is the start. A name or an action may be quoted, as in JSON or by '; it
must be where it holds ``>>``, quotes, " - " or " #". An action without quotes that is
a whole number, ``true`` or ``false`` is that value, anything else a text.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from kgnb.graph.base import DEFAULT_ACTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*')"""
_PIECE = re.compile(
    rf"""(?:{_QUOTED}|(?!>>|(?:^|\s)\#)[^"'])+|(?P<odd>["'])|>>|\s*\#.*"""
)
_END = re.compile(
    rf"""(?P<name>{_QUOTED}|[^"']+?)"""
    rf"""(?:\s*-\s*(?P<quoted>{_QUOTED})|\s+-\s*(?P<bare>[^\s"']+))?"""
)
_PLAIN_NAME = re.compile(r"""[^\s"'#>-](?:(?!\s-|\s\#|>>)[^"'\n])*(?<!\s)""")


class Arrow(NamedTuple):
    """One wire; a target of None ends the graph."""

    source: str
    action: Any
    target: str | None


class Wiring(NamedTuple):
    """What the lines say."""

    start: str | None
    arrows: list[Arrow]


def parse(lines: str | Iterable[str]) -> Wiring:
    """Read lines.

    Raises:
        ValueError: A line does not read; the text quotes it.
    """
    start: str | None = None
    arrows: list[Arrow] = []
    # Not splitlines, which splits at more than what ends a line here.
    for line in lines.split("\n") if isinstance(lines, str) else lines:
        ends = [_end(text, line) for text in _ends(line)]
        for (source, action), (target, _) in itertools.pairwise(ends):
            if source is None:
                raise ValueError(f"{line.strip()!r}: nothing follows null")
            arrows.append(Arrow(source, action, target))
        if ends and ends[-1][1] != DEFAULT_ACTION:
            raise ValueError(f"{line.strip()!r}: the last action leads nowhere")
        if ends and start is None:
            start = ends[0][0]
    return Wiring(start, arrows)


def _ends(line: str) -> list[str]:
    """What stands between the arrows of a line, comment left out."""
    texts = [""]
    for piece in _PIECE.finditer(line):
        if piece["odd"]:
            raise ValueError(f"{line.strip()!r}: a quote is not closed")
        text = piece[0]
        if text == ">>":
            texts.append("")
        elif not text.lstrip().startswith("#"):
            texts[-1] += text
    if len(texts) == 1 and not texts[0].strip():
        return []
    return [text.strip() for text in texts]


def _end(text: str, line: str) -> tuple[str | None, Any]:
    found = _END.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{line.strip()!r}: {text!r} is no node; expected a name, or a name and "
            f'an action: review - "publish"'
        )
    name = None if found["name"] == "null" else _unquoted(found["name"])
    if found["quoted"] is not None:
        return name, _unquoted(found["quoted"])
    return name, DEFAULT_ACTION if found["bare"] is None else _value(found["bare"])


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    return str(json.loads(text)) if text.startswith('"') else text


def _value(bare: str) -> Any:
    if re.fullmatch(r"-?\d+", bare):
        return int(bare)
    return {"true": True, "false": False}.get(bare, bare)


def write(wiring: Wiring) -> str:
    """Lines that ``parse`` reads as ``wiring``: one line if it is one chain.

    Raises:
        ValueError: An action is no text, whole number, true or false.
    """
    start, arrows = wiring
    if start is None:
        return ""
    if not arrows:
        return _name(start)
    follows = [start, *(arrow.target for arrow in arrows)]
    is_chain = all(
        arrow.action == DEFAULT_ACTION and arrow.source == before
        for arrow, before in zip(arrows, follows, strict=False)
    )
    if is_chain:
        return " >> ".join(_name(name) for name in follows)
    return "".join(f"{line}\n" for line in _lines(arrows))


def _lines(arrows: Iterable[Arrow]) -> Iterator[str]:
    for source, action, target in arrows:
        by = "" if action == DEFAULT_ACTION else f" - {_action(action)}"
        yield f"{_name(source)}{by} >> {_name(target)}"


def _name(name: str | None) -> str:
    if name is None:
        return "null"
    is_plain = name != "null" and name.isprintable() and _PLAIN_NAME.fullmatch(name)
    return name if is_plain else _json(name)


def _action(action: Any) -> str:
    if type(action) in (bool, int, str):
        return _json(action)
    raise ValueError(
        f"action {action!r} ({type(action).__name__}) cannot be written; expected a "
        f"text, a whole number, true or false"
    )


def _json(value: Any) -> str:
    # What is not printable is escaped: YAML takes some of it for the end of a line.
    is_odd = isinstance(value, str) and not value.isprintable()
    return json.dumps(value, ensure_ascii=is_odd)
