"""The two ways to call a graph: as a coroutine, or wholly in one thread."""

from __future__ import annotations

import asyncio
import threading
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

    async def history(self, config: Any, **terms: Any) -> list[Any]:
        """The states of a thread, the newest first."""
        ...

    async def update(self, config: Any, values: Any, as_node: str | None) -> Any:
        """Store an edited state; the config that names it."""
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

    async def history(self, config: Any, **terms: Any) -> list[Any]:
        """See ``Lane.history``."""
        return [each async for each in self._graph.aget_state_history(config, **terms)]

    async def update(self, config: Any, values: Any, as_node: str | None) -> Any:
        """See ``Lane.update``."""
        return await self._graph.aupdate_state(config, values, as_node)


class SyncLane:
    """By ``stream``, in a thread of the run's: for a checkpointer that is sync only."""

    handler = Attempts

    def __init__(self, graph: Any, worker: Worker) -> None:
        self._graph = graph
        self._worker = worker

    async def stream(self, given: Any, take: Take, **options: Any) -> None:
        """See ``Lane.stream``.

        A node that outlives a cancel goes on in its thread, and then the graph does
        not: what it would store comes after what the thread's next run has stored.
        """
        left = threading.Event()

        def take_or_stop(part: dict[str, Any]) -> None:
            if left.is_set():
                raise asyncio.CancelledError
            take(part)

        try:
            await self._worker.call(lambda: self._read(given, take_or_stop, options))
        finally:
            left.set()

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

    async def history(self, config: Any, **terms: Any) -> list[Any]:
        """See ``Lane.history``."""
        read = self._graph.get_state_history
        return await self._worker.call(lambda: list(read(config, **terms)))

    async def update(self, config: Any, values: Any, as_node: str | None) -> Any:
        """See ``Lane.update``."""
        store = self._graph.update_state
        return await self._worker.call(lambda: store(config, values, as_node))
