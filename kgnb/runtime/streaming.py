"""Reading a stream of chunks: in the node's task, its thread, or one beside it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol

from kgnb.errors import WrongThread
from kgnb.runtime.beside import call_beside
from kgnb.runtime.chunks import read
from kgnb.runtime.sources import Source, let_go, nature, opened, opened_async
from kgnb.runtime.texts import Gathered, Part, StreamText

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextlib import AbstractContextManager

    from kgnb.protocol.events import Usage


class Shown(Protocol):
    """Where a stream is shown while it is read; used by one thread at a time."""

    def part(self, part: Part) -> None:
        """Show what came."""

    def end(self, usage: Usage | None) -> None:
        """Nothing more comes."""

    def check(self) -> None:
        """Whether to read on.

        Raises:
            asyncio.CancelledError: The run was cancelled.
        """

    def reading(self, let_go: Callable[[], None]) -> AbstractContextManager[object]:
        """Surround reading in a thread, which ``let_go`` ends from another one."""
        ...

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """Block until a coroutine is done, which runs on the run's loop."""
        ...


class Unshown:
    """Outside a run: read, and show nobody."""

    def part(self, part: Part) -> None:
        """See ``Shown``."""

    def end(self, usage: Usage | None) -> None:
        """See ``Shown``."""

    def check(self) -> None:
        """See ``Shown``."""

    def reading(self, let_go: Callable[[], None]) -> AbstractContextManager[object]:
        """See ``Shown``."""
        del let_go
        return contextlib.nullcontext()

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """See ``Shown``; the loop is one of its own."""
        return asyncio.run(work)


class Stream:
    """A stream, not read yet: await it, or block on ``result()``; once.

    What can be read both ways is read as it is waited for.

    Args:
        source: The chunks; see ``chunks.read``.
        shown: Where they go besides.

    Raises:
        TypeError: The source is none.
    """

    def __init__(self, source: Source, shown: Shown) -> None:
        self._nature = nature(source)
        self._source = source
        self._chunks: Any = None
        self._shown = shown
        self._gathered = Gathered()
        self._is_begun = False

    def result(self) -> StreamText:
        """Read to the end in this thread, and give the whole text.

        An async source is read on the run's loop meanwhile.

        Raises:
            WrongThread: A loop runs in this thread; in async code use await.
        """
        if self._nature != "async":
            return self._read(threading.Event())
        if _in_loop():
            raise WrongThread(
                "stream(...).result() would block the loop that must read the "
                "stream; in async code use await"
            )
        return self._shown.run_coroutine(self._read_async())

    def __await__(self) -> Generator[Any, None, StreamText]:
        if self._nature == "sync":
            return self._read_beside().__await__()
        return self._read_async().__await__()

    def _begin(self) -> None:
        if self._is_begun:
            msg = "this stream was read already; keep its text"
            raise RuntimeError(msg)
        self._is_begun = True

    def _take(self, chunk: Any) -> None:
        for part in self._gathered.add(read(chunk)):
            self._shown.part(part)
        self._shown.check()

    def _end(self) -> None:
        for part in self._gathered.rest():
            self._shown.part(part)
        self._shown.end(self._gathered.usage)

    def _read(self, is_left: threading.Event) -> StreamText:
        self._begin()
        try:
            with (
                opened(self._source) as self._chunks,
                self._shown.reading(self._let_go),
            ):
                for chunk in self._chunks:
                    if is_left.is_set():
                        break
                    self._take(chunk)
        finally:
            self._end()
        return self._gathered.whole()

    def _let_go(self) -> None:
        let_go(self._chunks)

    async def _read_async(self) -> StreamText:
        self._begin()
        try:
            async with opened_async(self._source) as chunks:
                async for chunk in chunks:
                    self._take(chunk)
        finally:
            self._end()
        return self._gathered.whole()

    async def _read_beside(self) -> StreamText:
        """A sync source in an async node: it may block, so a thread reads it."""
        is_left = threading.Event()
        try:
            return await call_beside(lambda: self._read(is_left))
        except asyncio.CancelledError:
            is_left.set()
            self._let_go()
            raise


class FedStream:
    """A stream whose chunks come from whoever reads it; see ``context.Feed``."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._gathered = Gathered()
        self._has_ended = False

    def take(self, chunk: Any) -> None:
        """See ``Feed.take``."""
        for part in self._gathered.add(read(chunk)):
            self._shown.part(part)

    def end(self) -> None:
        """See ``Feed.end``."""
        if self._has_ended:
            return
        self._has_ended = True
        for part in self._gathered.rest():
            self._shown.part(part)
        self._shown.end(self._gathered.usage)


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
