"""Frames written past tornado: all of them, in order, whatever the system takes."""

import asyncio
import contextlib
import socket
import struct

import pytest
from server_harness import TOKEN
from tornado.iostream import IOStream, StreamClosedError

from kgnb.server import frames


@contextlib.contextmanager
def pair():
    """A stream that takes little at once, and the raw socket at its other end."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    theirs.setblocking(False)
    stream = IOStream(ours)
    yield stream, theirs
    stream.close()
    theirs.close()


async def read(theirs, size):
    found = b""
    while len(found) < size:
        found += await asyncio.get_running_loop().sock_recv(theirs, 65_536)
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
def test_text_frame_of_any_size_says_its_length(size):
    frame = frames.text_frame(b"x" * size)
    assert frame[0] == 0x81  # final, text, no extension
    length, start = frame[1], 2
    if length == 126:
        (length,), start = struct.unpack("!H", frame[2:4]), 4
    elif length == 127:
        (length,), start = struct.unpack("!Q", frame[2:10]), 10
    assert length == size
    assert frame[start:] == b"x" * size


async def test_write_that_fits_leaves_nothing_to_wait_for():
    with pair() as (stream, theirs):
        assert frames.write(stream, b"one") is None
        assert not stream.writing()
        assert await read(theirs, 3) == b"one"


async def test_writes_to_a_full_socket_come_whole_and_in_order():
    with pair() as (stream, theirs):
        sent = [bytes([65 + number]) * 100_000 for number in range(5)]
        waits = [frames.write(stream, data) for data in sent]
        assert all(wait is not None and not wait.done() for wait in waits)
        assert stream.writing()
        assert await read(theirs, 500_000) == b"".join(sent)
        await asyncio.wait_for(asyncio.gather(*waits), 2)
        assert frames.write(stream, b"next") is None


async def test_write_to_a_peer_that_has_gone_is_told_as_closed():
    with pair() as (stream, theirs):
        theirs.close()
        with contextlib.suppress(StreamClosedError):
            frames.write(stream, b"lost")
        assert stream.closed()
        with pytest.raises(StreamClosedError):
            frames.write(stream, b"later")


async def test_socket_does_not_hold_small_frames_back(site, driver, app):
    async with site.connect(token=TOKEN):
        (served,) = app.host.sockets
        raw = served.ws_connection.stream.socket
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
