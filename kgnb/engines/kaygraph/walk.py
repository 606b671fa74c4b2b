"""The loops of graphs: which node comes next, each visit reported.

The rules are those that KayGraph and PocketFlow share: a shallow copy of the node at
each visit, the graph's params (or the pass's) and config handed to it, its action
looked up by the graph's own ``get_next_node``.
"""

from __future__ import annotations

import copy
import functools
import itertools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from kgnb.engines.kaygraph.phases import Phases
from kgnb.errors import NotAGraph
from kgnb.graph.spec import inner_graphs, is_native, is_node, label_of, members

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from kgnb.graph.observe import Via
    from kgnb.graph.steps import Step
    from kgnb.graph.watched_steps import VisitStep, WatchedLevel

LOOPS = ("_orch", "_orch_async")

sync_turn: ContextVar[asyncio.Lock] = ContextVar("kgnb_sync_turn")
"""Held by the sync node that runs, of all those of a run's async graphs.

Run by the library they hold up the loop, so two never run at once, and may write to
``shared`` as if they were alone.
"""


def is_async(node: Any) -> bool:
    """Whether a graph awaits the node's visit."""
    return hasattr(node, "exec_async") and hasattr(node, "_run_async")


def watched(graph: Any, step: Step) -> Any:
    """A copy of ``graph`` whose nodes are reported as those of ``step``."""
    twin = copy.copy(graph)
    _watch_loop(twin, step, functools.partial(setattr, twin))
    return twin


def _watch_loop(
    graph: Any,
    step: Step,
    put: Callable[[str, Any], None],
    phases: Phases | None = None,
) -> None:
    """Put our loop onto a copied graph in place of its own, which is the same.

    Args:
        graph: The copy.
        step: What its nodes belong to.
        put: Puts an attribute onto it.
        phases: Of its visit, where it is a node.
    """
    if hasattr(graph, "save_checkpoint"):
        put("start_node", _watched_originals(graph, step))
        return
    loops = _Loops(graph, step, phases)
    for name in LOOPS:
        # One that the user put onto the object himself is to run as it is.
        if hasattr(graph, name) and name not in vars(graph):
            put(name, getattr(loops, name.removeprefix("_")))


class _Loops:
    """The two loops of one watched graph."""

    def __init__(self, graph: Any, step: Step, phases: Phases | None) -> None:
        self._graph = graph
        self._step = step
        self._phases = phases
        self._passes = itertools.count()

    def orch(self, shared: Any, params: dict[Any, Any] | None = None) -> Any:
        """Run the nodes on this thread; returns the last action."""
        if params is None:
            return self._walk(self._step, shared).run()
        index = next(self._passes)
        if self._is_done(index):
            return None  # as of any pass, the library drops its action
        with self._pass(index) as step:
            step.checkpoint()
            action = self._walk(step, shared, params).run()
            step.gave(action)
        step.settle()
        return action

    async def orch_async(
        self, shared: Any, params: dict[Any, Any] | None = None
    ) -> Any:
        """Run the nodes on the loop, sync ones in threads; returns the last action."""
        if params is None:
            return await self._walk(self._step, shared).run_async()
        index = next(self._passes)
        if self._is_done(index):
            return None
        if self._phases is not None:
            self._phases.note_task()
        with self._pass(index) as step:
            await step.checkpoint_async()
            action = await self._walk(step, shared, params).run_async()
            step.gave(action)
        await step.settle_async()
        return action

    def _is_done(self, index: int) -> bool:
        """Whether a pass was done before the run was resumed."""
        earlier = self._step.earlier_items
        if earlier is None or index not in earlier:
            return False
        earlier.take(index)
        return True

    def _pass(self, index: int) -> Step:
        # Only graphs that run once for each item give their loop params: the item's.
        total = None if self._phases is None else self._phases.total
        return self._step.item(self._graph, index, total)

    def _walk(
        self, step: Step, shared: Any, params: dict[Any, Any] | None = None
    ) -> Walk:
        return Walk(self._graph, shared, params, cast("WatchedLevel", step.inside()))


class Walk:
    """One pass through a graph; belongs to whoever runs it at the moment.

    Args:
        graph: The graph's copy.
        shared: What its nodes share.
        params: Go to each node in place of ``graph.params``, unless empty.
        level: Where the visits are reported.
    """

    def __init__(
        self,
        graph: Any,
        shared: Any,
        params: dict[Any, Any] | None,
        level: WatchedLevel,
    ) -> None:
        self._graph = graph
        self._shared = shared
        self._params = params or dict(graph.params)
        self._level = level
        found = level.enter(graph, shared)
        self._pass = found
        self._current: Any = graph.start_node if found is None else found.start
        self._action: Any = None if found is None else found.action
        self._via: Via | None = None if found is None else found.via

    def run(self) -> Any:
        """Run to the end on this thread; returns the last action."""
        while self._current is not None:
            self._visit()
        return self._action

    async def run_async(self) -> Any:
        """Run to the end on this loop; returns the last action."""
        while self._current is not None:
            if is_async(self._current):
                await self._visit_async()
            else:
                async with sync_turn.get():
                    await self._level.watch.worker.call(self._visit)
        return self._action

    def _visit(self) -> None:
        node = self._copy_current()
        step = self._level.step(node, self._current, self._via)
        step.checkpoint()
        with step:
            self._go_on(node, step, visit(node, step, self._shared))
        step.settle()

    async def _visit_async(self) -> None:
        node = self._copy_current()
        step = self._level.step(node, self._current, self._via)
        await step.checkpoint_async()
        with step:
            self._go_on(node, step, await visit_async(node, step, self._shared))
        await step.settle_async()

    def _copy_current(self) -> Any:
        node = copy.copy(self._current)
        config = getattr(self._graph, "config", None)
        # Not every node has one: PocketFlow's have none.
        if config and not getattr(node, "config", True):
            node.config = config
        node.set_params(self._params)
        return node

    def _go_on(self, node: Any, step: VisitStep, action: Any) -> None:
        following = self._graph.get_next_node(node, action)
        if following is not None and not is_node(following):
            raise NotAGraph(
                f"{label_of(node)} leads by {action or 'default'!r} to "
                f"{following!r:.80}, which is no node; to name an action write: "
                f'a - "action" >> b'
            )
        self._via = step.leave(action, ended=following is None)
        if self._pass is not None:
            self._pass.leave(step, self._via, following, action)
        self._action = action
        self._current = following


def visit(
    node: Any, step: VisitStep, shared: Any, run: Callable[[Any], Any] | None = None
) -> Any:
    """Run one copied node in ``step``, which is entered; returns its action.

    Args:
        node: The copy.
        step: Its visit.
        shared: What the nodes share.
        run: What to call in place of its ``_run``.
    """
    call: Callable[[Any], Any] = node._run if run is None else run  # noqa: SLF001 - what graphs call
    if is_native(node):
        return call(shared)
    phases = _instrument(node, step)
    try:
        return call(shared)
    except RuntimeError as error:
        if is_async(node):
            error.add_note(
                "kgnb: an async node was run by a sync graph; put it into an async one"
            )
        raise
    finally:
        phases.close()


async def visit_async(node: Any, step: VisitStep, shared: Any) -> Any:
    """``visit`` for an async node."""
    run = node._run_async  # noqa: SLF001 - what graphs call
    if is_native(node):
        return await run(shared)
    phases = _instrument(node, step)
    try:
        return await run(shared)
    finally:
        await phases.close_async()


def _instrument(node: Any, step: VisitStep) -> Phases:
    phases = Phases(node, step)
    phases.install()
    within = inner_graphs(node)
    if hasattr(node, "get_next_node"):
        _watch_loop(node, step, phases.put, phases)
    elif within and not hasattr(node, "subgraph"):
        levels = [cast("WatchedLevel", step.beside(i)) for i in range(len(within))]
        phases.put(
            "graphs", [_visited(*pair) for pair in zip(within, levels, strict=True)]
        )
    elif within:
        phases.put("subgraph", watched(within[0], step))
    return phases


def _visited(graph: Any, level: WatchedLevel) -> Any:
    """A copy of ``graph`` whose ``run`` is a visit of it, for graphs side by side."""

    def run(shared: Any) -> Any:
        twin = copy.copy(graph)
        step = level.step(twin, graph, None)
        step.checkpoint()
        with step:
            _watch_loop(twin, step, functools.partial(setattr, twin))
            action = twin.run(shared)
            step.leave(action, ended=True)
            return action

    stand_in = copy.copy(graph)
    stand_in.run = run
    return stand_in


def _watched_originals(graph: Any, step: Step) -> Any:
    """Watch a graph that visits its nodes themselves, not copies; its start node.

    It gets copies all the same, which live as long as the run: what a node sets on
    itself is there at its next visit, and not on the user's object afterwards.
    """
    entrance = _Entrance(cast("WatchedLevel", step.inside()))
    nodes = list(members(graph))
    twins = {id(node): copy.copy(node) for node in nodes}
    for node in nodes:
        twin = twins[id(node)]
        twin.successors = {
            action: twins.get(id(target), target)
            for action, target in node.successors.items()
        }
        twin._run = functools.partial(entrance.visit, twin, node, twin._run)  # noqa: SLF001 - what graphs call
    return twins.get(id(graph.start_node))


class _Entrance:
    """Where a loop that is not ours comes to its nodes."""

    def __init__(self, level: WatchedLevel) -> None:
        self._level = level
        self._via: Via | None = None

    def visit(
        self, node: Any, original: Any, run: Callable[[Any], Any], shared: Any
    ) -> Any:
        """One visit, in place of ``node._run(shared)``."""
        step = self._level.step(node, original, self._via)
        step.checkpoint()
        with step:
            action = visit(node, step, shared, run)
            wired = "default" if action is None else action
            ended = node.successors.get(wired) is None
            self._via = step.leave(action, ended=ended)
            return action
