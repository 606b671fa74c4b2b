"""A try around interrupt() that catches its pause: the node fails, and says how to."""

import asyncio
import operator
import sqlite3
import threading
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import GraphInterrupt
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy, interrupt

import kgnb
from kgnb.errors import SwallowedInterrupt, Unanswerable


class State(TypedDict, total=False):
    log: Annotated[list, operator.add]


def one_node(function, saver=None, **options):
    builder = StateGraph(State)
    builder.add_node("review", function, **options)
    builder.add_edge(START, "review")
    return builder.compile(checkpointer=saver)


def answered(graph, given=None):
    """Run it to its end, each question answered by its own words."""
    started = kgnb.run(graph, given or {}, answers=lambda a: f"to {a.message}")
    return started.result(20)


def sync(state):
    try:
        return {"log": [interrupt({"question": "Delete A?"})]}
    except Exception:
        return {"log": ["deleted"]}


async def awaiting(state):
    return sync(state)


async def gathering(state):
    async def ask():
        return interrupt("Delete A?")

    said = await asyncio.gather(ask(), ask(), return_exceptions=True)
    return {"log": [str(each) for each in said]}


def leaving(state):
    sync(state)
    return Command(goto="__end__")


def asking_next(state):
    try:
        first = interrupt("Delete A?")
    except Exception:
        first = "deleted"
    # Its answer would be taken for that to A: answers go by their number.
    return {"log": [first, interrupt("Delete B?")]}


def asks(state):
    return {"log": [interrupt("Delete A?")]}


def calling(state):
    try:
        return one_node(asks).invoke(state)
    except Exception:
        return {"log": ["deleted"]}


@pytest.mark.parametrize(
    "node", [sync, awaiting, gathering, leaving, asking_next, calling]
)
def test_a_node_that_catches_its_pause_fails_by_name(node):
    started = kgnb.run(one_node(node, InMemorySaver()), {})
    with pytest.raises(SwallowedInterrupt) as caught:
        started.result(20)
    text = str(caught.value)
    assert "node 'review' caught the pause of interrupt('Delete A?')" in text
    assert "'except GraphInterrupt: raise' (from langgraph.errors)" in text
    assert started.view.error.node_id == "review"
    assert started.view.nodes["review"].status == "failed"
    assert not any(a.state == "open" for a in started.approvals)


def test_a_swallowed_pause_is_found_without_a_checkpointer():
    with pytest.raises(SwallowedInterrupt):
        answered(one_node(sync))


def test_a_swallowed_pause_is_found_in_a_graph_that_runs_in_one_thread(tmp_path):
    connection = sqlite3.connect(tmp_path / "t.db", check_same_thread=False)
    try:
        with pytest.raises(SwallowedInterrupt):
            answered(one_node(sync, SqliteSaver(connection)))
    finally:
        connection.close()


def test_a_swallowed_pause_of_a_task_is_found_in_its_entrypoint():
    @task
    def ask(question):
        return interrupt(question)

    @entrypoint(checkpointer=InMemorySaver())
    def workflow(question):
        try:
            return ask(question).result()
        except Exception:
            return "deleted"

    with pytest.raises(SwallowedInterrupt, match="node 'workflow' caught"):
        answered(workflow, "Delete A?")


def test_the_mended_node_asks_when_the_run_goes_on():
    saver = InMemorySaver()
    with pytest.raises(SwallowedInterrupt):
        kgnb.run(one_node(sync, saver), {}, session_id="s").result(20)
    mended = kgnb.run(one_node(asks, saver), session_id="s", answers=["no"])
    assert mended.result(20).shared["log"] == ["no"]


def test_a_retry_policy_does_not_repeat_what_follows_a_swallowed_pause():
    bodies = []

    def node(state):
        bodies.append(1)
        return sync(state)

    with pytest.raises(SwallowedInterrupt):
        policy = RetryPolicy(retry_on=Exception, initial_interval=0)
        answered(one_node(node, InMemorySaver(), retry_policy=policy))
    assert bodies == [1]


def test_an_error_raised_in_place_of_a_pause_says_so_in_a_note():
    def wraps(state):
        try:
            interrupt("Delete A?")
        except Exception as error:
            raise LookupError("no answer") from error

    with pytest.raises(LookupError) as caught:
        answered(one_node(wraps, InMemorySaver()))
    (note,) = [n for n in caught.value.__notes__ if "GraphInterrupt" in n]
    assert "caught the pause of interrupt('Delete A?'), and raised this" in note


# What may be done with a pause.


def reraises(state):
    try:
        return asks(state)
    except GraphInterrupt:
        raise
    except Exception:
        return {"log": ["deleted"]}


def tries_again(state):
    for is_last in (False, True):
        try:
            return asks(state)
        except Exception:
            if is_last:
                raise
    return None


def with_retry(state):
    return RunnableLambda(asks).with_retry(stop_after_attempt=2).invoke(state)


async def both_at_once(state):
    async def ask(question):
        return interrupt(question)

    return {"log": await asyncio.gather(ask("Delete A?"), ask("Delete B?"))}


def one_by_one(state):
    return {"log": [interrupt("Delete A?"), interrupt("Delete B?")]}


def validates(state):
    question = "Delete A?"
    while (answer := interrupt(question)) == "to Delete A?":
        question = "Delete B?"
    return {"log": ["to Delete A?", answer]}


@pytest.mark.parametrize("node", [reraises, tries_again, with_retry])
def test_a_pause_that_gets_through_is_asked(node):
    assert answered(one_node(node, InMemorySaver())).shared["log"] == ["to Delete A?"]


@pytest.mark.parametrize("node", [both_at_once, one_by_one, validates])
def test_pauses_of_one_node_that_get_through_are_asked_in_turn(node):
    result = answered(one_node(node, InMemorySaver()))
    assert result.shared["log"] == ["to Delete A?", "to Delete B?"]
    assert result.view.nodes["review"].attempt == 3


def calls_of_both(remove):
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([remove]))
    builder.add_edge(START, "tools")
    calls = [{"name": "remove", "args": {"path": p}, "id": p} for p in "AB"]
    graph = builder.compile(checkpointer=InMemorySaver())
    return graph, {"messages": [AIMessage("", tool_calls=calls)]}


def test_pauses_of_two_tools_get_through_their_node():
    @tool
    async def remove(path: str) -> str:
        """Remove it."""
        return f"{path}: {interrupt(f'Delete {path}?')}"

    result = answered(*calls_of_both(remove))
    said = [m.content for m in result.shared["messages"][1:]]
    assert said == ["A: to Delete A?", "B: to Delete B?"]


def test_pauses_of_two_tools_in_threads_are_refused_for_they_would_be_mixed_up():
    both = threading.Barrier(2)

    @tool
    def remove(path: str) -> str:
        """Remove it."""
        both.wait(10)
        return f"{path}: {interrupt(f'Delete {path}?')}"

    with pytest.raises(Unanswerable, match=r"'Delete A\?' and 'Delete B\?' at once"):
        answered(*calls_of_both(remove))


def test_a_pause_waits_for_the_tool_that_it_left_behind_in_a_thread():
    """It asks when its node has paused already, for the other one."""
    has_asked, first = threading.Event(), []

    @tool
    def remove(path: str) -> str:
        """Remove it."""
        if path == "B" and not first:
            first.append(path)
            has_asked.wait(10)
        return f"{path}: {interrupt(f'Delete {path}?')}"

    def answer(approval):
        threading.Timer(0.05, has_asked.set).start()
        return f"to {approval.message}"

    with pytest.raises(Unanswerable, match=r"'Delete A\?' and 'Delete B\?' at once"):
        kgnb.run(*calls_of_both(remove), answers=answer).result(20)


def test_a_pause_waits_for_no_tool_that_was_given_up():
    @tool
    async def never(path: str) -> str:
        """Never end."""
        await asyncio.Event().wait()
        return path

    async def node(state):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(never.ainvoke({"path": "A"}), 0.01)
        return {"log": [interrupt("Delete A?")]}

    assert answered(one_node(node, InMemorySaver())).shared["log"] == ["to Delete A?"]
