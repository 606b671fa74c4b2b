"""What a socket that is let in may do: sizes, pings, slow readers, failures."""

import asyncio
import json
from dataclasses import replace

import pytest
from server_harness import TOKEN, body_of, text_frame, until

AUTHORIZED = [f"Authorization: token {TOKEN}"]
MIB = 1024 * 1024


@pytest.fixture
def settings(host):
    """Change settings of a server that runs."""

    def change(**values):
        host.settings = replace(host.settings, **values)

    return change


# ---- size


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


async def test_hello_of_a_kernel_tells_who_watches_them(raw, site, driver, host):
    told = []
    host.greeted = lambda *names: told.append(names)
    link = await raw("kgnb/link", headers=[f"Authorization: kgnb-link {site.secret}"])
    hello = {"type": "hello", "kernel_id": "k1", "process_id": "p1", "pid": 100}
    link.writer.write(text_frame(json.dumps(hello)) * 2)
    await until(lambda: len(driver.links[0].frames) == 2)
    assert told == [("k1", "p1")]


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


# ---- what the broker learns of a client


# ---- failures


async def test_half_open_handshake_is_no_connection(site, host, driver):
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /a%40b/kgnb/ws HTTP/1.1\r\nHost: x")
    await writer.drain()
    assert host.sockets == set()
    writer.close()
    await writer.wait_closed()
