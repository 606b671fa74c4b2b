"""A graph's threads: sessions, one run at a time, going on, stopping."""

import asyncio
import contextlib
import threading
from typing import TypedDict

import pytest
from awaiting import stored, until
from chatting import ENDS, Client
from langchain_core.callbacks import BaseCallbackHandler
from langgraph import runtime
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from sequences import State, asks, build, says, thread

import kgnb
from kgnb.errors import Conflict, InvalidValue, RunCancelled, Unavailable


def test_session_id_is_the_thread():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    started = kgnb.run(graph, {"log": ["1"]}, session_id="s")
    assert started.result(20).shared["log"] == ["1", "a"]
    assert started.view.session_id == "s"
    again = kgnb.run(graph, {"log": ["2"]}, config=thread("s"))
    assert again.result(20).shared["log"] == ["1", "a", "2", "a"]
    assert again.view.session_id == "s"
    assert graph.get_state(thread("s")).values["log"] == ["1", "a", "2", "a"]


def test_a_run_without_session_has_a_thread_of_its_own_that_is_told():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    first, second = kgnb.run(graph, {}), kgnb.run(graph, {})
    first.result(20)
    second.result(20)
    assert first.view.session_id != second.view.session_id
    assert graph.get_state(thread(first.view.session_id)).values["log"] == ["a"]


def test_two_different_threads_in_one_call_are_refused():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    with pytest.raises(InvalidValue, match="config names the thread 'x'"):
        kgnb.run(graph, {}, session_id="y", config=thread("x"))


def test_a_second_run_on_a_busy_thread_is_refused():
    go = threading.Event()

    def waits(state):
        assert go.wait(10)

    graph = build(waits=waits).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    second = kgnb.run(graph, {}, session_id="s")
    other = kgnb.run(graph, {}, session_id="t")
    with pytest.raises(Conflict, match="thread 's' has a run already"):
        second.result(20)
    go.set()
    first.result(20)
    other.result(20)
    kgnb.run(graph, {}, session_id="s").result(20)


def test_a_failed_run_goes_on_without_input():
    calls = []

    def fragile(state):
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("lost")
        return {"log": ["b"]}

    graph = build(a=says("a"), b=fragile).compile(checkpointer=InMemorySaver())
    with pytest.raises(KeyError):
        kgnb.run(graph, {}, session_id="s").result(20)
    result = kgnb.run(graph, session_id="s").result(20)
    assert result.shared["log"] == ["a", "b"]
    assert result.view.nodes["a"].status == "idle"


def test_a_cancelled_run_goes_on_without_input():
    began = threading.Event()
    is_first = True

    async def slow(state):
        nonlocal is_first
        began.set()
        if is_first:
            is_first = False
            await asyncio.sleep(60)
        return {"log": ["b"]}

    graph = build(a=says("a"), b=slow).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    assert began.wait(10)
    first.cancel()
    with pytest.raises(RunCancelled):
        first.result(20)
    assert kgnb.run(graph, session_id="s").result(20).shared["log"] == ["a", "b"]


def test_an_open_interrupt_is_asked_again_by_a_later_run():
    saver = InMemorySaver()
    graph = build(ask=lambda s: {"log": [interrupt("?")]}).compile(checkpointer=saver)
    asyncio.run(graph.ainvoke({}, thread("s")))
    result = kgnb.run(graph, session_id="s", answers=["yes"]).result(20)
    assert result.shared["log"] == ["yes"]


def test_going_on_with_a_finished_thread_is_refused():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    kgnb.run(graph, {}, session_id="s").result(20)
    with pytest.raises(InvalidValue, match=r"has nothing to go on with.*give an input"):
        kgnb.run(graph, session_id="s").result(20)


def test_going_on_without_a_checkpointer_is_refused():
    with pytest.raises(Unavailable, match="no checkpointer to go on from"):
        kgnb.run(build(a=says("a")).compile()).result(20)


def test_going_on_with_a_renamed_node_is_refused_by_name():
    saver = InMemorySaver()
    build(a=says("a"), old=says("b")).compile(
        checkpointer=saver, interrupt_before=["old"]
    ).invoke({}, thread("s"))
    graph = build(a=says("a"), new=says("b")).compile(checkpointer=saver)
    with pytest.raises(InvalidValue, match=r"goes on with 'old'.*it has a, new"):
        kgnb.run(graph, session_id="s").result(20)


def test_a_fork_with_edited_state_equals_a_fresh_run_from_it():
    def last(state):
        return {"log": ["+".join(state["log"])]}

    graph = build(a=says("a"), b=says("b"), last=last).compile(
        checkpointer=InMemorySaver()
    )
    kgnb.run(graph, {}, session_id="s").result(20)
    before_b = next(s for s in graph.get_state_history(thread("s")) if s.next == ("b",))
    config = graph.update_state(before_b.config, {"log": ["edited"]})
    forked = kgnb.run(graph, config=config).result(20)
    assert forked.shared["log"] == ["a", "edited", "b", "a+edited+b"]
    assert forked.view.nodes["a"].status == "idle"


def replays_are_forks():
    """Whether an interrupt of a replay is the thread's, by LangGraph alone."""
    graph = build(ask=asks).compile(checkpointer=InMemorySaver())
    graph.invoke({}, thread("s"))
    graph.invoke(Command(resume="first"), thread("s"))
    before = next(s for s in graph.get_state_history(thread("s")) if s.next == ("ask",))
    graph.invoke(None, before.config)
    return graph.get_state(thread("s")).next == ("ask",)


@pytest.mark.parametrize("way", ["replay", "edit"])
def test_an_interrupt_after_a_fork_goes_on_from_the_fork(way):
    if way == "replay" and not replays_are_forks():
        pytest.skip("this LangGraph makes no fork of a replay, so that it never ends")
    graph = build(a=says("a"), ask=asks, end=says("z")).compile(
        checkpointer=InMemorySaver()
    )
    kgnb.run(graph, {}, session_id="s", answers=["first"]).result(20)
    before = next(s for s in graph.get_state_history(thread("s")) if s.next == ("ask",))
    config, log = before.config, ["a"]
    if way == "edit":
        config, log = graph.update_state(config, {"log": ["b"]}), ["a", "b"]
    forked = kgnb.run(graph, config=config, answers=["second"]).result(20)
    assert forked.shared["log"] == [*log, "second", "z"]
    assert len(forked.approvals) == 1


def test_a_state_that_cannot_be_stored_says_where_to_keep_it():
    graph = build(a=lambda s: {"log": [threading.Lock()]}, b=says("b")).compile(
        checkpointer=InMemorySaver()
    )
    with pytest.raises(TypeError, match="not msgpack serializable") as caught:
        kgnb.run(graph, {}).result(20)
    assert any(
        "keep functions, locks and clients out" in n for n in caught.value.__notes__
    )


# Several runs on one thread.


def test_runs_that_wait_for_their_thread_run_in_order_of_arrival():
    began, go = threading.Event(), threading.Event()

    def waits(state):
        began.set()
        assert go.wait(10)

    graph = build(waits=waits).compile(checkpointer=InMemorySaver())
    call = {"session_id": "s", "multitask_strategy": "enqueue"}
    runs = [kgnb.run(graph, {"log": [str(n)]}, **call) for n in range(4)]
    assert began.wait(10)
    until(runs[3], lambda: runs[3].view.logs)
    assert [run.status for run in runs] == ["running"] * 4
    assert [run.view.nodes["waits"].status for run in runs[1:]] == ["idle"] * 3
    log = runs[3].view.logs[0]
    assert log.text == "waits for thread 's', which has another run\n"
    assert not runs[0].view.logs
    go.set()
    assert [run.result(20).shared["log"] for run in runs] == [
        ["0"],
        ["0", "1"],
        ["0", "1", "2"],
        ["0", "1", "2", "3"],
    ]


def test_a_run_that_waits_for_its_thread_can_be_cancelled_and_leaves_the_line():
    graph = build(ask=asks).compile(checkpointer=InMemorySaver())
    first, second, third = (
        kgnb.run(graph, {}, session_id="s", multitask_strategy="enqueue")
        for _ in range(3)
    )
    until(first, lambda: first.status == "waiting")
    until(third, lambda: third.view.logs)
    second.cancel()
    with pytest.raises(RunCancelled):
        second.result(20)
    assert second.view.nodes["ask"].visits == 0
    first.cancel()
    until(third, lambda: third.status == "waiting")
    third.answer(third.approvals[0].approval_id, "yes")
    assert third.result(20).shared["log"] == ["yes"]


def test_a_run_waits_for_one_on_another_loop():
    graph = build(ask=asks).compile(checkpointer=InMemorySaver())
    call = {"session_id": "s", "multitask_strategy": "enqueue"}
    first = kgnb.run(graph, {}, **call)
    until(first, lambda: first.status == "waiting")

    async def main():
        here = kgnb.run(graph, {}, loop="kernel", answers=["2"], **call)
        await asyncio.to_thread(until, here, lambda: here.view.logs)
        first.answer(first.approvals[0].approval_id, "1")
        return (await here).shared["log"]

    assert asyncio.run(main()) == ["1", "2"]
    first.result(20)


def test_a_run_that_would_wait_for_the_one_that_began_it_is_refused():
    saver = InMemorySaver()
    inner = build(a=says("a")).compile(checkpointer=saver)
    call = {"session_id": "s", "multitask_strategy": "enqueue"}

    def begins(state):
        with pytest.raises(Conflict, match="would wait for itself"):
            kgnb.run(inner, {}, **call).result(20)
        return {"log": kgnb.run(inner, {}, session_id="t").result(20).shared["log"]}

    graph = build(begins=begins).compile(checkpointer=saver)
    assert kgnb.run(graph, {}, **call).result(20).shared["log"] == ["a"]


def test_a_strategy_that_there_is_not_says_what_to_do_instead():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    with pytest.raises(
        InvalidValue, match=r"expected 'reject' or 'enqueue'.*fork from"
    ):
        kgnb.run(graph, {}, multitask_strategy="rollback")


@pytest.mark.parametrize(
    "given",
    [
        {"config": {}},
        {"context": 1},
        {"durability": "sync"},
        {"interrupt_before": ["a"]},
        {"interrupt_after": "*"},
        {"multitask_strategy": "enqueue"},
    ],
)
def test_what_is_langgraph_s_alone_is_refused_for_other_graphs(given):
    with pytest.raises(InvalidValue, match=rf"{next(iter(given))}=.*leave it away"):
        kgnb.run(lambda: 1, **given)


# A renamed node, however its thread came to wait for it.


def renamed(saver, **nodes):
    return build(**nodes).compile(checkpointer=saver)


def fails(state):
    raise KeyError("lost")


@pytest.mark.parametrize("way", ["fail", "cancel", "interrupt", "breakpoint"])
def test_a_node_renamed_while_its_thread_waits_for_it_is_named(way):
    saver = InMemorySaver()
    old = {"fail": fails, "interrupt": asks}.get(way, says("b"))
    graph = renamed(saver, a=says("a"), old=old)
    pause = {"interrupt_before": ["old"]} if way in ("breakpoint", "cancel") else {}
    run = kgnb.run(graph, {}, session_id="s", **pause)
    if way == "fail":
        with pytest.raises(KeyError):
            run.result(20)
    else:
        waits = {"interrupt": "waiting"}.get(way, "paused")
        until(run, lambda: run.status == waits)
        run.cancel()
        with pytest.raises(RunCancelled):
            run.result(20)
    again = renamed(saver, a=says("a"), new=says("b"))
    with pytest.raises(InvalidValue, match=r"goes on with 'old'.*it has a, new"):
        kgnb.run(again, session_id="s").result(20)


def test_one_of_two_parallel_nodes_that_was_renamed_is_named_too():
    def branches(*names):
        builder = StateGraph(State)
        for name in names:
            builder.add_node(name, says(name))
            builder.add_edge(START, name)
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    branches("a", "old").invoke({}, thread("s"), interrupt_before="*")
    with pytest.raises(InvalidValue, match=r"goes on with 'old'.*it has a, new"):
        kgnb.run(branches("a", "new"), session_id="s").result(20)


def test_a_renamed_node_to_which_something_was_sent_is_named():
    def fans_out(name):
        builder = StateGraph(State)
        builder.add_node("a", says("a"))
        builder.add_node(name, says("b"))
        builder.add_edge(START, "a")
        builder.add_conditional_edges("a", lambda state: [Send(name, {})], [name])
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    fans_out("old").invoke({}, thread("s"), interrupt_before=["old"])
    with pytest.raises(InvalidValue, match=r"goes on with 'old'.*it has a, new"):
        kgnb.run(fans_out("new"), session_id="s").result(20)


# What ``ainvoke`` takes besides.


def test_config_is_passed_on_unchanged():
    heard = []

    class Heard(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, **others):
            heard.append((others.get("name"), others["tags"], others["metadata"]))

    def node(state, config):
        return {"log": [config["configurable"]["flavour"], config["metadata"]["for"]]}

    config = {
        "configurable": {"thread_id": "s", "flavour": "mint"},
        "callbacks": [Heard()],
        "tags": ["mine", "also"],
        "metadata": {"for": "bob"},
        "run_name": "named",
        "recursion_limit": 7,
    }
    kept = {**config, "configurable": dict(config["configurable"])}
    graph = build(node=node).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, config=config)
    assert run.result(20).shared["log"] == ["mint", "bob"]
    assert config == kept
    name, tags, metadata = heard[0]
    assert (name, tags, metadata["for"]) == ("named", ["mine", "also"], "bob")
    assert run.state().result(20).snapshot.metadata["for"] == "bob"


@pytest.mark.parametrize("limit", [3, 25])  # 25: LangChain's default, not LangGraph's
def test_the_recursion_limit_of_config_holds(limit):
    builder = StateGraph(State)
    builder.add_node("a", says("a"))
    builder.add_edge(START, "a")
    builder.add_edge("a", "a")
    with pytest.raises(GraphRecursionError, match=f"limit of {limit} "):
        kgnb.run(builder.compile(), {}, config={"recursion_limit": limit}).result(20)


def test_the_thread_of_a_graphs_own_config_is_gone_on_with():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    bound = graph.with_config(configurable={"thread_id": "bound"})
    kgnb.run(bound, {"log": ["1"]}).result(20)
    assert kgnb.run(bound, {"log": ["2"]}).result(20).shared["log"] == [
        *["1", "a"],
        *["2", "a"],
    ]
    kgnb.run(bound, {"log": ["3"]}, session_id="other").result(20)
    assert {*graph.checkpointer.storage} == {"bound", "other"}


def test_context_reaches_the_nodes_of_every_segment():
    class Context(TypedDict):
        user: str

    def greets(state, runtime):
        return {"log": [runtime.context["user"], interrupt("?")]}

    builder = StateGraph(State, context_schema=Context)
    builder.add_node("greets", greets)
    builder.add_edge(START, "greets")
    graph = builder.compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, context={"user": "bob"}, answers=["yes"])
    assert run.result(20).shared["log"] == ["bob", "yes"]


def test_breakpoints_of_a_call_hold_at_each_of_its_nodes():
    graph = build(a=says("a"), b=says("b"), c=says("c")).compile(
        checkpointer=InMemorySaver()
    )
    run = kgnb.run(graph, {}, interrupt_before=["b"], interrupt_after=["b"])
    for before in ("b", "c"):
        until(run, lambda: run.status == "paused")
        assert run.view.paused.before == before
        run.resume()
        until(run, lambda: run.status != "paused")
    assert run.result(20).shared["log"] == ["a", "b", "c"]


# Stopping.


WAYS = ["sync", "async", "sync only"]
"""Nodes, and a checkpointer for which all runs in one thread."""


@contextlib.contextmanager
def held(way):
    """A graph a → b whose a holds: (graph, when a has begun, what lets it end)."""
    began, go = threading.Event(), threading.Event()

    def waits(state):
        began.set()
        assert go.wait(10)
        return {"log": ["a"]}

    async def waits_async(state):
        return await asyncio.to_thread(waits, state)

    graph = build(a=waits_async if way == "async" else waits, b=says("b"))
    with contextlib.ExitStack() as stack:
        saver = InMemorySaver()
        if way == "sync only":
            saver = stack.enter_context(SqliteSaver.from_conn_string(":memory:"))
        yield graph.compile(checkpointer=saver), began, go


@pytest.mark.parametrize("way", WAYS)
def test_a_paused_run_begins_no_further_node_until_it_is_resumed(way):
    with held(way) as (graph, began, go):
        run = kgnb.run(graph, {}, session_id="s")
        assert began.wait(10)
        run.pause()
        go.set()  # what has begun goes on to its end
        until(run, lambda: run.view.nodes["a"].status == "completed")
        assert run.status == "paused"
        stored(run, lambda state: state.next == ("b",))
        assert run.view.nodes["b"].status == "idle"
        run.resume()
        assert run.result(20).shared["log"] == ["a", "b"]


@pytest.mark.parametrize("way", WAYS)
def test_a_paused_run_that_is_cancelled_can_go_on(way):
    with held(way) as (graph, began, go):
        run = kgnb.run(graph, {}, session_id="s")
        assert began.wait(10)
        run.pause()
        go.set()
        stored(run, lambda state: state.next == ("b",))
        run.cancel()
        with pytest.raises(RunCancelled):
            run.result(20)
        assert run.view.nodes["b"].status == "idle"
        assert kgnb.run(graph, session_id="s").result(20).shared["log"] == ["a", "b"]


def can_stop_after_a_step():
    return hasattr(runtime, "RunControl")


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_after_the_step_lets_it_end_and_be_stored(way):
    if not can_stop_after_a_step():
        pytest.skip("this LangGraph has no RunControl")
    with held(way) as (graph, began, go):
        run = kgnb.run(graph, {}, session_id="s")
        assert began.wait(10)
        run.cancel(after="step")
        assert run.status == "running"
        go.set()
        with pytest.raises(RunCancelled):
            run.result(20)
        assert run.view.status == "cancelled"
        assert run.view.nodes["a"].status == "completed"
        assert run.view.nodes["b"].status == "idle"
        assert run.state().result(20).next == ("b",)
        assert kgnb.run(graph, session_id="s").result(20).shared["log"] == ["a", "b"]


def test_cancelling_after_the_step_ends_a_run_that_waits_at_once():
    if not can_stop_after_a_step():
        pytest.skip("this LangGraph has no RunControl")
    graph = build(ask=asks).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, session_id="s")
    until(run, lambda: run.status == "waiting")
    run.cancel(after="step")
    with pytest.raises(RunCancelled):
        run.result(20)
    result = kgnb.run(graph, session_id="s", answers=["yes"]).result(20)
    assert result.shared["log"] == ["yes"]


def test_cancelling_after_the_step_where_it_cannot_be_says_what_can():
    run = kgnb.run(lambda: 1)
    with pytest.raises(Unavailable, match="takes checkpoints, and this run keeps none"):
        run.cancel(after="step")
    with pytest.raises(InvalidValue, match="expected 'step' or None"):
        run.cancel(after="node")
    run.result(20)
    if not can_stop_after_a_step():
        run = kgnb.run(build(a=says("a")).compile(), {})
        with pytest.raises(Unavailable, match=r"or pause\(\) the run, and cancel\(\)"):
            run.cancel(after="step")
        run.result(20)


@pytest.mark.parametrize("turn", range(5))
def test_a_cancelled_run_that_asks_is_never_a_failed_one(turn):
    async def asking(state):
        await kgnb.ask("Go on?")  # told by kgnb, before or after its task is

    run = kgnb.run(build(asking=asking).compile(), {})
    until(run, lambda: run.status == "waiting")
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(20)
    assert run.view.nodes["asking"].status == "cancelled"


# Published.


def test_published_runs_of_one_session_wait_their_turn_and_share_what_they_were_given():
    began, go = threading.Event(), threading.Event()

    def node(state, config, runtime):
        began.set()
        assert go.wait(10)
        return {"log": [config["tags"][0], runtime.context]}

    graph = build(node=node).compile(checkpointer=InMemorySaver())
    client = Client()
    kgnb.publish(
        "turns",
        graph,
        result="log",
        config={"tags": ["mine"]},
        context="here",
        multitask_strategy="enqueue",
    )
    for word in ("1", "2"):
        params = {"log": [word]}
        client.send(
            type="start_workflow", workflow="turns", params=params, session_id="s"
        )
    assert began.wait(10)
    assert client.wait("log")["data"]["text"].startswith("waits for thread")
    go.set()
    first = ["1", "mine", "here"]
    ends = sorted(client.wait(*ENDS)["data"] for _ in range(2))
    assert ends == [first, [*first, "2", "mine", "here"]]


def test_publishing_with_a_config_that_names_a_thread_is_refused():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    with pytest.raises(InvalidValue, match=r"names a thread.*leave thread_id away"):
        kgnb.publish("one", graph, config=thread("s"))
