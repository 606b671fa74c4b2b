"""The exchange of the LangGraph document, by its client: an address, and plain JSON."""

import asyncio
import json
import os
import shutil
import uuid
from pathlib import Path

import pytest
import websockets
from asgi_harness import AppProcess
from kernel_shell import Shell
from server_harness import TOKEN, ServerProcess, Site

HERE = Path(__file__).parent
CELL = """
import contextlib, langgraph_chats
stack = contextlib.AsyncExitStack()
await langgraph_chats.publish(stack)
"""
APPLICATION = f"""
import contextlib, langgraph_chats
from fastapi import FastAPI
from kgnb.server.asgi import User, create_app

def who(token):
    secret, _, name = token.rpartition("-")
    return User(username=name, role="owner") if secret == {TOKEN!r} else None

kgnb_app = create_app(auth=who)

@contextlib.asynccontextmanager
async def lifespan(app):
    async with kgnb_app.lifespan(app), contextlib.AsyncExitStack() as stack:
        await langgraph_chats.publish(stack)
        yield

app = FastAPI(lifespan=lifespan)
app.mount("/a@b/", kgnb_app)
"""


@pytest.fixture(scope="module", params=["jupyter", "fastapi"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    shutil.copy(HERE / "langgraph_chats.py", folder)
    if request.param == "jupyter":
        config = folder / "people.py"
        config.write_text(
            "c.ServerApp.identity_provider_class = 'people_provider.PeopleProvider'\n"
            f"c.PeopleProvider.token = {TOKEN!r}\n"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(HERE.parent))
            served = ServerProcess(folder, f"--ServerApp.config_file={config}")
            served.__enter__()
    else:
        (folder / "main.py").write_text(APPLICATION)
        served = AppProcess(folder, "-m", "uvicorn", "main:app", "--port", "{port}")
        served.__enter__()
    served.is_ready = False
    yield served
    served.__exit__()


async def begin(server):
    if isinstance(server, AppProcess):
        await server.wait_ready(path="a%40b/health")
        return
    await server.wait_ready()
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    async with Shell(server, made["id"]) as shell:
        await shell.run(f"import os; os.chdir({os.fspath(server.folder)!r})")
        await shell.run(f"import sys; sys.path.insert(0, '')\n{CELL}")


@pytest.fixture
def site(server, jp_asyncio_loop):
    """The server, with a process that publishes the chats."""
    if not server.is_ready:
        jp_asyncio_loop.run_until_complete(begin(server))
        server.is_ready = True
    return Site(server.port, secret="")


@pytest.fixture
def session_id():
    """Another one each time that a test is tried."""
    return uuid.uuid4().hex


def client(site, path="kgnb/ws", name="ada"):
    """The document's, of somebody."""
    url = f"{site.url(path)}?token={TOKEN}-{name}"
    return websockets.connect(url, proxy=None)


async def say(socket, message, session_id):
    """What the document's client sends; the steps that it is sent."""
    await socket.send(json.dumps({"session_id": session_id, "message": message}))
    steps = []
    async with asyncio.timeout(20):
        while (frame := json.loads(await socket.recv()))[
            "type"
        ] != "workflow_completed":
            assert frame["type"] not in ("error", "workflow_failed"), frame
            if frame["type"] == "step":
                steps.append(frame)
    return steps


def said(*texts):
    roles = ["user", "assistant"] * len(texts)
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]


async def test_each_step_is_sent_and_the_history_is_kept(site, session_id):
    async with client(site) as socket:
        first, second = await say(socket, "Hi", session_id)
        assert (first["messages"], first["state"]) == (said("Hi"), {"turns": 1})
        assert (first["next"], first["next_nodes"]) == ("answer", ["answer"])
        assert (second["messages"], second["state"]) == (
            said("Hi", "1: Hi"),
            {"turns": 1},
        )
        assert (second["next"], second["next_nodes"]) == (None, [])
        first, second = await say(socket, "And now?", session_id)
    assert first["messages"] == said("Hi", "1: Hi", "And now?")
    assert second["messages"] == said("Hi", "1: Hi", "And now?", "2: And now?")
    assert (second["state"], second["next"]) == ({"turns": 2}, None)
    async with client(site) as other:  # a second client of the same person
        *_, last = await say(other, "Again", session_id)
    assert last["messages"][-2:] == said("Again", "3: Again")


@pytest.mark.parametrize("workflow", ["file", "plain", "chat"])
async def test_sessions_of_two_people_with_one_id_do_not_meet(
    site, session_id, workflow
):
    """With a checkpointer of the publishing loop, without one, and one in memory."""
    path = f"kgnb/ws/{workflow}"
    async with client(site, path) as ada, client(site, path, "bob") as bob:
        await say(ada, "a", session_id)
        *_, last = await say(bob, "b", session_id)
        assert last["messages"] == said("b", "1: b")
        *_, last = await say(ada, "c", session_id)
        assert last["messages"] == said("a", "1: a", "c", "2: c")


async def test_path_of_the_document_is_served(site, session_id, server):
    path = "ws" if isinstance(server, AppProcess) else "kgnb/ws"
    async with client(site, path) as socket:
        *_, last = await say(socket, "Hi", session_id)
    assert last["messages"] == said("Hi", "1: Hi")


class Tab:
    """A page that shows a run, and whose owner clicks."""

    def __init__(self, socket):
        self.socket = socket
        self.asked = {}

    async def hear(self, *kinds):
        async with asyncio.timeout(40):  # the first run imports a lot
            while (frame := json.loads(await self.socket.recv()))["type"] not in kinds:
                pass
        return frame

    async def question(self):
        data = (await self.hear("approval_request"))["data"]
        self.asked[data["message"]] = data["approval_id"]

    async def click(self, message, value, request_id=None):
        """Answer; says what came of it."""
        answer = {"approval_id": self.asked[message], "value": value}
        request_id = request_id or uuid.uuid4().hex
        frame = {"type": "answer", "id": request_id, **answer}
        await self.socket.send(json.dumps(frame))
        while (reply := await self.hear("ack", "error"))["id"] != request_id:
            pass
        return reply.get("code", "ack")


@pytest.mark.parametrize("order", [("A?", "B?"), ("B?", "A?")])
async def test_a_click_answers_its_own_question_once_from_any_tab(
    site, session_id, order
):
    url = f"{site.url('kgnb/ws')}?token={TOKEN}-ada"
    v1 = {"proxy": None, "subprotocols": ["kgnb.v1"]}
    async with (
        websockets.connect(url, **v1) as one,
        websockets.connect(url, **v1) as two,
    ):
        tab, stale = Tab(one), Tab(two)
        start = {"type": "start_workflow", "workflow": "review"}
        await one.send(json.dumps({**start, "params": {"name": session_id}}))
        run_id = (await tab.hear("workflow_started"))["run_id"]
        subscribe = {"type": "subscribe", "run_id": run_id, "topics": ["all"]}
        await two.send(json.dumps({**subscribe, "since": {"seq": 0}}))
        for _ in order:
            await tab.question()
            await stale.question()
        for message in order:
            assert await tab.click(message, f"to {message}", "c1") == "ack"
            # Once more: a double click, a retry by the same id, and another tab.
            assert await tab.click(message, "again") == "already_answered"
            assert await tab.click(message, "again", "c1") == "already_answered"
            assert await stale.click(message, "no") == "already_answered"
        await tab.question()
        assert await tab.click("delete C?", "yes") == "ack"
        await tab.question()  # of the same node
        assert await stale.click(order[0], "no") == "already_answered"
        assert await tab.click("delete C?", "yes") == "already_answered"
        assert await tab.click("delete D?", "no") == "ack"
        ended = await tab.hear("workflow_completed")
    assert ended["data"] == {
        "said": {"A?": "to A?", "B?": "to B?", "delete C?": "yes", "delete D?": "no"},
        "ran": {"a": 2, "b": 2, "both": 3},
    }
