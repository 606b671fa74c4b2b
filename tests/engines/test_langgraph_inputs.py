"""What a published graph may be given, and on which loop it runs."""

import asyncio
import dataclasses
import operator
from collections.abc import Callable
from typing import Annotated, TypedDict

import pydantic
import pytest
from chatting import Client
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import AnyMessage, add_messages
from scripted_model import ScriptedModel

import kgnb
from kgnb.engines import engine_for
from kgnb.errors import InvalidValue, Unavailable


@pytest.fixture
def client():
    return Client()


def graph_of(schema, node=lambda state: {}, saver=None):
    builder = StateGraph(schema)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile(checkpointer=saver)


class Inner(pydantic.BaseModel):
    name: str


class Typed(TypedDict):
    topic: str
    pages: int
    inner: Inner
    log: Annotated[list, operator.add]
    odd: Annotated[list, lambda before, new: [*before, new]]
    call: Callable


class Model(pydantic.BaseModel):
    topic: str
    pages: int = 3


@dataclasses.dataclass
class Plain:
    topic: str
    pages: int = 3


@pytest.mark.parametrize("schema", [Typed, Model, Plain])
def test_a_wrong_input_is_refused_with_the_fields_name(client, schema):
    kgnb.publish("w", graph_of(schema))
    error = client.start("w", topic="x", pages="many")
    assert (error["code"], "pages: " in error["message"]) == ("invalid", True)
    assert client.start("w", topic="x", pages=1)["type"] == "workflow_completed"


def test_typed_dict_checks_what_the_graph_would_not_take_otherwise():
    schema = engine_for(graph_of(Typed)).input_schema()
    assert schema["properties"] == {
        "topic": {"title": "topic", "type": "string"},
        "pages": {"title": "pages", "type": "integer"},
        "inner": {"title": "inner", "$ref": "#/$defs/Inner"},
        "log": {"title": "log", "items": {}, "type": "array"},
        "odd": {"title": "odd"},  # its reducer alone knows
    }
    assert (list(schema["$defs"]), schema.get("required")) == (["Inner"], None)


@pytest.mark.parametrize("schema", [Model, Plain])
def test_what_a_thread_may_have_already_is_not_required(schema):
    assert engine_for(graph_of(schema)).input_schema()["required"] == ["topic"]
    kept = graph_of(schema, saver=InMemorySaver())
    assert "required" not in engine_for(kept).input_schema()


def test_what_is_no_object_or_has_no_types_is_not_described():
    @entrypoint()
    def work(number: int) -> int:
        return number

    class Nameless(TypedDict):
        other: "NoSuchName"  # noqa: F821 - as in a notebook whose cell was not run

    Nameless.__annotations__["other"] = list
    builder = graph_of(Nameless)
    Nameless.__annotations__["other"] = "NoSuchName"
    assert engine_for(work).input_schema() is None
    assert engine_for(builder).input_schema() is None


class Modelled(pydantic.BaseModel):
    messages: Annotated[list[AnyMessage], add_messages]
    topic: str = ""


TOLD = [
    [{"role": "user", "content": "hi"}],
    [["user", "hi"]],
    ["hi"],
    "hi",
    {"role": "user", "content": "hi"},
    [{"type": "human", "content": "hi"}],
]


@pytest.mark.parametrize("schema", [MessagesState, Modelled, "agent"])
def test_messages_are_taken_as_langgraph_takes_them(client, schema):
    if schema == "agent":
        graph = create_agent(ScriptedModel(script=[["ok"]] * len(TOLD)), [])
    else:
        graph = graph_of(schema, lambda state: {"messages": [("ai", "ok")]})
    kgnb.publish("chat", graph, result=lambda s: [m.text for m in s["messages"]])
    for messages in TOLD:
        assert client.start("chat", messages=messages)["data"] == ["hi", "ok"]


def test_what_is_no_message_at_all_is_refused(client):
    kgnb.publish("chat", graph_of(MessagesState))
    error = client.start("chat", messages=3)
    assert (error["code"], "messages: " in error["message"]) == ("invalid", True)


def test_keys_that_the_graph_does_not_have_are_named(client):
    kgnb.publish("chat", graph_of(MessagesState))
    error = client.start("chat", mesages=[])
    assert error["code"] == "invalid"
    assert "its input has no 'mesages'; it has 'messages'" in error["message"]


def test_a_key_that_a_session_fills_in_is_not_required(client):
    def reply(state):
        return {"messages": [("ai", "ok")]}

    kgnb.publish("chat", graph_of(Modelled, reply), input="messages")
    assert client.say("hi")["type"] == "workflow_completed"
    assert client.messages == ["user: hi", "assistant: ok"]


def test_input_of_an_entrypoint_is_refused():
    @entrypoint()
    def work(given):
        return given

    with pytest.raises(InvalidValue, match="an @entrypoint keeps no state"):
        kgnb.publish("chat", work, input="messages")


def test_a_graph_with_a_bound_saver_runs_on_the_savers_loop(client, tmp_path):
    ran_on = []

    async def reply(state):
        ran_on.append(asyncio.get_running_loop())
        return {"messages": [("ai", "ok")]}

    async def main():
        path = str(tmp_path / "threads.db")
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            graph = graph_of(MessagesState, reply, saver)
            kgnb.publish("chat", graph, input="messages")
            for word in ("one", "two"):
                told = await asyncio.to_thread(client.say, word)
                assert told["type"] == "workflow_completed"
            assert ran_on == [asyncio.get_running_loop()] * 2
            threads = [t async for t in saver.alist(None, limit=1)]
            assert threads[0].config["configurable"]["thread_id"].startswith("chat/")
            return graph

    graph = asyncio.run(main())
    assert client.messages == [
        "user: one",
        "assistant: ok",
        "user: two",
        "assistant: ok",
    ]
    error = client.say("three")
    assert error["code"] == "unavailable"
    assert "that loop has ended; make it on one that goes on" in error["message"]
    with pytest.raises(Unavailable, match="that loop has ended"):
        kgnb.publish("again", graph)
