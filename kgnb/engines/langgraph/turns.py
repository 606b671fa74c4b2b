"""Whose turn it is on a thread: one run at a time, the others in order of arrival."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from kgnb.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Key = tuple[int, str]
"""A checkpointer's id, which lives as long as its run, and a thread's."""

_mine: ContextVar[frozenset[Key]] = ContextVar("kgnb_threads", default=frozenset())
"""The threads of the runs around the code: such as a node that begins a run."""


class Turns:
    """The threads of this process. From any loop or thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[Key, deque[Future[None]]] = {}
        """Of each thread that has a run: those that wait for it."""

    @asynccontextmanager
    async def turn(
        self, key: Key, *, waits: Callable[[], None] | None
    ) -> AsyncIterator[None]:
        """Have a thread to oneself.

        Args:
            key: Which.
            waits: Called when another run has it, before it is waited for; None
                refuses then.

        Raises:
            Conflict: Another run has it; or the very run does whose node asks, which
                would wait for itself.
        """
        ticket = self._stand_in_line(key, is_patient=waits is not None)
        try:
            if not ticket.done() and waits is not None:
                waits()
            await asyncio.wrap_future(ticket)
        except BaseException:
            if not ticket.cancel():  # it was given the thread meanwhile
                self._leave(key)
            raise
        within = _mine.set(_mine.get() | {key})
        try:
            yield
        finally:
            _mine.reset(within)
            self._leave(key)

    def _stand_in_line(self, key: Key, *, is_patient: bool) -> Future[None]:
        ticket: Future[None] = Future()
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                self._lines[key] = deque()
                ticket.set_result(None)
                return ticket
            if key in _mine.get():
                raise Conflict(
                    f"thread {key[1]!r} has the run whose node began this one: it "
                    f"would wait for itself; give another session_id"
                )
            if not is_patient:
                raise Conflict(
                    f"thread {key[1]!r} has a run already, and two would overwrite "
                    f"each other's state; wait for it, give another session_id, or "
                    f"multitask_strategy='enqueue' to run after it"
                )
            line.append(ticket)
        return ticket

    def _leave(self, key: Key) -> None:
        with self._lock:
            line = self._lines[key]
            while line:
                ticket = line.popleft()
                if ticket.set_running_or_notify_cancel():
                    break
            else:
                del self._lines[key]
                return
        ticket.set_result(None)
