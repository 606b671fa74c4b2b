"""Chats whose server is killed: what their sessions are worth afterwards.

The graph lives in a kernel of a real Jupyter server, or in the process of a real
application. The second client is one of the documents': plain JSON, no subprotocol.
"""

import asyncio
import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import websockets
from asgi_harness import AppProcess
from kernel_shell import Shell
from server_harness import BASE, TOKEN, ServerProcess

from kgnb.clients import connect
from kgnb.clients.connection import Backoff
from kgnb.errors import Conflict, NoSuchWorkflow, Unavailable

CODE = Path(__file__).with_name("chats.py")
KINDS = ["talk", "turn", "function", "stateless", "memory", "file"]
QUICK = Backoff(first=0.01, longest=0.1)
APPLICATION = f"""
import chats
from fastapi import FastAPI
from kgnb.server.asgi import create_app

kgnb_app = create_app(token="{TOKEN}", log_url=%r)
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

    def __init__(self, folder, log_url=None):
        shutil.copy(CODE, folder)
        (folder / "main.py").write_text(APPLICATION % log_url)
        super().__init__(folder, "-m", "uvicorn", "main:app", "--port", "{port}")

    async def publish(self):
        await self.wait_ready(120)

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    @property
    def base(self):
        return f"127.0.0.1:{self.port}/"


@pytest.fixture(params=["jupyter", "fastapi", "fastapi-redis", "fastapi-postgres"])
def host(request, tmp_path):
    _, _, store = request.param.partition("-")
    if request.param == "jupyter":
        chosen = InKernel(tmp_path)
    elif store == "redis":
        chosen = InApplication(tmp_path, request.getfixturevalue("redis").new_url())
    elif store == "postgres":
        database = request.getfixturevalue("postgres").new_database()
        chosen = InApplication(tmp_path, database)
    else:
        chosen = InApplication(tmp_path)
    with chosen as host:
        asyncio.run(host.publish())
        yield host


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """An application that nobody kills."""
    with InApplication(tmp_path_factory.mktemp("steady")) as host:
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
    """Say something, and wait until half of its answer is there; its run."""
    run = await client.say(text, session_id=session)
    async for event in client.events(run_id=run.run_id, topics=["tokens"]):
        if event["type"] == "token" and event["data"].startswith("I begin"):
            break
    return run.run_id


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


@pytest.mark.parametrize("kind", KINDS)
async def test_reply_that_failed_or_was_cancelled_is_not_in_the_session(steady, kind):
    async with asyncio.timeout(30), first_client(steady, kind) as client:
        run = await client.say("One!", session_id=f"failed {kind}")
        async for event in client.events(run_id=run.run_id, topics=["results"]):
            last = event["type"]
        assert last == "workflow_failed"
        run_id = await say_half(client, f"cancelled {kind}", "One and wait")
        await client.cancel(run_id)
        now = ["user", "And now?"]
        failed = await heard_by(steady, kind, f"failed {kind}")
        assert failed == [["user", "One!"], now]
        cancelled = await heard_by(steady, kind, f"cancelled {kind}")
        assert cancelled == [["user", "One and wait"], now]


@pytest.mark.parametrize("kind", KINDS)
async def test_chat_goes_on_without_the_client_that_began_it(steady, kind):
    url = f"ws://{steady.base}kgnb/ws/{kind}?token={TOKEN}"
    async with asyncio.timeout(30):
        async with websockets.connect(url, proxy=None) as socket:
            said = {"session_id": f"left {kind}", "message": "One"}
            await socket.send(json.dumps(said))
            await socket.recv()
        heard = await heard_by(steady, kind, f"left {kind}")
    assert heard == [*exchange("One"), ["user", "And now?"]]


async def say_surely(client, session, text):
    """Say something until it was taken; what was refused is not in the session."""
    while True:
        try:
            return await client.say(text, session_id=session)
        except (NoSuchWorkflow, Unavailable):
            await asyncio.sleep(0.05)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["talk", "turn", "memory"])
async def test_messages_under_way_when_the_server_dies_are_said_once(tmp_path, kind):
    texts = [f"m{n}" for n in range(20)]

    async def talk():
        async with first_client(host, kind) as client:
            for text in texts:
                await say_surely(client, "s", text)

    with InApplication(tmp_path) as host:
        await host.publish()
        async with asyncio.timeout(120):
            talking = asyncio.create_task(talk())
            await asyncio.sleep(random.Random(kind).random() / 4)
            await restart(host)
            await talking
            heard = await heard_by(host, kind, "s")
    users = [text for role, text in heard if role == "user"]
    assert users == [*texts, "And now?"]
    said = "user", ""
    for role, text in heard:
        assert role == "user" or (said[0], text) == ("user", f"{said[1]}, indeed")
        said = role, text


async def test_chat_that_was_ended_goes_on_in_another_run(steady):
    async with asyncio.timeout(30), first_client(steady, "talk") as client:
        await say(client, "ended", "One")
        run = await client.say("Two", session_id="ended")
        await client.end_chat(session_id="ended")
        async for event in client.events(run_id=run.run_id):
            last = event["type"]
        assert last == "workflow_completed"
        with pytest.raises(Conflict, match="no chat is running"):
            await client.end_chat(session_id="ended")
        await say(client, "ended", "Three")
        heard = await heard_by(steady, "talk", "ended")
    assert heard == [*exchange("One", "Two", "Three"), ["user", "And now?"]]


OUTLIVES = """
import os
parent = os.getppid()
os.getppid = lambda: parent  # by which ipykernel sees that its server is dead
print(os.getpid())
"""


@pytest.mark.timeout(240)
async def test_chat_of_a_kernel_that_outlives_its_server_goes_on_in_its_run(mortal):
    mortal.base = f"127.0.0.1:{mortal.port}{BASE}"
    made = await asyncio.to_thread(
        mortal.call, "api/kernels", method="POST", body={"name": "python3"}
    )
    async with Shell(mortal, made["id"]) as shell:
        pid = int(await shell.run(OUTLIVES))
        await shell.run(CODE.read_text())
    try:
        async with asyncio.timeout(120):
            async with first_client(mortal, "talk") as client:
                await say(client, "s", "One")
                await mortal.restart()
                run = await client.say("Two", session_id="s")
            heard = await heard_by(mortal, "talk", "s")
            runs = await mortal.get("kgnb/api/runs?session_id=s")
    finally:
        os.kill(pid, signal.SIGKILL)
    assert heard == [*exchange("One", "Two"), ["user", "And now?"]]
    assert [each["run_id"] for each in runs["runs"]] == [run.run_id]
