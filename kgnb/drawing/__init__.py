"""The picture of a graph: an SVG made of its spec alone, the same on every machine.

Process: kernel. Loop: none; ``draw`` may be called from any thread.
"""

from kgnb.drawing.svg import draw

__all__ = ["draw"]
