"""Frames to clients without compression, written past tornado's own writer.

``write_message`` makes a coroutine and a task of every frame. Where thousands of
sockets read one run that costs more than sending does, so what a socket can take at
once is given to it at once, and only the rest to its stream.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from tornado.iostream import IOStream

_FINAL_TEXT = 0x81


def text_frame(payload: bytes) -> bytes:
    """A whole message of a server: one frame, not masked (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:  # noqa: PLR2004  # the three lengths of the RFC
        return struct.pack("!BB", _FINAL_TEXT, size) + payload
    if size < 65_536:  # noqa: PLR2004  # ditto
        return struct.pack("!BBH", _FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, size) + payload


def write(stream: IOStream, data: bytes) -> asyncio.Future[None] | None:
    """Write ``data``, in order with what was written before.

    Returns:
        None if the system has taken all of it, else a future that is done when it has.

    Raises:
        StreamClosedError: The peer is gone.
    """
    sent = 0
    if not stream.writing() and not stream.closed():
        try:
            sent = stream.write_to_fd(memoryview(data))
        except OSError:
            sent = 0  # whether the peer is gone, the stream finds out
    if sent == len(data):
        return None
    return stream.write(memoryview(data)[sent:])
