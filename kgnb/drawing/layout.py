"""Where everything in the picture goes: Graphviz places boxes of known size."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.drawing.dot import DotSource
from kgnb.drawing.geometry import (
    LABEL_ROOM,
    MARGIN,
    SMALL_SIZE,
    Box,
    Layout,
    Point,
    Route,
    action_label,
    cluster_name,
    node_box,
)
from kgnb.drawing.nesting import Edge, Nesting, nesting
from kgnb.drawing.widths import fit, text_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GOOD_WIDTH = 940
"""Pixels that a notebook's output offers; a wider picture is turned upright."""
MOST_NODES = 500
MOST_LOOPS = 300
MANY_NODES = 100
MANY_LOOPS = 60
"""Loops are edges past those of a tree: they, not the nodes, cost the time.

Graphviz holds the interpreter while it works, and its curves around many loops
take minutes (300 nodes with 600 edges: 8). So a graph with many gets straight
arrows and one try, and one with more none (measured: all below 2 s).
"""

_LOCK = threading.Lock()  # cgraph and gvc keep process-wide state


def lay_out(spec: Mapping[str, Any]) -> Layout | None:
    """Place the graph, lying if it fits a notebook's width, else upright.

    Args:
        spec: A ``GraphSpec`` as a dict (``nodes``, ``edges``, ``start``).

    Returns:
        None for an empty or a very large graph, and where Graphviz is missing
        or gives up. Callable from any thread; the calls take turns.
    """
    made = nesting(spec)
    loops = len(made.edges) - len(made.nodes)
    if not made.nodes or len(made.nodes) > MOST_NODES or loops > MOST_LOOPS:
        return None
    boxes = {
        node: node_box(node, entry)
        for node, entry in made.nodes.items()
        if node not in made.members
    }
    source = DotSource(made, boxes, straight=loops > MANY_LOOPS)
    if loops > MANY_LOOPS or len(made.nodes) > MANY_NODES:
        return _place(made, boxes, source, "TB")
    lying = _place(made, boxes, source, "LR")
    if lying is None or lying.width <= GOOD_WIDTH:
        return lying
    upright = _place(made, boxes, source, "TB")
    return lying if upright is None or upright.width >= lying.width else upright


def _place(
    made: Nesting, boxes: Mapping[str, Box], source: DotSource, direction: str
) -> Layout | None:
    placed = _graphviz(source.text(direction))
    return None if placed is None else _Reading(made, boxes, source, placed).layout()


def _graphviz(source: str) -> dict[str, Any] | None:
    """Run ``dot`` in this process; None where it is missing or fails."""
    try:
        import pygraphviz  # noqa: PLC0415  # slow, and only a picture needs it
    except ImportError:
        return None
    with _LOCK:
        graph = pygraphviz.AGraph(string=source)
        try:
            answer: Any = graph.draw(format="json0", prog="dot")
        except (ValueError, OSError):
            return None
        finally:
            graph.close()
    placed: dict[str, Any] = msgspec.json.decode(answer)
    return placed


class _Reading:
    """Graphviz's answer (points, y upwards) turned into whole pixels."""

    def __init__(
        self,
        made: Nesting,
        boxes: Mapping[str, Box],
        source: DotSource,
        placed: Mapping[str, Any],
    ) -> None:
        self._made = made
        self._boxes = boxes
        self._source = source
        self._left, bottom, right, self._top = map(float, placed["bb"].split(","))
        self._end = self._point(f"{right},{bottom}")
        self._objects = {each["name"]: each for each in placed.get("objects", ())}
        self._edges = {each["id"]: each for each in placed.get("edges", ())}

    def layout(self) -> Layout:
        boxes = tuple(map(self._leaf, self._boxes.values()))
        clusters = {node: self._cluster(node) for node in self._source.clusters}
        routes = tuple(
            self._route(edge, self._edges[f"e{i}"], is_back=i in self._source.back)
            if f"e{i}" in self._edges
            else _frame_loop(edge, clusters[edge.source])
            for i, edge in enumerate(self._made.edges)
        )
        start = None
        if "start" in self._objects:
            arrow = self._route(Edge("", "default", ""), self._edges["start"])
            start = self._point(self._objects["start"]["pos"]), arrow
        right, bottom = _extent(self._end, routes)
        return Layout(
            right + MARGIN,
            bottom + MARGIN,
            boxes,
            tuple(sorted(clusters.values(), key=self._depth)),
            routes,
            start,
        )

    def _point(self, pair: str) -> Point:
        x, y = pair.split(",")[:2]
        across, down = float(x) - self._left, self._top - float(y)
        return round(across) + MARGIN, round(down) + MARGIN

    def _depth(self, cluster: Box) -> int:
        return len(self._made.around(cluster.id))

    def _leaf(self, box: Box) -> Box:
        x, y = self._point(self._objects[self._source.names[box.id]]["pos"])
        return dataclasses.replace(box, x=x - box.width // 2, y=y - box.height // 2)

    def _cluster(self, node: str) -> Box:
        bounds = self._objects[self._source.clusters[node]]["bb"].split(",")
        x, bottom = self._point(",".join(bounds[:2]))
        right, y = self._point(",".join(bounds[2:]))
        name = cluster_name(node, self._made.nodes.get(node, {}))
        cut = fit(name, SMALL_SIZE, LABEL_ROOM)
        is_listed = node in self._made.nodes
        return Box(node, cut, name, "graph", right - x, bottom - y, x, y, is_listed)

    def _route(
        self, edge: Edge, drawn: Mapping[str, Any], *, is_back: bool = False
    ) -> Route:
        """Read ``[s,x,y] [e,x,y] x,y x,y …``: the arrow's tip, then the curve."""
        parts = drawn["pos"].split()
        tip = None
        while parts[0][0] in "se":
            tip = self._point(parts.pop(0)[2:])
        curve = [self._point(part) for part in parts]
        if is_back:
            curve.reverse()
        at = self._point(drawn["lp"]) if "lp" in drawn else None
        name = action_label(edge.action)
        return Route(*edge, tuple(curve), tip or curve[-1], name, at)


def _frame_loop(edge: Edge, box: Box) -> Route:
    """A nested graph that leads to itself: a loop at its frame's right side."""
    right, low, high = box.x + box.width, box.y + 52, box.y + 22
    out = right + 34
    curve = ((right, low), (out, low + 4), (out, high - 4), (right + 9, high))
    name = action_label(edge.action)
    middle = (out + text_width(name, SMALL_SIZE) // 2, (low + high) // 2)
    return Route(*edge, curve, (right, high), name, middle if name else None)


def _extent(end: Point, routes: Iterable[Route]) -> Point:
    """The rightmost and lowest pixel that anything reaches."""
    xs, ys = [end[0]], [end[1]]
    for route in routes:
        xs += [x for x, _ in route.curve]
        ys += [y for _, y in route.curve]
        if route.label_at is not None:
            xs.append(route.label_at[0] + text_width(route.label, SMALL_SIZE) // 2)
            ys.append(route.label_at[1] + SMALL_SIZE)
    return max(xs), max(ys)
