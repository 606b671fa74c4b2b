"""What goes wrong with LangGraph graphs: each says what, and what to do about it."""

import asyncio
import operator
import re
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

import pytest
from chatting import Client
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

import kgnb
from kgnb.errors import (
    Conflict,
    GraphWarning,
    InvalidValue,
    NotAGraph,
    SwallowedInterrupt,
    Unanswerable,
    Unavailable,
)


class State(TypedDict, total=False):
    n: int
    log: Annotated[list, operator.add]


class Model(BaseModel):
    n: int
    log: list = []


@dataclass
class Data:
    n: int
    log: list = field(default_factory=list)


def says(state):
    return {"log": ["said"]}


def asks(state):
    return {"log": [interrupt("Go on?")]}


def swallows(state):
    try:
        return asks(state)
    except Exception:
        return {"log": ["went on"]}


def builder(node=says, state=State):
    made = StateGraph(state)
    made.add_node("node", node)
    made.add_edge(START, "node")
    return made


def graph(node=says, state=State, saver=None, **options):
    saver = InMemorySaver() if saver is None else saver
    return builder(node, state).compile(checkpointer=saver or None, **options)


def run(thing, given=None, **options):
    return kgnb.run(thing, given, **options).result(20)


def thread(name):
    return {"configurable": {"thread_id": name}}


def explained(error):
    """All that is told of it."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@task
def a_task(value):
    return value


@entrypoint()
def an_entrypoint(value):
    return a_task(value).result()


REVIEW = {
    "action_requests": [{"name": "send", "args": {}}],
    "review_configs": [
        {"action_name": "send", "allowed_decisions": ["approve", "reject"]}
    ],
}


def reviews(state):
    return {"log": [interrupt(REVIEW)]}


def loops(state):
    return {"log": ["again"]}


def looping():
    made = builder(loops)
    made.add_edge("node", "node")
    return made.compile()


def sync_only():
    return SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))


async def awaits(state):
    return {}


TABLE = {
    # What is no graph.
    "a builder": (
        lambda: run(builder(), {}),
        NotAGraph,
        r"StateGraph is a graph still being built; give what its \.compile\(\) returns",
    ),
    "a class": (
        lambda: run(StateGraph, {}),
        NotAGraph,
        r"StateGraph is a class; make an object of it.*\.compile\(\)",
    ),
    "a chain around it": (
        lambda: run(graph() | RunnableLambda(str), {}),
        NotAGraph,
        "RunnableSequence is a runnable, not a compiled graph.*the graph itself",
    ),
    "a drawing": (
        lambda: run(graph().get_graph(), {}),
        NotAGraph,
        "Graph is a part or a picture of a LangGraph graph; give the graph itself",
    ),
    "a task": (
        lambda: run(a_task, "hi"),
        NotAGraph,
        "for a @task the @entrypoint that calls it",
    ),
    "a published builder": (
        lambda: kgnb.publish("draft", builder()),
        NotAGraph,
        "still being built",
    ),
    # Inputs.
    "text": (
        lambda: run(graph(state=MessagesState), "hi"),
        InvalidValue,
        r"'hi'\): expected the graph's input.*such as \{'messages': \[\('user', 'hi'\)",
    ),
    "a list": (
        lambda: run(graph(), ["hi"]),
        InvalidValue,
        r"\['hi'\]\): expected the graph's input, a dict of 'log', 'n'",
    ),
    "unknown keys": (
        lambda: run(graph(), {"mesages": []}),
        InvalidValue,
        "its input has no 'mesages'; it has 'log', 'n'",
    ),
    "a value that its reducer does not take": (
        lambda: run(graph(), {"log": "text"}),
        TypeError,
        "no node had begun; see whether the input fits the types",
    ),
    "a field of a wrong type": (
        lambda: run(graph(state=Model), {"n": "many"}),
        ValueError,
        "(?s)Model.*n.*valid integer",
    ),
    "a field that is missing": (
        lambda: run(graph(state=Data), {"log": []}),
        TypeError,
        "missing 1 required positional argument: 'n'",
    ),
    "a message of no known role": (
        lambda: run(graph(state=MessagesState), {"messages": [("bob", "hi")]}),
        ValueError,
        "Unexpected message type: 'bob'. Use one of 'human'",
    ),
    "what cannot be stored": (
        lambda: run(graph(), {"log": [threading.Lock()]}),
        TypeError,
        r"(?s)not msgpack serializable.*keep functions, locks and clients out of it",
    ),
    # Threads and configs.
    "no input and no checkpointer": (
        lambda: run(graph(saver=False)),
        Unavailable,
        r"without input goes on with a thread.*compile\(checkpointer=InMemorySaver\(\)",
    ),
    "no input on a thread that never began": (
        lambda: run(graph(), session_id="s"),
        InvalidValue,
        "thread 's' has nothing to go on with.*give an input",
    ),
    "a config that is text": (
        lambda: run(graph(), {}, config="s"),
        InvalidValue,
        "it is no dict; expected LangGraph's config, such as",
    ),
    "a thread_id beside configurable": (
        lambda: run(graph(), {}, config={"thread_id": "s"}),
        InvalidValue,
        "thread_id must be in its .configurable.; expected",
    ),
    "a configurable that is text": (
        lambda: run(graph(), {}, config={"configurable": "s"}),
        InvalidValue,
        "its 'configurable' is no dict; expected",
    ),
    "a session that is no text": (
        lambda: run(graph(), {}, session_id=5),
        InvalidValue,
        r"run\(session_id=5\): expected a str",
    ),
    "two threads": (
        lambda: run(graph(), {}, session_id="s", config=thread("t")),
        InvalidValue,
        "config names the thread 't'; a session is a thread, so give one of them",
    ),
    # Pauses.
    "an interrupt without a checkpointer": (
        lambda: run(graph(asks, saver=False), {}),
        Unavailable,
        r"node asks by interrupt\(\), and the graph has no checkpointer.*InMemorySaver",
    ),
    "a breakpoint without a checkpointer": (
        lambda: run(graph(saver=False, interrupt_before=["node"]), {}),
        Unavailable,
        "interrupt_before and interrupt_after pause the run.*InMemorySaver",
    ),
    "a pause that is caught": (
        lambda: run(graph(swallows), {}),
        SwallowedInterrupt,
        r"caught the pause of interrupt\('Go on\?'\).*'except GraphInterrupt: raise'",
    ),
    "an answer that is no button": (
        lambda: run(graph(reviews), {}, answers=[{"decisions": ["approve"]}]),
        InvalidValue,
        "'Run send\\?': expected one of 'approve', 'reject', got",
    ),
    "nobody to answer": (
        lambda: run(graph(asks), {}, mode="ci"),
        Unanswerable,
        r"'Go on\?' of node 'node': nobody can answer.*answers=\{'Go on\?': ",
    ),
    "a payload that cannot be stored": (
        lambda: run(graph(lambda s: {"log": [interrupt(threading.Lock())]}), {}),
        TypeError,
        r"(?s)not msgpack serializable.*and what interrupt\(\) is given",
    ),
    "a payload too large to show": (
        lambda: run(graph(lambda s: {"log": [interrupt({"q": "x" * 2**21})]}), {}),
        InvalidValue,
        "are too much to show; at most",
    ),
    # Nodes and savers.
    "a node that gives no dict": (
        lambda: run(graph(lambda state: "text"), {}),
        InvalidUpdateError,
        "(?s)Expected dict, got text.*in node 'node'",
    ),
    "a loop without an end": (
        lambda: run(looping(), {}, config={"recursion_limit": 5}),
        GraphRecursionError,
        "limit of 5 reached.*`recursion_limit` config key",
    ),
    "an async node and a sync-only checkpointer": (
        lambda: run(graph(awaits, saver=sync_only()), {}),
        TypeError,
        "(?s)SqliteSaver is sync only.*such as AsyncSqliteSaver",
    ),
}


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize("case", TABLE)
def test_an_error_says_what_to_do(case):
    do, kind, text = TABLE[case]
    with pytest.raises(kind) as caught:
        do()
    assert re.search(text, explained(caught.value)), explained(caught.value)


def test_a_key_that_is_dropped_beside_others_is_warned_of():
    with pytest.warns(GraphWarning, match="no 'mesages'; it has 'log', 'n'") as caught:
        run(graph(), {"log": ["1"], "mesages": []})
    assert caught[0].filename == __file__


@pytest.mark.parametrize("given", [Model(n=1), {"n": 1}])
def test_inputs_that_langgraph_takes_are_no_errors(given):
    assert run(graph(state=Model), given).shared["log"] == ["said"]


def test_an_entrypoint_takes_any_input():
    assert run(an_entrypoint, "hi").view.result == "hi"


def test_a_session_that_is_not_kept_is_told_in_the_log():
    result = run(graph(saver=False), {"n": 1}, session_id="s")
    assert "session 's' is not kept: there is no checkpointer\n" in [
        log.text for log in result.view.logs
    ]


def test_a_checkpointer_that_was_closed_says_how_long_it_must_be_open(tmp_path):
    async def main():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "a.db")) as saver:
            made = graph(saver=saver)
        with pytest.raises((RuntimeError, ValueError)) as caught:
            await kgnb.run(made, {})
        return explained(caught.value)

    told = asyncio.run(main())
    assert "AsyncSqliteSaver could not be read. It must be open as long as" in told


def test_a_second_run_on_a_thread_that_waits_is_refused():
    made = graph(asks)
    first = kgnb.run(made, {}, session_id="s")
    with pytest.raises(Conflict, match="thread 's' has a run already"):
        run(made, {}, session_id="s")
    first.cancel()


# What clients of published graphs are told.


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize(
    ("node", "options", "code", "message"),
    [
        (
            swallows,
            {},
            "invalid",
            "node 'node' caught the pause of interrupt('Go on?')",
        ),
        (asks, {"saver": False}, "unavailable", "the graph has no checkpointer"),
    ],
)
def test_a_published_graph_that_fails_says_why(client, node, options, code, message):
    kgnb.publish("chat", graph(node, **options))
    ended = client.start(n=1)
    assert ended["type"] == "workflow_failed"
    assert ended["error"]["code"] == code
    assert message in ended["error"]["message"]


def test_a_double_click_on_a_published_graph_answers_one_question(client):
    bodies = []

    def two(state):
        bodies.append(1)
        return {"log": [interrupt("Delete A?"), interrupt("Delete B?")]}

    kgnb.publish("chat", graph(two), result="log")
    client.send(type="start_workflow", workflow="chat", params={"n": 1})
    first = client.wait("approval_request")["data"]
    click = {"type": "answer", "approval_id": first["approval_id"]}
    for _ in range(3):  # without ids, as a page that was drawn twice would
        client.send(**click, value="yes")
    client.send(**click, value="yes", args_hash=first["args_hash"])
    second = client.wait("approval_request")["data"]
    assert second["message"] == "Delete B?"
    # A stale tab sends its answer once more, with the second one open.
    client.send(**click, value="yes")
    client.wait("error")
    assert second["approval_id"] != first["approval_id"]
    client.send(type="answer", approval_id=second["approval_id"], value="no")
    assert client.wait("workflow_completed")["data"] == ["yes", "no"]
    assert len(bodies) == 3
