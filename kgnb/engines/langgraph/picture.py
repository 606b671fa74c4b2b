"""The picture of a compiled graph, made here: nothing is sent anywhere for it."""

from __future__ import annotations

import threading
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.graph.spec import EdgeSpec, GraphSpec, NodeSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kgnb.graph.context import NodeVisit
    from kgnb.graph.observe import Via

ENDS = ("__start__", "__end__")
"""LangGraph's own nodes, which never run."""


_HANDLER = "__error_handler__"
"""Before the name of the node whose failure it handles."""


MOST_NODES = 500
"""Past it nothing more is added: no picture is drawn of so many."""


class Picture:
    """The nodes and edges of a graph, subgraphs expanded.

    Those that are declared, and those that a run comes upon: an untyped router declares
    none of its edges, and a ``@task``, or a graph that is called in a node's code, is
    declared nowhere. May be used from any thread.
    """

    def __init__(self, graph: Any) -> None:
        self._nodes: list[NodeSpec] = []
        self._edges: list[EdgeSpec] = []
        self._targets: dict[str, dict[str, str]] = {}
        self._expand(graph, (), ())
        self._known = {node.id for node in self._nodes}
        self._places = {node.id: n for n, node in enumerate(self._nodes)}
        starts = entries_of(graph)
        self._name = str(graph.get_name())
        self._start = starts[0] if starts else None
        self._found_starts: set[str] = set()
        self._lock = threading.Lock()
        self._found_nodes: dict[str, NodeSpec] = {}
        self._found_edges: dict[tuple[str, str], EdgeSpec] = {}
        self._spec: GraphSpec | None = None

    def _expand(
        self, graph: Any, path: tuple[str, ...], enclosing: tuple[int, ...]
    ) -> None:
        drawn = graph.get_graph()
        inner = dict(graph.get_subgraphs())
        names = [name for name in drawn.nodes if is_shown(name)]
        for name in names:
            subgraph = inner.get(name)
            kind = "node" if subgraph is None else "graph"
            self._nodes.append(NodeSpec(node_id(path, name), name, kind, path))  # type: ignore[arg-type]  # one of two
            # A graph that holds itself is not expanded again.
            if subgraph is not None and id(subgraph) not in enclosing:
                self._expand(subgraph, (*path, name), (*enclosing, id(graph)))
        for edge in drawn.edges:
            label = None if edge.data is None else str(edge.data)
            self._connect(path, edge.source, edge.target, label)
        for source in names:
            for target, label in sorted(_built(graph, source), key=repr):
                self._connect(path, source, target, label)

    def _connect(
        self, path: tuple[str, ...], leaves: str, enters: str, label: str | None
    ) -> None:
        if not (is_shown(leaves) and is_shown(enters)):
            return
        source, target = node_id(path, leaves), node_id(path, enters)
        action = "default" if label is None else label
        if target not in self._targets.setdefault(source, {}):
            self._targets[source][target] = action
            self._edges.append(EdgeSpec(source, target, action))

    # What is declared.

    def has(self, node: str) -> bool:
        """Whether a node is declared."""
        return node in self._known

    def action(self, source: str, target: str) -> str | None:
        """The label of the edge between two nodes; None where none is declared."""
        return self._targets.get(source, {}).get(target)

    def has_targets(self, source: str) -> bool:
        """Whether any edge of the node is declared."""
        return bool(self._targets.get(source))

    def place(self, node: str) -> tuple[tuple[int, str], ...]:
        """Where it comes in the order of nodes: each after the graph around it."""
        parts = node.split("/")
        around = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
        last = len(self._places)
        return tuple((self._places.get(each, last), each) for each in around)

    # What is found.

    def came(
        self, name: str, visit: NodeVisit, ways: Sequence[Via], *, is_first: bool
    ) -> bool:
        """A node was come to; whether the picture has grown by it."""
        if not is_shown(name):
            return False
        target = visit.node_id
        is_known = target in self._known and not (is_first and self._start is None)
        if is_known and all(self.action(way.node_id, target) for way in ways):
            return False  # as nearly always: it is declared
        with self._lock:
            before = self._found
            if is_first and self._start is None:
                self._found_starts.add(target)
            if target not in self._known and len(self._nodes) + before[0] < MOST_NODES:
                found = NodeSpec(target, name, "node", visit.path)
                self._found_nodes.setdefault(target, found)
            for way in ways:
                source = way.node_id
                if self.action(source, target) is None and self._lists(source, target):
                    edge = EdgeSpec(source, target, way.action)
                    self._found_edges.setdefault((source, target), edge)
            if self._found == before:
                return False
            self._spec = None
            return True

    @property
    def _found(self) -> tuple[int, int, int]:
        found = self._found_nodes, self._found_edges, self._found_starts
        return len(found[0]), len(found[1]), len(found[2])

    def _lists(self, *nodes: str) -> bool:
        return all(each in self._known or each in self._found_nodes for each in nodes)

    @property
    def spec(self) -> GraphSpec:
        """All of it, in the order of nodes, whatever the order of its finding."""
        with self._lock:
            if self._spec is None:
                self._spec = self._made()
            return self._spec

    def _made(self) -> GraphSpec:
        frames = {"/".join(node.path) for node in self._found_nodes.values()}
        nodes = [*self._nodes, *self._found_nodes.values()]
        nodes = [
            msgspec.structs.replace(node, kind="graph") if node.id in frames else node
            for node in sorted(nodes, key=lambda node: self.place(node.id))
        ]
        found = sorted(
            self._found_edges.values(),
            key=lambda edge: (self.place(edge.source), self.place(edge.target)),
        )
        edges = (*self._edges, *found)
        start = self._start or min(self._found_starts, key=self.place, default=None)
        return GraphSpec(self._name, start, tuple(nodes), edges)


def _built(graph: Any, source: str) -> Iterator[tuple[str, str | None]]:
    """The edges that were declared of a node, and their labels.

    ``get_graph`` follows edges from the start, and so has none behind a router that
    does not say where it leads.
    """
    builder = getattr(graph, "builder", None)
    if builder is None or source not in builder.nodes:
        return
    yield from ((target, None) for name, target in builder.edges if name == source)
    for sources, target in builder.waiting_edges:
        if source in sources:
            yield target, None
    ways = [branch.ends for branch in builder.branches.get(source, {}).values()]
    for label, target in chain.from_iterable((ends or {}).items() for ends in ways):
        yield target, None if label == target else str(label)
    ends = builder.nodes[source].ends
    yield from ends.items() if isinstance(ends, dict) else ((to, None) for to in ends)


def is_shown(name: str) -> bool:
    """Whether a node is one of the user's own."""
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
        if edge.source == "__start__" and is_shown(edge.target)
    ]
