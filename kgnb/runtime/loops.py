"""The two threads of a kernel process: where runs live, and where their log is.

``kgnb-loop`` runs the users' async nodes; ``kgnb-link`` talks to the log and runs
no user code, so that a node which blocks its loop does not cut the line.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

STOP_TIMEOUT = 5.0
"""Seconds that ``stop`` waits for the thread."""


class LoopThread:
    """An event loop in a daemon thread of its own.

    Started by ``start``; after that you must ``stop`` it. All methods may be called
    from any thread, ``stop`` from any but its own.

    Args:
        name: The thread's.
        executor: Makes the loop's default executor, which ends with the loop; without
            it the loop has asyncio's own.
    """

    def __init__(
        self, name: str, executor: Callable[[], ThreadPoolExecutor] | None = None
    ) -> None:
        self.name = name
        self._executor = executor
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; starts the thread where it is not running yet."""
        return self.start()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._loop is not None

    @property
    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def start(self) -> asyncio.AbstractEventLoop:
        """Start the thread, once, and return its running loop."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                if self._executor is not None:
                    loop.set_default_executor(self._executor())
                is_up = threading.Event()
                loop.call_soon(is_up.set)
                self._thread = threading.Thread(
                    target=_serve, args=(loop,), name=self.name, daemon=True
                )
                self._thread.start()
                is_up.wait()
                self._loop = loop
            return self._loop

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine here, in a copy of the caller's context.

        Cancelling the future cancels the task.
        """
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> bool:
        """Call ``function`` here soon; False where the thread has stopped."""
        loop = self._loop
        if loop is None:
            return False
        # A context of its own: nothing that is done here belongs to a cell or node.
        try:
            loop.call_soon_threadsafe(
                function, *arguments, context=contextvars.Context()
            )
        except RuntimeError:  # closed between the look and the call
            return False
        return True

    def stop(self) -> None:
        """Cancel what runs here and wait for the thread, at most 5 s."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_TIMEOUT)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=STOP_TIMEOUT / 2))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
