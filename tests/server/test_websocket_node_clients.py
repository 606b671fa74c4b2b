"""The WebSocket nodes with clients on a real server's sockets, over both hosts.

The clients speak as the documents' do: plain JSON over ``websockets``, no
subprotocol, no ids. Under Jupyter the nodes run in a kernel, whose cell blocks in
``run.result()`` all the while; under FastAPI in the application's own process.
"""

import asyncio
import contextlib
import itertools
import json

import pytest
from asgi_harness import AppProcess
from kernel_shell import Shell
from server_harness import ServerProcess, Site

NODES = """
import asyncio, json
import kgnb

class ChatNode(kgnb.ChatWebSocketNode):
    async def reply(self, messages):
        for word in messages[-1]["content"].split():
            yield word + " "
            await asyncio.sleep(0.05)

class ApprovalNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        await self.send_update("approval_request", {
            "message": "Approve this action?",
            "options": ["yes", "no"],
        })
        response = await self.wait_for_input(timeout=60)
        return response

class Work(kgnb.ProgressWebSocketNode):
    async def process(self, item):
        await asyncio.sleep(0.05)  # longer than progress is joined for
        return item * 2

class Whisper(kgnb.WebSocketNode):
    async def exec_async(self, _):
        await self.wait_for_input(prompt="Begin?")
        await self.send_update("secret", {"n": 1}, client_id="ana")
        await self.send_update("open", {"n": 2})

GRAPHS = {
    "chat": ChatNode(),
    "approve": ApprovalNode(),
    "work": Work(),
    "review": kgnb.InteractiveWebSocketNode("review"),
    "whisper": Whisper(),
    "news": kgnb.BroadcastWebSocketNode(topic="news"),
    "room": kgnb.CollaborativeWebSocketNode("room", quorum=2),
}
"""
CELL = """
def go(name, shared):
    run = kgnb.run(kgnb.AsyncGraph(GRAPHS[name]), shared, name=name)
    print(json.dumps(run.result(timeout=40).value))
"""
APPLICATION = """
from fastapi import FastAPI
from kgnb.server.asgi import create_app

for name, node in GRAPHS.items():
    kgnb.publish(name, kgnb.AsyncGraph(node))
kgnb_app = create_app(token="the-right-token")
app = FastAPI(lifespan=kgnb_app.lifespan)
app.mount("/a@b/", kgnb_app)
"""


@pytest.fixture(scope="module", params=["jupyter", "fastapi"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    if request.param == "jupyter":
        served = ServerProcess(folder)
    else:
        (folder / "main.py").write_text(NODES + APPLICATION)
        served = AppProcess(folder, "-m", "uvicorn", "main:app", "--port", "{port}")
    with served:
        served.kernel = None
        yield served


async def make_ready(server):
    """A Jupyter server's kernel, with the nodes in it; made once."""
    if isinstance(server, AppProcess):
        await server.wait_ready(path="a%40b/health")
    elif server.kernel is None:
        await server.wait_ready()
        body = {"name": "python3"}
        made = server.call("api/kernels", method="POST", body=body)
        server.kernel = made["id"]
        async with Shell(server, server.kernel) as shell:
            await shell.run(NODES + CELL)


class Client:
    """A socket that speaks as the documents' clients do."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []

    async def say(self, **message):
        await self.socket.send(json.dumps(message))

    async def hear(self, kind, **fields):
        """The next message of this type; all are kept in ``heard``."""
        async with asyncio.timeout(20):
            while True:
                message = json.loads(await self.socket.recv())
                self.heard.append(message)
                if message["type"] == kind and fields.items() <= message.items():
                    return message

    def order(self):
        """What the node sent, but for its states and waits; joined text counts once."""
        sent = [m["type"] for m in self.heard if m.get("node_id")]
        dull = ("node_update", "approval_request", "approval_resolved", "log")
        kept = [kind for kind in sent if kind not in dull]
        pairs = zip(kept, ["", *kept], strict=False)
        return [kind for kind, before in pairs if (kind, before) != ("token", "token")]


class Stage:
    """A run, and clients that watch it. Subclasses say how one begins."""

    def __init__(self, server):
        self.server = server
        self.open = contextlib.AsyncExitStack()

    async def __aenter__(self):
        await make_ready(self.server)
        self.site = Site(self.server.port, secret="")
        return self

    async def __aexit__(self, *error):
        await self.open.__aexit__(*error)

    async def client(self, path="kgnb/ws", *, watch=True):
        socket = await self.open.enter_async_context(
            self.site.connect(path, subprotocols=None)
        )
        client = Client(socket)
        if watch:
            since = {"seq": 0}
            await client.say(type="subscribe", run_id=self.run_id, since=since)
            await client.hear("workflow_started")
        return client


class Cell(Stage):
    """A cell of a kernel that blocks on the run."""

    async def __aenter__(self):
        await super().__aenter__()
        self.shell = await self.open.enter_async_context(
            Shell(self.server, self.server.kernel)
        )
        return self

    async def start(self, name, shared):
        """Execute the cell; returns as soon as the server has its run."""
        before = await self._runs()
        self.cell = asyncio.create_task(self.shell.run(f"go({name!r}, {shared!r})"))
        async with asyncio.timeout(20):
            while not (new := await self._runs() - before):
                await asyncio.sleep(0.05)
        (self.run_id,) = new

    async def _runs(self):
        listed = await asyncio.to_thread(self.server.call, "kgnb/api/runs")
        return {run["run_id"] for run in listed["runs"]}

    async def result(self):
        return json.loads(await self.cell)


class Application(Stage):
    """A workflow of an application, started by a client of its own."""

    async def start(self, name, shared):
        self.starter = await self.client(watch=False)
        await self.starter.say(type="start_workflow", workflow=name, params=shared)
        self.run_id = (await self.starter.hear("workflow_started"))["run_id"]

    async def result(self):
        return (await self.starter.hear("workflow_completed"))["data"]


@pytest.fixture
def stage(server, jp_asyncio_loop):
    stage = (Application if isinstance(server, AppProcess) else Cell)(server)
    jp_asyncio_loop.run_until_complete(stage.__aenter__())
    yield stage
    jp_asyncio_loop.run_until_complete(stage.__aexit__(None, None, None))


async def test_chat_is_held_by_message_frames_in_the_documented_order(stage):
    await stage.start("chat", {})
    client = await stage.client()
    await client.hear("chat_ready")
    for text in ("hello there", "bye"):
        await client.hear("approval_request")
        await client.say(type="message", content=text)
        await client.hear("message")
    await client.hear("approval_request")
    await client.say(type="end_chat")
    ended = await client.hear("workflow_completed")
    result = await stage.result()
    assert ended["data"] == result
    assert result["messages_exchanged"] == 4
    turn = ["typing", "token", "message", "typing"]
    assert client.order() == ["chat_ready", *turn, *turn, "result"]
    tokens = [m for m in client.heard if m["type"] == "token"]
    assert "".join(m["data"] for m in tokens) == "hello there bye "
    said = [m["data"] for m in client.heard if m["type"] == "message"]
    assert said[0] == {"role": "assistant", "content": "hello there "}
    assert all(m["timestamp"].endswith("Z") for m in client.heard)


async def test_approval_is_answered_by_a_node_input_without_a_run(stage):
    await stage.start("approve", {"data": {}})
    client = await stage.client()
    asked = await client.hear("approval_request")
    assert asked["data"]["message"] == "Approve this action?"
    assert asked["data"]["options"] == ["yes", "no"]
    assert asked["node_id"] == "ApprovalNode"
    await client.say(type="node_input", node_id="ApprovalNode", data="perhaps")
    assert (await client.hear("error"))["code"] == "invalid"
    await client.say(type="node_input", node_id="ApprovalNode", data={"value": "no"})
    assert (await client.hear("result"))["data"] == "no"
    assert await stage.result() == "no"


async def test_items_and_their_progress_come_in_the_documented_order(stage):
    await stage.start("work", {"items": [1, 2, 3]})
    client = await stage.client()
    ended = await client.hear("workflow_completed")
    assert ended["data"] == {"items_processed": 3, "results": [2, 4, 6]}
    assert client.order() == ["progress", "item_completed"] * 3 + ["result"]
    shown = [m["data"] for m in client.heard if m["type"] == "progress"]
    assert [(p["current"], p["total"]) for p in shown] == [(1, 3), (2, 3), (3, 3)]
    assert shown[0]["percent"] == pytest.approx(33.33)


async def test_review_is_modified_by_a_form(stage):
    await stage.start("review", {"data": {"n": 1}})
    client = await stage.client()
    await client.hear("interactive_step")
    options = (await client.hear("approval_request"))["data"]["options"]
    assert options == ["approve", "modify", "reject"]
    await client.say(type="node_input", node_id="review", data={"action": "modify"})
    form = (await client.hear("approval_request"))["data"]
    assert form["schema"]["properties"]["n"]["type"] == "integer"
    await client.say(type="node_input", node_id="review", data={"n": 5})
    ended = await client.hear("workflow_completed")
    assert ended["data"] == {
        "status": "completed",
        "data": {"n": 5},
        "result": {"n": 5},
    }
    assert client.order() == ["interactive_step"] * 3 + ["result"]


async def test_update_for_one_client_reaches_it_alone(stage):
    await stage.start("whisper", {})
    ana = await stage.client("kgnb/ws?client_id=ana")
    ben = await stage.client("kgnb/ws?client_id=ben")
    await ben.say(type="node_input", node_id="Whisper", data="go")
    secret = await ana.hear("secret")
    assert (secret["node_id"], secret["data"]) == ("Whisper", {"n": 1})
    for client in (ana, ben):
        await client.hear("workflow_completed")
        assert any(m["type"] == "open" for m in client.heard)
    assert not any(m["type"] == "secret" for m in ben.heard)
    await stage.result()


async def test_announcement_reaches_the_subscribers_of_its_topic(stage):
    client = await stage.client("kgnb/ws?client_id=reader", watch=False)
    await client.say(type="subscribe", topics=["news"], id=1)
    assert "news" in (await client.hear("subscribed"))["topics"]
    await stage.start("news", {"message": "Up"})
    assert await stage.result() == {"status": "broadcast_sent", "recipients": 1}
    told = await client.hear("announcement")
    assert (told["content"], told["topic"]) == ("Up", "news")


async def test_session_of_three_sockets_comes_to_a_decision(stage):
    await stage.start("room", {"proposal": "x"})
    clients = [await stage.client() for _ in range(3)]

    async def vote(client, name, value):
        """Vote; sent again while an input of somebody else is kept for the node."""
        data = {"action": "vote", "value": value, "participant": name}
        for number in itertools.count(1):
            id_ = f"{name} {number}"
            await client.say(type="node_input", node_id="room", data=data, id=id_)
            while True:
                reply = json.loads(await client.socket.recv())
                if reply.get("id") == id_:
                    break
                client.heard.append(reply)
            if reply["type"] == "ack":
                return
            assert reply["code"] == "conflict"
            await asyncio.sleep(0.01)

    await vote(clients[0], "ana", "yes")
    await vote(clients[1], "ben", "no")
    await vote(clients[2], "cem", "yes")
    result = await stage.result()
    assert result["result"] == "yes"
    assert result["votes"] == {"ana": "yes", "ben": "no", "cem": "yes"}
    await clients[1].hear("workflow_completed")
    joined = ["participant_joined", "vote_counted"]
    order = ["session_ready", *joined * 3, "decision", "result"]
    assert clients[1].order() == order
