"""The two ways to call a graph: as a coroutine, or wholly in one thread."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Protocol

from kgnb.engines.langgraph.handlers import AsyncAttempts, Attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.workers import Worker

    Take = Callable[[dict[str, Any]], None]


class Lane(Protocol):
    """Calls one graph; belongs to the run's loop."""

    @property
    def handler(self) -> type[AsyncAttempts | Attempts]:
        """What hears the callbacks of nodes that are called so."""
        ...

    async def stream(self, given: Any, take: Take, **options: Any) -> None:
        """Call the graph, and ``take`` each part of its stream."""

    async def state(self, config: Any) -> Any:
        """The state of a thread, as the graph sees it."""
        ...

    async def stored(self, config: Any) -> Any:
        """What the checkpointer has of a thread, or None."""
        ...


class AsyncLane:
    """By ``astream``, on the loop."""

    handler = AsyncAttempts

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    async def stream(self, given: Any, take: Take, **options: Any) -> None:
        """See ``Lane.stream``.

        Each part is taken at once, and the events that it makes wait elsewhere: the
        graph, which runs no further than its reader, is kept up by nobody.
        """
        async with aclosing(self._graph.astream(given, **options)) as parts:
            async for part in parts:
                take(part)

    async def state(self, config: Any) -> Any:
        """See ``Lane.state``."""
        return await self._graph.aget_state(config)

    async def stored(self, config: Any) -> Any:
        """See ``Lane.stored``."""
        return await self._graph.checkpointer.aget_tuple(config)


class SyncLane:
    """By ``stream``, in a thread of the run's: for a checkpointer that is sync only."""

    handler = Attempts

    def __init__(self, graph: Any, worker: Worker) -> None:
        self._graph = graph
        self._worker = worker

    async def stream(self, given: Any, take: Take, **options: Any) -> None:
        """See ``Lane.stream``."""
        await self._worker.call(lambda: self._read(given, take, options))

    def _read(self, given: Any, take: Take, options: dict[str, Any]) -> None:
        try:
            with closing(self._graph.stream(given, **options)) as parts:
                for part in parts:
                    take(part)
        except TypeError as error:
            if "No synchronous function" in str(error):
                kind = type(self._graph.checkpointer).__name__
                error.add_note(
                    f"kgnb: {kind} is sync only, so that async nodes cannot run; "
                    f"use its async counterpart, such as AsyncSqliteSaver"
                )
            raise

    async def state(self, config: Any) -> Any:
        """See ``Lane.state``."""
        return await self._worker.call(lambda: self._graph.get_state(config))

    async def stored(self, config: Any) -> Any:
        """See ``Lane.stored``."""
        saver = self._graph.checkpointer
        return await self._worker.call(lambda: saver.get_tuple(config))
