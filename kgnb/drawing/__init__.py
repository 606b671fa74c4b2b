"""The picture of a graph, made of its spec alone: SVG, PNG, or text for Mermaid.

Process: kernel. Loop: none; all of it may be called from any thread.
"""

from kgnb.drawing.mermaid import mermaid
from kgnb.drawing.png import png
from kgnb.drawing.svg import draw

__all__ = ["draw", "mermaid", "png"]
