"""What a socket that is let in may do: sizes, pings, slow readers, failures."""

import asyncio
import contextlib
import json
import os
import zlib
from dataclasses import replace

import psutil
import pytest
import websockets
from server_harness import TOKEN, RecordedPeer, body_of, text_frame, until

from kgnb.broker.peer import OutFrame

AUTHORIZED = [f"Authorization: token {TOKEN}"]
MIB = 1024 * 1024


def memory():
    return psutil.Process(os.getpid()).memory_info().rss


@pytest.fixture
def settings(host):
    """Change settings of a server that runs."""

    def change(**values):
        host.settings = replace(host.settings, **values)

    return change


# ---- size


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


async def test_limit_is_for_our_sockets_only(jp_ws_fetch, jp_fetch, driver):
    reply = await jp_fetch("api", "kernels", method="POST", body='{"name":"echo"}')
    kernel = body_of(reply)["id"]
    socket = await jp_ws_fetch("api", "kernels", kernel, "channels")
    request = {
        "channel": "shell",
        "header": {"msg_id": "1", "msg_type": "kernel_info_request", "session": "1"},
        "parent_header": {},
        "metadata": {},
        "content": {"padding": "x" * (3 * MIB)},
    }
    await socket.write_message(json.dumps(request))
    while json.loads(await socket.read_message())["msg_type"] != "kernel_info_reply":
        pass
    socket.close()
    while await socket.read_message() is not None:  # until both sides have closed
        pass
    await jp_fetch("api", "kernels", kernel, method="DELETE")


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


async def test_compression_is_off_on_links_and_where_it_is_switched_off(
    raw, site, driver, settings
):
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    secret = f"Authorization: kgnb-link {site.secret}"
    link = await raw("kgnb/link", headers=[secret, offer])
    assert "Sec-Websocket-Extensions" not in link.headers
    settings(compression="none")
    client = await raw(headers=[*AUTHORIZED, offer])
    assert "Sec-Websocket-Extensions" not in client.headers


# ---- ping


async def test_healthy_client_outlives_many_pings(site, driver, settings):
    settings(ping_interval=0.1, ping_timeout=0.05)
    async with site.connect() as socket:
        await asyncio.sleep(1)
        await socket.send("{}")
        await until(lambda: driver.frames)


async def test_dead_client_is_gone_after_interval_and_timeout(
    raw, driver, host, settings
):
    settings(ping_interval=0.2, ping_timeout=0.1)
    client = await raw(headers=AUTHORIZED)  # never answers a ping
    await until(lambda: host.sockets)
    assert await client.closing() == (4008, "Idle")
    await client.wait_gone()
    assert driver.clients[0].is_closed
    assert host.sockets == set()


async def test_client_that_speaks_but_never_pongs_lives(raw, driver, settings):
    settings(ping_interval=0.1, ping_timeout=0.1)
    client = await raw(headers=AUTHORIZED)
    for _ in range(10):
        client.writer.write(text_frame("{}"))
        await asyncio.sleep(0.05)
    assert len(driver.frames) == 10
    assert not driver.clients[0].is_closed


async def test_flood_of_pings_is_1008(raw, driver):
    client = await raw(headers=AUTHORIZED)
    client.writer.write(text_frame("", opcode=9) * 200)
    client.writer.write(text_frame("{}"))
    await until(lambda: driver.frames)
    client.writer.write(text_frame("", opcode=9) + text_frame("{}"))
    assert (await client.closing())[0] == 1008
    assert len(driver.frames) == 1


async def test_link_that_is_silent_is_not_cut(raw, site, driver, settings):
    settings(ping_interval=0.1, ping_timeout=0.1)
    secret = f"Authorization: kgnb-link {site.secret}"
    client = await raw("kgnb/link", headers=[secret])  # as if a C call held the GIL
    await asyncio.sleep(0.6)
    client.writer.write(text_frame("{}"))
    await until(lambda: driver.links[0].frames)


async def test_jupyters_own_ping_settings_change_nothing(
    jp_serverapp, raw, driver, all_logs
):
    jp_serverapp.web_app.settings["ws_ping_interval"] = 50
    jp_serverapp.web_app.settings["ws_ping_timeout"] = 50
    client = await raw(headers=AUTHORIZED)
    await asyncio.sleep(0.4)
    client.writer.write(text_frame("{}"))
    await until(lambda: driver.frames)
    assert "websocket_ping_timeout" not in all_logs.text


# ---- slow readers


def event(number, size=10_000):
    return OutFrame(
        payload=b'{"seq":%d,"x":"' % number + b"x" * size + b'"}', seq=number
    )


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


# ---- what the broker learns of a client


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


# ---- failures


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


async def test_half_open_handshake_is_no_connection(site, host, driver):
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /a%40b/kgnb/ws HTTP/1.1\r\nHost: x")
    await writer.drain()
    assert host.sockets == set()
    writer.close()
    await writer.wait_closed()
