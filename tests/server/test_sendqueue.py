"""A sink over a wire whose peer the test plays."""

import asyncio

import pytest

from kgnb.broker.peer import OutFrame
from kgnb.server.sendqueue import SocketSink


class FakeWire:
    """A socket; ``stall`` stops its peer from reading, ``drain`` goes on."""

    def __init__(self):
        self.sent = []
        self.left = None
        self.is_writing = False
        self.is_broken = False
        self._stalled = False
        self._futures = []

    def stall(self):
        self._stalled = True

    def write_frame(self, payload):
        if self.is_broken:
            return None
        self.sent.append(payload)
        future = asyncio.get_running_loop().create_future()
        if self._stalled:
            self.is_writing = True
            self._futures.append(future)
        else:
            future.set_result(None)
        return future

    async def drain(self, *, go_on=True):
        self._stalled = not go_on
        self.is_writing = False
        futures, self._futures = self._futures, []
        for future in futures:
            future.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)

    def leave(self, code, reason):
        assert self.left is None
        self.left = (code, reason)


@pytest.fixture
def wire():
    return FakeWire()


@pytest.fixture
def sink(wire):
    return SocketSink(wire)


def frame(number, size=10):
    return OutFrame(payload=b"%d " % number + b"x" * size)


def numbers(wire):
    return [int(payload.split()[0]) for payload in wire.sent]


async def test_frames_to_a_reader_go_out_at_once(wire, sink):
    for number in range(3):
        sink.send_nowait(frame(number))
    assert numbers(wire) == [0, 1, 2]
    assert not sink.is_congested


async def test_frames_to_a_stalled_reader_wait_behind_one(wire, sink):
    wire.stall()
    for number in range(3):
        sink.send_nowait(frame(number))
    assert numbers(wire) == [0]
    await wire.drain()
    assert numbers(wire) == [0, 1, 2]


async def test_reader_that_stalls_again_stops_the_queue_again(wire, sink):
    wire.stall()
    for number in range(4):
        sink.send_nowait(frame(number))
    for expected in ([0], [0, 1], [0, 1, 2], [0, 1, 2, 3]):
        assert numbers(wire) == expected
        await wire.drain(go_on=False)


async def test_queue_that_overflows_ends_with_4009_and_is_forgotten(wire, sink):
    wire.stall()
    for number in range(300):
        sink.send_nowait(frame(number, 10_000))
    assert wire.left == (4009, "Slow consumer")
    assert sink.is_closed
    await wire.drain()
    assert numbers(wire) == [0]


async def test_close_comes_after_what_is_queued(wire, sink):
    wire.stall()
    sink.send_nowait(frame(0))
    sink.send_nowait(frame(1))
    sink.close_nowait(4003, "Forbidden")
    sink.send_nowait(frame(2))
    assert wire.left is None
    await wire.drain()
    assert numbers(wire) == [0, 1]
    assert wire.left == (4003, "Forbidden")


async def test_close_of_an_empty_queue_is_immediate_and_once(wire, sink):
    sink.close_nowait(1000, "")
    sink.close_nowait(1011, "")
    assert wire.left == (1000, "")


async def test_socket_that_broke_takes_nothing_more(wire, sink):
    wire.is_broken = True
    sink.send_nowait(frame(0))
    assert sink.is_closed
    sink.send_nowait(frame(1))
    sink.close_nowait(1000, "")
    assert wire.left is None
