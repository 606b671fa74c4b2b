"""A graph as Mermaid text, for READMEs, issues and other places that draw it.

Ids are numbers in the order of the spec, so the same graph gives the same text. All
that could mean something to Mermaid is written as a character code (its
documentation, "Entity codes to escape characters").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from kgnb.drawing.geometry import cluster_name
from kgnb.drawing.nesting import nesting
from kgnb.drawing.text import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kgnb.drawing.nesting import Nesting

Direction = Literal["LR", "TB", "RL", "BT"]

_DIRECTIONS = ("LR", "TB", "RL", "BT")
_SPECIAL = re.compile(r"[^\w\s.,:/'()+=?!-]")
_INDENT = "  "


def mermaid(graph_spec: Mapping[str, Any], direction: Direction = "LR") -> str:
    """A flowchart: nested graphs as subgraphs, actions on the arrows.

    Args:
        graph_spec: A ``GraphSpec`` as a dict.
        direction: Where the work flows, in Mermaid's letters.

    Raises:
        ValueError: ``direction`` is none of Mermaid's.
    """
    if direction not in _DIRECTIONS:
        msg = f"direction={direction!r}: expected one of {', '.join(_DIRECTIONS)}"
        raise ValueError(msg)
    lines = _Flowchart(nesting(graph_spec)).lines()
    return "\n".join([f"flowchart {direction}", *lines]) + "\n"


class _Flowchart:
    def __init__(self, made: Nesting) -> None:
        self._made = made
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
            arrow = "-->"
            if edge.action != "default":
                arrow += f"|{_quoted(edge.action)}|"
            yield f"{_INDENT}{ids[edge.source]} {arrow} {ids[edge.target]}"

    def _node(self, node: str, indent: str) -> Iterator[str]:
        entry = self._made.nodes.get(node, {})
        name, text = self._ids[node], _quoted(cluster_name(node, entry))
        if node in self._made.members:
            yield f"{indent}subgraph {name}[{text}]"
            for inner in self._made.members[node]:
                yield from self._node(inner, indent + _INDENT)
            yield f"{indent}end"
        elif entry.get("kind") == "batch":
            yield f"{indent}{name}[[{text}]]"
        else:
            yield f"{indent}{name}[{text}]"


def _quoted(text: str) -> str:
    # A text of nothing is no text to Mermaid, which then shows the id.
    return f'"{_SPECIAL.sub(_code, label(text)) or "#32;"}"'


def _code(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"
