"""A graph as Mermaid text, for READMEs, issues and other places that draw it.

Ids are numbers in the order of the spec, so the same graph gives the same text. All
that could mean something to Mermaid is written as a character code (its
documentation, "Entity codes to escape characters").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kgnb.drawing.geometry import cluster_name
from kgnb.drawing.nesting import nesting
from kgnb.drawing.text import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kgnb.drawing.nesting import Edge, Nesting

Direction = Literal["LR", "TB", "RL", "BT"]

_DIRECTIONS = ("LR", "TB", "RL", "BT")
_SPECIAL = re.compile(r"[^\w\s.,:/'()+=?!-]")
_INDENT = "  "


class Look(NamedTuple):
    """How a node of a run is shown."""

    words: str
    """Below its name."""
    group: str
    """The name of its style: letters."""
    style: str
    """As Mermaid's ``classDef`` takes it."""


class Looks(NamedTuple):
    """How the graph of a run is shown."""

    nodes: Mapping[str, Look]
    taken: Mapping[tuple[str, str, str], int]
    """Source, action, target → how often the arrow was taken."""


def mermaid(
    graph_spec: Mapping[str, Any],
    direction: Direction = "LR",
    *,
    looks: Looks | None = None,
) -> str:
    """A flowchart: nested graphs as subgraphs, actions on the arrows.

    Args:
        graph_spec: A ``GraphSpec`` as a dict.
        direction: Where the work flows, in Mermaid's letters.
        looks: Of a run: its states, and the arrows that were taken, which are thick.

    Raises:
        ValueError: ``direction`` is none of Mermaid's.
    """
    if direction not in _DIRECTIONS:
        msg = f"direction={direction!r}: expected one of {', '.join(_DIRECTIONS)}"
        raise ValueError(msg)
    lines = _Flowchart(nesting(graph_spec), looks).lines()
    return "\n".join([f"flowchart {direction}", *lines]) + "\n"


class _Flowchart:
    def __init__(self, made: Nesting, looks: Looks | None) -> None:
        self._made = made
        self._looks = looks
        names = dict.fromkeys([*made.nodes, *made.members])
        self._ids = {node: f"n{i}" for i, node in enumerate(names)}

    def lines(self) -> Iterator[str]:
        made, ids = self._made, self._ids
        if made.start is not None:
            yield f"{_INDENT}start(( )) --> {ids[made.start]}"
        for node in ids:
            if node not in made.parent:
                yield from self._node(node, _INDENT)
        for edge in made.edges:
            arrow = self._arrow(edge)
            yield f"{_INDENT}{ids[edge.source]} {arrow} {ids[edge.target]}"
        if self._looks is not None:
            yield from self._styles(self._looks.nodes)

    def _arrow(self, edge: Edge) -> str:
        action = "" if edge.action == "default" else edge.action
        count = 0 if self._looks is None else self._looks.taken.get(edge, 0)
        times = f"\N{MULTIPLICATION SIGN}{count}" if count > 1 else ""
        words = " ".join(filter(None, (action, times)))
        arrow = "==>" if count else "-->"
        return f"{arrow}|{_quoted(words)}|" if words else arrow

    def _styles(self, looks: Mapping[str, Look]) -> Iterator[str]:
        """A subgraph keeps Mermaid's own: what lies in it is to be seen."""
        groups: dict[str, list[str]] = {}
        for node, look in looks.items():
            if node in self._ids and node not in self._made.members:
                groups.setdefault(look.group, []).append(self._ids[node])
        styles = {look.group: look.style for look in looks.values()}
        for group, names in groups.items():
            yield f"{_INDENT}classDef {group} {styles[group]}"
            yield f"{_INDENT}class {','.join(names)} {group}"

    def _node(self, node: str, indent: str) -> Iterator[str]:
        entry = self._made.nodes.get(node, {})
        name = self._ids[node]
        text = _quoted(cluster_name(node, entry), *self._words(node))
        if node in self._made.members:
            yield f"{indent}subgraph {name}[{text}]"
            for inner in self._made.members[node]:
                yield from self._node(inner, indent + _INDENT)
            yield f"{indent}end"
        elif entry.get("kind") == "batch":
            yield f"{indent}{name}[[{text}]]"
        else:
            yield f"{indent}{name}[{text}]"

    def _words(self, node: str) -> Sequence[str]:
        look = None if self._looks is None else self._looks.nodes.get(node)
        return () if look is None else (look.words,)


def _quoted(*lines: str) -> str:
    # A text of nothing is no text to Mermaid, which then shows the id.
    text = "<br/>".join(_SPECIAL.sub(_code, label(line)) for line in lines)
    return f'"{text or "#32;"}"'


def _code(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"
