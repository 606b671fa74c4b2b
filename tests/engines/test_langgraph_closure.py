"""Whatever becomes of a run: each visit that began ends once, and nothing follows it."""

import asyncio
import inspect
import operator
import threading
from collections import Counter
from typing import Annotated, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy, Send, interrupt

import kgnb
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
