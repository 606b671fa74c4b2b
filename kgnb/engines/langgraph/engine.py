"""Runs a compiled LangGraph graph, unchanged: reads its stream, and answers it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables.config import merge_configs
from langgraph.types import Command

from kgnb.engines.langgraph.lanes import AsyncLane, SyncLane
from kgnb.engines.langgraph.parts import MODES, Parts, is_refusal
from kgnb.engines.langgraph.picture import Picture
from kgnb.engines.langgraph.questions import Inquiry
from kgnb.engines.langgraph.threads import Thread
from kgnb.engines.langgraph.values import plain
from kgnb.engines.langgraph.visits import Visits

if TYPE_CHECKING:
    import asyncio

    from langchain_core.runnables import RunnableConfig

    from kgnb.engines.langgraph.lanes import Lane
    from kgnb.graph.observe import GuestObserver
    from kgnb.graph.spec import GraphSpec
    from kgnb.graph.workers import Worker


_UNSTORED = (
    "kgnb: a checkpointer stores the whole state after each step; keep functions, "
    "locks and clients out of it (in a closure, or config['configurable']), or give "
    "the checkpointer a serializer that knows them"
)


class State(dict[Any, Any]):
    """The graph's state, live; ``input`` is what the run was given."""

    def __init__(self, given: Any) -> None:
        super().__init__(given if isinstance(given, Mapping) else {})
        self.input = given


class LangGraphEngine:
    """Runs a compiled graph on one of its threads.

    Nodes run where LangGraph runs them: async ones on the run's loop, sync ones in
    threads of that loop's executor. A graph whose checkpointer is sync only runs
    wholly in one thread.

    Args:
        graph: The graph.
        config: LangGraph's config, passed on as it is.
        session_id: The thread, where the config names none.
    """

    def __init__(
        self, graph: Any, config: Mapping[str, Any] | None, session_id: str | None
    ) -> None:
        self._graph = graph
        self._thread = Thread(graph, config, session_id)
        self._picture = Picture(graph)

    @property
    def session_id(self) -> str | None:
        """See ``SessionEngine.session_id``: the thread."""
        return self._thread.id

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """See ``SessionEngine.loop``: that of the checkpointer."""
        return self._thread.loop

    def describe(self) -> GraphSpec:
        """See ``Engine.describe``."""
        return self._picture.spec

    def begin(self, given: Any) -> MutableMapping[Any, Any]:
        """See ``SessionEngine.begin``.

        A copy of the input, which becomes the state: the user's stays as it is.
        """
        return State(given)

    async def run(
        self,
        shared: MutableMapping[Any, Any],
        observer: GuestObserver,
        *,
        worker: Worker,
    ) -> Any:
        """See ``Engine.run``."""
        self._thread.check_loop()
        with self._thread.held():
            lane: Lane = AsyncLane(self._graph)
            if await self._thread.is_sync_only():
                lane = SyncLane(self._graph, worker)
            await _GraphRun(lane, self._thread, self._picture, observer).run(shared)


class _GraphRun:
    """One run: as many calls of the graph as it takes to come to its end."""

    def __init__(
        self, lane: Lane, thread: Thread, picture: Picture, observer: GuestObserver
    ) -> None:
        self._lane = lane
        self._thread = thread
        self._observer = observer
        self._visits = Visits(observer, picture)
        self._inquiry = Inquiry(self._visits)

    async def run(self, shared: MutableMapping[Any, Any]) -> None:
        """Run to the end."""
        thread, given = self._thread, shared
        if isinstance(shared, State):
            given = shared.input
        if given is None:
            thread.need_saver("run(graph) without input goes on with a thread")
            stored = await self._lane.stored(thread.config)
            thread.check_can_go_on(await self._lane.state(thread.config), stored)
        try:
            while await self._call(given, shared):
                self._visits.close(all_of_them=False)
                given = await self._wait()
                self._visits.segment += 1
            for task in self._visits.last:
                if task.ended == "completed":
                    self._observer.node_result(task.visit, plain(task.result))
        finally:
            self._visits.close(all_of_them=True)

    async def _call(self, given: Any, shared: MutableMapping[Any, Any]) -> bool:
        """Call the graph, once; whether it waits, and has not ended."""
        parts = Parts(self._visits, self._observer, shared, self._inquiry)
        handler = self._lane.handler(self._visits, self._observer)
        # The user's callbacks stay, in whichever form they are.
        config = merge_configs(
            cast("RunnableConfig", self._thread.config), {"callbacks": [handler]}
        )
        try:
            await self._lane.stream(
                given,
                parts.take,
                config=config,
                stream_mode=list(MODES),
                subgraphs=True,
                version="v2",
            )
        except Exception as error:
            if not (is_refusal(error) and self._inquiry.is_open):
                if "not msgpack serializable" in str(error):
                    error.add_note(_UNSTORED)
                raise
        return self._inquiry.is_open or parts.is_at_breakpoint

    async def _wait(self) -> Any:
        """Wait for people; what the graph is to go on with."""
        thread, inquiry = self._thread, self._inquiry
        if inquiry.is_open:
            thread.need_saver(inquiry.why)
            await inquiry.wait()
        thread.goes_on()
        state = await self._lane.state(thread.config)
        if inquiry.is_open:
            return Command(resume=inquiry.send(state.interrupts))
        await self._observer.breakpoint(state.next)
        return None
