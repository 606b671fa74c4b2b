"""What is told after each step of a graph: its messages, its state, what is next."""

import inspect
import operator
from typing import Annotated

import pytest
from chatting import Client
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Send, interrupt

import kgnb
from kgnb.engines.messages import messages_of


class State(MessagesState, total=False):
    log: Annotated[list, operator.add]
    secret: str


@pytest.fixture
def client():
    return Client()


def says(word, **more):
    return lambda state: {"messages": [("ai", word)], "log": [word], **more}


def graph_of(*edges, **nodes):
    builder = StateGraph(State)
    for name, node in nodes.items():
        builder.add_node(name, node)
    builder.add_edge(START, next(iter(nodes)))
    for source, target in edges:
        builder.add_edge(source, target)
    return builder


def steps_of(client):
    return [(len(s["messages"]), s["next"], s["next_nodes"]) for s in client.steps]


@pytest.fixture(params=["none", "memory", "sync only"])
def saver(request):
    if request.param == "sync only":
        with SqliteSaver.from_conn_string(":memory:") as sync_only:
            yield sync_only
    else:
        yield InMemorySaver() if request.param == "memory" else None


def test_each_step_is_told_once_with_what_follows(client, saver):
    nodes = {name: says(name) for name in "abc"} | {"d": says("d", secret="no")}
    edges = ("a", "b"), ("a", "c"), (["b", "c"], "d")
    graph = graph_of(*edges, **nodes).compile(checkpointer=saver)
    kgnb.publish("chat", graph, input="messages", state=["log", "no such"])
    assert client.say("hi")["type"] == "workflow_completed"
    assert steps_of(client) == [
        (2, "b", ["b", "c"]),
        (4, "d", ["d"]),
        (5, None, []),
    ]
    assert [s["state"]["log"] for s in client.steps] == [
        ["a"],
        ["a", "b", "c"],
        ["a", "b", "c", "d"],
    ]
    said = [{"role": "assistant", "content": word} for word in "abcd"]
    assert client.steps[-1]["messages"] == [{"role": "user", "content": "hi"}, *said]
    assert [set(s["state"]) for s in client.steps] == [{"log"}] * 3


def test_a_step_is_told_before_the_nodes_that_follow_it_begin(client):
    graph = graph_of(("a", "b"), a=says("a"), b=says("b")).compile()
    kgnb.publish("chat", graph, input="messages")
    client.say("hi")
    told = [(f["type"], f.get("node_id"), f.get("status")) for f in client.frames]
    at = told.index(("step", None, None))
    assert told[at - 1] == ("node_update", "a", "completed")
    assert told[at + 1] == ("node_update", "b", "running")


def test_steps_of_subgraphs_are_parts_of_one(client):
    inner = graph_of(("x", "y"), x=says("x"), y=says("y")).compile()
    graph = graph_of(("sub", "b"), sub=inner, b=says("b")).compile()
    kgnb.publish("chat", graph, input="messages")
    client.say("hi")
    assert [step[1:] for step in steps_of(client)] == [("b", ["b"]), (None, [])]


def test_a_step_that_writes_nothing_is_one(client):
    def silent(state):
        return None

    edges = ("a", "b"), ("b", "c"), ("c", "d")
    nodes = {"a": says("a"), "b": silent, "c": says("c"), "d": silent}
    kgnb.publish("chat", graph_of(*edges, **nodes).compile(), input="messages")
    client.say("hi")
    assert steps_of(client) == [
        (2, "b", ["b"]),
        (2, "c", ["c"]),
        (3, "d", ["d"]),
        (3, None, []),
    ]


@pytest.mark.skipif(
    "error_handler" not in inspect.signature(StateGraph.add_node).parameters,
    reason="this LangGraph has no error handlers",
)
def test_a_failure_that_is_handled_is_no_step_of_its_own(client):
    def fails(state):
        raise ValueError("no")

    builder = graph_of(a=says("a"))
    builder.add_node("b", fails, error_handler=says("handled"))
    builder.add_edge("a", "b")
    kgnb.publish("chat", builder.compile(), input="messages")
    client.say("hi")
    assert steps_of(client) == [(2, "b", ["b"]), (3, None, [])]


def test_a_fan_out_names_its_node_once(client):
    builder = graph_of(a=says("a"), b=says("b"))
    builder.add_conditional_edges("a", lambda s: [Send("b", s), Send("b", s)], ["b"])
    kgnb.publish("chat", builder.compile(), input="messages")
    client.say("hi")
    assert steps_of(client) == [(2, "b", ["b"]), (4, None, [])]


def test_a_step_whose_node_is_asking_names_it_and_is_told_when_it_ends(client):
    def asks(state):
        return {"messages": [("ai", interrupt({"question": "?", "options": ["y"]}))]}

    edges = ("a", "asks"), ("a", "c"), ("asks", "d")
    nodes = {"a": says("a"), "asks": asks, "c": says("c"), "d": says("d")}
    graph = graph_of(*edges, **nodes).compile(checkpointer=InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.send(session_id="s", message="hi")
    asked = client.wait("approval_request")["data"]
    client.wait("step", "node_update")
    assert steps_of(client) == [(2, "asks", ["asks", "c"])]
    client.send(type="answer", approval_id=asked["approval_id"], value="y")
    assert client.wait("workflow_completed", "workflow_failed")["data"]
    assert steps_of(client)[1:] == [(4, "d", ["d"]), (5, None, [])]


def test_a_breakpoint_names_the_nodes_before_which_it_waits(client):
    graph = graph_of(("a", "b"), a=says("a"), b=says("b")).compile(
        checkpointer=InMemorySaver(), interrupt_before=["b"]
    )
    kgnb.publish("chat", graph, input="messages")
    client.send(session_id="s", message="hi")
    run_id = client.wait("workflow_paused")["run_id"]
    assert steps_of(client) == [(2, "b", ["b"])]
    client.send(type="resume", run_id=run_id)
    client.wait("workflow_completed")
    assert steps_of(client)[1:] == [(3, None, [])]


def test_what_a_failed_run_said_is_told(client):
    def fails(state):
        raise ValueError("no")

    graph = graph_of(("a", "b"), a=says("a"), b=fails).compile()
    kgnb.publish("chat", graph, input="messages")
    assert client.say("hi")["type"] == "workflow_failed"
    assert steps_of(client) == [(2, "b", ["b"])]


def test_a_run_that_exceeds_its_step_limit_tells_its_last_step(client):
    graph = graph_of(("a", "b"), a=says("a"), b=says("b")).compile()
    kgnb.publish("chat", graph.with_config(recursion_limit=1), input="messages")
    assert "Recursion limit" in client.say("hi")["error"]["message"]
    assert steps_of(client) == [(2, None, [])]


def test_a_state_changed_in_place_later_does_not_change_what_was_told(client):
    def spoils(state):
        state["log"].append("spoilt")
        return {"messages": []}

    graph = graph_of(("a", "b"), a=says("a"), b=spoils).compile()
    kgnb.publish("chat", graph, input="messages", state="log")
    client.say("hi")
    assert client.steps[0]["state"] == {"log": ["a"]}


def test_steps_that_nobody_wants_are_not_made(client, monkeypatch):
    kgnb.publish("plain", graph_of(a=says("a")).compile())
    monkeypatch.setattr("kgnb.runtime.stepping.Steps.of", None)
    given = [{"role": "user", "content": "hi"}]
    assert client.start("plain", messages=given)["type"] == "workflow_completed"
    assert client.steps == []


def test_steps_of_a_run_from_a_cell_are_told_to_who_subscribes(client):
    def asks(state):
        return {"messages": [("ai", interrupt("?"))]}

    graph = graph_of(("a", "b"), a=asks, b=says("b"))
    run = kgnb.run(graph.compile(checkpointer=InMemorySaver()), {"messages": "hi"})
    client.send(type="subscribe", topics=["steps"], run_id=run.id, id="1")
    client.wait("subscribed")
    while not run.approvals:
        client.send(type="ping")
        client.wait("pong")
    run.answer(run.approvals[0].approval_id, "so")
    run.result(20)
    assert client.wait("step")["next"] == "b"
    assert client.wait("step")["next"] is None


def test_messages_of_a_dict_that_json_does_not_know_are_bounded_all_the_same():
    large = "x" * 2**21
    (told,) = messages_of([{"role": "user", "content": large}])
    assert len(told["content"]) == 2000
    odd = {"role": "user", "content": [{"type": "text"}], "when": object()}
    assert messages_of([odd]) == [{"role": "user", "content": [{"type": "text"}]}]


def test_messages_of_each_kind_are_told_so_that_langchain_takes_them_back():
    call = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    messages = [
        SystemMessage("be kind"),
        HumanMessage("hi", name="bob"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("2", tool_call_id="c1", name="add"),
        AIMessage([{"type": "text", "text": "2"}]),
    ]
    told = messages_of(messages)
    assert told == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi", "name": "bob"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c1"}],
        },
        {"role": "tool", "content": "2", "name": "add", "tool_call_id": "c1"},
        {"role": "assistant", "content": [{"type": "text", "text": "2"}]},
    ]
    assert messages_of(convert_to_messages(told)) == told
    others = [ChatMessage("x", role="critic"), AIMessageChunk("z"), ("human", "y"), 3]
    assert messages_of(others) == [
        {"role": "critic", "content": "x"},
        {"role": "assistant", "content": "z"},
        {"role": "user", "content": "y"},
    ]
