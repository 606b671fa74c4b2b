"""The blocking client: the asynchronous one, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kgnb.clients.client import connect
from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping

    from kgnb.clients.addresses import Server
    from kgnb.clients.client import Client, Started
    from kgnb.clients.connection import Backoff

T = TypeVar("T")


class _Loop:
    """A loop in a thread; use with ``with``. Work may come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = True

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="kgnb-client", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # what was taken on before is ended with the rest
            self._is_open = False
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _finish(self) -> None:
        """End what an interrupted call left."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work that the loop does; Ctrl-C cancels it."""
        with self._lock:
            if not self._is_open:
                work.close()
                raise Unavailable("the client was closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Unavailable("the client was closed") from None
        except BaseException:
            future.cancel()
            raise


class BlockingClient:
    """:class:`~kgnb.clients.Client` without ``await``; made by ``connect_blocking``.

    Its methods may be called from any thread, but not from a loop that must go on.
    """

    def __init__(self, client: Client, loop: _Loop) -> None:
        self._client = client
        self._loop = loop

    @property
    def identity(self) -> dict[str, Any]:
        """See :attr:`Client.identity`."""
        return self._client.identity

    @property
    def log_id(self) -> str:
        """See :attr:`Client.log_id`."""
        return self._client.log_id

    @property
    def session_id(self) -> str:
        """See :attr:`Client.session_id`."""
        return self._client.session_id

    def start(
        self,
        workflow: str,
        params: dict[str, Any] | None = None,
        *,
        session_id: str | None = None,
    ) -> Started:
        """See :meth:`Client.start`."""
        work = self._client.start(workflow, params, session_id=session_id)
        return self._loop.run(work)

    def events(
        self,
        *,
        run_id: str | None = None,
        topics: Iterable[str] = ("all",),
        since: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """See :meth:`Client.events`; each step waits for the next one."""
        events = self._client.events(run_id=run_id, topics=topics, since=since)
        try:
            while (event := self._loop.run(_next(events))) is not None:
                yield event
        finally:
            with suppress(Unavailable):  # the client was closed, and this with it
                self._loop.run(_close(events))

    def answer(
        self,
        approval_id: str,
        value: Any,
        *,
        reason: str | None = None,
        args_hash: str | None = None,
    ) -> None:
        """See :meth:`Client.answer`."""
        work = self._client.answer(
            approval_id, value, reason=reason, args_hash=args_hash
        )
        self._loop.run(work)

    def cancel(self, run_id: str) -> None:
        """See :meth:`Client.cancel`."""
        self._loop.run(self._client.cancel(run_id))

    def pause(self, run_id: str) -> None:
        """See :meth:`Client.pause`."""
        self._loop.run(self._client.pause(run_id))

    def resume(self, run_id: str) -> None:
        """See :meth:`Client.resume`."""
        self._loop.run(self._client.resume(run_id))

    def fork(
        self,
        run_id: str,
        at: int | str | None = None,
        shared: Mapping[str, Any] | None = None,
    ) -> str:
        """See :meth:`Client.fork`."""
        return self._loop.run(self._client.fork(run_id, at, shared))

    def send_input(self, node_id: str, data: Any, *, run_id: str | None = None) -> None:
        """See :meth:`Client.send_input`."""
        self._loop.run(self._client.send_input(node_id, data, run_id=run_id))

    def say(self, content: Any, *, session_id: str | None = None) -> Started:
        """See :meth:`Client.say`."""
        return self._loop.run(self._client.say(content, session_id=session_id))

    def end_chat(self, *, session_id: str | None = None) -> None:
        """See :meth:`Client.end_chat`."""
        self._loop.run(self._client.end_chat(session_id=session_id))

    def join_group(self, group: str) -> None:
        """See :meth:`Client.join_group`."""
        self._loop.run(self._client.join_group(group))

    def leave_group(self, group: str) -> None:
        """See :meth:`Client.leave_group`."""
        self._loop.run(self._client.leave_group(group))


@contextmanager
def connect_blocking(
    url: str | Server,
    *,
    token: str | None = None,
    client_id: str | None = None,
    backoff: Backoff | None = None,
) -> Iterator[BlockingClient]:
    """A blocking client, for the time of a ``with``; arguments as of ``connect``."""
    opened = connect(url, token=token, client_id=client_id, backoff=backoff)
    with _Loop() as loop:
        client = loop.run(opened.__aenter__())
        try:
            yield BlockingClient(client, loop)
        finally:
            loop.run(opened.__aexit__(None, None, None))


async def _next(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    """The next event; None at the end, as a future holds no StopAsyncIteration."""
    return await anext(events, None)


async def _close(events: Any) -> None:
    await events.aclose()
