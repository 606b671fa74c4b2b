"""The picture of a graph: nodes with stable ids, and the edges between them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

NodeKind = Literal["node", "batch", "graph"]


class NodeSpec(msgspec.Struct, frozen=True):
    """One node, as it is drawn."""

    id: str
    label: str
    kind: NodeKind
    path: tuple[str, ...] = ()
    """The enclosing graphs' node ids, outermost first."""


class EdgeSpec(msgspec.Struct, frozen=True):
    """One action that leads from one node to another."""

    source: str
    target: str
    action: str


class GraphSpec(msgspec.Struct, frozen=True):
    """A whole graph, nested graphs expanded."""

    name: str
    start: str | None
    """The id of the first node; None for an empty graph."""
    nodes: tuple[NodeSpec, ...]
    edges: tuple[EdgeSpec, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, as the wire's ``graph`` has them."""
        return {
            "name": self.name,
            "start": self.start,
            "nodes": [
                {"id": n.id, "label": n.label, "kind": n.kind, "path": list(n.path)}
                for n in self.nodes
            ],
            "edges": [
                {"source": e.source, "target": e.target, "action": e.action}
                for e in self.edges
            ],
        }
