"""interrupt() as approvals: asked at once, answered in any order, resumed together."""

import inspect
import operator
from collections import Counter
from dataclasses import dataclass
from typing import Annotated

import pytest
from awaiting import open_approvals, until
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel, ValidationError, field_validator
from typing_extensions import TypedDict

import kgnb
from kgnb.errors import AlreadyAnswered, Unavailable


class State(TypedDict, total=False):
    n: int
    log: Annotated[list, operator.add]


def one_node(function, **options):
    builder = StateGraph(State)
    builder.add_node("review", function)
    builder.add_edge(START, "review")
    return builder.compile(checkpointer=InMemorySaver(), **options)


def asks(payload, **options):
    def review(state):
        return {"log": [interrupt(payload, **options)]}

    return one_node(review)


@pytest.mark.parametrize("value", ["yes", None, False, 0, "", {}, {"a": [1]}])
def test_interrupt_any_answer_is_its_value(value):
    started = kgnb.run(asks("Go on?"), {})
    (approval,) = open_approvals(started, 1)
    assert (approval.message, approval.node_id) == ("Go on?", "review")
    until(started, lambda: started.view.nodes["review"].status == "waiting")
    started.answer(approval.approval_id, value)
    assert started.result(20).shared["log"] == [value]


def test_interrupt_with_options_has_buttons():
    graph = asks({"question": "Publish?", "options": ["yes", "no"], "draft": "tides"})
    result = kgnb.run(graph, {}, answers={"Publish?": "no"}).result(20)
    (approval,) = result.approvals
    assert approval.options == ["yes", "no"]
    assert approval.payload["draft"] == "tides"
    assert result.shared["log"] == ["no"]


def test_a_restarted_node_is_an_attempt_of_the_same_visit():
    bodies = []

    def review(state):
        bodies.append(1)
        print("body", len(bodies))
        return {"log": [interrupt("one?"), interrupt("two?")]}

    result = kgnb.run(one_node(review), {}, answers={"one?": "1", "two?": "2"}).result(
        20
    )
    assert result.shared["log"] == ["1", "2"]
    assert len(bodies) == 3
    node = result.view.nodes["review"]
    assert (node.visits, node.attempt, node.status) == (1, 3, "completed")
    restarts = [log.text for log in result.view.logs if "first line" in log.text]
    assert len(restarts) == 2


def test_equal_questions_of_one_node_are_answered_one_by_one():
    def review(state):
        return {"log": [interrupt("Delete?"), interrupt("Delete?")]}

    started = kgnb.run(one_node(review), {})
    (first,) = open_approvals(started, 1)
    started.answer(first.approval_id, "a: yes")
    # A double click, a retry, a stale tab: the same answer once more.
    with pytest.raises(AlreadyAnswered):
        started.answer(first.approval_id, "a: yes")
    (second,) = open_approvals(started, 1)
    assert second.approval_id != first.approval_id
    with pytest.raises(AlreadyAnswered):
        started.answer(first.approval_id, "a: yes")
    started.answer(second.approval_id, "b: no")
    assert started.result(20).shared["log"] == ["a: yes", "b: no"]


def two_parallel(bodies):
    def node(name):
        def ask(state):
            bodies[name] += 1
            return {"log": [(name, interrupt(name))]}

        return ask

    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, node(name))
        builder.add_edge(START, name)
    return builder.compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_parallel_interrupts_answered_in_any_order_resume_once(order):
    bodies = Counter()
    started = kgnb.run(two_parallel(bodies), {})
    known = {a.message: a.approval_id for a in open_approvals(started, 2)}
    for name in order:
        started.answer(known[name], f"answer {name}")
        with pytest.raises(AlreadyAnswered):
            started.answer(known[name], "again")
    result = started.result(20)
    assert dict(result.shared["log"]) == {"a": "answer a", "b": "answer b"}
    assert bodies == {"a": 2, "b": 2}


def test_interrupts_of_sent_tasks_each_get_their_own_answer():
    def work(state):
        return {"log": [(state["n"], interrupt(f"item {state['n']}"))]}

    builder = StateGraph(State)
    builder.add_node("work", work)
    builder.add_conditional_edges(
        START, lambda s: [Send("work", {"n": n}) for n in range(3)], ["work"]
    )
    graph = builder.compile(checkpointer=InMemorySaver())
    result = kgnb.run(graph, {}, answers=lambda a: a.message.upper()).result(20)
    assert dict(result.shared["log"]) == {n: f"ITEM {n}" for n in range(3)}
    assert result.view.nodes["work"].visits == 3


def test_an_interrupt_of_a_subgraph_is_asked_once_by_its_node():
    calls = Counter()

    def before(state):
        calls["before"] += 1

    def inner_ask(state):
        calls["ask"] += 1
        return {"log": [interrupt("inner?")]}

    inner = StateGraph(State)
    inner.add_sequence([("before", before), ("ask", inner_ask)])
    inner.add_edge(START, "before")
    builder = StateGraph(State)
    builder.add_node("sub", inner.compile())
    builder.add_edge(START, "sub")
    graph = builder.compile(checkpointer=InMemorySaver())
    result = kgnb.run(graph, {}, answers=["yes"]).result(20)
    assert [a.node_id for a in result.approvals] == ["sub/ask"]
    assert result.shared["log"] == ["yes"]
    assert calls == {"before": 1, "ask": 2}
    nodes = result.view.nodes
    assert [nodes[n].status for n in ("sub", "sub/before", "sub/ask")] == [
        "completed"
    ] * 3
    assert [nodes[n].visits for n in ("sub", "sub/before", "sub/ask")] == [1, 1, 1]


def test_a_sibling_that_finished_is_not_run_again():
    calls = Counter()

    def quick(state):
        calls["quick"] += 1
        return {"log": ["quick"]}

    def asking(state):
        return {"log": [interrupt("?")]}

    builder = StateGraph(State)
    builder.add_node("quick", quick)
    builder.add_node("asking", asking)
    builder.add_edge(START, "quick")
    builder.add_edge(START, "asking")
    graph = builder.compile(checkpointer=InMemorySaver())
    result = kgnb.run(graph, {}, answers=["yes"]).result(20)
    assert calls["quick"] == 1
    assert result.view.nodes["quick"].visits == 1
    assert sorted(result.shared["log"]) == ["quick", "yes"]


def test_an_interrupt_without_checkpointer_says_what_to_give():
    builder = StateGraph(State)
    builder.add_node("review", lambda state: {"log": [interrupt("?")]})
    builder.add_edge(START, "review")
    started = kgnb.run(builder.compile(), {})
    with pytest.raises(
        Unavailable, match=r"review asks by interrupt\(\).*InMemorySaver"
    ):
        started.result(20)
    assert started.view.nodes["review"].status == "cancelled"
    assert started.view.approvals[0].state == "cancelled"


def test_breakpoints_of_the_graph_pause_the_run():
    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, lambda state, name=name: {"log": [name]})
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    graph = builder.compile(checkpointer=InMemorySaver(), interrupt_before=["b"])
    started = kgnb.run(graph, {})
    until(started, lambda: started.status == "paused")
    assert started.view.paused.before == "b"
    assert started.view.nodes["b"].status == "idle"
    started.resume()
    assert started.result(20).shared["log"] == ["a", "b"]


def test_breakpoints_are_passed_over_where_nobody_could_resume():
    builder = StateGraph(State)
    builder.add_node("a", lambda state: {"log": ["a"]})
    builder.add_edge(START, "a")
    graph = builder.compile(checkpointer=InMemorySaver(), interrupt_before=["a"])
    assert kgnb.run(graph, {}, mode="ci").result(20).shared["log"] == ["a"]


def test_an_unanswered_interrupt_in_ci_names_itself():
    with pytest.raises(kgnb.KgnbError, match=r"'Go on\?' of node 'review'"):
        kgnb.run(asks("Go on?"), {}, mode="ci").result(20)


class Reply(BaseModel):
    pages: int

    @field_validator("pages")
    @classmethod
    def _is_even(cls, pages):
        if pages % 2:
            raise ValueError("an even number, please")
        return pages


needs_schemas = pytest.mark.skipif(
    "response_schema" not in inspect.signature(interrupt).parameters,
    reason="this LangGraph's interrupt() has no response_schema",
)


@needs_schemas
def test_a_response_schema_is_a_form():
    def review(state):
        return {"log": [interrupt("How long?", response_schema=Reply).pages]}

    started = kgnb.run(one_node(review), {})
    (approval,) = open_approvals(started, 1)
    assert (approval.kind, approval.schema["properties"]["pages"]["type"]) == (
        "form",
        "integer",
    )
    with pytest.raises(kgnb.KgnbError, match="pages"):
        started.answer(approval.approval_id, {"pages": "many"})
    started.answer(approval.approval_id, {"pages": 4})
    assert started.result(20).shared["log"] == [4]


@needs_schemas
def test_an_answer_that_the_schemas_type_refuses_is_asked_for_again():
    bodies = Counter()

    def node(name):
        def review(state):
            bodies[name] += 1
            value = interrupt(name, response_schema=Reply if name == "b" else None)
            return {"log": [(name, getattr(value, "pages", value))]}

        return review

    inner = StateGraph(State)
    inner.add_node("b", node("b"))
    inner.add_edge(START, "b")
    builder = StateGraph(State)
    builder.add_node("a", node("a"))
    builder.add_node("sub", inner.compile())
    builder.add_edge(START, "a")
    builder.add_edge(START, "sub")
    started = kgnb.run(builder.compile(checkpointer=InMemorySaver()), {})
    first, second = open_approvals(started, 2)
    started.answer(second.approval_id, {"pages": 3})
    started.answer(first.approval_id, "fine")
    until(started, lambda: len(started.approvals) == 3)
    (again,) = open_approvals(started, 1)
    assert "an even number, please" in again.message
    started.answer(again.approval_id, {"pages": 4})
    result = started.result(20)
    assert dict(result.shared["log"]) == {"a": "fine", "b": 4}
    assert result.view.nodes["sub/b"].status == "completed"


@needs_schemas
def test_a_scripts_answer_that_the_schemas_type_refuses_fails_the_run():
    def review(state):
        return {"log": [interrupt("How long?", response_schema=Reply)]}

    started = kgnb.run(one_node(review), {}, answers=[{"pages": 3}])
    with pytest.raises(ValidationError, match="an even number, please"):
        started.result(20)


class Typed(TypedDict):
    pages: int


@dataclass
class Fields:
    pages: int


@needs_schemas
@pytest.mark.parametrize("schema", [Typed, Fields, {"type": "object"}])
def test_a_response_schema_may_be_any_type_that_langgraph_takes(schema):
    graph = asks("How long?", response_schema=schema)
    started = kgnb.run(graph, {})
    (approval,) = open_approvals(started, 1)
    # A plain JSON Schema says no more than "object".
    typed = [] if isinstance(schema, dict) else [{"pages": "x"}, {}]
    for wrong in ["many", None, [4], *typed]:
        with pytest.raises(kgnb.KgnbError):
            started.answer(approval.approval_id, wrong)
    started.answer(approval.approval_id, {"pages": 4})
    (said,) = started.result(20).shared["log"]
    assert (said["pages"] if isinstance(said, dict) else said.pages) == 4
