"""Who gets in by a socket, on every host, and what the refused can do."""

import time

import pytest
import websockets
from server_harness import TOKEN, text_frame, until


async def test_token_gets_in_by_header_query_and_subprotocol(driver, raw):
    offered = f"Sec-WebSocket-Protocol: kgnb.v1, kgnb.token.{TOKEN}"
    for arguments in (
        {"headers": [f"Authorization: token {TOKEN}"]},
        {"headers": [f"Authorization: Bearer {TOKEN}"]},
        {"path": f"kgnb/ws?token={TOKEN}"},
        {"headers": [offered]},
    ):
        assert (await raw(**arguments)).status == 101
    await until(lambda: len(driver.clients) == 4)
    assert len({c.peer.identity.user for c in driver.clients}) == 1


async def test_wrong_token_in_a_subprotocol_is_4001(driver, raw):
    client = await raw(headers=["Sec-WebSocket-Protocol: kgnb.v1, kgnb.token.wrong"])
    assert await client.closing() == (4001, "Unauthorized")
    assert driver.clients == []


async def test_frames_pipelined_with_a_refused_handshake_reach_nobody(
    driver, raw, monkeypatch
):
    from kgnb.server.sockets import GatedSocket

    parsed = []
    monkeypatch.setattr(GatedSocket, "on_message", lambda self, m: parsed.append(m))
    frames = b"".join(
        text_frame(f'{{"type":"ping","id":{number}}}') for number in range(10_000)
    )
    began = time.monotonic()
    client = await raw(then=frames)
    assert await client.closing() == (4001, "Unauthorized")
    await client.wait_gone()
    assert time.monotonic() - began < 10
    assert parsed == []
    assert driver.frames == driver.clients == []


async def test_browser_like_client_reads_4001_while_it_sends(site, driver):
    for _ in range(5):
        async with site.connect(token="wrong") as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await socket.send("x" * 1000)
        assert closed.value.rcvd.code == 4001
        assert closed.value.rcvd.reason == "Unauthorized"
    assert driver.frames == []


async def test_unknown_workflow_is_4004_only_for_who_may_know(site, raw, driver):
    async with site.connect("kgnb/ws/chat") as socket:
        await socket.wait_closed()
        assert socket.close_code == 4004
    client = await raw("kgnb/ws/chat")
    assert (await client.closing())[0] == 4001


async def test_link_takes_its_secret_and_nothing_else(site, raw, driver):
    async with site.link() as link:
        await link.send('{"type":"hello"}')
        await until(lambda: driver.links and driver.links[0].frames)
        peer = driver.links[0].peer
        assert (peer.role, peer.via, peer.identity.kind) == (
            "owner",
            "kernel",
            "kernel",
        )
    for header in (
        f"kgnb-link {site.secret}x",
        f"kgnb-link {site.secret[:-1]}",
        f"token {site.secret}",
        f"token {TOKEN}",
        f"kgnb-link {TOKEN}",
        "kgnb-link",
    ):
        client = await raw("kgnb/link", headers=[f"Authorization: {header}"])
        assert client.status == 403, header
    assert (await raw(f"kgnb/link?token={TOKEN}")).status == 403
    assert len(driver.links) == 1


async def test_server_without_a_broker_says_try_again(site, driver, host):
    host.driver = None
    async with site.connect() as socket:
        await socket.wait_closed()
        assert socket.close_code == 1013
