"""Boxes, arrows and the measures of the picture; pixels, y downwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import label
from kgnb.drawing.widths import fit, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL_SIZE = 13
SMALL_SIZE = 11
BOX_HEIGHT = 48
BOX_PADDING = 14
BOX_MIN_WIDTH = 124
"""Holds the longest state word with a count of two digits beside it."""
LABEL_ROOM = 230
ACTION_ROOM = 150
ACTION_HEIGHT = 20
HEADER = 18
MARGIN = 10
START_SIZE = 12

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or a nested graph with the boxes inside it."""

    id: str
    label: str
    """The name, cut to its room."""
    name: str
    kind: str
    width: int
    height: int
    x: int = 0
    y: int = 0
    is_listed: bool = True
    """False for an enclosing graph that the spec does not list as a node."""


@dataclass(frozen=True, slots=True)
class Route:
    """An arrow: a Bézier curve, the point of its head, and its name's middle."""

    source: str
    action: str
    target: str
    curve: tuple[Point, ...]
    tip: Point
    label: str = ""
    label_at: Point | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture; clusters outermost first, else in the spec's order."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    clusters: tuple[Box, ...]
    routes: tuple[Route, ...]
    start: tuple[Point, Route] | None = None
    """Middle of the dot where the work begins, and the arrow from there."""


def node_box(node_id: str, node: Mapping[str, Any]) -> Box:
    """A node's box, not placed yet."""
    name = label(node.get("label") or node_id)
    cut = fit(name, LABEL_SIZE, LABEL_ROOM)
    width = max(BOX_MIN_WIDTH, text_width(cut, LABEL_SIZE) + 2 * BOX_PADDING)
    return Box(node_id, cut, name, str(node.get("kind") or "node"), width, BOX_HEIGHT)


def cluster_name(node_id: str, node: Mapping[str, Any]) -> str:
    """A nested graph's name in full."""
    return label(node.get("label") or node_id.rpartition("/")[2])


def action_label(action: str) -> str:
    """An edge's name, cut to its room; empty where none needs to be read."""
    return "" if action == "default" else fit(label(action), SMALL_SIZE, ACTION_ROOM)
