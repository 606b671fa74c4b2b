"""A graph's threads: sessions, checkpointers of each kind, going on, forking."""

import asyncio
import operator
import sqlite3
import threading
from typing import Annotated, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

import kgnb
from kgnb.errors import Conflict, InvalidValue, RunCancelled, Unavailable


class State(TypedDict, total=False):
    log: Annotated[list, operator.add]


def build(**nodes):
    builder = StateGraph(State)
    builder.add_sequence(list(nodes.items()))
    builder.add_edge(START, next(iter(nodes)))
    return builder


def says(word):
    return lambda state: {"log": [word]}


def thread(name):
    return {"configurable": {"thread_id": name}}


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
    graph = build(ask=ask_and_say).compile(checkpointer=InMemorySaver())
    graph.invoke({}, thread("s"))
    graph.invoke(Command(resume="first"), thread("s"))
    before = next(s for s in graph.get_state_history(thread("s")) if s.next == ("ask",))
    graph.invoke(None, before.config)
    return graph.get_state(thread("s")).next == ("ask",)


@pytest.mark.parametrize("way", ["replay", "edit"])
def test_an_interrupt_after_a_fork_goes_on_from_the_fork(way):
    if way == "replay" and not replays_are_forks():
        pytest.skip("this LangGraph makes no fork of a replay, so that it never ends")
    graph = build(a=says("a"), ask=ask_and_say, end=says("z")).compile(
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


@pytest.fixture
def file(tmp_path):
    return tmp_path / "threads.db"


def ask_and_say(state):
    return {"log": [interrupt("?")]}


def test_a_sync_only_checkpointer_runs_the_graph_in_one_thread(file):
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        graph = build(a=says("a"), ask=ask_and_say).compile(
            checkpointer=SqliteSaver(connection)
        )
        result = kgnb.run(graph, {}, session_id="s", answers=["yes"]).result(20)
        assert result.shared["log"] == ["a", "yes"]
        assert (result.view.nodes["ask"].visits, result.view.nodes["ask"].attempt) == (
            1,
            2,
        )
        again = kgnb.run(graph, {"log": ["more"]}, session_id="s", answers=["no"])
        assert again.result(20).shared["log"] == ["a", "yes", "more", "a", "no"]
    finally:
        connection.close()


def test_a_sync_only_checkpointer_with_an_async_node_says_what_to_use(file):
    async def later(state):
        return {}

    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        graph = build(later=later).compile(checkpointer=SqliteSaver(connection))
        with pytest.raises(TypeError) as caught:
            kgnb.run(graph, {}).result(20)
        assert any("SqliteSaver is sync only" in n for n in caught.value.__notes__)
    finally:
        connection.close()


def test_an_async_checkpointer_runs_on_the_loop_where_it_was_made(file):
    async def main():
        async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
            here = asyncio.get_running_loop()
            seen = []

            async def where(state):
                seen.append(asyncio.get_running_loop() is here)
                return {"log": ["w"]}

            graph = build(where=where, ask=ask_and_say).compile(checkpointer=saver)
            result = await kgnb.run(graph, {}, session_id="s", answers=["yes"])
            state = await graph.aget_state(thread("s"))
            return seen, result.shared["log"], state.values["log"]

    assert asyncio.run(main()) == ([True], ["w", "yes"], ["w", "yes"])


def test_an_async_checkpointer_of_another_loop_is_refused_with_the_way_out(file):
    async def main():
        async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
            graph = build(a=says("a")).compile(checkpointer=saver)

            def elsewhere():
                with pytest.raises(Unavailable, match="bound to the loop"):
                    kgnb.run(graph, {})

                async def other():
                    with pytest.raises(
                        Unavailable, match="AsyncSqliteSaver is bound to the loop"
                    ):
                        await kgnb.run(graph, {})

                asyncio.run(other())

            await asyncio.to_thread(elsewhere)

    asyncio.run(main())


def test_a_state_that_cannot_be_stored_says_where_to_keep_it():
    graph = build(a=lambda s: {"log": [threading.Lock()]}, b=says("b")).compile(
        checkpointer=InMemorySaver()
    )
    with pytest.raises(TypeError, match="not msgpack serializable") as caught:
        kgnb.run(graph, {}).result(20)
    assert any(
        "keep functions, locks and clients out" in n for n in caught.value.__notes__
    )
