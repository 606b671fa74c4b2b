"""A graph as SVG: drawn once, in the kernel, the same on every machine.

The picture is part of the wire: the browser finds nodes by ``data-node`` and
edges by ``data-edge`` (``source|action|target``) and changes states only. It
holds whole numbers, no ids, no styles, no links and no scripts; colours are
presentation attributes that a style sheet may override.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kgnb.drawing.geometry import (
    BOX_PADDING,
    LABEL_SIZE,
    LINE_HEIGHT,
    SMALL_SIZE,
    START_SIZE,
    Box,
    Layout,
    Point,
    Route,
)
from kgnb.drawing.layout import lay_out
from kgnb.drawing.text import escape, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SVG_NAMESPACE = "http://www.w3.org/2000/svg"
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

INK = "#1f2328"
MUTED = "#6e7781"
LINE = "#8c959f"
FRAME = "#afb8c1"
PAPER = "#ffffff"


def draw(graph_spec: Mapping[str, Any]) -> str | None:
    """Draw a graph that has not run yet; the same bytes for the same graph.

    Args:
        graph_spec: A ``GraphSpec`` as a dict; its own ``svg`` is not looked at.

    Returns:
        One ``<svg>`` element, or None where no picture can be made (an empty
        graph, one of more than 500 nodes, no pygraphviz): the list serves.
        Callable from any thread.
    """
    layout = lay_out(graph_spec)
    if layout is None:
        return None
    name = label(graph_spec.get("name") or "graph")
    return "".join(_picture(layout, name))


def _picture(layout: Layout, name: str) -> Iterable[str]:
    width, height = layout.width, layout.height
    yield (
        f'<svg xmlns="{SVG_NAMESPACE}" class="kgnb-graph" role="img" '
        f'aria-label="{escape(f"Graph {name}")}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONTS}" font-size="{LABEL_SIZE}">'
    )
    yield f"<title>{escape(name)}</title>"
    yield f"<desc>{escape(_sentence(layout))}</desc>"
    for cluster in layout.clusters:
        yield from _cluster(cluster)
    if layout.start is not None:
        yield from _start(*layout.start)
    for route in layout.routes:
        yield from _edge(route)
    for box in layout.boxes:
        yield from _node(box)
    yield "</svg>"


def _sentence(layout: Layout) -> str:
    """The graph in words, for who cannot see it."""
    names = {box.id: box.name for box in (*layout.boxes, *layout.clusters)}
    steps = []
    for route in layout.routes:
        by = "" if route.action == "default" else f" by {label(route.action)}"
        steps.append(f"{names[route.source]} leads to {names[route.target]}{by}")
    nodes = ", ".join(box.name for box in layout.boxes)
    return f"Nodes: {nodes}." + (f" {'; '.join(steps)}." if steps else "")


def _node(box: Box) -> Iterable[str]:
    x, y, right = box.x, box.y, box.x + box.width
    yield (
        f'<g class="kgnb-node" data-node="{escape(box.id)}" data-state="idle" '
        f'data-kind="{escape(box.kind)}"><title>{escape(box.name)}</title>'
    )
    if box.kind == "batch":
        yield _pile(box)
    yield (
        f'<rect x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="9" '
        f'fill="{PAPER}" stroke="{FRAME}" stroke-width="1.5"/>'
    )
    for line, text in enumerate(filter(None, (box.label, box.second_line))):
        yield (
            f'<text class="kgnb-label" x="{x + BOX_PADDING}" '
            f'y="{y + 21 + line * LINE_HEIGHT}" '
            f'font-weight="500" fill="{INK}">{escape(text)}</text>'
        )
    bottom = y + box.height - 10
    yield _small("kgnb-state", x + BOX_PADDING, bottom, "idle")
    yield _small("kgnb-count", right - BOX_PADDING, bottom, "", anchor="end")
    yield "</g>"


def _pile(box: Box) -> str:
    """The edge of a second sheet behind a node that works through a batch."""
    x, y = box.x + 5, box.y - 4
    right, bottom = box.x + box.width + 4, box.y + box.height - 5
    return (
        f'<path class="kgnb-pile" fill="none" stroke="{FRAME}" stroke-width="1.5" '
        f'd="M{x} {y}H{right - 9}Q{right} {y} {right} {y + 9}V{bottom}"/>'
    )


def _cluster(box: Box) -> Iterable[str]:
    node = f' data-node="{escape(box.id)}" data-state="idle"' if box.is_listed else ""
    group = "kgnb-node kgnb-cluster" if box.is_listed else "kgnb-cluster"
    yield (
        f'<g class="{group}"{node} data-kind="graph"><title>{escape(box.name)}</title>'
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" '
        f'rx="12" fill="{MUTED}" fill-opacity="0.06" stroke="{FRAME}" '
        'stroke-width="1.5"/>'
    )
    yield _small("kgnb-label", box.x + 14, box.y + 19, box.label, weight="500")
    if box.is_listed:
        right = box.x + box.width - 12
        yield _small("kgnb-state", right - 30, box.y + 19, "", anchor="end")
        yield _small("kgnb-count", right, box.y + 19, "", anchor="end")
    yield "</g>"


def _small(
    group: str, x: int, y: int, text: str, *, anchor: str = "", weight: str = ""
) -> str:
    extra = f' text-anchor="{anchor}"' if anchor else ""
    extra += f' font-weight="{weight}"' if weight else ""
    return (
        f'<text class="{group}" x="{x}" y="{y}" font-size="{SMALL_SIZE}" '
        f'fill="{MUTED}"{extra}>{escape(text)}</text>'
    )


def _edge(route: Route) -> Iterable[str]:
    key = f"{route.source}|{route.action}|{route.target}"
    yield f'<g class="kgnb-edge" data-edge="{escape(key)}">'
    yield from _arrow(route)
    if route.label_at is not None:
        x, y = route.label_at
        yield _small("kgnb-action", x, y + 3, route.label, anchor="middle")
    yield "</g>"


def _start(dot: Point, route: Route) -> Iterable[str]:
    x, y = dot
    yield '<g class="kgnb-start"><title>Start</title>'
    yield f'<circle cx="{x}" cy="{y}" r="{START_SIZE // 2 - 1}" fill="{LINE}"/>'
    yield from _arrow(route)
    yield "</g>"


def _arrow(route: Route) -> Iterable[str]:
    (x, y), *rest = route.curve
    curve = " ".join(f"{a} {b}" for a, b in rest)
    yield (
        f'<path d="M{x} {y}C{curve}" fill="none" stroke="{LINE}" stroke-width="1.5"/>'
    )
    corners = " ".join(f"{a},{b}" for a, b in _head(route))
    yield f'<polygon points="{corners}" fill="{LINE}"/>'


def _head(route: Route) -> tuple[Point, ...]:
    """The arrow's head: a triangle from the end of the curve to the tip."""
    before = next(
        (point for point in reversed(route.curve) if point != route.tip), route.tip
    )
    across, down = route.tip[0] - before[0], route.tip[1] - before[1]
    length = math.hypot(across, down) or 1.0
    dx, dy = across / length, down / length
    back = (route.tip[0] - 9 * dx, route.tip[1] - 9 * dy)
    left = (round(back[0] - 4 * dy), round(back[1] + 4 * dx))
    right = (round(back[0] + 4 * dy), round(back[1] - 4 * dx))
    return (route.tip, left, right)
