"""Workflows published by a real kernel, started by a real server's clients.

The clients make the calls of the two documents: plain JSON over ``websockets``, no
subprotocol, no ids.
"""

import asyncio
import json

import pytest
import websockets
from asgi_harness import AppProcess
from kernel_shell import Shell
from server_harness import TOKEN, ServerProcess, Site

WORKFLOWS = """
import asyncio
import kgnb
import pocketflow

async def words(message):
    for word in message.split():
        yield word + " "

class ChatNode(kgnb.WebSocketNode):
    async def exec_async(self, message):
        async for token in words(message):
            await self.send_update("token", token)

class ProcessingNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        total = len(data)
        for i, item in enumerate(data):
            progress = (i + 1) / total * 100
            await self.send_update("progress", {
                "percent": progress,
                "current": i + 1,
                "total": total
            })

class ApprovalNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        await self.send_update("approval_request", {
            "message": "Approve this action?",
            "options": ["yes", "no"]
        })
        response = await self.wait_for_input(timeout=60)
        return response

class Input(kgnb.WebSocketNode):
    async def exec_async(self, shared):
        return (await self.wait_for_input())["value"] + 1

class Talk(kgnb.ChatWebSocketNode):
    async def reply(self, messages):
        yield f"{len(messages)}: "
        yield messages[-1]["content"]

class Think(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        return f"you said {text}"
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})
        shared["turns"] = len(shared["messages"]) // 2
        shared["secret"] = "stays here"

class Hear(pocketflow.Node):
    def prep(self, shared):
        return shared["messages"][-1]["content"]
    def exec(self, text):
        return f"I hear {text}"
    def post(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})

class Last(kgnb.AsyncNode):
    async def exec_async(self, _):
        return "done"

class Fail(kgnb.Node):
    def exec(self, _):
        raise RuntimeError("of no use")

def add(shared):
    return shared["a"] + shared["b"]

def keyed(shared):
    return shared["key"] + "/" + shared["message"]

think = Think()
think >> Last()
NUMBERS = {"type": "object", "required": ["a", "b"],
           "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
kgnb.publish("chat", kgnb.AsyncGraph(ChatNode()))
kgnb.publish("data_processing", kgnb.AsyncGraph(ProcessingNode()))
kgnb.publish("approve", kgnb.AsyncGraph(ApprovalNode()))
kgnb.publish("input", kgnb.AsyncGraph(Input("input_node")))
kgnb.publish("talk", kgnb.AsyncGraph(Talk()), input="messages")
kgnb.publish("steps", kgnb.AsyncGraph(think), input="messages", state=["turns"],
             result="turns", default=True)
kgnb.publish("fail", kgnb.Graph(Fail()))
kgnb.publish("add", add, params=NUMBERS)
kgnb.publish("pocket", pocketflow.Flow(Hear()), input="messages", result="messages")
print(kgnb.publish("keyed", keyed).url)
"""

APPLICATION = """
from fastapi import FastAPI
from kgnb.server.asgi import create_app

kgnb_app = create_app(token="the-right-token")
app = FastAPI(lifespan=kgnb_app.lifespan)
app.mount("/a@b/", kgnb_app)
"""


@pytest.fixture(scope="module", params=["jupyter", "fastapi"])
def server(request, tmp_path_factory):
    """The workflows in a kernel of Jupyter, and in the process of an application."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "jupyter":
        served = ServerProcess(folder)
    else:
        (folder / "main.py").write_text(WORKFLOWS + APPLICATION)
        served = AppProcess(folder, "-m", "uvicorn", "main:app", "--port", "{port}")
    with served:
        served.kernel = None
        yield served


async def new_kernel(server, code):
    if isinstance(server, AppProcess):
        await server.wait_ready(path="a%40b/health")
        return "of the application itself", None
    await server.wait_ready()
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    async with Shell(server, made["id"]) as shell:
        return made["id"], await shell.run(code)


@pytest.fixture
def site(server, jp_asyncio_loop):
    """The server, with a kernel that publishes the workflows."""
    if server.kernel is None:
        made = jp_asyncio_loop.run_until_complete(new_kernel(server, WORKFLOWS))
        server.kernel, server.printed = made
    return Site(server.port, secret="")


async def until_end(socket, kind="workflow_completed"):
    """All frames up to one of a type."""
    heard = []
    async with asyncio.timeout(20):
        while not heard or heard[-1]["type"] != kind:
            heard.append(json.loads(await socket.recv()))
    return heard


def data_of(frames, kind):
    return [frame["data"] for frame in frames if frame["type"] == kind]


async def say(socket, **frame):
    await socket.send(json.dumps(frame))


def documents(site, path="kgnb/ws/workflow", **kwargs):
    """A socket as the documents' clients open it: an address, and nothing else."""
    url = f"{site.url(path)}{'&' if '?' in path else '?'}token={TOKEN}"
    return websockets.connect(url, proxy=None, **kwargs)


async def test_python_client_of_the_document_prints_until_completed(site):
    printed = []
    async with documents(site) as ws:
        await ws.send(
            json.dumps(
                {
                    "type": "start_workflow",
                    "workflow": "data_processing",
                    "params": {"data": [1, 2, 3, 4, 5]},
                }
            )
        )
        async for message in ws:
            data = json.loads(message)
            printed.append((data["type"], data.get("data"), data))
            if data["type"] == "workflow_completed":
                break
    kinds = [kind for kind, _, _ in printed]
    assert kinds[0] == "workflow_started"
    assert not {"hello", "ack", "subscribed", "step"} & {*kinds}
    assert all("data" in frame for _, _, frame in printed)
    started = printed[0][2]
    assert started["workflow_id"] == started["run_id"]
    assert started["timestamp"].endswith("Z")
    assert started["params"] == {"data": [1, 2, 3, 4, 5]}
    shown = [data for kind, data, _ in printed if kind == "progress"]
    assert shown[-1] | {"percent": 100} == shown[-1]
    assert (shown[-1]["current"], shown[-1]["total"]) == (5, 5)
    updates = [frame for kind, _, frame in printed if kind == "node_update"]
    assert {frame["status"] for frame in updates} >= {"running", "completed"}


async def test_chat_page_of_the_document_gets_tokens_for_its_message(site):
    async with documents(site, "kgnb/ws/chat") as ws:
        for text in ("hello there", "and again"):
            await ws.send(json.dumps({"type": "message", "content": text}))
            heard = await until_end(ws)
            assert "".join(data_of(heard, "token")) == f"{text} "
            assert all("data" in frame for frame in heard)


async def test_start_with_params_is_the_same_workflow(site):
    async with documents(site) as ws:
        await say(
            ws, type="start_workflow", workflow="chat", params={"message": "Hello"}
        )
        assert data_of(await until_end(ws), "token") == ["Hello "]


async def test_session_client_of_the_document_gets_a_step_for_each_step(site):
    async with documents(site, "kgnb/ws") as ws:
        await ws.send(json.dumps({"session_id": "user-123", "message": "Hi"}))
        steps = [f for f in await until_end(ws) if f["type"] == "step"]
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "you said Hi"},
    ]
    assert [step["messages"] for step in steps] == [talk, talk]
    assert [(step["next"], step["next_nodes"]) for step in steps] == [
        ("Last", ["Last"]),
        (None, []),
    ]
    assert [step["state"] for step in steps] == [{"turns": 1}, {"turns": 1}]


async def test_session_goes_on_on_another_socket(site):
    for turn in (1, 2):
        async with documents(site, "kgnb/ws") as ws:
            await ws.send(json.dumps({"session_id": "returning", "message": "Hi"}))
            heard = await until_end(ws)
            assert len(heard[-2]["messages"]) == 2 * turn
            assert heard[-1]["data"] == turn


async def test_flow_of_another_library_keeps_its_session(site):
    for text in ("one", "two"):
        async with documents(site, "kgnb/ws/pocket") as ws:
            await say(ws, session_id="of pocketflow", message=text)
            messages = (await until_end(ws))[-1]["data"]
    assert [(each["role"], each["content"]) for each in messages] == [
        ("user", "one"),
        ("assistant", "I hear one"),
        ("user", "two"),
        ("assistant", "I hear two"),
    ]


async def test_socket_without_a_session_has_one_of_its_own(site):
    path = "kgnb/ws/steps"
    async with documents(site, path) as one, documents(site, path) as two:
        for turn in (1, 2):
            await say(one, type="message", content="x")
            heard = await until_end(one)
            assert heard[-1]["data"] == turn
            assert "step" not in [frame["type"] for frame in heard]
        await say(two, message="x")
        assert (await until_end(two))[-1]["data"] == 1


async def test_approval_of_the_document_is_answered_by_a_node_input(site):
    async with documents(site) as ws:
        await say(ws, type="start_workflow", workflow="approve", params={"data": 1})
        asked = (await until_end(ws, "approval_request"))[-1]
        assert asked["data"]["message"] == "Approve this action?"
        assert asked["data"]["options"] == ["yes", "no"]
        await say(ws, type="node_input", node_id="ApprovalNode", data={"value": "yes"})
        heard = await until_end(ws)
        assert data_of(heard, "result") == ["yes"]
        assert heard[-1]["data"] == "yes"


async def test_node_input_finds_the_run_that_the_socket_started(site):
    async with documents(site) as ws:
        await say(ws, type="start_workflow", workflow="input", params={})
        await until_end(ws, "workflow_started")
        await say(ws, type="node_input", node_id="input_node", data={"value": 42})
        (result,) = [f for f in await until_end(ws) if f["type"] == "result"]
        assert (result["node_id"], result["data"]) == ("input_node", 43)


async def test_subscription_before_the_start_narrows_what_comes(site):
    async with documents(site) as ws:
        await say(ws, type="subscribe", topics=["progress", "results"])
        await say(ws, type="start_workflow", workflow="chat", params={"message": "a b"})
        kinds = {frame["type"] for frame in await until_end(ws)}
    assert kinds == {"workflow_started", "node_update", "result", "workflow_completed"}


async def test_subscription_after_the_start_narrows_what_comes(site):
    async with documents(site) as ws:
        await say(ws, type="start_workflow", workflow="input", params={})
        await until_end(ws, "approval_request")
        await say(ws, type="subscribe", topics=["results"], id=1)
        await until_end(ws, "subscribed")
        await say(ws, type="node_input", node_id="input_node", data={"value": 1})
        kinds = [frame["type"] for frame in await until_end(ws)]
    assert kinds == ["result", "workflow_completed"]


async def test_chat_node_hears_the_messages_of_its_session_in_order(site):
    async with documents(site, "kgnb/ws/talk") as ws:
        for text in ("one", "two", "three"):
            await say(ws, type="message", content=text)
        said = []
        while len(said) < 3:
            said.append((await until_end(ws, "message"))[-1]["data"]["content"])
        assert said == ["1: one", "3: two", "5: three"]
        await say(ws, type="end_chat")
        ended = (await until_end(ws))[-1]
        assert len(ended["data"]["conversation"]) == 6
        await say(ws, type="message", content="four")
        assert (await until_end(ws, "message"))[-1]["data"]["content"] == "7: four"
        await say(ws, type="end_chat")
        await until_end(ws)


async def test_steps_come_to_who_subscribes_to_them(site):
    async with documents(site) as ws:
        await say(ws, type="subscribe", topics=["steps"])
        await say(
            ws,
            type="start_workflow",
            workflow="steps",
            params={"messages": [{"role": "user", "content": "x"}]},
        )
        heard = await until_end(ws)
    assert [frame["type"] for frame in heard if "seq" in frame] == [
        "workflow_started", "step", "step", "workflow_completed"
    ]  # fmt: skip


async def test_run_that_fails_closes_the_socket_of_a_document(site):
    async with documents(site) as ws:
        await say(ws, type="start_workflow", workflow="fail", params={})
        failed = (await until_end(ws, "workflow_failed"))[-1]
        assert "of no use" in failed["error"]["message"]
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1011, "Internal error")


async def test_start_that_is_refused_closes_the_socket_of_a_document(site):
    async with documents(site) as ws:
        await say(ws, type="start_workflow", workflow="nothing", params={})
        error = (await until_end(ws, "error"))[-1]
        assert error["code"] == "no_such_workflow"
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1000


async def test_params_that_do_not_fit_are_refused_with_their_field(site):
    async with site.connect() as ws:
        await say(
            ws, type="start_workflow", workflow="add", params={"a": 1, "b": "x"}, id=1
        )
        error = (await until_end(ws, "error"))[-1]
        assert (error["code"], error["id"]) == ("invalid", 1)
        assert "b: expected a whole number" in error["message"]
        assert error["data"]["problems"][0]["path"] == ["b"]
        await say(
            ws, type="start_workflow", workflow="add", params={"a": 1, "b": 2}, id=2
        )
        heard = await until_end(ws)
        assert heard[0]["type"] == "ack"
        assert heard[0]["run_id"] == heard[1]["run_id"]
        assert heard[-1]["data"] == 3


async def test_segment_behind_the_workflow_is_its_key(server, site):
    async with documents(site, "kgnb/ws/keyed/room%201") as ws:
        await say(ws, message="hi")
        assert (await until_end(ws))[-1]["data"] == "room 1/hi"
    assert server.printed in (site.url("kgnb/ws/keyed"), None)


async def test_unknown_workflow_closes_with_4004_and_a_bad_token_with_4001(site):
    async with documents(site, "kgnb/ws/nothing") as ws:
        await ws.wait_closed()
        assert ws.close_code == 4004
    url = site.url("kgnb/ws/chat") + "?token=wrong"
    async with websockets.connect(url, proxy=None) as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4001, "Unauthorized")
