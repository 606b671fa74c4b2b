"""Whatever becomes of a run: each visit that began ends once, and nothing follows it."""

import asyncio
import contextlib
import gc
import inspect
import operator
import threading
import weakref
from collections import Counter
from typing import Annotated, TypedDict

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy, Command, RetryPolicy, Send, interrupt

import kgnb
from kgnb.errors import RunCancelled
from kgnb.protocol import events as e

ENDS = {"completed", "failed", "cancelled"}


class State(TypedDict, total=False):
    n: int
    log: Annotated[list, operator.add]


def events_of(run):
    async def read():
        return [event async for event in run.events()]

    return asyncio.run(read())


def check_closed(run):
    """One beginning and one end of each visit, and nothing of it after its end."""
    began, ended = Counter(), Counter()
    for event in events_of(run):
        task_id = getattr(event, "task_id", None)
        if isinstance(event, e.NodeUpdate) and event.progress is None:
            if event.status in ENDS:
                ended[task_id] += 1
                continue
            began[task_id] += not began[task_id]
        if task_id and not isinstance(event, e.ResultEvent | e.ApprovalResolved):
            assert not ended[task_id], event
    assert began == ended
    assert set(ended.values()) <= {1}
    return set(began)


def parallel(*names, **functions):
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, functions[name])
        builder.add_edge(START, name)
    return builder.compile(checkpointer=InMemorySaver())


def quick(state):
    return {"log": ["q"]}


def asks(state):
    return {"log": [interrupt("?")]}


def fails(state):
    raise KeyError("lost")


async def hangs(state):
    await asyncio.sleep(60)


def test_closure_of_a_partial_resume():
    run = kgnb.run(parallel("a", "b", a=quick, b=asks), {}, answers=["yes"])
    run.result(20)
    assert check_closed(run) == {"a:1", "b:1"}


def test_closure_of_a_failure_beside_others():
    run = kgnb.run(parallel("a", "b", "c", a=fails, b=hangs, c=asks), {})
    with pytest.raises(KeyError):
        run.result(20)
    assert check_closed(run) >= {"a:1"}


def test_closure_of_a_cancel_while_a_question_is_open():
    run = kgnb.run(parallel("a", "b", a=asks, b=quick), {})
    asked = threading.Event()
    run.on_change(lambda: asked.set() if run.approvals else None)
    if run.approvals:
        asked.set()
    assert asked.wait(10)
    run.cancel()
    with pytest.raises(kgnb.KgnbError):
        run.result(20)
    assert check_closed(run) == {"a:1", "b:1"}
    assert [a.state for a in run.approvals] == ["cancelled"]


def test_closure_of_a_fan_out_with_retries():
    calls = Counter()

    def flaky(state):
        calls[state["n"]] += 1
        if calls[state["n"]] == 1:
            raise ConnectionError("flaky")
        return {"log": [state["n"]]}

    builder = StateGraph(State)
    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    builder.add_node("flaky", flaky, retry_policy=policy)
    builder.add_conditional_edges(
        START, lambda s: [Send("flaky", {"n": n}) for n in range(4)], ["flaky"]
    )
    run = kgnb.run(builder.compile(), {})
    run.result(20)
    assert check_closed(run) == {f"flaky:{n}" for n in range(1, 5)}


def test_what_earlier_steps_wrote_is_not_kept():
    class Written:
        """Of a size."""

    alive, most = weakref.WeakSet(), []

    def writes(state):
        gc.collect()
        most.append(len(alive))
        written = Written()
        alive.add(written)
        return {"n": state.get("n", 0) + 1, "written": written}

    class Kept(State):
        written: Written

    inner = StateGraph(Kept)
    inner.add_node("writes", writes)
    inner.add_edge(START, "writes")
    builder = StateGraph(Kept)
    builder.add_node("inner", inner.compile())
    builder.add_edge(START, "inner")
    builder.add_conditional_edges("inner", lambda s: "inner" if s["n"] < 9 else "end")
    builder.add_node("end", quick)
    kgnb.run(builder.compile(), {}).result(20)
    assert max(most) <= 2  # the state, and what it takes the place of


def test_closure_of_cached_tasks_after_an_answer():
    calls = Counter()

    @task
    def double(x):
        calls[x] += 1
        return 2 * x

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x):
        doubled = [future.result() for future in [double(1), double(2)]]
        return [*doubled, interrupt("?")]

    run = kgnb.run(flow, 3, answers=["yes"])
    assert run.result(20).shared == {"__root__": [2, 4, "yes"]}
    assert calls == {1: 1, 2: 1}
    assert check_closed(run) == {"flow:1", "flow/double:1", "flow/double:2"}


@pytest.mark.skipif(
    "error_handler" not in inspect.signature(StateGraph.add_node).parameters,
    reason="this LangGraph has no error handlers",
)
def test_closure_of_a_graph_whose_error_is_handled():
    def handle(state):
        return {"log": ["handled"]}

    builder = StateGraph(State)
    builder.add_node("risky", fails, error_handler=handle)
    builder.add_edge(START, "risky")
    run = kgnb.run(builder.compile(), {})
    result = run.result(20)
    assert result.shared["log"] == ["handled"]
    assert check_closed(run) >= {"risky:1"}
    assert {n: v.status for n, v in result.view.nodes.items()} == {
        "risky": "failed",
        "risky/error handler": "completed",
    }


def test_a_state_changed_in_place_does_not_alter_what_was_told():
    shared_list = [1]

    def first(state):
        return {"log": shared_list}

    def second(state):
        state["log"].append(99)
        shared_list.append(99)

    builder = StateGraph(State)
    builder.add_sequence([("first", first), ("second", second)])
    builder.add_edge(START, "first")
    builder.add_node("third", lambda state: {"log": shared_list})
    builder.add_edge("second", "third")
    run = kgnb.run(builder.compile(), {})
    run.result(20)
    told = [x.data for x in events_of(run) if isinstance(x, e.ResultEvent)]
    shared_list.append(100)
    assert told == [{"log": [1, 99]}]


def test_inputs_and_states_do_not_leave_the_process():
    secret = "s3cr3t-value"

    def first(state):
        return {"log": [secret]}

    builder = StateGraph(State)
    builder.add_sequence([("first", first), ("last", quick)])
    builder.add_edge(START, "first")
    run = kgnb.run(builder.compile(checkpointer=InMemorySaver()), {"log": [secret]})
    run.result(20)
    assert not [event for event in events_of(run) if secret in repr(event)]


def test_closure_of_a_step_that_takes_too_long():
    graph = parallel("a", "b", a=quick, b=hangs)
    graph.step_timeout = 0.1
    run = kgnb.run(graph, {})
    with pytest.raises(TimeoutError):
        run.result(20)
    assert check_closed(run) == {"a:1", "b:1"}
    assert run.view.nodes["b"].status == "cancelled"


@pytest.mark.skipif(
    "timeout" not in inspect.signature(StateGraph.add_node).parameters,
    reason="this LangGraph has no time-outs of nodes",
)
def test_closure_of_a_node_that_takes_too_long():
    builder = StateGraph(State)
    builder.add_node("slow", hangs, timeout=0.05)
    builder.add_edge(START, "slow")
    run = kgnb.run(builder.compile(), {})
    with pytest.raises(Exception, match="exceeded its run timeout"):
        run.result(20)
    assert check_closed(run) == {"slow:1"}
    assert run.view.nodes["slow"].status == "failed"


def nested(function):
    """The builder of a graph whose node ``sub`` is a graph of the one node ``deep``."""
    inner = StateGraph(State)
    inner.add_node("deep", function)
    inner.add_edge(START, "deep")
    builder = StateGraph(State)
    builder.add_node("sub", inner.compile())
    builder.add_edge(START, "sub")
    return builder


def test_closure_of_a_subgraph_that_asks():
    graph = nested(asks).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, answers=["yes"])
    run.result(20)
    assert check_closed(run) == {"sub:1", "sub/deep:1"}


def test_closure_of_a_subgraph_that_is_cancelled():
    began = threading.Event()

    async def hangs_on(state):
        began.set()
        await asyncio.sleep(60)

    run = kgnb.run(nested(hangs_on).compile(), {})
    assert began.wait(10)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(20)
    assert check_closed(run) == {"sub:1", "sub/deep:1"}
    assert {v.status for v in run.view.nodes.values()} == {"cancelled"}


def test_closure_of_a_subgraph_that_leads_on_in_its_parent():
    def leads(state):
        return Command(goto="after", graph=Command.PARENT, update={"log": ["led"]})

    builder = nested(leads)
    builder.add_node("after", quick)
    run = kgnb.run(builder.compile(), {})
    assert run.result(20).shared["log"] == ["led", "q"]
    assert check_closed(run) == {"sub:1", "sub/deep:1", "after:1"}
    assert not [v for v in run.view.nodes.values() if v.error]


def test_closure_of_a_node_that_cancels_itself():
    async def gives_up(state):
        raise asyncio.CancelledError

    run = kgnb.run(parallel("a", "b", a=gives_up, b=quick), {})
    with contextlib.suppress(Exception):  # 1.1 goes on without it, 1.2 fails
        run.result(20)
    assert check_closed(run) == {"a:1", "b:1"}
    assert run.view.nodes["a"].status in {"cancelled", "failed"}


def test_closure_of_a_loop_past_its_limit():
    builder = StateGraph(State)
    builder.add_node("again", quick)
    builder.add_edge(START, "again")
    builder.add_edge("again", "again")
    run = kgnb.run(builder.compile(), {}, config={"recursion_limit": 4})
    with pytest.raises(GraphRecursionError):
        run.result(20)
    assert check_closed(run) == {f"again:{n}" for n in range(1, 5)}


def test_closure_of_a_node_whose_result_is_cached():
    calls = []

    def slow(state):
        calls.append(1)
        return {"log": ["slow"]}

    builder = StateGraph(State)
    builder.add_node("slow", slow, cache_policy=CachePolicy())
    builder.add_edge(START, "slow")
    graph = builder.compile(cache=InMemoryCache())
    for _ in range(2):
        run = kgnb.run(graph, {"n": 1})
        assert run.result(20).shared["log"] == ["slow"]
        assert check_closed(run) == {"slow:1"}
        assert run.view.nodes["slow"].status == "completed"
    assert calls == [1]
    assert [log.text for log in run.view.logs] == [
        "nothing was executed: its result was known\n"
    ]


def test_a_sync_node_that_runs_on_after_a_cancel_says_no_more():
    began, go, done = threading.Event(), threading.Event(), threading.Event()
    calls = []

    def stubborn(state):
        calls.append(1)
        if len(calls) > 1:
            return {"log": ["second"]}
        began.set()
        assert go.wait(10)
        print("too late")
        kgnb.log("too late")
        kgnb.progress(50)
        done.set()
        return {"log": ["first"]}

    builder = StateGraph(State)
    builder.add_node("stubborn", stubborn)
    builder.add_edge(START, "stubborn")
    graph = builder.compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, session_id="s")
    assert began.wait(10)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(20)
    go.set()
    assert done.wait(10)
    assert check_closed(run) == {"stubborn:1"}
    # What it returned is lost, as LangGraph has it; the thread goes on before it.
    again = kgnb.run(graph, session_id="s")
    assert again.result(20).shared["log"] == ["second"]
