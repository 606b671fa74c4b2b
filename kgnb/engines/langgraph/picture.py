"""The picture of a compiled graph, made here: nothing is sent anywhere for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.graph.spec import EdgeSpec, GraphSpec, NodeSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDS = ("__start__", "__end__")
"""LangGraph's own nodes, which never run."""


_HANDLER = "__error_handler__"
"""Before the name of the node whose failure it handles."""


class Picture:
    """The nodes and edges of a graph, subgraphs expanded, as far as they are declared.

    An untyped router declares none of its edges: what a run takes besides is in its
    events alone.
    """

    def __init__(self, graph: Any) -> None:
        self._nodes: list[NodeSpec] = []
        self._edges: list[EdgeSpec] = []
        self._targets: dict[str, dict[str, str]] = {}
        self._expand(graph, (), ())
        self._known = {node.id for node in self._nodes}
        starts = entries_of(graph)
        self.spec = GraphSpec(
            name=str(graph.get_name()),
            start=starts[0] if starts else None,
            nodes=tuple(self._nodes),
            edges=tuple(self._edges),
        )

    def _expand(
        self, graph: Any, path: tuple[str, ...], enclosing: tuple[int, ...]
    ) -> None:
        drawn = graph.get_graph()
        inner = dict(graph.get_subgraphs())
        names = [name for name in drawn.nodes if _is_shown(name)]
        for name in names:
            subgraph = inner.get(name)
            kind = "node" if subgraph is None else "graph"
            self._nodes.append(NodeSpec(node_id(path, name), name, kind, path))  # type: ignore[arg-type]  # one of two
            # A graph that holds itself is not expanded again.
            if subgraph is not None and id(subgraph) not in enclosing:
                self._expand(subgraph, (*path, name), (*enclosing, id(graph)))
        for edge in drawn.edges:
            if _is_shown(edge.source) and _is_shown(edge.target):
                self._connect(path, edge)

    def _connect(self, path: tuple[str, ...], edge: Any) -> None:
        source, target = node_id(path, edge.source), node_id(path, edge.target)
        action = "default" if edge.data is None else str(edge.data)
        if target not in self._targets.setdefault(source, {}):
            self._targets[source][target] = action
            self._edges.append(EdgeSpec(source, target, action))

    def has(self, node: str) -> bool:
        """Whether a node is declared."""
        return node in self._known

    def action(self, source: str, target: str) -> str | None:
        """The label of the edge between two nodes; None where none is declared."""
        return self._targets.get(source, {}).get(target)

    def has_targets(self, source: str) -> bool:
        """Whether any edge of the node is declared."""
        return bool(self._targets.get(source))


def _is_shown(name: str) -> bool:
    return name not in ENDS and not name.startswith(_HANDLER)


def node_id(path: Iterable[str], name: str) -> str:
    """A node's id: its name after those of the graphs around it.

    A node's error handler, which is called in its place, is nested in it.
    """
    shown = "error handler" if name.startswith(_HANDLER) else name
    return "/".join((*path, shown))


def entries_of(graph: Any) -> list[str]:
    """The names of the nodes with which a graph begins."""
    return [
        edge.target
        for edge in graph.get_graph().edges
        if edge.source == "__start__" and _is_shown(edge.target)
    ]
