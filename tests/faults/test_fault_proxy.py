"""The proxy that breaks connections, on a server that says back what it hears."""

import asyncio
import random
import time
from contextlib import asynccontextmanager

import pytest

from kgnb.testing.proxy import NO_FAULT, Fault, FaultProxy, random_faults

TEXT = bytes(range(256)) * 40


@asynccontextmanager
async def echoing(*faults):
    """A proxy before a server that echoes."""

    async def echo(reader, writer):
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with FaultProxy("127.0.0.1", port, faults) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


async def say(proxy, text=TEXT):
    """What comes back, and how it ended: closed, or reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    heard, end = b"", "closed"
    try:
        writer.write(text)
        if len(text) > 1:
            writer.write_eof()
        while data := await reader.read(65_536):
            heard += data
    except ConnectionResetError:
        end = "reset"
    finally:
        writer.close()
    return heard, end


async def test_connection_without_a_fault_carries_everything():
    async with echoing() as proxy:
        assert await say(proxy) == (TEXT, "closed")
        assert (proxy.accepted, proxy.broken) == (1, {})


@pytest.mark.parametrize(("then", "end"), [("cut", "closed"), ("reset", "reset")])
async def test_connection_breaks_after_so_many_bytes_and_the_next_lives(then, end):
    fault = Fault(after=len(TEXT) + 100, then=then, slice=50)
    async with echoing(fault) as proxy:
        heard, found = await say(proxy)
        assert found == end
        assert len(heard) <= 100 + len(TEXT)
        assert TEXT.startswith(heard)
        assert heard != TEXT
        assert await say(proxy) == (TEXT, "closed")
        assert proxy.broken == {then: 1}


async def test_connection_that_breaks_at_once_carries_nothing():
    async with echoing(Fault(after=0)) as proxy:
        assert (await say(proxy))[0] == b""


async def test_black_hole_swallows_everything_until_it_is_reset():
    async with echoing(Fault(after=100, then="black_hole", hold=0.3)) as proxy:
        began = time.monotonic()
        heard, end = await say(proxy)
        assert (len(heard) <= 100, end) == (True, "reset")
        assert time.monotonic() - began >= 0.3


async def test_slices_and_delays_change_no_byte():
    async with echoing(Fault(slice=97, delay=0.0001)) as proxy:
        assert await say(proxy) == (TEXT, "closed")


async def test_rate_is_kept():
    async with echoing(Fault(rate=50_000, slice=1_000)) as proxy:
        began = time.monotonic()
        assert await say(proxy) == (TEXT, "closed")
        assert time.monotonic() - began > len(TEXT) / 50_000


async def test_stall_holds_everybody_until_it_flows():
    async with echoing() as proxy:
        proxy.stall()
        saying = asyncio.create_task(say(proxy))
        await asyncio.sleep(0.1)
        assert not saying.done()
        proxy.flow()
        assert await saying == (TEXT, "closed")


async def test_reset_of_all_ends_what_is_open():
    async with echoing() as proxy:
        saying = asyncio.create_task(say(proxy, b"x"))
        while not proxy.accepted:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert proxy.reset_all() == 1
        assert (await saying)[1] == "reset"


async def test_server_that_is_not_there_is_a_reset():
    async with echoing() as proxy:
        proxy.target = ("127.0.0.1", 1)
        assert (await say(proxy))[0] == b""


def test_random_faults_are_those_of_their_seed():
    def drawn(seed):
        return random_faults(random.Random(seed), 20, reach=5_000)

    assert drawn(1) == drawn(1) != drawn(2)
    assert all(0 <= fault.after < 5_000 for fault in drawn(1))
    assert NO_FAULT.after is None
