"""Reading a stream of chunks: in the node's task, its thread, or one beside it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from kgnb.errors import WrongThread
from kgnb.runtime.beside import call_beside
from kgnb.runtime.chunks import Gathered, Piece, StreamText, read

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

Source = AsyncIterable[Any] | Iterable[Any]


class Shown(Protocol):
    """Where a stream is shown while it is read; used by one thread at a time."""

    def piece(self, piece: Piece) -> None:
        """Show what came.

        Raises:
            asyncio.CancelledError: The run was cancelled: read no further.
        """

    def end(self) -> None:
        """Nothing more comes."""

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """Block until a coroutine is done, which runs on the run's loop."""
        ...


class Unshown:
    """Outside a run: read, and show nobody."""

    def piece(self, piece: Piece) -> None:
        """See ``Shown``."""

    def end(self) -> None:
        """See ``Shown``."""

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """See ``Shown``; the loop is one of its own."""
        return asyncio.run(work)


class Stream:
    """A stream, not read yet: await it, or block on ``result()``; once.

    Args:
        source: The chunks; see ``chunks.read``.
        shown: Where they go besides.
    """

    def __init__(self, source: Source, shown: Shown) -> None:
        if not isinstance(source, AsyncIterable | Iterable):
            kind = type(source).__name__
            hint = "await it first" if asyncio.iscoroutine(source) else "of chunks"
            msg = f"stream() takes an iterable or async iterable ({hint}), got {kind}"
            if asyncio.iscoroutine(source):
                source.close()
            raise TypeError(msg)
        self._source = source
        self._shown = shown
        self._gathered = Gathered()
        self._is_begun = False

    def result(self) -> StreamText:
        """Read to the end in this thread, and give the whole text.

        An async source is read on the run's loop meanwhile.

        Raises:
            WrongThread: A loop runs in this thread; in async code use await.
        """
        if isinstance(self._source, AsyncIterable):
            if _in_loop():
                raise WrongThread(
                    "stream(...).result() would block the loop that must read the "
                    "stream; in async code use await"
                )
            return self._shown.run_coroutine(self._read_async(self._source))
        return self._read(self._source)

    def __await__(self) -> Generator[Any, None, StreamText]:
        if isinstance(self._source, AsyncIterable):
            return self._read_async(self._source).__await__()
        return self._read_beside(self._source).__await__()

    def _begin(self) -> None:
        if self._is_begun:
            msg = "this stream was read already; keep its text"
            raise RuntimeError(msg)
        self._is_begun = True

    def _take(self, chunk: Any) -> None:
        piece = read(chunk)
        self._gathered.add(piece)
        self._shown.piece(piece)

    def _read(self, source: Iterable[Any]) -> StreamText:
        self._begin()
        try:
            for chunk in source:
                self._take(chunk)
        finally:
            self._shown.end()
            close = getattr(source, "close", None)
            if callable(close):
                close()
        return self._gathered.whole()

    async def _read_async(self, source: AsyncIterable[Any]) -> StreamText:
        self._begin()
        try:
            async for chunk in source:
                self._take(chunk)
        finally:
            self._shown.end()
            close = getattr(source, "aclose", None)
            if close is not None:
                # Cancelled in the middle, a generator would be closed by the garbage
                # collector, who knows when; its connection is wanted back now.
                with contextlib.suppress(RuntimeError):
                    await close()
        return self._gathered.whole()

    async def _read_beside(self, source: Iterable[Any]) -> StreamText:
        """A sync source in an async node: it may block, so a thread reads it."""
        is_left = threading.Event()

        def chunks() -> Iterable[Any]:
            for chunk in source:
                if is_left.is_set():
                    return
                yield chunk

        try:
            return await call_beside(lambda: self._read(chunks()))
        finally:
            is_left.set()


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
