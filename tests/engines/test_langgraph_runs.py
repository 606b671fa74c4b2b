"""A real compiled graph through kgnb.run: visits, edges, results, attempts, errors."""

import asyncio
import operator
import socket
import threading
from typing import Annotated, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, Send

import kgnb
from kgnb.errors import InvalidValue, NotAGraph, RunCancelled


class State(TypedDict, total=False):
    topic: str
    log: Annotated[list, operator.add]


def says(word):
    def node(state):
        return {"log": [word]}

    return node


def chain(**nodes):
    """A graph of nodes one after the other."""
    builder = StateGraph(State)
    last = START
    for name, function in nodes.items():
        builder.add_node(name, function)
        builder.add_edge(last, name)
        last = name
    return builder


def run(graph, given=None, **options):
    return kgnb.run(graph, {} if given is None else given, **options).result(20)


def statuses(result):
    return {name: node.status for name, node in result.view.nodes.items()}


def edges(result):
    return [(e.source, e.action, e.target, e.count) for e in result.view.edges]


def test_a_compiled_graph_runs_and_its_last_update_is_the_result():
    async def draft(state):
        return {"log": [state["topic"]]}

    result = run(
        chain(draft=draft, check=says("checked")).compile(), {"topic": "tides"}
    )
    assert result.status == "completed"
    assert statuses(result) == {"draft": "completed", "check": "completed"}
    assert edges(result) == [("draft", "default", "check", 1)]
    assert result.view.results == {"check": {"log": ["checked"]}}
    assert result.value == {"log": ["checked"]}


def test_shared_follows_the_state_and_the_input_stays_as_it_was():
    given = {"topic": "tides", "log": []}
    result = run(chain(a=says("a"), b=says("b")).compile(), given)
    assert result.shared == {"topic": "tides", "log": ["a", "b"]}
    assert given == {"topic": "tides", "log": []}


def test_watching_leaves_the_outcome_as_ainvoke_has_it():
    graph = chain(a=says("a"), b=says("b")).compile()
    alone = asyncio.run(graph.ainvoke({"log": ["x"]}))
    assert run(graph, {"log": ["x"]}).shared == alone


def test_the_picture_names_labels_and_nested_nodes():
    inner = chain(c1=says("1"), c2=says("2")).compile()
    builder = chain(first=says("f"), sub=inner)
    builder.add_node("yes", says("y"))
    builder.add_node("no", says("n"))
    builder.add_conditional_edges(
        "sub", lambda s: "ok", {"ok": "yes", "bad": "no", "over": END}
    )
    graph = kgnb.run(builder.compile(name="article"), {}, mode="live")
    graph.result(20)
    assert graph.workflow == "article"
    shown = graph.graph
    assert [(n.id, n.kind, n.path) for n in shown.nodes] == [
        ("first", "node", []),
        ("sub", "graph", []),
        ("sub/c1", "node", ["sub"]),
        ("sub/c2", "node", ["sub"]),
        ("yes", "node", []),
        ("no", "node", []),
    ]
    assert shown.start == "first"
    assert {(e.source, e.action, e.target) for e in shown.edges} == {
        ("first", "default", "sub"),
        ("sub/c1", "default", "sub/c2"),
        ("sub", "ok", "yes"),
        ("sub", "bad", "no"),
    }


def test_drawing_and_running_make_no_connection(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(args)

    graph = chain(a=says("a")).compile()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run(graph).status == "completed"


def test_nodes_of_a_subgraph_are_nested_visits():
    inner = chain(c1=says("1"), c2=says("2")).compile()
    result = run(chain(sub=inner, after=says("z")).compile())
    assert statuses(result) == dict.fromkeys(
        ("sub", "sub/c1", "sub/c2", "after"), "completed"
    )
    assert edges(result) == [
        ("sub/c1", "default", "sub/c2", 1),
        ("sub", "default", "after", 1),
    ]


def test_a_subgraph_called_in_a_function_is_nested_in_its_node():
    inner = chain(c1=says("1")).compile()

    async def caller(state):
        first = await inner.ainvoke(state)
        second = await inner.ainvoke(first)
        return {"log": second["log"]}

    result = run(chain(caller=caller).compile(checkpointer=InMemorySaver()))
    assert result.view.nodes["caller/c1"].visits == 2
    assert statuses(result)["caller/c1"] == "completed"


def test_send_makes_a_visit_of_each_task():
    builder = chain(plan=says("p"))
    builder.add_node("work", lambda state: {"log": [state["topic"]]})
    builder.add_conditional_edges(
        "plan", lambda s: [Send("work", {"topic": str(i)}) for i in range(3)], ["work"]
    )
    result = run(builder.compile())
    assert result.view.nodes["work"].visits == 3
    assert edges(result) == [("plan", "default", "work", 3)]
    assert [v.task_id for v in result.view.timeline] == [
        "plan:1",
        "work:1",
        "work:2",
        "work:3",
    ]
    assert all(v.ended_at for v in result.view.timeline)


def test_edges_that_were_not_declared_are_found_when_they_are_taken():
    builder = StateGraph(State)

    def decide(state):
        return Command(goto="left", update={"log": ["d"]})

    builder.add_node("decide", decide)
    builder.add_node("left", says("l"))
    builder.add_node("right", says("r"))
    builder.add_edge(START, "decide")
    builder.add_conditional_edges("left", lambda s: "right")
    builder.add_edge("right", END)
    result = run(builder.compile())
    assert edges(result) == [
        ("decide", "default", "left", 1),
        ("left", "default", "right", 1),
    ]


def test_a_join_is_led_to_by_a_node_of_the_step_before():
    builder = StateGraph(State)
    for name in ("a", "b", "c", "join"):
        builder.add_node(name, says(name))
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    builder.add_edge(START, "c")
    builder.add_edge(["b", "c"], "join")
    assert edges(run(builder.compile())) == [
        ("a", "default", "b", 1),
        ("b", "default", "join", 1),
    ]


def test_a_loop_visits_its_node_again():
    builder = chain(again=says("x"))
    builder.add_conditional_edges(
        "again",
        lambda s: "more" if len(s["log"]) < 3 else "done",
        {"more": "again", "done": END},
    )
    result = run(builder.compile())
    assert result.view.nodes["again"].visits == 3
    assert edges(result) == [("again", "more", "again", 2)]


def test_retries_are_attempts_of_one_visit():
    calls = []

    def flaky(state):
        calls.append(1)
        print("try", len(calls))
        if len(calls) < 3:
            raise ConnectionError("flaky")
        return {"log": ["ok"]}

    builder = StateGraph(State)
    policy = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=5)
    builder.add_node("flaky", flaky, retry_policy=policy)
    builder.add_edge(START, "flaky")
    seen = kgnb.run(builder.compile(), {})
    result = seen.result(20)
    node = result.view.nodes["flaky"]
    assert (node.status, node.visits, node.attempt) == ("completed", 1, 3)
    assert [(v.task_id, v.attempts) for v in result.view.timeline] == [("flaky:1", 3)]


def test_a_failing_node_fails_the_run_by_its_own_error():
    def boom(state):
        raise KeyError("lost")

    started = kgnb.run(chain(a=says("a"), boom=boom, c=says("c")).compile(), {})
    with pytest.raises(KeyError, match="lost") as caught:
        started.result(20)
    assert any("node 'boom'" in note for note in caught.value.__notes__)
    view = started.view
    assert (view.status, view.error.node_id) == ("failed", "boom")
    assert view.error.message == "KeyError: 'lost'"
    assert [view.nodes[n].status for n in ("a", "boom", "c")] == [
        "completed",
        "failed",
        "idle",
    ]


def test_a_failure_in_a_subgraph_names_the_innermost_node():
    def boom(state):
        raise KeyError("lost")

    started = kgnb.run(chain(sub=chain(boom=boom).compile()).compile(), {})
    with pytest.raises(KeyError):
        started.result(20)
    assert started.view.error.node_id == "sub/boom"
    assert started.view.nodes["sub"].status == "failed"


def test_a_failure_ends_the_siblings_that_run():
    began = threading.Event()

    async def slow(state):
        began.set()
        await asyncio.sleep(60)

    def boom(state):
        assert began.wait(10)
        raise KeyError("lost")

    builder = StateGraph(State)
    builder.add_node("slow", slow)
    builder.add_node("boom", boom)
    builder.add_edge(START, "slow")
    builder.add_edge(START, "boom")
    started = kgnb.run(builder.compile(), {})
    with pytest.raises(KeyError):
        started.result(20)
    assert {n: v.status for n, v in started.view.nodes.items()} == {
        "slow": "cancelled",
        "boom": "failed",
    }


def test_cancel_reaches_an_async_node():
    began, cancelled = threading.Event(), threading.Event()

    async def slow(state):
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    started = kgnb.run(chain(slow=slow).compile(), {})
    assert began.wait(10)
    started.cancel()
    with pytest.raises(RunCancelled):
        started.result(20)
    assert cancelled.is_set()
    assert started.view.nodes["slow"].status == "cancelled"


def test_helpers_find_their_node_wherever_it_runs():
    def sync_node(state):
        print("said in a thread")
        kgnb.progress(40, "soon")
        kgnb.emit("mine", {"n": 1})
        kgnb.log("noted")
        return {"log": [kgnb.stream(iter(["a", "b"])).result()]}

    async def async_node(state):
        assert (await kgnb.ask("Go on?", options=["yes"])).value == "yes"
        return {"log": [str(await kgnb.stream(iter(["c", "d"])))]}

    result = run(
        chain(one=sync_node, two=async_node).compile(), answers={"Go on?": "yes"}
    )
    view = result.view
    assert result.shared["log"] == ["ab", "cd"]
    assert [(s.node_id, s.text) for s in view.streams] == [("one", "ab"), ("two", "cd")]
    assert [(c.type, c.node_id) for c in view.custom] == [("mine", "one")]
    assert view.nodes["one"].progress.percent == 40
    assert {(log.node_id, log.stream) for log in view.logs} == {
        ("one", "stdout"),
        ("one", "logging"),
    }


def test_a_stream_writer_is_attributed_where_one_task_alone_runs():
    def lone(state):
        get_stream_writer()({"type": "note", "n": 1})
        get_stream_writer()("bare")
        get_stream_writer()({"type": "workflow_failed"})

    result = run(chain(lone=lone).compile())
    assert [(c.type, c.node_id) for c in result.view.custom] == [
        ("note", "lone"),
        ("custom", "lone"),
        ("custom", "lone"),
    ]
    assert result.view.custom[1].data == "bare"


def test_a_stream_writer_among_several_tasks_names_no_node():
    barrier = threading.Barrier(2)

    def writes(state):
        barrier.wait(10)
        get_stream_writer()({"type": "note"})
        barrier.wait(10)

    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, writes)
        builder.add_edge(START, name)
    result = run(builder.compile())
    assert [(c.type, c.node_id) for c in result.view.custom] == [("note", "")] * 2


def test_emit_among_several_tasks_names_its_own():
    barrier = threading.Barrier(3)

    def emits(state):
        barrier.wait(10)
        kgnb.emit("note", state["topic"])
        barrier.wait(10)

    builder = StateGraph(State)
    builder.add_node("sync", emits)
    builder.add_edge(START, "sync")

    async def emits_too(state):
        await asyncio.to_thread(emits, state)

    for name in ("a", "b"):
        builder.add_node(name, emits_too)
        builder.add_edge(START, name)
    result = run(builder.compile(), {"topic": "tides"})
    told = sorted((c.type, c.node_id, c.data) for c in result.view.custom)
    assert told == [("note", name, "tides") for name in ("a", "b", "sync")]


def test_messages_returned_whole_are_told_with_their_roles():
    def talk(state):
        return {
            "messages": [
                AIMessage("well", id="1"),
                ToolMessage("42", tool_call_id="c", id="2"),
            ]
        }

    builder = StateGraph(MessagesState)
    builder.add_node("talk", talk)
    builder.add_edge(START, "talk")
    result = run(builder.compile(), {"messages": [HumanMessage("hi")]})
    assert [(m.node_id, m.role, m.content) for m in result.view.messages] == [
        ("talk", "assistant", "well"),
        ("talk", "tool", "42"),
    ]
    assert result.value == {
        "messages": [
            {"role": "assistant", "content": "well"},
            {"role": "tool", "content": "42"},
        ]
    }


def test_config_is_passed_on_with_the_users_callbacks():
    heard = []

    class Listener(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, **kwargs):
            heard.append(kwargs.get("name"))

    def reads(state, config):
        return {"log": [config["configurable"]["colour"], config["tags"]]}

    given = {
        "configurable": {"colour": "blue"},
        "tags": ["mine"],
        "callbacks": [Listener()],
    }
    before = {**given, "configurable": {**given["configurable"]}}
    result = run(chain(reads=reads).compile(), config=given)
    assert result.shared["log"] == ["blue", ["mine"]]
    assert "reads" in heard
    assert given == before


def test_pause_before_holds_the_node_until_it_is_resumed(monkeypatch):
    ran = threading.Event()

    def second(state):
        ran.set()

    started = kgnb.run(
        chain(first=says("1"), second=second).compile(), {}, pause_before=["second"]
    )
    paused = threading.Event()
    started.on_change(lambda: paused.set() if started.status == "paused" else None)
    if started.status == "paused":
        paused.set()
    assert paused.wait(10)
    assert not ran.is_set()
    assert started.view.paused.before == "second"
    started.resume()
    started.result(20)
    assert ran.is_set()


def test_the_functional_api_is_one_node_and_its_tasks():
    @task
    def double(x):
        return 2 * x

    @entrypoint()
    def flow(x):
        return [f.result() for f in [double(1), double(2)]]

    result = run(flow, 3)
    assert statuses(result) == {"flow": "completed", "flow/double": "completed"}
    assert result.view.nodes["flow/double"].visits == 2
    assert result.shared == {"__root__": [2, 4]}


def test_what_is_no_compiled_graph_is_told_what_to_give():
    builder = chain(a=says("a"))
    with pytest.raises(NotAGraph, match=r"still being built; give what its \.compile"):
        kgnb.run(builder)
    with pytest.raises(NotAGraph, match=r"RunnableSequence.*give the graph itself"):
        kgnb.run(builder.compile() | (lambda x: x))
    with pytest.raises(InvalidValue, match="passed on to a compiled LangGraph graph"):
        kgnb.run(lambda shared: 1, {}, config={"tags": []})


def test_publishing_with_messages_that_the_graph_has_no_key_for_is_refused():
    graph = chain(a=says("a")).compile()
    with pytest.raises(InvalidValue, match="no such key; it has 'log', 'topic'"):
        kgnb.publish("chat", graph, input="messages")


def test_shared_is_the_whole_state_whatever_the_output_schema_names():
    class Output(TypedDict):
        answer: str

    class Whole(Output):
        question: str

    builder = StateGraph(Whole, output_schema=Output)
    builder.add_node("answers", lambda state: {"answer": f"re {state['question']}"})
    builder.add_edge(START, "answers")
    result = kgnb.run(builder.compile(), {"question": "Q"}).result(20)
    assert result.shared == {"question": "Q", "answer": "re Q"}
    assert result.value == {"answer": "re Q"}
