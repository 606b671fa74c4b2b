"""Sessions of published graphs: each message is given to the graph once, whatever
keeps them, and however the run before has ended."""

import asyncio
import operator
import threading
from typing import Annotated, TypedDict

import pydantic
import pytest
from chatting import Client
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import AnyMessage, RemoveMessage, add_messages
from langgraph.types import interrupt
from scripted_model import ScriptedModel, calls_tool

import kgnb
from kgnb.engines.langgraph.chat import Chat
from kgnb.errors import InvalidValue
from kgnb.protocol import link
from kgnb.runtime.guests import thread_of


@pytest.fixture
def client():
    return Client()


def text_of(message):
    return message["content"] if isinstance(message, dict) else message.content


def echo(state):
    return {"messages": [{"role": "assistant", "content": f"re {texts(state)[-1]}"}]}


def texts(state):
    return [text_of(message) for message in state["messages"]]


class Replaced(TypedDict):
    messages: list


class Added(TypedDict):
    messages: Annotated[list, operator.add]


class ReplacedByReducer(TypedDict):
    messages: Annotated[list, lambda before, new: new]


class Shortened(TypedDict):
    messages: Annotated[list, lambda before, new: [*before, *new][-3:]]


class Modelled(pydantic.BaseModel):
    messages: Annotated[list[AnyMessage], add_messages]


def echo_model(state):
    return echo({"messages": state.messages})


def adds_itself(state):
    return {"messages": [*state["messages"], *echo(state)["messages"]]}


def chat_graph(schema, node, saver=None):
    builder = StateGraph(schema)
    builder.add_node("reply", node)
    builder.add_edge(START, "reply")
    return builder.compile(checkpointer=saver)


def agent(saver):
    script = [["re ", f"{word}"] for word in ("one", "two", "three")]
    return create_agent(ScriptedModel(script=script), [], checkpointer=saver)


KINDS = {
    "MessagesState": lambda saver: chat_graph(MessagesState, echo, saver),
    "added": lambda saver: chat_graph(Added, echo, saver),
    "replaced": lambda saver: chat_graph(Replaced, adds_itself, saver),
    "reducer replaces": lambda saver: chat_graph(ReplacedByReducer, adds_itself, saver),
    "model": lambda saver: chat_graph(Modelled, echo_model, saver),
    "agent": agent,
}
SAID = ["user: one", "assistant: re one", "user: two", "assistant: re two"]


@pytest.fixture(params=[InMemorySaver, None, "sync only"])
def saver(request):
    if request.param == "sync only":
        with SqliteSaver.from_conn_string(":memory:") as sync_only:
            yield sync_only
    else:
        yield request.param and request.param()


@pytest.mark.parametrize("kind", KINDS)
def test_history_of_a_session_is_kept_exactly(client, kind, saver):
    kgnb.publish("chat", KINDS[kind](saver), input="messages")
    for said, told in (("one", SAID[:2]), ("two", SAID)):
        assert client.say(said)["type"] == "workflow_completed"
        assert client.messages == told
    assert not [frame for frame in client.frames if frame["type"] == "log"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_saver_that_has_forgotten_is_given_the_whole_session(client, kind):
    make = KINDS[kind]
    graph = make(InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.say("one")
    again = make(InMemorySaver()) if kind != "agent" else graph
    if again is graph:
        graph.checkpointer.storage.clear()
    kgnb.publish("chat", again, input="messages")
    client.say("two")
    assert client.messages == SAID


def test_a_whole_list_given_again_keeps_tool_calls_whole(client):
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    script = [calls_tool("add", '{"a": 1, "b": 2}'), ["3"], ["bye"]]
    model = ScriptedModel(script=script)
    kgnb.publish("chat", create_agent(model, [add]), input="messages")
    client.say("1 + 2?")
    client.say("thanks")
    told = ["1 + 2?", "", "3", "3", "thanks", "bye"]
    assert [m["content"] for m in client.steps[-1]["messages"]] == told
    _, calls, result, *_ = model.calls[-1]
    assert [call["id"] for call in calls.tool_calls] == [result.tool_call_id]


def test_a_thread_that_is_ahead_of_the_session_is_given_what_is_new(client):
    graph = chat_graph(MessagesState, echo, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.say("one")
    (thread,) = graph.checkpointer.storage
    config = {"configurable": {"thread_id": thread}}
    graph.update_state(config, {"messages": [("ai", "by the way")]})
    client.say("two")
    assert client.messages == [*SAID[:2], "assistant: by the way", *SAID[2:]]


def test_a_thread_that_is_behind_is_given_what_it_lacks(client):
    graph = chat_graph(MessagesState, echo, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.say("one")
    (thread,) = graph.checkpointer.storage
    config = {"configurable": {"thread_id": thread}}
    last = graph.get_state(config).values["messages"][-1]
    graph.update_state(config, {"messages": [RemoveMessage(id=last.id)]})
    client.say("two")
    assert client.messages == SAID


def test_a_graph_that_shortens_its_list_is_given_what_is_new(client):
    graph = chat_graph(Shortened, echo, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    for word in ("one", "two", "three"):
        client.say(word)
    told = ["assistant: re two", "user: three", "assistant: re three"]
    assert client.messages == told


def test_what_was_said_to_a_run_that_failed_is_said_once(client, saver):
    def fails_at_first(state):
        if texts(state)[-1] == "one":
            raise ValueError("no")
        return echo(state)

    graph = chat_graph(MessagesState, fails_at_first, saver)
    kgnb.publish("chat", graph, input="messages")
    assert client.say("one")["type"] == "workflow_failed"
    client.say("two")
    assert client.messages == ["user: one", "user: two", "assistant: re two"]


def test_what_a_cancelled_run_had_said_stays(client, saver):
    at_it = threading.Event()

    async def hangs_at_first(state):
        if len(state["messages"]) == 2:
            at_it.set()
            await asyncio.sleep(60)

    def hangs_in_a_thread(state):
        if len(state["messages"]) == 2:
            at_it.set()
            assert go_on.wait(20)

    go_on = threading.Event()
    is_sync_only = isinstance(saver, SqliteSaver)
    builder = StateGraph(MessagesState)
    hangs = hangs_in_a_thread if is_sync_only else hangs_at_first
    builder.add_sequence([("reply", echo), ("hangs", hangs)])
    builder.add_edge(START, "reply")
    kgnb.publish("chat", builder.compile(checkpointer=saver), input="messages")
    client.send(session_id="s", message="one")
    run_id = client.wait("workflow_started")["run_id"]
    assert at_it.wait(20)
    client.send(type="cancel", run_id=run_id)
    assert client.wait("workflow_cancelled", "workflow_failed")
    go_on.set()
    client.say("two")
    assert client.messages == SAID


def test_a_thread_that_outlives_its_cancelled_run_writes_no_more(client, tmp_path):
    at_it, go_on, is_over = (threading.Event() for _ in range(3))

    def hangs_at_first(state):
        if texts(state)[-1] == "one":
            at_it.set()
            assert go_on.wait(20)
        return echo(state)

    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        put_writes = saver.put_writes

        def put(config, writes, *rest):
            put_writes(config, writes, *rest)
            if go_on.is_set() and any("re one" in str(write) for write in writes):
                is_over.set()

        saver.put_writes = put
        graph = chat_graph(MessagesState, hangs_at_first, saver)
        kgnb.publish("chat", graph, input="messages")
        client.send(session_id="s", message="one")
        run_id = client.wait("workflow_started")["run_id"]
        assert at_it.wait(20)
        client.send(type="cancel", run_id=run_id)
        client.wait("workflow_cancelled")
        client.say("two")
        go_on.set()
        assert is_over.wait(20)
        while any(t.name.startswith("kgnb-node") for t in threading.enumerate()):
            client.send(type="ping")
            client.wait("pong")
        client.say("three")
        told = ["user: one", *SAID[2:], "user: three", "assistant: re three"]
        assert client.messages == told


def test_what_is_said_while_a_run_waits_for_an_answer_has_its_turn_after_it(client):
    def asks(state):
        return {"messages": [("ai", interrupt({"question": "?", "options": ["y"]}))]}

    graph = chat_graph(MessagesState, asks, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.send(session_id="s", message="one")
    first = client.wait("approval_request")
    client.send(session_id="s", message="two")
    answer = {"type": "answer", "value": "y"}
    client.send(approval_id=first["data"]["approval_id"], **answer)
    second = client.wait("approval_request")
    client.send(approval_id=second["data"]["approval_id"], **answer)
    client.wait("workflow_completed")
    assert client.messages == ["user: one", "assistant: y", "user: two", "assistant: y"]
    assert second["run_id"] != first["run_id"]


def test_a_run_that_was_cancelled_while_it_asked_leaves_its_thread_to_the_next(client):
    def asks(state):
        if len(state["messages"]) == 1:
            interrupt("?")
        return echo(state)

    graph = chat_graph(MessagesState, asks, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    client.send(session_id="s", message="one")
    client.send(type="cancel", run_id=client.wait("approval_request")["run_id"])
    client.wait("workflow_cancelled")
    client.say("two")
    assert client.messages == ["user: one", "user: two", "assistant: re two"]


def test_sessions_do_not_mix(client):
    kgnb.publish(
        "chat", chat_graph(MessagesState, echo, InMemorySaver()), input="messages"
    )
    client.say("one", session_id="a")
    client.say("two", session_id="b")
    assert client.messages == SAID[2:]


def test_workflows_of_one_session_tell_each_other_what_was_said(client):
    saver = InMemorySaver()
    for name in ("chat", "other"):
        graph = chat_graph(MessagesState, echo, saver)
        kgnb.publish(name, graph, input="messages", default=name == "chat")
    client.say("one")
    given = {"messages": [{"role": "user", "content": "two"}]}
    client.start("other", session_id="s", **given)
    client.say("three")
    assert client.messages == [*SAID, "user: three", "assistant: re three"]
    assert len(saver.storage) == 2


@pytest.mark.parametrize("key", ["owner", "session_id", "workflow"])
def test_threads_of_other_people_sessions_and_workflows_are_others(key):
    def thread(**given):
        names = {"workflow": "a", "owner": "b", "session_id": "c"}
        return thread_of(link.Start(run_id="r", **(names | given)))

    assert thread() == "a/b/c"
    assert thread(**{key: "x/y"}) != thread()
    assert thread(owner="b/c", session_id="d") != thread(owner="b", session_id="c/d")


def test_a_session_without_messages_is_a_thread_all_the_same(client):
    def counts(state):
        return {"log": [len(state["log"])]}

    class Log(TypedDict):
        log: Annotated[list, operator.add]

    builder = StateGraph(Log)
    builder.add_node("counts", counts)
    builder.add_edge(START, "counts")
    graph = builder.compile(checkpointer=InMemorySaver())
    kgnb.publish("counts", graph, result="log")
    said = [
        client.start("counts", session_id=name, log=["x"])["data"]
        for name in ("s", "s", "t", None, None)
    ]
    first = ["x", 1]
    assert said == [first, [*first, "x", 3], first, first, first]


def test_what_langchain_takes_for_no_message_is_refused_and_not_kept(client):
    graph = chat_graph(MessagesState, echo, InMemorySaver())
    kgnb.publish("chat", graph, input="messages")
    refused = client.say({"a": 1})
    assert refused["code"] == "invalid"
    assert "messages: " in refused["message"]
    assert "said is a text, or a list of content blocks" in refused["message"]
    client.say("one")
    assert client.messages == SAID[:2]


def test_a_message_for_a_graph_that_takes_none_is_refused(client):
    kgnb.publish("chat", chat_graph(MessagesState, echo))
    refused = client.say("hi")
    assert (refused["code"], "input=" in refused["message"]) == ("invalid", True)


def test_input_of_a_graph_without_such_a_key_is_refused():
    class Question(TypedDict):
        question: str

    builder = StateGraph(MessagesState, input_schema=Question)
    builder.add_node("reply", echo)
    builder.add_edge(START, "reply")
    with pytest.raises(InvalidValue, match="no such key; it has 'question'"):
        kgnb.publish("chat", builder.compile(), input="messages")


def said(*words):
    return [{"role": "user", "content": word} for word in words]


@pytest.mark.parametrize("kind", ["MessagesState", "replaced", "reducer replaces"])
def test_a_start_that_says_nothing_leaves_a_thread_as_it_is(kind):
    stored = said("a", "b")
    chat = Chat(key="messages", messages=stored, fresh=0)
    given = chat.input_for(KINDS[kind](None), {"messages": stored})
    assert given == ([] if kind == "MessagesState" else stored)


@pytest.mark.parametrize(
    ("stored", "session", "given"),
    [
        ("", "a", "a"),
        ("", "a b c", "a b c"),
        ("a b", "a b c", "c"),
        ("a", "a b c", "b c"),  # the saver is behind
        ("a b x", "a b c", "c"),  # the log is
        ("b", "a b c", "c"),  # shortened by the graph
        ("a", "a b a c", "b a c"),
        ("x y", "a b c", "c"),  # the graph has rewritten it
    ],
)
def test_a_thread_is_given_what_it_lacks(stored, session, given):
    graph = chat_graph(MessagesState, echo)
    chat = Chat(key="messages", messages=said(*session.split()), fresh=1)
    state = {"messages": said(*stored.split())}
    assert chat.input_for(graph, state) == said(*given.split())
