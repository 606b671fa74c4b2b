"""Sends a body that is made while it is sent; the same for every host."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kgnb.server.calls.call import Stream


async def pour(
    stream: Stream,
    send: Callable[[bytes], Awaitable[None]],
    *ends: asyncio.Event | None,
) -> bool:
    """Send chunk after chunk; whether the reader got them all.

    Safe to cancel; the stream is closed when this returns or raises.

    Args:
        stream: The body.
        send: Sends one chunk, and returns when the reader has (nearly) read it.
        ends: Each stops it at once, also while it waits for a reader: that he
            has gone, that he is to be cut off.

    Raises:
        KgnbError: The stream broke; what was sent is not the whole.
    """
    sending = asyncio.ensure_future(_send_all(stream, send))
    watches = [asyncio.ensure_future(end.wait()) for end in ends if end is not None]
    try:
        await asyncio.wait((sending, *watches), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
            return True
        return False
    finally:
        for task in (sending, *watches):
            task.cancel()
        await asyncio.gather(sending, *watches, return_exceptions=True)


async def _send_all(stream: Stream, send: Callable[[bytes], Awaitable[None]]) -> None:
    async with aclosing(stream):
        async for chunk in stream:
            await send(chunk)
