"""Graphs: nodes run one after the other, each choosing the next by its action."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from kgnb.errors import GraphWarning, UnknownAction
from kgnb.graph import pictures
from kgnb.graph.async_nodes import AsyncNode
from kgnb.graph.base import DEFAULT_ACTION, BaseNode, is_ours, levels_to_caller
from kgnb.graph.checking import check_graph, findings, not_wired
from kgnb.graph.near import nearest
from kgnb.graph.observe import Unobserved
from kgnb.graph.spec import NodeKind, Scope, is_node, label_of
from kgnb.graph.state import state_of
from kgnb.graph.steps import Watch, step_of
from kgnb.graph.walk import Walk, needs_loop
from kgnb.graph.watched_steps import RootStep, WatchedLevel
from kgnb.graph.workers import ThreadWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from kgnb.drawing.mermaid import Direction
    from kgnb.graph.config import Config
    from kgnb.graph.steps import Level


class Graph(BaseNode):
    """Runs a start node and what its actions lead to, until an action leads nowhere.

    A graph is a node too: wired into another one it routes that by its last action.
    Subclasses may override ``prep(shared)``, ``post(shared, prep_res, action)`` and
    the hooks; exec is not used: the nodes are the graph's work.

    Args:
        start: The first node; also set by ``start(node)`` or ``start_node``.
        config: Given to the nodes that have none of their own.
        name: What to call it in pictures and lists.
        node_id: A name of one's own as a node.
        strict: Whether an action that is not wired is an error, and so what
            ``validate`` finds before the graph runs.
        max_visits: How often one pass may visit each of the nodes; their own
            ``max_visits`` come before it. None sets no limit.
        state: What ``shared`` must fit: a msgspec Struct, a dataclass, a TypedDict or
            a pydantic model. It is checked at the start and after each node.
            ``shared`` stays as it is; keys that the type does not have are free,
            unless it forbids them.
    """

    _kind: ClassVar[NodeKind] = "graph"

    def __init__(
        self,
        start: Any = None,
        config: Config | None = None,
        *,
        name: str | None = None,
        node_id: str | None = None,
        strict: bool = False,
        max_visits: int | None = None,
        state: Any = None,
    ) -> None:
        super().__init__(node_id=node_id, config=config)
        if max_visits is not None and max_visits < 1:
            msg = f"Graph: max_visits= takes at least 1, or None, got {max_visits!r}"
            raise ValueError(msg)
        self.start_node: Any = None
        self.name = name
        # Not public: a program's own graph may have attributes of these names.
        self._is_strict = strict
        self._visit_limit = max_visits
        self._state = None if state is None else state_of(state)
        if start is not None:
            self.start(start)

    def start(self, node: Any) -> Any:
        """Set the first node, and return it.

        Raises:
            TypeError: ``node`` is not a node.
        """
        if not is_node(node):
            msg = (
                f"{label_of(self)} cannot start with {node!r} "
                f"({type(node).__name__}): expected a node or a graph"
            )
            raise TypeError(msg)
        self.start_node = node
        return node

    def get_next_node(self, curr: Any, action: Any) -> Any:
        """Where ``action`` leads from ``curr``, or None where it ends the graph.

        Warns when ``curr`` has successors but not this one: a misspelt action ends
        a graph in just the way a finished one does.

        Raises:
            UnknownAction: The same, in a strict graph.
            TypeError: ``action`` can be no key, as a list.
        """
        key = action or DEFAULT_ACTION
        try:
            following = curr.successors.get(key)
        except TypeError as error:
            msg = (
                f"{label_of(curr)} returned an unhashable action, {action!r:.80} "
                f"({type(action).__name__}): an action is a str or None; put data "
                f"into shared"
            )
            raise TypeError(msg) from error
        if key not in curr.successors and curr.successors:
            self._note_unknown(curr, key)
        return following

    def _note_unknown(self, node: Any, action: Any) -> None:
        name, wired = label_of(node), list(node.successors)
        near = nearest(action, wired)
        text = not_wired(action, name, near)
        if self._is_strict:
            raise UnknownAction(
                f"{text} ({label_of(self)} is strict; wired: {wired})",
                node=name,
                action=action,
            )
        ending = f"Graph ends: '{action}' not found in {wired}"
        if near is not None:
            ending = f"{ending}: {text}"
        self.logger.warning(ending)
        warnings.warn(ending, GraphWarning, stacklevel=levels_to_caller())

    def validate(self) -> list[str]:
        """What can be said against the graph before it runs, a sentence each.

        Successors that are no nodes, ids given twice, a graph without a start node;
        and, where the nodes' code says what they return (by a ``Literal`` as post's
        return type, or by plain ``return "approve"``), actions that are not wired
        and wired ones that are never returned.

        ``kgnb.run`` warns of those that are hardly meant so; a strict graph is
        refused for any of them.
        """
        return [finding.text for finding in findings(self)]

    def run(self, shared: Any) -> Any:
        """Run the graph and return its last action.

        Raises:
            InvalidGraph: It is strict and not valid; see ``validate``.
        """
        self._refuse_if_invalid()
        return super().run(shared)

    def _refuse_if_invalid(self) -> None:
        if self._is_strict:
            check_graph(self, warns=False)

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Return the graph's action: the last node's."""
        return exec_res

    def to_svg(self, path: str | PathLike[str] | None = None) -> str:
        """The panel's picture of the graph as SVG; ``path`` is where to write it too.

        Raises:
            GraphError: It cannot be drawn; the text says why.
        """
        return pictures.svg(self, path)

    def to_png(self, path: str | PathLike[str], *, scale: float = 2.0) -> None:
        """Write the picture as PNG, ``scale`` times as large; needs the extra ``png``.

        Raises:
            GraphError: It cannot be drawn; the text says why.
            InvalidValue: The scale makes no picture, or one that is too large.
            Unavailable: The extra is not installed.
        """
        pictures.png(self, path, scale)

    def to_mermaid(self, direction: Direction = "LR") -> str:
        """The graph as Mermaid text; ``direction`` "LR" lies, "TB" stands."""
        return pictures.mermaid(self, direction)

    def _run(self, shared: Any) -> Any:
        # BaseNode's by name: in an AsyncGraph the next class in line is AsyncNode,
        # which refuses.
        return BaseNode._run(self, shared)  # noqa: SLF001 - its own

    def _work(self, shared: Any, prep_res: Any) -> Any:  # noqa: ARG002
        return self._orch(shared)

    def _orch(self, shared: Any, params: dict[Any, Any] | None = None) -> Any:
        """Run the nodes on this thread; returns the last action."""
        return self._walk(shared, params, step_of(self).inside()).run()

    async def _run_async(self, shared: Any) -> Any:
        """A sync graph that holds async nodes, on a loop; for watched runs only."""
        return await visit_on_loop(self, shared)

    async def _run_whole(self, shared: Any, watch: Watch) -> Any:
        """What ``kgnb.run`` runs: one pass, unless a kind of graph has more."""
        return await run_on_loop(self, shared, watch)

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:  # noqa: ARG002
        return await self._orch_async(shared)

    async def _orch_async(
        self, shared: Any, params: dict[Any, Any] | None = None
    ) -> Any:
        """Run the nodes on the loop and in threads; returns the last action."""
        with watched(self):
            level = cast("WatchedLevel", step_of(self).inside())
            return await self._walk(shared, params, level).run_async(level)

    def _walk(self, shared: Any, params: dict[Any, Any] | None, level: Level) -> Walk:
        """One pass through the nodes, ready to run."""
        return Walk(self, shared, params, level)

    def _note_error(self, started: float, error: Exception) -> None:  # noqa: ARG002
        # No error line: the node that failed has written it.
        self._log(logging.INFO, "ended by %r", error)

    @property
    def _runs_itself(self) -> bool:
        """Whether a user replaced the loop, which must then be run as it is."""
        return _is_replaced(self, "_run") or _is_replaced(self, "_orch")

    @property
    def _replaces_run(self) -> bool:
        """Whether a user replaced what he calls to run it."""
        return _is_replaced(self, "run")


class AsyncGraph(Graph, AsyncNode):
    """A graph of async and sync nodes, run by ``await graph.run_async(shared)``.

    Sync nodes run in a thread, so that they do not hold up the loop. ``prep_async``
    and ``post_async`` may be overridden. ``run(shared)`` works if no node is async.
    """

    async def run_async(self, shared: Any) -> Any:
        """Run the graph and return its last action. Safe to cancel.

        Cancelled, it returns at once; a sync node's thread goes on to the end of
        the phase, attempt or item that it is in.
        """
        self._refuse_if_invalid()
        self._warn_of_successors()
        return await self._run_async(shared)

    @property
    def _replaces_run(self) -> bool:
        return _is_replaced(self, "run_async")

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Return the graph's action: the last node's."""
        return exec_res

    async def _run_async(self, shared: Any) -> Any:
        with watched(self):
            return await AsyncNode._run_async(self, shared)  # noqa: SLF001 - its own


async def visit_on_loop(node: BaseNode, shared: Any) -> Any:
    """Visit a sync node that holds async ones: its own phases run in a thread."""
    with watched(node) as watch:

        async def in_thread(name: str, *arguments: Any) -> Any:
            phase = partial(getattr(node, name), *arguments)
            return await watch.worker.call(phase)

        return await node._visit_async(  # noqa: SLF001 - the lifecycle's own
            shared,
            hook=in_thread,
            prep=partial(in_thread, "prep"),
            post=partial(in_thread, "post"),
        )


async def run_on_loop(graph: Graph, shared: Any, watch: Watch) -> Any:
    """Run a whole graph on a loop, as a user would; gives what that gives.

    Its own ``run`` is called (or ``run_async``, or the loop behind it), so that
    whatever a user overrode there is honoured.
    """
    if isinstance(graph, AsyncGraph):
        return await graph.run_async(shared)
    if graph._replaces_run or not needs_loop(graph, watch):  # noqa: SLF001 - its own
        return await watch.worker.call(lambda: graph.run(shared))
    return await graph._run_async(shared)  # noqa: SLF001 - the loop behind run


def _is_replaced(graph: Graph, method: str) -> bool:
    if method in vars(graph):
        return True
    return not is_ours(getattr(type(graph), method))


@contextmanager
def watched(graph: BaseNode) -> Iterator[Watch]:
    """The watch over ``graph``; where nobody watches it, one that hears nothing."""
    watch = step_of(graph).watch
    if watch is not None:
        yield watch
        return
    observer, worker = Unobserved(), ThreadWorker()
    watch = Watch(observer, worker)
    try:
        with RootStep(graph, WatchedLevel(watch, Scope(), is_last=True)):
            yield watch
    finally:
        observer.stop()
        worker.close()
