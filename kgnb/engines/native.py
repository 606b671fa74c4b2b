"""The engine of kgnb's own graphs: sync, async and mixed ones, and plain functions."""

from __future__ import annotations

import copy
import functools
import inspect
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue, NotAGraph
from kgnb.graph import BatchGraph, Graph
from kgnb.graph.checking import check_graph
from kgnb.graph.functions import BY_NAME, node
from kgnb.graph.spec import GraphSpec, Scope, describe, label_of
from kgnb.graph.steps import Watch
from kgnb.graph.watched_steps import RootStep, WatchedLevel

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from kgnb.graph.observe import Observer
    from kgnb.graph.progress import Progress
    from kgnb.graph.workers import Worker


class NativeEngine:
    """Runs a ``kgnb.Graph``.

    A graph without async nodes runs wholly in one thread. Otherwise async nodes run
    in the calling task, and the sync nodes between two of them in one go in a
    thread. The graph's own ``run`` is called (or ``run_async``, or the loop behind
    it), so that whatever a user overrode there is honoured.

    Args:
        graph: The graph.
        method: A method of it, to be called with ``shared`` in place of ``run``.
    """

    def __init__(self, graph: Graph, method: Callable[..., Any] | None = None) -> None:
        self.graph = graph
        self._method = method
        self._scope = Scope()
        self._spec = describe(graph, self._scope)
        check_graph(graph, warns=True)

    def describe(self) -> GraphSpec:
        """See ``Engine.describe``."""
        return self._spec

    def check_durable(self) -> None:
        """See ``DurableEngine.check_durable``."""
        graph = self.graph
        if graph._runs_itself:  # noqa: SLF001 - known to its engine
            raise InvalidValue(
                f"run(durable=True): {self._spec.name} has a _run or _orch of its own, "
                f"so kgnb cannot tell where it stands, nor go on there; override prep, "
                f"post or the nodes instead"
            )

    async def run(
        self,
        shared: MutableMapping[Any, Any],
        observer: Observer,
        *,
        worker: Worker,
        progress: Progress | None = None,
    ) -> Any:
        """See ``DurableEngine.run``."""
        graph = self.graph
        watch = Watch(observer, worker, progress)
        with RootStep(graph, WatchedLevel(watch, self._scope, is_last=True)):
            if self._method is None:
                value = await graph._run_whole(shared, watch)  # noqa: SLF001 - for engines
            else:
                value = await _called(self._method, shared, worker)
        # What is more than one pass gives back what it worked on, which is no action.
        return None if value is shared else value


async def _called(method: Callable[..., Any], shared: Any, worker: Worker) -> Any:
    if inspect.iscoroutinefunction(method):
        return await method(shared=shared)
    return await worker.call(lambda: method(shared=shared))


def graph_of_method(thing: Any) -> Graph | None:
    """The graph that ``thing`` is a method of, if it takes ``shared``."""
    method = thing
    while isinstance(method, functools.partial):
        method = method.func
    owner = getattr(method, "__self__", None)
    if not (isinstance(owner, Graph) and inspect.ismethod(method)):
        return None
    return owner if "shared" in inspect.signature(thing).parameters else None


def framed(graph: BatchGraph) -> Graph:
    """A graph around a batch graph that is to run by itself.

    It makes the passes those of a node, which can show how far each one is.
    Returned as it is if its ``run`` was replaced, which must then be called.
    """
    if graph._replaces_run:  # noqa: SLF001 - known to its engine
        return graph
    graph._warn_of_successors()  # noqa: SLF001 - as its own run would
    alone = copy.copy(graph)
    alone.successors = {}
    frame = Graph(alone, name=label_of(graph))
    frame.set_params(graph.params)
    return frame


def function_graph(function: Callable[..., Any]) -> Graph:
    """A graph of one node that calls ``function`` as ``@kgnb.node`` does.

    What it returns is the run's result, and is not written to ``shared``. One
    parameter alone may have any name: it gets ``shared`` where that has no such key.

    Raises:
        NotAGraph: Its parameters have no names to go by.
    """
    name = name_of(function)
    try:
        signature = inspect.signature(function)
    except ValueError:
        msg = f"{name} does not say what it takes; wrap it in a function"
        raise NotAGraph(msg) from None
    for parameter in signature.parameters.values():
        if parameter.kind not in BY_NAME:
            msg = (
                f"{name}{signature} takes {parameter}, but a function that runs as a "
                f"graph gets its arguments from shared by name; name them, or take "
                f"shared itself"
            )
            raise NotAGraph(msg)
    made = node(function, writes=None, node_id=name)
    made._else_whole = True  # noqa: SLF001 - see there
    return Graph(made, name=name)


def name_of(function: Callable[..., Any]) -> str:
    """What to call the node of a function, which may be a partial of one."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "function" if name == "<lambda>" else name
