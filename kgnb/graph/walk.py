"""One pass through a graph, node by node.

The position is kept in an object, so that the pass can change sides: sync nodes are
run in a worker thread up to the next one that needs the loop, and on from there.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import TYPE_CHECKING, Any, cast

from kgnb.errors import VisitLimit
from kgnb.graph.policies import NO_POLICY
from kgnb.graph.spec import inner_graphs, is_graph, label_of, members
from kgnb.graph.state import check_state

if TYPE_CHECKING:
    from kgnb.graph.graphs import Graph
    from kgnb.graph.observe import Via
    from kgnb.graph.steps import Level, Step, Watch
    from kgnb.graph.watched_steps import VisitStep, WatchedLevel


class Walk:
    """Where a graph stands in one pass; belongs to whoever runs it at the moment.

    Args:
        graph: The graph, as copied for this visit.
        shared: What its nodes share.
        params: Go to each node in place of ``graph.params``, unless empty.
        level: Where the visits are reported.
    """

    def __init__(
        self, graph: Graph, shared: Any, params: dict[Any, Any] | None, level: Level
    ) -> None:
        found = level.enter(graph, shared)
        self.current: Any = graph.start_node if found is None else found.start
        self.action: Any = None if found is None else found.action
        self._pass = found
        self._graph = graph
        self._shared = shared
        self._params = params
        self._level = level
        self._via: Via | None = None if found is None else found.via
        self._visits: dict[int, int] = {}
        self._visit_limit = graph._visit_limit  # noqa: SLF001 - see Graph
        self._state = graph._state  # noqa: SLF001 - see Graph
        self._is_abandoned = False

    def run(self) -> Any:
        """Run to the end on this thread; returns the last action."""
        self._check_state()
        while self.current is not None:
            self._visit()
        return self.action

    async def run_async(self, level: WatchedLevel) -> Any:
        """Run to the end on this loop, sync nodes in a worker's thread."""
        self._check_state()
        watch = level.watch
        while self.current is not None:
            if needs_loop(self.current, watch):
                await self._visit_async()
            else:
                await self._in_thread(level)
        return self.action

    async def _in_thread(self, level: WatchedLevel) -> None:
        try:
            await level.watch.worker.call(lambda: self._run_sync_part(level))
        except asyncio.CancelledError:
            # Of this pass alone, perhaps: one of several whose sibling failed. Its
            # thread ends the node that it is in, and begins no other.
            self._is_abandoned = True
            raise

    def _run_sync_part(self, level: WatchedLevel) -> None:
        while self.current is not None and not self._is_abandoned:
            if needs_loop(self.current, level.watch):
                return
            self._visit()

    def _visit(self) -> None:
        node = self._copy_current()
        step = self._level.step(node, self.current, self._via)
        step.checkpoint()
        with step:
            self._count_visit(node)
            self._go_on(node, step, node._run(self._shared))  # noqa: SLF001 - the lifecycle's own
        if self._pass is not None:
            step.settle()

    async def _visit_async(self) -> None:
        node = self._copy_current()
        step = self._level.step(node, self.current, self._via)
        await step.checkpoint_async()
        with step:
            self._count_visit(node)
            self._go_on(node, step, await node._run_async(self._shared))  # noqa: SLF001 - the lifecycle's own
        if self._pass is not None:
            await step.settle_async()

    def _copy_current(self) -> Any:
        """A copy for one visit, so that the user's object stays as it was wired."""
        graph = self._graph
        node = copy.copy(self.current)
        if graph.config and not getattr(node, "config", None):
            node.config = graph.config
        node.set_params(self._params or graph.params)
        return node

    def _count_visit(self, node: Any) -> None:
        # Within the visit, so that the panel shows which node it was.
        limit = getattr(node, "_policy", NO_POLICY).max_visits or self._visit_limit
        if limit is None:
            return
        if self._pass is not None:
            visits = self._pass.count(self.current)
        else:
            visits = self._visits.get(id(self.current), 0) + 1
            self._visits[id(self.current)] = visits
        if visits > limit:
            raise _visit_limit(label_of(self._graph), label_of(node), limit)

    def _check_state(self, node: Any = None) -> None:
        if self._state is not None:
            writer = None if node is None else label_of(node)
            graph = label_of(self._graph)
            check_state(self._state, self._shared, graph=graph, node=writer)

    def _go_on(self, node: Any, step: Step, action: Any) -> None:
        # Within the visit: what it left, and an action that cannot be looked up, are
        # this node's failures.
        self._check_state(node)
        graph = self._graph
        following = graph.get_next_node(node, action)
        if graph.logger.isEnabledFor(logging.INFO):
            there = "the end" if following is None else label_of(following)
            text = "%s: %s leads by %r to %s"
            graph.logger.info(text, label_of(graph), label_of(node), action, there)
        self._via = step.leave(action, ended=following is None)
        if self._pass is not None:
            self._pass.leave(cast("VisitStep", step), self._via, following, action)
        self.action = action
        self.current = following


def _visit_limit(graph: str, node: str, limit: int) -> VisitLimit:
    return VisitLimit(
        f"{node} was visited {limit} times in one pass of {graph}, which is its "
        f"max_visits; if the cycle is to go on, give the node, or the graph for all of "
        f"its nodes, a higher max_visits=",
        node=node,
        limit=limit,
    )


def needs_loop(node: Any, watch: Watch) -> bool:
    """Whether ``node`` is async, or a graph that holds something async.

    A graph whose loop the user replaced is sync code, whatever it holds.
    """
    known = watch.loop_bound.get(id(node))
    if known is None:
        # Entered before looking inside: a graph may contain itself.
        watch.loop_bound[id(node)] = (node, False)
        is_async = hasattr(node, "exec_async") and hasattr(node, "_run_async")
        holds = is_graph(node) and not getattr(node, "_runs_itself", False)
        inside = (inner_graphs(node) or members(node)) if holds else ()
        known = node, is_async or any(needs_loop(member, watch) for member in inside)
        watch.loop_bound[id(node)] = known
    return known[1]
