"""A client's frames, read as RFC 6455 wants them read.

tornado (6.5, 6.6) reads most of what is wrong, and cuts off the rest without a word:
frames without a mask pass, a close code that nobody may send is echoed, and a close
reason or a compressed message that is garbage ends in a traceback with the URL in it.
Here each of these ends with the close frame that the RFC names.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import zlib
from typing import TYPE_CHECKING, NamedTuple

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.util import (
    _websocket_mask,  # pyright: ignore[reportPrivateImportUsage]  # or its slow one
)
from tornado.websocket import WebSocketProtocol13, _DecompressTooLargeError

from kgnb.server import closecodes

if TYPE_CHECKING:
    from asyncio import Future

    from kgnb.server.closecodes import Close

MOST = 1000
"""Fragments of one message; browsers and our clients send one. tornado bounds their
bytes only: 300,000 empty ones would take two seconds of the server's loop."""

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_DATA = frozenset((_TEXT, _BINARY))
_CONTROL = frozenset((_CLOSE, _PING, _PONG))
_FINAL, _PRESSED, _RESERVED, _MASKED = 0x80, 0x40, 0x30, 0x80
_SHORT = 125
"""Bytes that a control frame may carry, and the largest size in the second byte."""
_SIZES = {126: 2, 127: 8}
"""Bytes in which a longer size follows (section 5.2)."""
_CODE = 2
"""Bytes of a close code."""

_LINGER = 0.5
"""Seconds that a peer which is shown out has to read why, before it is cut."""
_LINGER_BYTES = 4 * 1024 * 1024


class _ViolationError(Exception):
    """The peer sent what it must not; the close frame says what kind of thing."""

    def __init__(self, close: Close) -> None:
        super().__init__(close)
        self.close = close


class _Head(NamedTuple):
    """What stands before a frame's payload."""

    opcode: int
    is_final: bool
    is_pressed: bool
    size: int
    mask: bytes


class StrictProtocol(WebSocketProtocol13):
    """tornado's protocol with a reader of its own.

    ``_receive_frame``, ``_read_bytes`` and the like are not tornado's public interface;
    the tests of malformed frames hold them.
    """

    _opcode = _CONTINUATION
    """Of the message whose fragments are coming; none is when it is this."""
    _is_pressed = False
    _fragments = 0
    _message = bytearray()
    """Replaced, never changed, before a message begins."""

    async def _receive_frame(self) -> None:
        try:
            waited_for = await self._read_frame()
        except _ViolationError as violation:
            await self._show_out(violation.close)
            return
        if waited_for is not None:
            await waited_for

    async def _show_out(self, close: Close) -> None:
        self.close_code, self.close_reason = close
        self.close(*close)
        await linger(self.stream)
        self._abort()

    async def _read_frame(self) -> Future[None] | None:
        head = await self._read_head()
        data = _websocket_mask(head.mask, await self._read_bytes(head.size))
        if head.opcode in _CONTROL:
            self._frame_compressed = False  # of the frame that tornado now takes
            if head.opcode == _CLOSE:
                _judge_close(data)
            return self._handle_message(head.opcode, data)
        if head.opcode != _CONTINUATION:
            self._opcode, self._is_pressed = head.opcode, head.is_pressed
            self._message, self._fragments = bytearray(), 0
        self._message += data
        if head.is_final:
            return self._take_message()
        self._fragments += 1
        if self._fragments >= MOST:
            raise _ViolationError(closecodes.POLICY)
        return None

    # ---- the head

    async def _read_head(self) -> _Head:
        first, second = await self._read_bytes(2)
        opcode = first & 0x0F
        is_final, is_pressed = bool(first & _FINAL), bool(first & _PRESSED)
        size = second & ~_MASKED
        may_stand = not (first & _RESERVED) and bool(second & _MASKED)
        if opcode in _CONTROL:
            may_stand &= is_final and not is_pressed and size <= _SHORT
        elif opcode in _DATA:
            may_stand &= self._opcode == _CONTINUATION
            may_stand &= not is_pressed or self._decompressor is not None
        else:
            is_open = self._opcode != _CONTINUATION
            may_stand &= opcode == _CONTINUATION and is_open and not is_pressed
        if not may_stand:
            raise _ViolationError(closecodes.PROTOCOL)
        if size in _SIZES:
            size = int.from_bytes(await self._read_bytes(_SIZES[size]))
        earlier = len(self._message) if opcode == _CONTINUATION else 0
        if size + earlier > self.params.max_message_size:
            raise _ViolationError(closecodes.TOO_LARGE)
        mask = await self._read_bytes(4)
        return _Head(opcode, is_final, is_pressed, size, mask)

    # ---- a whole message

    def _take_message(self) -> Future[None] | None:
        data, opcode = bytes(self._message), self._opcode
        self._message, self._opcode = bytearray(), _CONTINUATION
        if self._is_pressed:
            data = self._inflated(data)
        if opcode == _BINARY:
            return self._run_callback(self.handler.on_message, data)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise _ViolationError(closecodes.NOT_UTF8) from None
        return self._run_callback(self.handler.on_message, text)

    def _inflated(self, data: bytes) -> bytes:
        if self._decompressor is None:  # the head would not have been taken
            return data
        try:
            return self._decompressor.decompress(data)
        except _DecompressTooLargeError:
            raise _ViolationError(closecodes.TOO_LARGE) from None
        except zlib.error:
            raise _ViolationError(closecodes.PROTOCOL) from None


def _judge_close(data: bytes) -> None:
    """Sections 5.5.1 and 7.4: nothing, or a code that may be sent and UTF-8.

    Raises:
        _ViolationError: It is neither.
    """
    if not data:
        return
    if len(data) < _CODE or not closecodes.sendable(int.from_bytes(data[:_CODE])):
        raise _ViolationError(closecodes.PROTOCOL)
    try:
        data[_CODE:].decode()
    except UnicodeDecodeError:
        raise _ViolationError(closecodes.NOT_UTF8) from None


async def linger(stream: IOStream) -> None:
    """Discard bytes until the peer has read the close frame, at most half a second.

    Cutting at once would make the system send a reset for the unread frames, and the
    reset can overtake the close frame.
    """
    with contextlib.suppress(StreamClosedError, OSError, TimeoutError):
        async with asyncio.timeout(_LINGER):
            await _discard(stream)


async def _discard(stream: IOStream) -> None:
    """Read and forget, until the peer hangs up or has sent too much."""
    await stream.write(b"")  # done when all before it is
    if stream.socket is not None and not isinstance(stream, SSLIOStream):
        # TLS has no half-close that leaves the other direction readable.
        stream.socket.shutdown(socket.SHUT_WR)
    left = _LINGER_BYTES
    while left > 0:
        left -= len(await stream.read_bytes(65_536, partial=True))
