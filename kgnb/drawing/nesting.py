"""A graph spec with its nesting worked out, and which arrows lead back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Edge(NamedTuple):
    """An arrow of the spec; ``action`` is ``"default"`` where none is named."""

    source: str
    action: str
    target: str


@dataclass(slots=True)
class Nesting:
    """Nodes and edges of a spec, in its order, and what lies in what."""

    nodes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    start: str | None = None
    members: dict[str, list[str]] = field(default_factory=dict)
    """Nested graph → ids of what lies directly in it."""
    parent: dict[str, str] = field(default_factory=dict)

    def __contains__(self, node: str) -> bool:
        return node in self.nodes or node in self.members

    def around(self, node: str) -> list[str]:
        """The node and the nested graphs around it, innermost first."""
        found = [node]
        while (up := self.parent.get(found[-1])) is not None:
            found.append(up)
        return found

    def entry(self, node: str) -> str:
        """The leaf that stands for a nested graph where an arrow ends."""
        while node in self.members:
            node = self.members[node][0]
        return node

    def exit(self, node: str) -> str:
        """The leaf that stands for a nested graph where an arrow begins."""
        while node in self.members:
            node = self.members[node][-1]
        return node

    def siblings(self, edge: Edge) -> tuple[str, str]:
        """The two ends, lifted to where both lie directly in the same graph."""
        sources, targets = self.around(edge.source), self.around(edge.target)
        while len(sources) > 1 and len(targets) > 1 and sources[-1] == targets[-1]:
            sources.pop()
            targets.pop()
        return sources[-1], targets[-1]


def nesting(spec: Mapping[str, Any]) -> Nesting:
    """Work out the nesting; an edge to an unknown node is left out."""
    made = Nesting()
    for node in spec.get("nodes") or ():
        made.nodes.setdefault(str(node["id"]), node)
    for name, node in made.nodes.items():
        _put_inside(made, name, [str(part) for part in node.get("path") or ()])
    for edge in spec.get("edges") or ():
        action = str(edge.get("action") or "default")
        arrow = Edge(str(edge["source"]), action, str(edge["target"]))
        if arrow.source in made and arrow.target in made:
            made.edges.append(arrow)
    start = spec.get("start")
    if start is not None and str(start) in made:
        made.start = str(start)
    return made


def _put_inside(made: Nesting, node: str, path: list[str]) -> None:
    """Put a node into the graph at the end of ``path``, and that into its own."""
    for depth in range(len(path), 0, -1):
        outer = "/".join(path[:depth])
        if node in made.parent or node in made.around(outer):
            return
        made.parent[node] = outer
        made.members.setdefault(outer, []).append(node)
        node = outer


def leading_back(made: Nesting) -> set[int]:
    """Indices of the edges that close a loop, seen from the start.

    A depth-first walk among siblings, in the spec's order: an edge to a node
    from which the walk came leads back. Turned round for the layout, it lets
    the work flow one way however the graph was written down.
    """
    ways: dict[str, list[tuple[str, int]]] = {}
    for index, edge in enumerate(made.edges):
        source, target = made.siblings(edge)
        if source != target:
            ways.setdefault(source, []).append((target, index))
    first = made.around(made.start) if made.start is not None else []
    back: set[int] = set()
    done: set[str] = set()
    for root in (*first, *made.nodes):
        if root not in done:
            _walk(root, ways, done, back)
    return back


def _walk(
    root: str,
    ways: Mapping[str, list[tuple[str, int]]],
    done: set[str],
    back: set[int],
) -> None:
    """Walk from ``root`` without recursion: a chain may be thousands long."""
    trail = [(root, iter(ways.get(root, ())))]
    on_trail = {root}
    while trail:
        node, rest = trail[-1]
        for target, index in rest:
            if target in on_trail:
                back.add(index)
            elif target not in done:
                trail.append((target, iter(ways.get(target, ()))))
                on_trail.add(target)
                break
        else:
            trail.pop()
            on_trail.discard(node)
            done.add(node)
