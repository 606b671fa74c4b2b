"""A graph in Graphviz's language, with every size given and no name quoted.

Graphviz measures no text here. Boxes have fixed sizes, and the room for an
edge's or a cluster's name is an empty HTML table of fixed size, so that the
positions depend on the graph alone and not on the machine's fonts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.drawing.geometry import (
    ACTION_HEIGHT,
    HEADER,
    LABEL_ROOM,
    SMALL_SIZE,
    START_SIZE,
    Box,
    action_label,
    cluster_name,
)
from kgnb.drawing.nesting import Edge, Nesting, leading_back
from kgnb.drawing.widths import text_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DPI = 72
_STATE_ROOM = 136
"""Beside a cluster's name: a gap, the longest state word and a count."""


class DotSource:
    """One graph to be placed: its source text, and which name means what.

    Args:
        made: The graph.
        boxes: Its leaves, with their sizes.
        straight: Whether arrows are straight lines, cheap in a tangled graph.

    Attributes:
        names: Node id → name in the source.
        clusters: Nested graph's id → name in the source.
        back: Indices of the edges that were written the other way round.
    """

    def __init__(
        self, made: Nesting, boxes: Mapping[str, Box], *, straight: bool = False
    ) -> None:
        self._made = made
        self._straight = straight
        self._boxes = boxes
        self.names = {node: f"n{i}" for i, node in enumerate(boxes)}
        self.clusters = {node: f"cluster_{i}" for i, node in enumerate(made.members)}
        self.back = leading_back(made)

    def text(self, direction: str) -> str:
        """The source; ``direction`` is ``"LR"`` or ``"TB"``."""
        between, along = (0.36, 0.5) if direction == "LR" else (0.42, 0.4)
        lines = [
            "digraph {",
            f"rankdir={direction}; compound=true;",
            f"nodesep={between}; ranksep={along};",
            'node [shape=box, fixedsize=true, label="", margin=0];',
            "edge [arrowsize=0.8];",
        ]
        if self._straight:
            lines.append("splines=line; nslimit=1; nslimit1=1; mclimit=0.1;")
        lines += self._start()
        lines += [self._leaf(node) for node in self._boxes]
        outermost = [n for n in self._made.members if n not in self._made.parent]
        for node in outermost:
            lines += self._cluster(node)
        for index, edge in enumerate(self._made.edges):
            lines += self._edge(index, edge)
        return "\n".join([*lines, "}"])

    def _leaf(self, node: str) -> str:
        box = self._boxes[node]
        return f"{self.names[node]} [{_size(box.width, box.height)}];"

    def _cluster(self, node: str) -> Iterator[str]:
        yield f"subgraph {self.clusters[node]} {{"
        name = text_width(
            cluster_name(node, self._made.nodes.get(node, {})), SMALL_SIZE
        )
        room = min(name, LABEL_ROOM) + _STATE_ROOM
        yield f"label={_spacer(room, HEADER)}; labeljust=l; margin=14;"
        for inner in self._made.members[node]:
            if inner in self.clusters:
                yield from self._cluster(inner)
            else:
                yield f"{self.names[inner]};"
        yield "}"

    def _start(self) -> Iterable[str]:
        start = self._made.start
        if start is None:
            return
        yield f"start [shape=circle, {_size(START_SIZE, START_SIZE)}];"
        head = f", lhead={self.clusters[start]}" if start in self.clusters else ""
        target = self.names[self._made.entry(start)]
        yield f'start -> {target} [id="start", weight=4{head}];'

    def _edge(self, index: int, edge: Edge) -> Iterable[str]:
        if edge.source == edge.target and edge.source in self.clusters:
            return  # a loop at a frame: dot has none, the layout draws it
        is_back = index in self.back
        attributes = [f'id="e{index}"']
        if name := action_label(edge.action):
            room = text_width(name, SMALL_SIZE) + 8
            attributes.append(f"label={_spacer(room, ACTION_HEIGHT)}")
        tail, head = self._made.exit(edge.source), self._made.entry(edge.target)
        ends = ("lhead", "ltail") if is_back else ("ltail", "lhead")
        for end, here, there in zip(
            ends, (edge.source, edge.target), (edge.target, edge.source), strict=True
        ):
            if here in self.clusters and here not in self._made.around(there):
                attributes.append(f"{end}={self.clusters[here]}")
        if is_back:
            tail, head = head, tail
            attributes.append("dir=back")
        yield f"{self.names[tail]} -> {self.names[head]} [{', '.join(attributes)}];"


def _size(width: int, height: int) -> str:
    return f"width={width / _DPI:.4f}, height={height / _DPI:.4f}"


def _spacer(width: int, height: int) -> str:
    """An empty label of a size of its own, for which no font is asked."""
    cell = f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return (
        '<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" '
        f"{cell}><TR><TD {cell}></TD></TR></TABLE>>"
    )
