"""What a socket that is let in may do, on every host: sizes, slow readers, failures."""

import asyncio
import contextlib
import os
import zlib

import psutil
import pytest
import websockets
from server_harness import TOKEN, RecordedPeer, text_frame, until

from kgnb.broker.peer import OutFrame

AUTHORIZED = [f"Authorization: token {TOKEN}"]
MIB = 1024 * 1024


def memory():
    return psutil.Process(os.getpid()).memory_info().rss


def event(number, size=10_000):
    return OutFrame(
        payload=b'{"seq":%d,"x":"' % number + b"x" * size + b'"}', seq=number
    )


async def test_message_at_the_limit_passes_and_one_byte_more_is_1009(site, driver):
    async with site.connect(max_size=None) as socket:
        await socket.send("x" * MIB)
        await until(lambda: driver.frames)
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.send("x" * (MIB + 1))
        await socket.wait_closed()
        assert socket.close_code == 1009
    assert len(driver.frames) == 1


async def test_header_that_claims_a_huge_frame_costs_nothing(raw, driver):
    before = memory()
    client = await raw(headers=AUTHORIZED)
    client.writer.write(b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + b"\0\0\0\0")
    assert (await client.closing())[0] == 1009
    assert memory() - before < 2 * MIB


async def test_fragments_count_together(raw, driver):
    client = await raw(headers=AUTHORIZED)
    client.writer.write(text_frame("x" * (MIB // 2), fin=False))
    client.writer.write(text_frame("x" * (MIB // 2 + 1), opcode=0))
    assert (await client.closing())[0] == 1009
    assert driver.frames == []


@pytest.mark.parametrize("inflated", [MIB + 1, 100 * MIB, 1024 * MIB])
async def test_deflate_bomb_is_1009_and_costs_no_memory(raw, driver, inflated):
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk = b"\0" * MIB
    bomb = b"".join(press.compress(chunk) for _ in range(inflated // MIB))
    bomb += press.compress(b"\0" * (inflated % MIB)) + press.flush(zlib.Z_SYNC_FLUSH)
    client = await raw(
        headers=[*AUTHORIZED, "Sec-WebSocket-Extensions: permessage-deflate"]
    )
    assert "permessage-deflate" in client.headers["Sec-Websocket-Extensions"]
    before = memory()
    client.writer.write(text_frame(bomb[:-4], rsv1=True))
    assert (await client.closing())[0] == 1009
    assert memory() - before < 8 * MIB
    assert driver.frames == []


async def test_stalled_reader_costs_little_and_is_closed_with_4009(raw, driver, host):
    client = await raw(headers=AUTHORIZED)
    await until(lambda: driver.clients)
    sink = driver.clients[0].sink
    before = memory()
    for number in range(10_000):
        sink.send_nowait(event(number))
        if number % 100 == 0:
            await asyncio.sleep(0)
    assert memory() - before < 5 * MIB
    assert sink.is_closed
    assert host.sockets == set()
    assert await client.closing() == (4009, "Slow consumer")


async def test_stalled_reader_holds_up_nobody_else(site, raw, driver):
    await raw(headers=AUTHORIZED)
    async with site.connect(compression=None) as reader:
        await until(lambda: len(driver.clients) == 2)
        stalled, healthy = (client.sink for client in driver.clients)
        for number in range(500):
            stalled.send_nowait(event(number))
            healthy.send_nowait(event(number, 100))
            assert b'"seq":%d,' % number in (await reader.recv(decode=False))


async def test_slow_reader_gets_every_frame_in_order(raw, driver):
    client = await raw(headers=AUTHORIZED)
    await until(lambda: driver.clients)
    sink = driver.clients[0].sink
    seen = 0
    for number in range(2_000):
        sink.send_nowait(event(number))
        while sink.is_congested:
            payload = (await client.frame())[1]
            assert payload.startswith(b'{"seq":%d,' % seen)
            seen += 1
    while seen < 2_000:
        assert (await client.frame())[1].startswith(b'{"seq":%d,' % seen)
        seen += 1


async def test_close_waits_for_what_is_queued(raw, driver):
    client = await raw(headers=AUTHORIZED)
    await until(lambda: driver.clients)
    sink = driver.clients[0].sink
    count = 0
    while not sink.is_congested:
        sink.send_nowait(event(count))
        count += 1
    sink.close_nowait(4003, "Forbidden")
    for number in range(count):
        assert (await client.frame())[1].startswith(b'{"seq":%d,' % number)
    assert await client.closing() == (4003, "Forbidden")


async def test_close_with_a_long_reason_of_any_letters_says_what_fits(site, driver):
    async with site.connect() as socket:
        await until(lambda: driver.clients)
        driver.clients[0].sink.close_nowait(1008, "\N{BLACK STAR}" * 100)
        await socket.wait_closed()
    assert (socket.close_code, socket.close_reason) == (1008, "\N{BLACK STAR}" * 41)


async def test_peer_carries_what_the_handshake_said(site, driver):
    path = "kgnb/ws?client_id=me-1&via=panel"
    async with site.connect(path):
        await until(lambda: driver.clients)
    async with site.connect("kgnb/ws/workflow", subprotocols=None):
        await until(lambda: len(driver.clients) == 2)
    named, document = (client.peer for client in driver.clients)
    assert (named.client_id, named.via, named.protocol) == ("me-1", "panel", "kgnb.v1")
    assert (document.client_id, document.protocol) == (None, "document")
    assert named.role == "start"


async def test_client_that_leaves_is_detached_once(site, driver, host):
    async with site.connect():
        await until(lambda: driver.clients)
        assert len(host.sockets) == 1
    await until(lambda: driver.clients[0].is_closed)
    assert host.sockets == set()


async def test_frame_that_breaks_the_broker_is_1011_without_details(
    site, driver, monkeypatch, all_logs
):
    def broken(self, frame):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(RecordedPeer, "receive", broken)
    async with site.connect() as socket:
        await socket.send("{}")
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1011, "Internal error")
    assert "secret detail" in all_logs.text
    assert driver.clients[0].is_closed


async def test_broker_that_takes_no_one_in_is_1011(site, driver, monkeypatch, all_logs):
    def broken(peer, sink):
        raise RuntimeError("no")

    monkeypatch.setattr(driver, "connect", broken)
    async with site.connect() as socket:
        await socket.wait_closed()
        assert socket.close_code == 1011


async def test_client_refused_while_it_connects_gets_its_code(
    site, driver, monkeypatch
):
    connect = driver.connect

    def full(peer, sink):
        attachment = connect(peer, sink)
        sink.close_nowait(4013, "At capacity")
        return attachment

    monkeypatch.setattr(driver, "connect", full)
    async with site.connect() as socket:
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4013, "At capacity")
    assert driver.clients[0].is_closed
