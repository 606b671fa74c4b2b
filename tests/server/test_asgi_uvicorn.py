"""What is uvicorn's to do under an application, and that it does it as configured."""

import asyncio

import pytest
import websockets
from asgi_harness import AppProcess
from hosts_harness import FastApiSite
from server_harness import TOKEN, RawClient, until

MAIN = f"""
from fastapi import FastAPI
from kgnb.server.asgi import create_app

kgnb_app = create_app(token="{TOKEN}", log_url="memory://")
app = FastAPI(lifespan=kgnb_app.lifespan)
app.mount("/", kgnb_app)
"""


@pytest.fixture
def site(jp_asyncio_loop):
    site = FastApiSite(config={"ping_interval": 0.2, "ping_timeout": 0.2})
    jp_asyncio_loop.run_until_complete(site.start())
    yield site
    jp_asyncio_loop.run_until_complete(site.stop())


async def test_dead_peer_is_gone_after_interval_and_timeout(site):
    header = [f"Authorization: token {TOKEN}"]
    client = await RawClient.open(site.port, headers=header)
    assert client.status == 101
    await until(lambda: len(site.host.sockets) == 1)
    await until(lambda: not site.host.sockets, timeout=5)
    assert (await client.closing())[0] == 1011  # who pongs never does not read it
    await client.aclose()


async def test_peer_that_answers_pings_stays(site):
    async with site.connect() as socket:
        await asyncio.sleep(1)  # five pings' time: nothing else happens meanwhile
        await (await socket.ping())
        assert len(site.host.sockets) == 1


@pytest.mark.parametrize("level", ["debug", "trace"])
async def test_uvicorn_prints_no_token_at_any_level(tmp_path, level):
    (tmp_path / "main.py").write_text(MAIN)
    command = ("-m", "uvicorn", "main:app", "--port", "{port}", "--log-level", level)
    with AppProcess(tmp_path, *command) as app:
        await app.wait_ready()
        url = f"ws://127.0.0.1:{app.port}/ws/workflow?token={TOKEN}"
        async with websockets.connect(url, proxy=None) as socket:
            await socket.send('{"type": "ping", "id": "between-us"}')
            assert "pong" in await socket.recv()
        header = {"Authorization": f"Bearer {TOKEN}"}
        url = f"ws://127.0.0.1:{app.port}/ws"
        async with websockets.connect(url, additional_headers=header, proxy=None):
            pass
        app.stop()
    assert "/ws/workflow" in app.log
    assert TOKEN not in app.log
    assert "between-us" not in app.log
