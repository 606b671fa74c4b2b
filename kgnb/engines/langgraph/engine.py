"""Runs a compiled LangGraph graph, unchanged: reads its stream, and answers it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables.config import merge_configs
from langgraph.types import Command

from kgnb.engines.langgraph.handlers import AsyncAttempts, Attempts
from kgnb.engines.langgraph.parts import MODES, Parts
from kgnb.engines.langgraph.picture import Picture
from kgnb.engines.langgraph.questions import Inquiry
from kgnb.engines.langgraph.threads import Thread
from kgnb.engines.langgraph.values import plain
from kgnb.engines.langgraph.visits import Visits

if TYPE_CHECKING:
    import asyncio

    from langchain_core.runnables import RunnableConfig

    from kgnb.graph.observe import GuestObserver
    from kgnb.graph.spec import GraphSpec
    from kgnb.graph.workers import Worker


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
            is_sync = await self._thread.is_sync_only()
            graph_run = _GraphRun(self._graph, self._thread, self._picture, observer)
            await graph_run.run(shared, worker if is_sync else None)


class _GraphRun:
    """One run: as many calls of the graph as it takes to come to its end."""

    def __init__(
        self, graph: Any, thread: Thread, picture: Picture, observer: GuestObserver
    ) -> None:
        self._graph = graph
        self._thread = thread
        self._observer = observer
        self._visits = Visits(observer, picture)
        self._inquiry = Inquiry(self._visits)
        self._worker: Worker | None = None
        """Where all of the graph runs in one thread."""

    async def run(
        self, shared: MutableMapping[Any, Any], worker: Worker | None
    ) -> None:
        """Run to the end."""
        self._worker = worker
        given = shared.input if isinstance(shared, State) else shared
        if given is None:
            self._thread.need_saver("run(graph) without input goes on with a thread")
            await self._check_can_go_on()
        try:
            while True:
                parts = Parts(self._visits, self._observer, shared, self._inquiry.take)
                await self._call(given, parts)
                if not self._inquiry.is_open and not parts.is_at_breakpoint:
                    break
                self._thread.goes_on()
                given = await self._wait()
                self._visits.segment += 1
            self._tell_results()
        finally:
            self._visits.close(all_of_them=True)

    async def _call(self, given: Any, parts: Parts) -> None:
        """Call the graph, once, until it ends or waits."""
        options: dict[str, Any] = {
            "stream_mode": list(MODES),
            "subgraphs": True,
            "version": "v2",
        }
        handler = (AsyncAttempts if self._worker is None else Attempts)(
            self._visits, self._observer
        )
        # The user's callbacks stay, in whichever form they are.
        config = merge_configs(
            cast("RunnableConfig", self._thread.config), {"callbacks": [handler]}
        )
        if self._worker is None:
            # Each part is taken at once, and the events it makes wait elsewhere: the
            # graph, which runs no further than its reader, is kept up by nobody.
            async with aclosing(
                self._graph.astream(given, config, **options)
            ) as parts_:
                async for part in parts_:
                    parts.take(part)
        else:
            await self._worker.call(
                lambda: self._call_sync(given, config, options, parts)
            )

    def _call_sync(
        self, given: Any, config: Any, options: dict[str, Any], parts: Parts
    ) -> None:
        with closing(self._graph.stream(given, config, **options)) as stream:
            try:
                for part in stream:
                    parts.take(part)
            except TypeError as error:
                if "No synchronous function" in str(error):
                    kind = type(self._thread.saver).__name__
                    error.add_note(
                        f"kgnb: {kind} is sync only, so that async nodes cannot run; "
                        f"use its async counterpart, such as AsyncSqliteSaver"
                    )
                raise

    async def _wait(self) -> Any:
        """Wait for people; what the graph is to go on with."""
        self._visits.close(all_of_them=False)
        if self._inquiry.is_open:
            self._thread.need_saver(self._inquiry.why)
            answers = await self._inquiry.answers()
            self._inquiry.check_pending((await self._snapshot()).interrupts)
            return Command(resume=answers)
        snapshot = await self._snapshot()
        await self._observer.breakpoint(snapshot.next)
        return None

    async def _check_can_go_on(self) -> None:
        thread, saver = self._thread, self._thread.saver
        if self._worker is None:
            stored = await saver.aget_tuple(thread.config)
        else:
            stored = await self._worker.call(lambda: saver.get_tuple(thread.config))
        thread.check_can_go_on(await self._snapshot(), stored)

    async def _snapshot(self) -> Any:
        graph, config = self._graph, self._thread.config
        if self._worker is None:
            return await graph.aget_state(config)
        return await self._worker.call(lambda: graph.get_state(config))

    def _tell_results(self) -> None:
        for task in self._visits.last:
            if task.ended == "completed":
                self._observer.node_result(task.visit, plain(task.result))
