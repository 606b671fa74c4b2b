"""What every engine is: something that runs one kind of graph, step by step.

A runtime supplies an ``Observer`` and a ``Worker``; the engine supplies the graph's
picture and its steps. ``Observer`` and the rest are defined beside the lifecycle
that calls them and are re-exported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kgnb.graph.context import Context, NodeVisit, Pending, current_context
from kgnb.graph.observe import NO_RESULT, Observer, Outcome, Via
from kgnb.graph.spec import EdgeSpec, GraphSpec, NodeSpec
from kgnb.graph.workers import ThreadWorker, Worker

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = [
    "NO_RESULT",
    "Context",
    "EdgeSpec",
    "Engine",
    "GraphSpec",
    "NodeSpec",
    "NodeVisit",
    "Observer",
    "Outcome",
    "Pending",
    "ThreadWorker",
    "Via",
    "Worker",
    "current_context",
]


class Engine(Protocol):
    """One graph, ready to run any number of times, also at the same time."""

    def describe(self) -> GraphSpec:
        """The graph's picture; its ids are the ids of the visits."""
        ...

    async def run(
        self, shared: MutableMapping[Any, Any], observer: Observer, *, worker: Worker
    ) -> Any:
        """Run the whole graph on the running loop and return its last action.

        Async nodes run in the calling task, sync ones by ``worker``. Safe to cancel:
        async nodes get ``CancelledError``; sync code goes on in its thread until the
        observer's ``checkpoint`` or ``wait`` raises, which it must do from then on.

        Raises:
            BaseException: Whatever a node raised, as it is. SystemExit and
                KeyboardInterrupt too: catch them inside the task, or asyncio lets
                them end the loop.
        """
