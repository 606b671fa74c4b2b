"""The picture with states painted in, for the record that stays.

A picture may have travelled (a log, a file, a share link), so it is read as
foreign: only what :mod:`kgnb.drawing.svg` writes is let through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from kgnb.drawing.mermaid import Look, Looks, mermaid
from kgnb.drawing.svg import INK, MUTED, SVG_NAMESPACE
from kgnb.protocol.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.drawing.mermaid import Direction

WORDS = {
    "idle": "○ not reached",
    "running": "● running",
    "waiting": "◔ waiting",
    "retrying": "↻ retrying",
    "completed": "✓ completed",
    "failed": "✕ failed",
    "skipped": "⤼ skipped",
    "cancelled": "⊘ cancelled",
    "interrupted": "◌ interrupted",
}
"""State → shape and word; never told by colour alone."""

# State → fill and line of its box, colour of its word, dashes.
_PAINT = {
    "idle": ("#ffffff", "#d0d7de", MUTED, "4 3"),
    "running": ("#ddf4ff", "#0969da", "#0550ae", ""),
    "waiting": ("#fff8c5", "#bf8700", "#7d4e00", ""),
    "retrying": ("#fff1e5", "#bc4c00", "#953800", ""),
    "completed": ("#e6f6ea", "#1a7f37", "#116329", ""),
    "failed": ("#ffebe9", "#cf222e", "#a40e26", ""),
    "skipped": ("#ffffff", "#afb8c1", MUTED, "2 3"),
    "cancelled": ("#f6f8fa", "#8c959f", "#57606a", "6 3"),
    "interrupted": ("#fff8c5", "#bf8700", "#7d4e00", "6 3"),
}
# Greys that are seen on white and on black: the picture has no background.
_TAKEN = "#6e7781"
_NOT_TAKEN = "#8c959f"

_ELEMENTS = frozenset(
    {"g", "rect", "path", "text", "tspan", "title", "desc", "polygon", "circle"}
    | {"line", "ellipse"}
)
_ATTRIBUTES = frozenset(
    {"class", "role", "aria-label", "viewBox", "width", "height", "x", "y", "rx"}
    | {"ry", "cx", "cy", "r", "x1", "y1", "x2", "y2", "d", "points", "fill"}
    | {"fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity"}
    | {"font-family", "font-size", "font-weight", "text-anchor"}
    | {"data-node", "data-state", "data-kind", "data-edge", "data-count"}
)
_REFERENCE = re.compile(r"url\s*\(", re.IGNORECASE)
_DEEPEST = 6
"""Levels; ours has three."""
_LARGEST = 4_000_000
"""Characters; a picture of 500 nodes has a tenth of it."""


def times(count: int) -> str:
    """How often, where it was more than once."""
    return f"\N{MULTIPLICATION SIGN}{count}" if count > 1 else ""


def paint(svg: str, view: Mapping[str, Any]) -> str:
    """Write states, counts and the edges taken into a picture.

    Args:
        svg: A picture of :func:`kgnb.drawing.draw`, with or without states.
        view: A ``RunView`` or a record as a dict (``status``, ``nodes``, ``edges``).
            Once it is over, what was not reached is drawn in dashes.

    Returns:
        The picture, or an empty text where ``svg`` is not such a picture.
    """
    root = _checked(svg)
    if root is None:
        return ""
    is_over = view.get("status") in ENDED
    nodes = view.get("nodes") or {}
    counts = {
        f"{edge['source']}|{edge['action']}|{edge['target']}": int(edge["count"])
        for edge in view.get("edges") or ()
    }
    for group in root.iter("g"):
        node, edge = group.get("data-node"), group.get("data-edge")
        if node is not None:
            _paint_node(group, nodes.get(node) or {}, is_over=is_over)
        elif edge is not None:
            _paint_edge(group, counts.get(edge, 0), is_over=is_over)
    root.set("xmlns", SVG_NAMESPACE)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def flowchart(view: Mapping[str, Any], direction: Direction = "LR") -> str:
    """The same for Mermaid: the graph with its states, as text.

    Raises:
        ValueError: ``direction`` is none of Mermaid's.
    """
    nodes = {
        name: _look(str(node["status"]), int(node["visits"]))
        for name, node in view["nodes"].items()
    }
    taken = {(e["source"], e["action"], e["target"]): e["count"] for e in view["edges"]}
    return mermaid(view["graph"], direction, looks=Looks(nodes, taken))


def _look(status: str, visits: int) -> Look:
    fill, line, ink, dashes = _PAINT[status]
    style = f"fill:{fill},stroke:{line},color:{ink}"
    if dashes:
        style += f",stroke-dasharray:{dashes}"
    return Look(f"{WORDS[status]} {times(visits)}".strip(), status, style)


def _checked(svg: str) -> ET.Element | None:
    """The parsed picture without what does not belong in one."""
    if len(svg) > _LARGEST or "<!" in svg or "<?" in svg:
        return None
    try:
        root = ET.fromstring(svg)  # noqa: S314  # no declarations: nothing expands
    except ET.ParseError:
        return None
    if root.tag != f"{{{SVG_NAMESPACE}}}svg":
        return None
    _strip(root)
    return root


def _strip(root: ET.Element) -> None:
    """Take out what a picture of ours never holds, and what lies too deep."""
    level = [root]
    for _ in range(_DEEPEST):
        for element in level:
            element.tag = _local(element)
            for name, value in list(element.attrib.items()):
                if name not in _ATTRIBUTES or _REFERENCE.search(value):
                    del element.attrib[name]
            for child in list(element):
                if _local(child) not in _ELEMENTS:
                    element.remove(child)
        level = [child for element in level for child in element]
    for element in level:
        element.clear()
        element.tag = "g"


def _local(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{SVG_NAMESPACE}}}")


def _paint_node(group: ET.Element, node: Mapping[str, Any], *, is_over: bool) -> None:
    state = str(node.get("status") or "idle")
    if state not in _PAINT:
        state = "idle"
    group.set("data-state", state)
    if state == "idle" and not is_over:
        return
    fill, line, ink, dashes = _PAINT[state]
    if "kgnb-cluster" in group.get("class", ""):
        fill, ink = MUTED, MUTED
    texts = {
        "kgnb-state": WORDS[state],
        "kgnb-count": times(int(node.get("visits") or 0)),
    }
    name = MUTED if state == "idle" else INK
    inks = {"kgnb-label": name, "kgnb-state": ink, "kgnb-count": ink}
    for part in group:
        kind = part.get("class", "")
        if part.tag in ("rect", "path"):
            part.set("stroke", line)
        if part.tag == "rect":
            part.set("fill", fill)
            if dashes:
                part.set("stroke-dasharray", dashes)
        if kind in inks:
            part.set("fill", inks[kind])
        if kind in texts:
            part.text = texts[kind]


def _paint_edge(group: ET.Element, count: int, *, is_over: bool) -> None:
    group.set("data-count", str(count))
    if not count and not is_over:
        return
    colour = _TAKEN if count else _NOT_TAKEN
    for part in group:
        if part.tag in ("path", "polygon") and not count:
            part.set("opacity", "0.55")
        if part.tag == "path":
            part.set("stroke", colour)
            part.set("stroke-width", "2" if count else "1.5")
            if not count:
                part.set("stroke-dasharray", "4 3")
        elif part.tag == "polygon":
            part.set("fill", colour)
        elif part.get("class") == "kgnb-action" and count:
            part.set("font-weight", "500")
