"""Functions and other libraries' flows as chats: what a session keeps of them."""

import asyncio
import sys
from pathlib import Path

import pocketflow
import pytest

import kgnb

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
from chatting import Client


@pytest.fixture
def client():
    return Client()


async def words(messages):
    for word in ("I heard ", messages[-1]["content"]):
        yield word


async def whole(messages):
    return f"I heard {messages[-1]['content']}"


def sync(messages):
    return f"I heard {messages[-1]['content']}"


def named(messages):
    return {"role": "assistant", "content": f"I heard {messages[-1]['content']}"}


def itself(messages):
    messages.append({"role": "assistant", "content": sync(messages)})
    return "done"


@pytest.mark.parametrize(
    "function",
    [words, whole, sync, named, itself, kgnb.node(words), kgnb.node(sync)],
    ids=["generator", "async", "sync", "message", "itself", "node", "sync node"],
)
def test_functions_reply_is_said_in_its_session(client, function):
    kgnb.publish("chat", function, input="messages")
    client.say("one")
    client.say("two")
    assert client.messages == [
        "user: one",
        "assistant: I heard one",
        "user: two",
        "assistant: I heard two",
    ]


def test_function_that_says_nothing_leaves_its_session_alone(client):
    kgnb.publish("chat", lambda messages: None, input="messages")
    client.say("one")
    client.say("two")
    assert client.messages == ["user: one", "user: two"]


def test_graphs_result_is_no_reply_of_its_own(client):
    graph = kgnb.Graph(kgnb.node(sync))
    kgnb.publish("chat", graph, input="messages")
    client.say("one")
    assert client.messages == ["user: one"]


def test_tokens_of_a_function_come_before_its_end(client):
    kgnb.publish("chat", words, input="messages")
    assert client.say("hi")["data"] == "I heard hi"
    told = [frame["data"] for frame in client.frames if frame["type"] == "token"]
    assert "".join(told) == "I heard hi"


class Reply(pocketflow.Node):
    """PocketFlow's chat node, without the loop around ``input()``."""

    def prep(self, shared):
        return shared["messages"]

    def exec(self, messages):
        return sync(messages)

    def post(self, shared, prep_res, exec_res):
        shared["messages"].append({"role": "assistant", "content": exec_res})


class AsyncReply(pocketflow.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"]

    async def exec_async(self, messages):
        await asyncio.sleep(0)
        return sync(messages)

    async def post_async(self, shared, prep_res, exec_res):
        shared["messages"].append({"role": "assistant", "content": exec_res})


@pytest.mark.parametrize(
    "flow",
    [
        pocketflow.Flow(start=Reply()),
        pocketflow.AsyncFlow(start=AsyncReply()),
        pocketflow.AsyncFlow(start=Reply()),
    ],
    ids=["sync", "async", "mixed"],
)
def test_flow_of_another_library_keeps_its_session(client, flow):
    kgnb.publish("chat", flow, input="messages")
    client.say("one")
    client.say("two")
    assert client.messages[-2:] == ["user: two", "assistant: I heard two"]
    assert len(client.messages) == 4


class Loop(pocketflow.Node):
    """PocketFlow's chat pattern as documented, ``kgnb.ask`` in place of ``input``."""

    def prep(self, shared):
        messages = shared["messages"]
        if messages[-1]["role"] == "assistant":
            said = kgnb.ask("You: ").result().value
            if said == "exit":
                return None
            messages.append({"role": "user", "content": said})
        return messages

    def exec(self, messages):
        return None if messages is None else sync(messages)

    def post(self, shared, prep_res, exec_res):
        if exec_res is None:
            return None
        shared["messages"].append({"role": "assistant", "content": exec_res})
        return "continue"


@pytest.mark.filterwarnings("ignore:Flow ends")  # as its documents let it end
def test_loop_of_another_library_asks_in_its_session(client):
    loop = Loop()
    loop - "continue" >> loop
    kgnb.publish("chat", pocketflow.Flow(start=loop), input="messages")
    client.send(session_id="s", message="one")
    for said in ("two", "exit"):
        asked = client.wait("approval_request")
        assert asked["data"]["message"] == "You: "
        id_ = asked["data"]["approval_id"]
        client.send(type="answer", approval_id=id_, value=said)
    client.wait("workflow_completed")
    assert client.messages == [
        "user: one",
        "assistant: I heard one",
        "user: two",
        "assistant: I heard two",
    ]
