"""What every engine is: something that runs one kind of graph, step by step.

A runtime supplies an ``Observer`` and a ``Worker``; the engine supplies the graph's
picture and its steps. ``Observer`` and the rest are defined beside the lifecycle
that calls them and are re-exported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kgnb.graph.context import Context, NodeVisit, Pending, current_context
from kgnb.graph.observe import NO_RESULT, GuestObserver, Observer, Outcome, Via
from kgnb.graph.spec import EdgeSpec, GraphSpec, NodeSpec
from kgnb.graph.workers import ThreadWorker, Worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, MutableMapping

    from kgnb.engines.langgraph.chat import Chat
    from kgnb.graph.progress import Progress

__all__ = [
    "NO_RESULT",
    "Context",
    "DurableEngine",
    "EdgeSpec",
    "Engine",
    "GraphSpec",
    "GuestObserver",
    "NodeSpec",
    "NodeVisit",
    "Observer",
    "Outcome",
    "Pending",
    "SessionEngine",
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
        self,
        shared: MutableMapping[Any, Any],
        observer: GuestObserver,
        *,
        worker: Worker,
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


@runtime_checkable
class DurableEngine(Engine, Protocol):
    """An engine that tells how far it is, and can go on from there."""

    def check_durable(self) -> None:
        """Look whether it can with this graph.

        Raises:
            InvalidValue: It cannot; says why.
        """

    async def run(
        self,
        shared: MutableMapping[Any, Any],
        observer: GuestObserver,
        *,
        worker: Worker,
        progress: Progress | None = None,
    ) -> Any:
        """See ``Engine.run``; with ``progress`` it keeps to that."""


@runtime_checkable
class SessionEngine(Engine, Protocol):
    """An engine whose graph keeps its own state, by sessions. It serves one run."""

    @property
    def session_id(self) -> str | None:
        """The run's session; None where the graph keeps nothing."""
        ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The only loop on which it can run; None: any."""
        ...

    def begin(self, given: Any, chat: Chat | None = None) -> MutableMapping[Any, Any]:
        """What the run's nodes share, of what it was given, and of a session's chat.

        Raises:
            InvalidValue: The graph does not take what begins the run for messages.
        """
        ...

    @property
    def input_keys(self) -> frozenset[str] | None:
        """What the graph's input may be made of; None: anything."""
        ...

    def input_schema(self) -> dict[str, Any] | None:
        """A JSON Schema of the input; None where there is none."""
        ...

    def take_up(self, visits: Mapping[str, int]) -> None:
        """Go on with what an earlier process left, in place of beginning.

        Args:
            visits: How many visits of each node have ended.
        """
