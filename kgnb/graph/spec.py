"""The picture of a graph: nodes with stable ids, and the edges between them.

Nodes are looked at, never required to be of a class: what has ``get_next_node`` is a
graph, and so is what another library keeps graphs in, as ``subgraph`` or ``graphs``.
Successors that are no nodes at all are left out.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

NodeKind = Literal["node", "batch", "graph"]


class NodeSpec(msgspec.Struct, frozen=True):
    """One node, as it is drawn."""

    id: str
    label: str
    kind: NodeKind
    path: tuple[str, ...] = ()
    """The enclosing graphs' labels, outermost first; with "/" between them they are
    the id of the innermost one."""


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


def is_node(thing: Any) -> bool:
    """Whether a graph can run it: an object (not a class) that can be visited."""
    return (
        not isinstance(thing, type)
        and hasattr(thing, "_run")
        and isinstance(getattr(thing, "successors", None), dict)
    )


def is_graph(node: Any) -> bool:
    """Whether it holds nodes of its own: a graph, or a node around graphs."""
    if hasattr(node, "get_next_node") or hasattr(node, "_inner_graphs"):
        return True
    return bool(inner_graphs(node))


def inner_graphs(node: Any) -> tuple[Any, ...]:
    """The graphs that a node of composition runs; none for a graph itself."""
    if is_native(node):
        return tuple(getattr(node, "_inner_graphs", ()))
    several = getattr(node, "graphs", None)
    held = several if isinstance(several, list) else [getattr(node, "subgraph", None)]
    return tuple(graph for graph in held if hasattr(graph, "get_next_node"))


def is_native(node: Any) -> bool:
    """Whether it is a node or graph of ours, which reports its phases itself."""
    return hasattr(node, "_kind")


def kind_of(node: Any) -> NodeKind:
    """How it is drawn, and so whether it has items."""
    if is_graph(node):
        return "graph"
    if is_native(node):
        kind: NodeKind = node._kind  # noqa: SLF001 - ours
        return kind
    # What tells another library's batch node from a plain one is its name alone.
    return "batch" if has_base(node, "BatchNode") else "node"


def has_base(node: Any, *names: str) -> bool:
    """Whether a class of one of these names stands among those of ``node``."""
    return any(kind.__name__ in names for kind in type(node).__mro__)


def label_of(node: Any) -> str:
    """What to call a node: its given id, a graph's name, or its class."""
    kind = type(node).__name__
    node_id = getattr(node, "node_id", None)
    # An id made from the class and a memory address is no name: it differs in each
    # process. (Copies and unpickled nodes carry the address of another object.)
    given = isinstance(node_id, str) and not re.fullmatch(
        rf"{re.escape(kind)}_\d{{5,}}", node_id
    )
    if given and node_id:
        return str(node_id)
    return str(getattr(node, "name", None) or kind) if is_graph(node) else kind


class Scope:
    """Gives the nodes of one graph their ids, in the order in which it meets them.

    An id is the label, ``_2``, ``_3`` … added to repeated ones, after the enclosing
    graphs' ids. Nodes that a run meets although they were not there when the graph
    was described are named then; for that it may be called from any thread.
    """

    def __init__(
        self, path: tuple[str, ...] = (), taken: dict[str, int] | None = None
    ) -> None:
        self.path = path
        # Each id of the whole graph, and how often it was asked for as a label.
        self._taken: dict[str, int] = {} if taken is None else taken
        self._lock = threading.Lock()
        # By identity, since ids given by users may repeat. The node is kept with its
        # name: a dead one's identity would be given to another.
        self._names: dict[int, tuple[Any, NodeSpec]] = {}
        self._children: dict[int, Scope] = {}

    def name(self, node: Any) -> NodeSpec:
        """The node's place in the picture; the same each time."""
        known = self._names.get(id(node))
        if known is not None:
            return known[1]
        with self._lock:
            return self._names.setdefault(id(node), (node, self._new_name(node)))[1]

    def child(self, graph: Any) -> Scope:
        """The scope of a graph that is a node here."""
        known = self._children.get(id(graph))
        if known is None:
            path = (*self.path, self.name(graph).label)
            known = self._children.setdefault(id(graph), Scope(path, self._taken))
        return known

    def _new_name(self, node: Any) -> NodeSpec:
        label = label_of(node)
        prefix = "".join(f"{label}/" for label in self.path)
        number = self._taken.get(prefix + label, 0) + 1
        local = label if number == 1 else f"{label}_{number}"
        while prefix + local in self._taken:
            number += 1
            local = f"{label}_{number}"
        self._taken[prefix + label] = number
        self._taken.setdefault(prefix + local, 1)
        return NodeSpec(prefix + local, local, kind_of(node), self.path)


def successors_of(node: Any) -> Iterator[tuple[str, Any]]:
    """The actions of a node and where they lead, as wired, odd targets left out."""
    for action, target in list(node.successors.items()):
        if is_node(target):
            yield str(action), target


def members(graph: Any) -> Iterator[Any]:
    """The nodes that a graph can reach, each once, nearest first.

    Iterative, so that a chain of thousands of nodes is walked too.
    """
    waiting = deque(_entries(graph))
    seen = {id(start) for start in waiting}
    while waiting:
        node = waiting.popleft()
        yield node
        for _, target in successors_of(node):
            if id(target) not in seen:
                seen.add(id(target))
                waiting.append(target)


def _entries(graph: Any) -> list[Any]:
    """Where the nodes inside begin: one for a graph, more for graphs side by side."""
    entries = getattr(graph, "_entry_nodes", None)
    if entries is None:
        entries = (getattr(graph, "start_node", None),)
        if not is_native(graph) and (within := inner_graphs(graph)):
            # One graph is framed by its node; several are frames in it.
            is_frame = hasattr(graph, "subgraph")
            entries = (within[0].start_node,) if is_frame else within
    # A graph given twice is one node, visited twice.
    return list({id(node): node for node in entries if is_node(node)}.values())


def describe(graph: Any, scope: Scope | None = None) -> GraphSpec:
    """Look at a graph and name its nodes.

    Args:
        graph: The graph; nested ones are expanded, their nodes listed right after
            them. One that contains itself is not expanded again.
        scope: Where the names are kept; give one to look them up later.
    """
    scope = Scope() if scope is None else scope
    start = getattr(graph, "start_node", None)
    nodes: list[NodeSpec] = []
    edges: list[EdgeSpec] = []
    levels: list[tuple[Scope, tuple[int, ...], Iterator[Any]]]
    levels = [(scope, (id(graph),), members(graph))]
    while levels:
        here, enclosing, rest = levels[-1]
        node = next(rest, None)
        if node is None:
            levels.pop()
            continue
        spec = here.name(node)
        nodes.append(spec)
        if is_graph(node) and id(node) not in enclosing:
            levels.append((here.child(node), (*enclosing, id(node)), members(node)))
        for action, target in successors_of(node):
            edges.append(EdgeSpec(spec.id, here.name(target).id, action))
    return GraphSpec(
        name=label_of(graph),
        start=scope.name(start).id if is_node(start) else None,
        nodes=tuple(nodes),
        edges=tuple(edges),
    )
