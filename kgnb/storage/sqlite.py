"""A log in one SQLite file, all of it on one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from kgnb.errors import Unavailable
from kgnb.storage.sqlite_tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgnb.storage.base import Outcome, Record, Row, StreamState, Transaction

T = TypeVar("T")
logger = logging.getLogger("kgnb.storage")

CLOSE_TIMEOUT = 5.0
"""Seconds that ``aclose`` waits for work begun before it."""


class _Worker(threading.Thread):
    """Runs calls one after another; daemon, so a hung disk holds up no exit."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.ended = asyncio.Event()
        """Set, on the loop that called ``stop_after``, at the end."""

    def run(self) -> None:
        """Serve until told to stop."""
        while (call := self._calls.get()) is not None:
            call()

    def submit(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Run ``call`` on the thread; the future belongs to the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(setter: Callable[[], None]) -> None:
            if not future.done():
                setter()

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  # the root of the thread's task: the caller gets it
                failure = error
                done = lambda: future.set_exception(failure)  # noqa: E731
            else:
                done = lambda: future.set_result(result)  # noqa: E731
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, done)

        self._calls.put(work)
        return future

    def stop_after(self, call: Callable[[], None]) -> None:
        """Run ``call`` behind what is queued, then end."""
        loop = asyncio.get_running_loop()

        def work() -> None:
            try:
                call()
            except (sqlite3.Error, OSError):
                logger.exception("the log did not close cleanly")
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self.ended.set)

        self._calls.put(work)
        self._calls.put(None)


class SqliteLog:
    """A :class:`kgnb.storage.base.Log` in a SQLite file.

    Args:
        path: Absolute; file and directory are made as needed, for the owner only.
        busy_timeout: Seconds to wait for another process to let go of the file.
    """

    def __init__(self, path: Path, *, busy_timeout: float = 5.0) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._worker: _Worker | None = None
        self._tables: Tables | None = None
        self._log_id = ""

    @property
    def log_id(self) -> str:
        """Names this log; known once it is open, kept in the file."""
        return self._log_id

    @property
    def journal_mode(self) -> str:
        """``wal``, or what the file system allows instead."""
        return self._tables.journal_mode if self._tables else ""

    async def open(self) -> None:
        """Open the file and start the thread."""
        if self._worker is not None:
            return
        self._worker = _Worker(f"kgnb-log-{self._path.name}")
        self._worker.start()
        try:
            self._tables = await self._submit(
                lambda: Tables(self._path, busy_timeout=self._busy_timeout)
            )
        except BaseException:
            await self.aclose()
            raise
        self._log_id = self._tables.log_id

    async def _submit(self, call: Callable[[], T]) -> T:
        if self._worker is None:
            raise Unavailable(f"{self._path}: expected the log to be open")
        try:
            return await self._worker.submit(call)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return (
                f"{self._path}: another process has this log open; end that, or give "
                f"each a log of its own"
            )
        return f"{self._path}: {error}"

    async def _on(self, call: Callable[[Tables], T]) -> T:
        tables = self._tables
        if tables is None:
            raise Unavailable(f"{self._path}: expected the log to be open")
        return await self._submit(lambda: call(tables))

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in order, in one SQLite commit."""
        return await self._on(lambda tables: tables.commit(batch))

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        return await self._on(lambda tables: tables.read(stream, after, limit))

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record."""
        return (await self._on(lambda tables: tables.state(stream))).seq

    async def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        return await self._on(lambda tables: tables.streams(prefix))

    async def get(self, key: str) -> Row | None:
        """The row under ``key``."""
        return await self._on(lambda tables: tables.row(key))

    async def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix, ordered."""
        return await self._on(lambda tables: tables.scan(prefix))

    async def aclose(self) -> None:
        """Close the file and join the thread, at most ``CLOSE_TIMEOUT`` seconds."""
        worker, self._worker = self._worker, None
        tables, self._tables = self._tables, None
        if worker is None:
            return
        worker.stop_after(tables.close if tables is not None else lambda: None)
        # Waiting in a thread of asyncio's pool would leave that thread behind.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await worker.ended.wait()
        if worker.ended.is_set():
            worker.join()
        else:
            logger.warning("%s: the disk does not answer; left behind", self._path)


def path_of(url: str) -> Path:
    """The file that ``sqlite:///absolute/path.db`` names.

    Raises:
        ValueError: It names none.
    """
    head, found, tail = url.partition("sqlite://")
    path = Path(tail)
    if head or not found or not path.is_absolute() or not path.name:
        msg = f"log url: expected sqlite:///absolute/path.db, got {url!r}"
        raise ValueError(msg)
    return path
