"""What ``graph.to_svg()``, ``to_png()`` and ``to_mermaid()`` do."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import GraphError
from kgnb.graph.spec import describe, label_of

if TYPE_CHECKING:
    from os import PathLike

    from kgnb.drawing.mermaid import Direction


def svg(graph: Any, path: str | PathLike[str] | None) -> str:
    """The picture, written to ``path`` too if there is one.

    Raises:
        GraphError: It cannot be drawn; the text says why.
    """
    from kgnb.drawing import draw  # noqa: PLC0415  # only where it is asked for

    spec = describe(graph)
    drawn = draw(spec.to_dict())
    if drawn is None:
        raise GraphError(f"{label_of(graph)} cannot be drawn: {_reason(spec.nodes)}")
    if path is not None:
        Path(path).write_text(drawn, encoding="utf-8")
    return drawn


def png(graph: Any, path: str | PathLike[str], scale: float) -> None:
    """The picture in pixels, written to ``path``.

    Raises:
        GraphError: It cannot be drawn; the text says why.
        InvalidValue: The scale makes no picture, or one that is too large.
        Unavailable: The extra ``png`` is not installed.
    """
    from kgnb.drawing import png  # noqa: PLC0415  # only where it is asked for

    Path(path).write_bytes(png(svg(graph, None), scale))


def mermaid(graph: Any, direction: Direction) -> str:
    """The graph as Mermaid text."""
    from kgnb.drawing import mermaid  # noqa: PLC0415  # only where it is asked for

    return mermaid(describe(graph).to_dict(), direction)


def _reason(nodes: tuple[Any, ...]) -> str:
    if not nodes:
        return "it has no nodes; set the first one by start(node)"
    if find_spec("pygraphviz") is None:
        return "pip install pygraphviz, or use to_mermaid()"
    return f"{len(nodes)} nodes are too many or too tangled; to_mermaid() takes any"
