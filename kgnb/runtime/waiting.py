"""Waiting for something in a way that Jupyter's stop button can end.

An ``await`` that waits for nothing else does not notice the kernel's interrupt
before it is over, so it ticks. And the interrupt arrives there as a cancellation
like any other: only the signal itself tells the stop button from ``task.cancel()``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

T = TypeVar("T")

TICK = 0.1
"""Seconds between two looks at whether the loop has something else to do."""
FRESH = 1.0
"""Seconds within which a cancellation is taken for the interrupt's."""


class Interrupts:
    """Notes SIGINT while it is entered, and passes it on.

    Does nothing off the main thread, where signals never arrive.
    """

    def __init__(self) -> None:
        self._at = float("-inf")
        self._previous: Any = None
        self._installed: Callable[[int, FrameType | None], None] | None = None

    @property
    def just_came(self) -> bool:
        """Whether the interrupt came a moment ago."""
        return time.monotonic() - self._at < FRESH

    def __enter__(self) -> Self:
        previous = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and callable(previous):
            self._previous = previous
            self._installed = self._note
            signal.signal(signal.SIGINT, self._installed)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Whoever took it over meanwhile, as IPython does between cells, keeps it.
        if signal.getsignal(signal.SIGINT) == self._installed is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._at = time.monotonic()
        self._previous(number, frame)


async def wait_async(
    future: concurrent.futures.Future[T], *, tick: float | None = None
) -> T:
    """Await a thread's future; being cancelled leaves it as it is."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_future: object) -> None:
        try:
            loop.call_soon_threadsafe(done.set)
        except RuntimeError:  # the loop was closed: nobody waits here any more
            if not loop.is_closed():
                raise

    future.add_done_callback(wake)
    if tick is None:
        await done.wait()
    while not future.done():
        # Not asyncio.wait_for: it makes and cancels a task each time.
        handle = loop.call_later(tick or TICK, done.set)
        await done.wait()
        handle.cancel()
        if not future.done():
            done.clear()
    return future.result()


def wait_blocking(
    future: concurrent.futures.Future[T], timeout: float | None = None
) -> T:
    """Block until a future is decided.

    Raises:
        TimeoutError: It took longer than ``timeout`` seconds.
    """
    until = None if timeout is None else time.monotonic() + timeout
    while not future.done():
        rest = 0.5 if until is None else min(0.5, until - time.monotonic())
        if rest <= 0:
            msg = f"not decided within {timeout:g} s"
            raise TimeoutError(msg)
        # In pieces: on Windows a lock that is waited for hears no interrupt.
        concurrent.futures.wait([future], rest)
    return future.result()


def is_on(loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether the caller is on this loop, and would block it."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
