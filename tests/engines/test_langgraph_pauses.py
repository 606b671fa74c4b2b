"""Pauses where it is easy to answer the wrong one, or to run a body too often."""

import asyncio
import operator
from collections import Counter
from typing import Annotated, TypedDict

import pytest
from awaiting import open_approvals, until
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt

import kgnb
from kgnb.errors import AlreadyAnswered, Conflict, InvalidValue, RunCancelled

THREAD = {"configurable": {"thread_id": "s"}}


class State(TypedDict, total=False):
    n: int
    log: Annotated[list, operator.add]


class Item(TypedDict):
    n: int


class Log(TypedDict):
    log: Annotated[list, operator.add]


@pytest.fixture
def bodies():
    return Counter()


def compiled(saver, /, **nodes):
    """Nodes side by side, the first name of a pair after the other."""
    builder = StateGraph(State)
    for name, node in nodes.items():
        builder.add_node(name, node)
        builder.add_edge(START, name)
    return builder.compile(checkpointer=saver)


def asks(bodies, name, *questions):
    def node(state):
        bodies[name] += 1
        return {"log": [(q, interrupt(q)) for q in questions or (f"{name}?",)]}

    return node


def answered(graph, given=None, **options):
    """Run it to its end, each question answered by its own words."""
    return kgnb.run(
        graph, given or {}, answers=lambda a: f"to {a.message}", **options
    ).result(20)


def is_right(log):
    return all(said == f"to {question}" for question, said in log)


# How often code runs.


def test_bodies_run_once_more_for_each_question_that_their_node_asked(bodies):
    graph = compiled(
        InMemorySaver(),
        one=asks(bodies, "one"),
        two=asks(bodies, "two", "A?", "B?"),
        none=lambda state: bodies.update(["none"]),
    )
    result = answered(graph)
    assert is_right(result.shared["log"])
    assert len(result.shared["log"]) == 3
    assert bodies == {"one": 2, "two": 3, "none": 1}
    attempts = {name: node.attempt for name, node in result.view.nodes.items()}
    assert attempts == {"one": 2, "two": 3, "none": 1}


def test_sent_items_that_ask_run_twice_each_and_get_their_own_answer(bodies):
    def work(state):
        bodies[state["n"]] += 1
        question = f"item {state['n']}"
        return {"log": [(question, interrupt(question))]}

    builder = StateGraph(State)
    builder.add_node("work", work)
    items = [Send("work", {"n": n}) for n in range(5)]
    builder.add_conditional_edges(START, lambda state: items, ["work"])
    started = kgnb.run(builder.compile(checkpointer=InMemorySaver()), {})
    approvals = open_approvals(started, 5)
    for approval in approvals[1::2] + approvals[::2]:
        started.answer(approval.approval_id, f"to {approval.message}")
        with pytest.raises(AlreadyAnswered):
            started.answer(approval.approval_id, "again")
    result = started.result(20)
    assert is_right(result.shared["log"])
    assert bodies == dict.fromkeys(range(5), 2)
    assert result.view.nodes["work"].visits == 5


def test_a_subgraph_that_is_sent_items_asks_for_each(bodies):
    def work(state):
        bodies[state["n"]] += 1
        question = f"item {state['n']}"
        return {"log": [(question, interrupt(question))]}

    inner = StateGraph(Item, output_schema=Log)
    inner.add_node("work", work)
    inner.add_edge(START, "work")
    builder = StateGraph(State)
    builder.add_node("sub", inner.compile())
    items = [Send("sub", {"n": n}) for n in range(3)]
    builder.add_conditional_edges(START, lambda state: items, ["sub"])
    result = answered(builder.compile(checkpointer=InMemorySaver()))
    assert is_right(result.shared["log"])
    assert bodies == dict.fromkeys(range(3), 2)
    assert {a.node_id for a in result.approvals} == {"sub/work"}


def test_questions_two_graphs_deep_are_asked_beside_those_around_them(bodies):
    leaf = compiled(None, leaf=asks(bodies, "leaf"))

    def mid(state):
        bodies["mid"] += 1
        return {"log": leaf.invoke({})["log"]}

    middle = compiled(None, mid=mid, side=asks(bodies, "side"))
    graph = compiled(InMemorySaver(), sub=middle, top=asks(bodies, "top"))
    result = answered(graph)
    assert is_right(result.shared["log"])
    asked = {a.node_id for a in result.approvals}
    assert asked == {"sub/mid/leaf", "sub/side", "top"}
    assert bodies == {"leaf": 2, "mid": 2, "side": 2, "top": 2}
    assert all(node.status == "completed" for node in result.view.nodes.values())


@pytest.mark.parametrize("at_once", [False, True])
def test_graphs_that_a_node_calls_itself_are_each_asked_once(bodies, at_once):
    def ask(state):
        bodies["ask"] += 1
        question = f"item {state['n']}"
        return {"log": [(question, interrupt(question))]}

    inner = compiled(None, ask=ask)

    async def caller(state):
        bodies["caller"] += 1
        if at_once:
            calls = (inner.ainvoke({"n": n}) for n in range(2))
            said = await asyncio.gather(*calls)
        else:
            said = [await inner.ainvoke({"n": n}) for n in range(2)]
        return {"log": [line for each in said for line in each["log"]]}

    result = answered(compiled(InMemorySaver(), caller=caller))
    assert is_right(result.shared["log"])
    assert [a.state for a in result.approvals] == ["answered"] * 2
    # The second of two at once is run again, as one whose answer is not its turn.
    assert bodies == {"caller": 3, "ask": 5 if at_once else 4}


def test_a_question_of_kgnb_beside_an_interrupt_is_asked_once(bodies):
    async def review(state):
        bodies["review"] += 1
        first = await kgnb.ask("before?")
        second = interrupt("between?")
        third = await kgnb.ask("after?")
        return {"log": [first.value, second, third.value]}

    result = answered(compiled(InMemorySaver(), review=review))
    assert result.shared["log"] == ["to before?", "to between?", "to after?"]
    assert [a.message for a in result.approvals] == ["before?", "between?", "after?"]
    assert bodies["review"] == 2


def test_a_task_of_an_entrypoint_that_asks_is_run_again_and_completes(bodies):
    @task
    def draft(text):
        bodies["draft"] += 1
        return f"{text}!"

    @task
    def check(text):
        bodies["check"] += 1
        return interrupt(f"{text}?")

    @entrypoint(checkpointer=InMemorySaver())
    def workflow(text):
        bodies["workflow"] += 1
        checked = check(draft(text).result()).result()
        return [checked, interrupt("all?")]

    result = answered(workflow, "hi")
    assert result.view.result == ["to hi!?", "to all?"]
    assert bodies == {"workflow": 3, "draft": 1, "check": 2}
    statuses = {n: node.status for n, node in result.view.nodes.items()}
    assert set(statuses.values()) == {"completed"}, statuses


def test_a_run_that_a_node_begins_is_a_run_of_its_own(bodies):
    other = compiled(InMemorySaver(), ask=asks(bodies, "ask"))
    inner = []

    async def outer(state):
        inner.append(await kgnb.run(other, {}))
        return {"log": inner[0].shared["log"]}

    result = answered(compiled(InMemorySaver(), outer=outer))
    assert is_right(result.shared["log"])
    assert inner[0].view.nodes["ask"].status == "completed"
    # LangGraph finds it by the function's closure, and it is drawn as a subgraph.
    assert result.view.nodes["outer/ask"].visits == 0


# Breakpoints.


def paused(run):
    until(run, lambda: run.status == "paused" or run.view.ended_at is not None)
    return run.status == "paused"


def stops_of(graph):
    """Run it, and resume it wherever it pauses; gives where, and the result."""
    started = kgnb.run(graph, {}, answers=lambda a: f"to {a.message}")
    stops = []
    while paused(started):
        stops.append(started.view.paused.before)
        started.resume()
        until(started, lambda: started.status != "paused")
    return stops, started.result(20)


@pytest.mark.parametrize(
    ("points", "stops"),
    [
        ({"interrupt_before": "*"}, ["a", "b"]),
        ({"interrupt_after": "*"}, ["b", None]),
        ({"interrupt_before": ["a"], "interrupt_after": ["a"]}, ["a", "b"]),
    ],
)
def test_breakpoints_around_a_node_that_asks_pause_once_each(bodies, points, stops):
    builder = StateGraph(State)
    builder.add_sequence([("a", asks(bodies, "a")), ("b", asks(bodies, "b"))])
    builder.add_edge(START, "a")
    graph = builder.compile(checkpointer=InMemorySaver(), **points)
    found, result = stops_of(graph)
    assert found == stops
    assert is_right(result.shared["log"])
    assert bodies == {"a": 2, "b": 2}


def test_a_breakpoint_in_a_subgraph_leaves_its_node_to_go_on(bodies):
    inner = StateGraph(State)
    steps = [(n, lambda state, n=n: bodies.update([n])) for n in ("x", "y")]
    inner.add_sequence(steps)
    inner.add_edge(START, "x")
    graph = compiled(InMemorySaver(), sub=inner.compile(interrupt_before=["y"]))
    found, result = stops_of(graph)
    assert found == ["sub"]
    assert bodies == {"x": 1, "y": 1}
    nodes = result.view.nodes
    assert [nodes[n].status for n in ("sub", "sub/x", "sub/y")] == ["completed"] * 3
    texts = [log.text for log in result.view.logs]
    assert "resumed: the node's code runs again from its first line\n" in texts


# Threads that have a question open already.


def test_a_cancelled_run_leaves_its_question_to_the_next_one(bodies):
    graph = compiled(InMemorySaver(), review=asks(bodies, "review"))
    first = kgnb.run(graph, {"n": 1}, session_id="s")
    open_approvals(first, 1)
    first.cancel()
    with pytest.raises(RunCancelled):
        first.result(20)
    assert [a.state for a in first.approvals] == ["cancelled"]
    again = kgnb.run(graph, session_id="s", answers=["to review?"]).result(20)
    assert is_right(again.shared["log"])
    assert (again.shared["n"], bodies["review"]) == (1, 3)


def test_a_new_input_says_which_question_it_drops(bodies):
    graph = compiled(InMemorySaver(), review=asks(bodies, "review"))
    graph.invoke({}, THREAD)
    result = answered(graph, {"n": 1}, session_id="s")
    (log,) = [log for log in result.view.logs if log.level == "WARNING"]
    assert "waited for an answer to 'review?' (review)" in log.text
    assert is_right(result.shared["log"])
    quiet = answered(graph, {"n": 2}, session_id="s")
    assert not [log for log in quiet.view.logs if log.level == "WARNING"]


def test_an_answer_of_the_programs_own_resumes_its_thread(bodies):
    graph = compiled(InMemorySaver(), review=asks(bodies, "review"))
    graph.invoke({}, THREAD)
    run = kgnb.run(graph, Command(resume="to review?"), session_id="s")
    assert is_right(run.result(20).shared["log"])


def test_answers_that_a_thread_does_not_wait_for_are_refused(bodies):
    graph = compiled(
        InMemorySaver(), a=asks(bodies, "a"), b=asks(bodies, "b", "b1?", "b2?")
    )

    def resumed(answer):
        return kgnb.run(graph, Command(resume=answer), session_id="s")

    with pytest.raises(InvalidValue, match="waits for no answer"):
        resumed("yes").result(20)
    interrupts = graph.invoke({}, THREAD)["__interrupt__"]
    with pytest.raises(InvalidValue, match=r"waits for 2 answers, to 'a\?' \(a\)"):
        resumed("yes").result(20)
    with pytest.raises(Conflict, match="does not wait, or no longer, for '0000"):
        resumed({"0" * 32: "yes"}).result(20)
    assert bodies == {"a": 1, "b": 1}
    ids = {each.value: each.id for each in interrupts}
    first = resumed({ids["a?"]: "to a?", ids["b1?"]: "to b1?"})
    (second,) = open_approvals(first, 1)
    first.answer(second.approval_id, "to b2?")
    assert is_right(first.result(20).shared["log"])
    with pytest.raises(InvalidValue, match="waits for no answer"):
        resumed({ids["a?"]: "to a?"}).result(20)


def test_a_thread_that_somebody_else_resumed_takes_no_answer(bodies):
    graph = compiled(InMemorySaver(), review=asks(bodies, "review", "A?", "B?"))
    started = kgnb.run(graph, {}, session_id="s")
    (approval,) = open_approvals(started, 1)
    for answer in ("to A?", "to B?"):
        graph.invoke(Command(resume=answer), THREAD)
    started.answer(approval.approval_id, "mine")
    with pytest.raises(Conflict, match="review no longer waits for this answer"):
        started.result(20)
    assert is_right(graph.get_state(THREAD).values["log"])


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_helpers_after_a_called_graph_speak_for_the_node_that_called_it(kind):
    inner = compiled(None, first=lambda state: {}, last=lambda state: {})

    async def outer(state):
        await inner.ainvoke({})
        kgnb.log("after it")
        return {"log": [(await kgnb.ask("one?")).value, interrupt("two?")]}

    def outer_sync(state):
        inner.invoke({})
        kgnb.log("after it")
        return {"log": [kgnb.ask("one?").result().value, interrupt("two?")]}

    node = outer if kind == "async" else outer_sync
    result = answered(compiled(InMemorySaver(), outer=node))
    assert result.shared["log"] == ["to one?", "to two?"]
    assert [a.message for a in result.approvals] == ["one?", "two?"]
    said = [log.node_id for log in result.view.logs if log.text == "after it\n"]
    assert said == ["outer", "outer"]
