"""Engines: each runs one kind of graph and reports its steps to an observer.

Process: kernel. Loop: the one that calls ``Engine.run``; sync code in threads.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from kgnb.engines import kaygraph, langgraph
from kgnb.engines.langgraph.call import GraphCall
from kgnb.engines.native import (
    NativeEngine,
    framed,
    function_graph,
    graph_of_method,
)
from kgnb.errors import InvalidValue, NotAGraph
from kgnb.graph import BaseNode, BatchGraph, Graph
from kgnb.graph.spec import is_node, label_of

if TYPE_CHECKING:
    from kgnb.engines.base import Engine

__all__ = ["GraphCall", "engine_for", "is_function"]

_PLAIN = GraphCall()

ACCEPTED = (
    "expected a kgnb.Graph, a KayGraph or PocketFlow graph, a compiled LangGraph "
    "graph, a node without successors, or a function of what is in shared"
)


def engine_for(
    thing: Any, *, call: GraphCall = _PLAIN, session_id: str | None = None
) -> Engine:
    """The engine that runs ``thing``.

    Args:
        thing: A kgnb, KayGraph or PocketFlow graph, a method of one that takes
            ``shared`` (such as ``graph.run_interactive``, or a partial of it), a
            single node, or a function, coroutine function or generator, whose
            arguments are taken from ``shared`` by name. Or a compiled LangGraph graph.
        call: How a LangGraph graph is called.
        session_id: The thread of a LangGraph graph.

    Raises:
        InvalidValue: A ``call`` for what is no LangGraph graph, or a wrong one.
        NotAGraph: It is none of these; says what it is and what would do.
    """
    if langgraph.is_compiled(thing):
        return langgraph.engine_of(thing, call, session_id)
    langgraph.refuse_lookalike(thing)
    for name, value in call.given.items():
        raise InvalidValue(
            f"{name}={value!r:.60}: it is passed on to a compiled LangGraph graph, "
            f"and {type(thing).__name__} is none; leave it away"
        )
    if isinstance(thing, Graph):
        return NativeEngine(framed(thing) if isinstance(thing, BatchGraph) else thing)
    if isinstance(thing, BaseNode):
        return NativeEngine(_graph_of_one(thing))
    if (graph := graph_of_method(thing)) is not None:
        return NativeEngine(graph, thing)
    if (engine := _engine_like_kaygraph(thing)) is not None:
        return engine
    if is_function(thing):
        return NativeEngine(function_graph(thing))
    raise NotAGraph(_refusal(thing))


def is_function(thing: Any) -> bool:
    """Whether it runs as a node, and not as the graph that it is a method of."""
    if not (inspect.isroutine(thing) or isinstance(thing, functools.partial)):
        return False
    return graph_of_method(thing) is None and kaygraph.graph_of_method(thing) is None


def _engine_like_kaygraph(thing: Any) -> Engine | None:
    """For graphs and nodes of KayGraph, PocketFlow and the like, known by shape."""
    if kaygraph.is_kaygraph_like(thing):
        framed = kaygraph.graph_around(thing) if kaygraph.needs_frame(thing) else thing
        return kaygraph.KayGraphEngine(framed)
    if (graph := kaygraph.graph_of_method(thing)) is not None:
        return kaygraph.KayGraphEngine(graph, thing)
    if is_node(thing) and not hasattr(thing, "get_next_node"):
        _refuse_successors(thing, "its library's graph, starting with it")
        return kaygraph.KayGraphEngine(kaygraph.graph_around(thing))
    return None


def _graph_of_one(node: BaseNode) -> Graph:
    _refuse_successors(node, f"kgnb.Graph({label_of(node).lower()})")
    return Graph(node, name=label_of(node))


def _refuse_successors(node: Any, instead: str) -> None:
    if node.successors:
        msg = (
            f"{label_of(node)} is a node with successors, and it is not said whether "
            f"they are to run too; if they are, give {instead}"
        )
        raise NotAGraph(msg)


def _refusal(thing: Any) -> str:
    kind = type(thing).__name__
    if isinstance(thing, type):
        return f"{thing.__name__} is a class; {ACCEPTED}: write {thing.__name__}()"
    if inspect.iscoroutine(thing):
        thing.close()  # refused, not forgotten: no warning that it was never awaited
        name = thing.__name__
        return f"{name}() is a call already made; give the function itself: {name}"
    if hasattr(thing, "add_node") and hasattr(thing, "compile"):
        return f"{kind} is a graph still being built; {ACCEPTED}"
    if hasattr(thing, "get_next_node"):
        missing = ", ".join(kaygraph.parts_missing(thing))
        return (
            f"{kind} looks like a KayGraph or PocketFlow graph but has no {missing}; "
            f"{ACCEPTED}"
        )
    if hasattr(thing, "astream"):
        return (
            f"{kind} is another library's graph, for which this version of kgnb has "
            f"no engine; {ACCEPTED}"
        )
    return f"{kind} object {thing!r:.80} is no graph; {ACCEPTED}"
