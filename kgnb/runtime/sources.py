"""Where chunks come from: told apart, opened, closed, and let go in mid-read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

from kgnb.runtime.fields import get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

Source = (
    AsyncIterable[Any]
    | Iterable[Any]
    | AbstractAsyncContextManager[Any]
    | AbstractContextManager[Any]
)
"""Chunks, or what gives them when it is entered, as the clients' stream helpers do."""


def nature(source: Source) -> Literal["sync", "async", "both"]:
    """How a source is read.

    Raises:
        TypeError: It is no source.
    """
    if isinstance(source, AsyncIterable):
        if not isinstance(source, Iterable):
            return "async"
        # LiteLLM's wrapper has both ways, and what it wraps mostly has one.
        inner = get(source, "completion_stream")
        return "both" if inner is None else nature(inner)
    if isinstance(source, Iterable):
        return "sync"
    if isinstance(source, AbstractAsyncContextManager):
        return "async"
    if isinstance(source, AbstractContextManager):
        return "sync"
    hint = "of chunks"
    if asyncio.iscoroutine(source):
        hint = "await it first"
        source.close()
    kind = type(source).__name__
    msg = f"stream() takes an iterable or async iterable ({hint}), got {kind}"
    raise TypeError(msg)


@contextlib.contextmanager
def opened(source: Any) -> Iterator[Iterable[Any]]:
    """The chunks of a sync source, which is closed in the end.

    A generator would be closed by the garbage collector, who knows when; its
    connection is wanted back now.
    """
    if isinstance(source, str):
        yield (source,)
    elif not isinstance(source, Iterable):
        with source as entered:
            yield entered
    else:
        try:
            yield source
        finally:
            close = closer(source, "close")
            if close is not None:
                close()


@contextlib.asynccontextmanager
async def opened_async(source: Any) -> AsyncIterator[AsyncIterable[Any]]:
    """The chunks of an async source; see ``opened``."""
    if not isinstance(source, AsyncIterable):
        async with source as entered:
            yield entered
        return
    try:
        yield source
    finally:
        close = closer(source, "aclose", "close")
        if close is not None:
            # A generator that is being read elsewhere refuses.
            with contextlib.suppress(RuntimeError):
                await close()


def closer(source: Any, *names: str) -> Any:
    """The first of the methods that the source has, or None."""
    for name in names:
        close = getattr(source, name, None)
        if callable(close):
            return close
    # LiteLLM's wrapper has no close for sync use; what it wraps has.
    inner = get(source, "completion_stream")
    return None if inner is None else closer(inner, *names)


def let_go(source: Any) -> None:
    """End the connection of a sync source that another thread is reading.

    The clients keep their response as ``response``; LiteLLM's wrapper and OpenAI's
    helpers keep the client's stream. Closing a socket wakes nobody who waits in it,
    shutting it down does. What has no such connection is let go at its next chunk;
    ``kgnb.llm``'s replies know how themselves.
    """
    if callable(own := get(source, "let_go")):
        own()
        return
    for name in ("completion_stream", "_raw_stream"):
        source = get(source, name) or source
    stream = get(get(get(source, "response"), "extensions"), "network_stream")
    inform = get(stream, "get_extra_info")
    connection = inform("socket") if callable(inform) else None
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):  # closed meanwhile
            connection.shutdown(socket.SHUT_RDWR)
