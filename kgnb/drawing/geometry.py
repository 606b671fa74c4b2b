"""Boxes, arrows and the measures of the picture; pixels, y downwards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import label
from kgnb.drawing.widths import fit, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL_SIZE = 13
SMALL_SIZE = 11
BOX_HEIGHT = 48
LINE_HEIGHT = 16
"""Of a name's second line."""
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
    """The name, or its first line, cut to its room."""
    name: str
    kind: str
    width: int
    height: int
    x: int = 0
    y: int = 0
    is_listed: bool = True
    """False for an enclosing graph that the spec does not list as a node."""
    second_line: str = ""
    """The rest of a long name, cut to its room."""


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
    first, second = (fit(line, LABEL_SIZE, LABEL_ROOM) for line in _lines(name))
    needed = max(text_width(line, LABEL_SIZE) for line in (first, second))
    width = max(BOX_MIN_WIDTH, needed + 2 * BOX_PADDING)
    height = BOX_HEIGHT + (LINE_HEIGHT if second else 0)
    kind = str(node.get("kind") or "node")
    return Box(node_id, first, name, kind, width, height, second_line=second)


def _lines(name: str) -> tuple[str, str]:
    """A name on one line; on two where it is too long and has a place to break."""
    if text_width(name, LABEL_SIZE) > LABEL_ROOM:
        for breaks in (_BREAK, _HUMP):
            for match in reversed(list(breaks.finditer(name))):
                first = name[: match.start()].rstrip()
                if first and text_width(first, LABEL_SIZE) <= LABEL_ROOM:
                    return first, name[match.start() :].strip()
    return name, ""


_BREAK = re.compile(r"(?=[.\s(\[])|(?<=[-_/:|])")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def cluster_name(node_id: str, node: Mapping[str, Any]) -> str:
    """A nested graph's name in full."""
    return label(node.get("label") or node_id.rpartition("/")[2])


def action_label(action: str) -> str:
    """An edge's name, cut to its room; empty where none needs to be read."""
    return "" if action == "default" else fit(label(action), SMALL_SIZE, ACTION_ROOM)
