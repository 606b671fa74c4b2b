"""Chats whose server is killed: what their sessions are worth afterwards.

The graph lives in a kernel of a real Jupyter server, or in the process of a real
application. The second client is one of the documents': plain JSON, no subprotocol.
"""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import websockets
from asgi_harness import AppProcess
from kernel_shell import Shell
from server_harness import BASE, TOKEN, ServerProcess

from kgnb.clients import connect
from kgnb.clients.connection import Backoff

CODE = Path(__file__).with_name("chats.py")
KINDS = ["talk", "turn", "function", "stateless", "memory", "file"]
QUICK = Backoff(first=0.01, longest=0.1)
APPLICATION = f"""
import chats
from fastapi import FastAPI
from kgnb.server.asgi import create_app

kgnb_app = create_app(token="{TOKEN}")
app = FastAPI(lifespan=kgnb_app.lifespan)
app.mount("/", kgnb_app)
"""


class InKernel(ServerProcess):
    """Jupyter; the chats are in a kernel."""

    async def publish(self):
        await self.wait_ready(120)
        made = await asyncio.to_thread(
            self.call, "api/kernels", method="POST", body={"name": "python3"}
        )
        async with Shell(self, made["id"]) as shell:
            await shell.run(CODE.read_text())

    @property
    def base(self):
        return f"127.0.0.1:{self.port}{BASE}"


class InApplication(AppProcess):
    """FastAPI; the chats are in its own process."""

    def __init__(self, folder):
        shutil.copy(CODE, folder)
        (folder / "main.py").write_text(APPLICATION)
        super().__init__(folder, "-m", "uvicorn", "main:app", "--port", "{port}")

    async def publish(self):
        await self.wait_ready(120)

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    @property
    def base(self):
        return f"127.0.0.1:{self.port}/"


@pytest.fixture(params=[InKernel, InApplication], ids=["jupyter", "fastapi"])
def host(request, tmp_path):
    with request.param(tmp_path) as host:
        asyncio.run(host.publish())
        yield host


async def restart(host):
    """kill -9, and another process at the same place that publishes the same."""
    await asyncio.to_thread(host.kill)
    host.output.close()
    host.__enter__()
    await host.publish()


def first_client(host, kind):
    url = f"ws://{host.base}kgnb/ws/{kind}"
    return connect(url, token=TOKEN, backoff=QUICK)


async def say(client, session, text):
    """Say something, and wait until it is answered."""
    run = await client.say(text, session_id=session)
    async for step in client.events(run_id=run.run_id, topics=["steps"]):
        said = [message["content"] for message in step.get("messages", [])]
        if said[-2:-1] == [text]:
            return


async def say_half(client, session, text):
    """Say something, and wait until half of its answer is there."""
    run = await client.say(text, session_id=session)
    async for event in client.events(run_id=run.run_id, topics=["tokens"]):
        if event["type"] == "token" and event["data"].startswith("I begin"):
            return


async def heard_by(host, kind, session):
    """What a chat is given, when a client of the documents goes on with it."""
    url = f"ws://{host.base}kgnb/ws/{kind}?token={TOKEN}"
    async with websockets.connect(url, proxy=None) as socket:
        await socket.send(json.dumps({"session_id": session, "message": "And now?"}))
        async for frame in socket:
            event = json.loads(frame)
            if event["type"] == "step" and len(event["messages"]) > 1:
                last = event["messages"][-1]
                if last["role"] == "assistant" and last["content"].startswith("[["):
                    return json.loads(last["content"])
    return None


def exchange(*texts):
    """Messages, each with its reply."""
    return [
        pair
        for text in texts
        for pair in (["user", text], ["assistant", f"{text}, indeed"])
    ]


@pytest.mark.timeout(240)
async def test_chat_of_a_killed_server_goes_on_with_exactly_what_was_said(host):
    async def talk(kind):
        async with first_client(host, kind) as client:
            for text in ("One", "Two"):
                await say(client, f"whole {kind}", text)
            await say(client, f"cut {kind}", "One")
            await say_half(client, f"cut {kind}", "Two and wait")

    async with asyncio.timeout(60):
        await asyncio.gather(*map(talk, KINDS))
    await restart(host)
    now = ["user", "And now?"]
    async with asyncio.timeout(60):
        for kind in KINDS:
            whole = await heard_by(host, kind, f"whole {kind}")
            assert whole == [*exchange("One", "Two"), now], kind
            cut = await heard_by(host, kind, f"cut {kind}")
            assert cut == [*exchange("One"), ["user", "Two and wait"], now], kind
