"""The engine itself: what it takes, and how a whole run of it is called."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgnb.engines.kaygraph.walk import LOOPS, Walk, sync_turn, watched
from kgnb.errors import InvalidValue
from kgnb.graph import Graph
from kgnb.graph.base import levels_to_caller
from kgnb.graph.spec import (
    GraphSpec,
    Scope,
    describe,
    has_base,
    is_native,
    is_node,
    label_of,
)
from kgnb.graph.steps import Watch
from kgnb.graph.watched_steps import RootStep, WatchedLevel

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from kgnb.graph.observe import Observer
    from kgnb.graph.progress import Progress
    from kgnb.graph.workers import Worker

PARTS = (
    "start_node",
    "get_next_node",
    "successors",
    "run",
    "_run",
    "params",
    "set_params",
)
"""What makes a graph."""


class KayGraphEngine:
    """Runs a KayGraph-like or PocketFlow-like graph by its own rules.

    A sync graph runs in a thread. Of an async graph the async nodes run on the loop
    and the sync ones, one at a time, in threads, so that they do not hold it up. A
    graph that talks (``run_interactive``) runs all its rounds.

    Two things differ from the library's own run, both because this loop goes on when
    the run is over: items that run together are cancelled when one fails, and a node
    of a PersistentGraph keeps what it sets on itself to the end of the run only.

    Args:
        graph: The graph; it and its nodes are never changed.
        method: A method of it, to be called in place of ``run``; or a partial of one.
    """

    def __init__(self, graph: Any, method: Callable[..., Any] | None = None) -> None:
        self.graph = graph
        self._method = method
        self._scope = Scope()
        self._spec = describe(graph, self._scope)

    def describe(self) -> GraphSpec:
        """See ``Engine.describe``."""
        return self._spec

    def check_durable(self) -> None:
        """See ``DurableEngine.check_durable``."""
        graph = self.graph
        own = [name for name in LOOPS if name in vars(graph)]
        if hasattr(graph, "save_checkpoint") or own:
            what = f"{own[0]} of its own" if own else "checkpoints of its own"
            raise InvalidValue(
                f"run(durable=True): {self._spec.name} has {what}, so kgnb cannot tell "
                f"where it stands, nor go on there; use a plain graph of its library, "
                f"or kgnb's (from kgnb import Graph)"
            )

    async def run(
        self,
        shared: MutableMapping[Any, Any],
        observer: Observer,
        *,
        worker: Worker,
        progress: Progress | None = None,
    ) -> Any:
        """See ``DurableEngine.run``.

        Raises:
            InvalidValue: The run has an executor, which these nodes cannot use.
        """
        if worker.executor is not None:
            raise InvalidValue(
                f"run(executor=…): {self._spec.name} runs by its own library's rules, "
                f"in threads; leave executor= away, or make its nodes kgnb's "
                f"(from kgnb import Node, Graph)"
            )
        watch = Watch(observer, worker, progress)
        level = WatchedLevel(watch, self._scope, is_last=True)
        turn = sync_turn.set(asyncio.Lock())
        try:
            with RootStep(self.graph, level) as root:
                value = await self._called(root, shared, worker)
        finally:
            sync_turn.reset(turn)
        if not isinstance(value, Mapping):
            return value
        # No action but shared, or what the library put in its place because it was
        # empty.
        if value is not shared:
            shared.update(value)
        return None

    async def _called(self, root: RootStep, shared: Any, worker: Worker) -> Any:
        if is_native(self.graph):
            level = WatchedLevel(root.watch, self._scope, is_last=True)
            return await Walk(self.graph, shared, None, level).run_async()
        twin = watched(self.graph, root)
        whole = self._whole(twin)
        method = self._method
        if method is None or "shared" in inspect.signature(method).parameters:
            whole = functools.partial(whole, shared)
        if inspect.iscoroutinefunction(whole):
            return await whole()
        return await worker.call(whole)

    def _whole(self, twin: Any) -> Callable[..., Any]:
        """What of the copy is a whole run."""
        if self._method is not None:
            return _on(twin, self._method)
        for name in ("run_interactive_async", "run_interactive", "run_async", "run"):
            method: Any = getattr(twin, name, None)
            if method is not None:
                break
        return method  # type: ignore[no-any-return]  # of an untyped object


def is_kaygraph_like(thing: Any) -> bool:
    """Whether it is another library's graph of the shape that this engine runs."""
    return is_node(thing) and not parts_missing(thing)


def parts_missing(graph: Any) -> list[str]:
    """What it would need to be one."""
    return [part for part in PARTS if not hasattr(graph, part)]


def graph_around(node: Any) -> Graph:
    """A graph around one node, or a graph that runs many times, to be seen as one."""
    if node.successors:
        warnings.warn(
            f"{label_of(node)} runs alone: its successors are not run.",
            stacklevel=levels_to_caller(),
        )
    alone = copy.copy(node)
    alone.successors = {}
    frame = Graph(alone, name=label_of(node))
    frame.set_params(getattr(node, "params", {}))
    return frame


def needs_frame(graph: Any) -> bool:
    """Whether it runs once for each of many items, which a frame makes visible."""
    return has_base(graph, "BatchGraph", "BatchFlow")


def graph_of_method(thing: Any) -> Any:
    """The graph of another library that ``thing`` is a method of, or None."""
    method = thing
    while isinstance(method, functools.partial):
        method = method.func
    owner = getattr(method, "__self__", None)
    if not inspect.ismethod(method) or is_native(owner):
        return None
    return owner if is_kaygraph_like(owner) else None


def _on(twin: Any, method: Any) -> Callable[..., Any]:
    """The same method, or partial, of the copy."""
    if isinstance(method, functools.partial):
        inner = _on(twin, method.func)
        return functools.partial(inner, *method.args, **method.keywords)
    found: Callable[..., Any] = getattr(twin, method.__name__)
    return found
