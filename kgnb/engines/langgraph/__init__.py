"""Compiled LangGraph graphs, run as they are.

Process: kernel. Loop: the run's, or the checkpointer's where that is bound to one.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from kgnb.errors import NotAGraph, Unavailable

if TYPE_CHECKING:
    from kgnb.engines.base import Engine
    from kgnb.engines.langgraph.call import GraphCall

_PREGEL = "langgraph.pregel"


def is_compiled(thing: Any) -> bool:
    """Whether it is a compiled graph. Imports nothing: who has one has LangGraph."""
    pregel = sys.modules.get(_PREGEL)
    return pregel is not None and isinstance(thing, pregel.Pregel)


def refuse_lookalike(thing: Any) -> None:
    """Say what a thing of LangGraph's lacks that is no compiled graph.

    Raises:
        NotAGraph: It is one.
    """
    is_class = isinstance(thing, type)
    kind = thing if is_class else type(thing)
    if not kind.__module__.startswith(("langgraph.", "langchain_core.")):
        return
    kind = kind.__name__
    if is_class:
        raise NotAGraph(
            f"{kind} is a class; make an object of it, and give what its .compile() "
            f"returns"
        )
    if hasattr(thing, "add_node") and hasattr(thing, "compile"):
        raise NotAGraph(
            f"{kind} is a graph still being built; give what its .compile() returns"
        )
    if hasattr(thing, "astream"):
        raise NotAGraph(
            f"{kind} is a runnable, not a compiled graph: graph | f, for one, has no "
            f"state left to follow; give the graph itself, and do the rest in a node"
        )
    raise NotAGraph(
        f"{kind} is a part or a picture of a LangGraph graph; give the graph itself, "
        f"what .compile() returns, or for a @task the @entrypoint that calls it"
    )


def engine_of(graph: Any, call: GraphCall, session_id: str | None) -> Engine:
    """The engine that runs a compiled graph.

    Raises:
        InvalidValue: ``call`` asks for what there is not, or names another session.
        Unavailable: This LangGraph cannot be followed.
    """
    if "version" not in inspect.signature(type(graph).astream).parameters:
        raise Unavailable(
            "this LangGraph is too old to be followed; "
            "pip install --upgrade 'langgraph>=1.1'"
        )
    from kgnb.engines.langgraph.engine import LangGraphEngine  # noqa: PLC0415  # needs it

    call.check()
    return LangGraphEngine(graph, call, session_id)
