"""Threads for sync code: a loop never executes it itself."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import queue
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

T = TypeVar("T")


class Worker(Protocol):
    """Runs the sync code of one run off its event loop."""

    executor: Executor | None
    """Where the run's sync nodes have their exec executed; None: in their thread."""

    async def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` in a thread, in a copy of the caller's context.

        Cancelling the await returns at once; the thread goes on until its code
        comes to a checkpoint.
        """
        ...


class ThreadWorker:
    """As many daemon threads as there is sync code at the same time.

    A finished thread waits for more work, so nodes that follow one another share
    one thread, and 40 that block at once have 40. Daemon threads, because a node
    that hangs must not keep the interpreter from exiting.

    Belongs to the loop that calls ``call``; ``busy`` may be read from any thread.
    After the last call you must ``close()`` it.

    Args:
        name: What its threads' names begin with.
        executor: See ``Worker.executor``; stays its owner's to shut down.
    """

    def __init__(
        self, name: str = "kgnb-node", *, executor: Executor | None = None
    ) -> None:
        self.executor = executor
        self._name = name
        self._numbers = itertools.count(1)
        self._idle: deque[queue.SimpleQueue[Callable[[], None] | None]] = deque()
        self._lock = threading.Lock()
        self._busy = 0
        self._closed = False

    @property
    def busy(self) -> int:
        """How many threads are in user code now."""
        return self._busy

    async def call(self, function: Callable[[], T]) -> T:
        """See ``Worker.call``."""
        return _unwrap(*await self._submit(function))

    def _submit(
        self, function: Callable[[], T]
    ) -> asyncio.Future[tuple[T | None, BaseException | None]]:
        # The outcome travels as a pair: a future refuses StopIteration, and
        # CancelledError would read as the future's own cancellation.
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[T | None, BaseException | None]]
        done = loop.create_future()
        context = contextvars.copy_context()
        mailbox = self._take()

        def job() -> None:
            outcome: tuple[T | None, BaseException | None]
            try:
                outcome = (context.run(function), None)
            except BaseException as error:  # noqa: BLE001 - the root of a thread's work
                outcome = (None, error)
            self._finished(mailbox)
            _deliver(loop, done, outcome)

        mailbox.put(job)
        return done

    def close(self) -> None:
        """Let idle threads end now and busy ones when their work ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for mailbox in idle:
            mailbox.put(None)

    def _take(self) -> queue.SimpleQueue[Callable[[], None] | None]:
        with self._lock:
            if self._closed:
                msg = "the run's worker is closed; start a new run"
                raise RuntimeError(msg)
            self._busy += 1
            if self._idle:
                return self._idle.pop()
        mailbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(
            target=_serve,
            args=(mailbox,),
            name=f"{self._name}-{next(self._numbers)}",
            daemon=True,
        ).start()
        return mailbox

    def _finished(self, mailbox: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        with self._lock:
            self._busy -= 1
            if not self._closed:
                self._idle.append(mailbox)
                return
        mailbox.put(None)


def _unwrap(value: T | None, error: BaseException | None) -> T:
    if error is None:
        return cast("T", value)
    try:
        raise error
    finally:
        del error  # else the traceback's frame keeps the traceback alive


def _serve(mailbox: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := mailbox.get()) is not None:
        job()
        del job  # an idle thread must not keep the last node's data alive


def _deliver(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], value: T
) -> None:
    def settle() -> None:
        if not future.done():
            future.set_result(value)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        # The loop was closed under a cancelled run: nobody waits for this any more.
        if not loop.is_closed():
            raise


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Run ``function`` in a daemon thread of its own, in an empty context."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - the root of a thread's work
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=work, name="kgnb-attempt", daemon=True).start()
    return future


def call_in_threads(functions: Sequence[Callable[[], T]], limit: int) -> list[T]:
    """Run sync functions at the same time and wait for all of them.

    Each runs in a copy of the caller's context, at most ``limit`` at a time.

    Returns:
        Their values, in the order of ``functions``.

    Raises:
        BaseException: What the first of them, in that order, raised; the others
            ran to their end nevertheless.
    """
    outcomes: list[tuple[T | None, BaseException | None]]
    outcomes = [(None, None)] * len(functions)
    contexts = [contextvars.copy_context() for _ in functions]
    indices = iter(range(len(functions)))  # next() on it is atomic

    def drain() -> None:
        for index in indices:
            try:
                outcomes[index] = (contexts[index].run(functions[index]), None)
            except BaseException as error:  # noqa: BLE001 - the root of a thread's work
                outcomes[index] = (None, error)

    threads = [
        threading.Thread(target=drain, name=f"kgnb-item-{number}", daemon=True)
        for number in range(1, min(limit, len(functions)) + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [_unwrap(*outcome) for outcome in outcomes]
