"""LangChain's own human-in-the-loop middleware, answered by people in kgnb."""

import inspect
import json
from typing import Literal, get_args

import pytest
from awaiting import open_approvals
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, human_in_the_loop
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from scripted_model import ScriptedModel

import kgnb
from kgnb.runtime import Answer

CALLS = [
    ("send", {"to": "bob", "text": "hi"}),
    ("drop", {"table": "users"}),
    ("send", {"to": "eve", "text": "yo"}),
]

can_respond = pytest.mark.skipif(
    "respond" not in get_args(human_in_the_loop.DecisionType),
    reason="this LangChain's middleware takes no response",
)
asks_per_call = pytest.mark.skipif(
    "interrupt_mode"
    not in inspect.signature(HumanInTheLoopMiddleware.__init__).parameters,
    reason="this LangChain's middleware asks once for all calls",
)


def piece(index, name, args):
    call = {"name": name, "args": json.dumps(args), "id": f"c{index}", "index": index}
    return {"tool_call_chunks": [{**call, "type": "tool_call_chunk"}]}


def agent(done, interrupt_on, calls=CALLS, **options):
    """Calls the tools, once each and at once, as people let it."""

    @tool
    def send(to: str, text: str) -> str:
        """Send a mail."""
        done.append(("send", to, text))
        return f"sent to {to}"

    @tool
    def drop(table: str) -> str:
        """Drop a table."""
        done.append(("drop", table))
        return f"dropped {table}"

    @tool
    def judge(verdict: Literal["approve", "respond"]) -> str:
        """Judge."""
        done.append(("judge", verdict))
        return verdict

    pieces = [piece(n, name, args) for n, (name, args) in enumerate(calls)]
    return create_agent(
        ScriptedModel(script=[pieces, ["done"]]),
        [send, drop, judge],
        middleware=[HumanInTheLoopMiddleware(interrupt_on=interrupt_on, **options)],
        checkpointer=InMemorySaver(),
    )


def told(result):
    """What the model is told of each call."""
    return [m.content for m in result.shared["messages"] if m.type == "tool"]


ASK = {"messages": [("user", "go on")]}


def test_each_call_is_a_question_with_its_allowed_buttons_and_arguments():
    done = []
    allowed = {"send": {"allowed_decisions": ["approve", "edit"]}, "drop": True}
    result = kgnb.run(agent(done, allowed), ASK, answers=["approve"] * 3).result(20)
    first, second, third = result.approvals
    assert (first.kind, first.options) == ("edit", ["approve", "edit"])
    assert first.payload == {"to": "bob", "text": "hi"}
    assert "send" in first.message
    assert {"approve", "edit", "reject"} <= set(second.options)
    assert third.payload == {"to": "eve", "text": "yo"}
    assert sorted(done) == sorted([(n, *args.values()) for n, args in CALLS])


def test_calls_that_may_not_be_edited_are_shown_with_their_arguments():
    allowed = {"drop": {"allowed_decisions": ["approve", "reject"]}}
    result = kgnb.run(agent([], allowed), ASK, answers=["reject"]).result(20)
    (approval,) = result.approvals
    assert (approval.kind, approval.options) == ("choice", ["approve", "reject"])
    assert approval.payload == {"name": "drop", "args": {"table": "users"}}


def test_decisions_of_several_calls_go_each_to_its_own():
    done = []
    started = kgnb.run(agent(done, {"send": True, "drop": True}), ASK)
    open_approvals(started, 3)
    first, second, third = started.approvals
    # Answered from the last to the first; the middleware wants them in order.
    started.answer(third.approval_id, "reject", reason="not to eve")
    started.answer(second.approval_id, "approve")
    edited = {"to": "carl", "text": "hello"}
    started.answer(first.approval_id, "edit", payload=edited)
    result = started.result(20)
    assert sorted(done) == [("drop", "users"), ("send", "carl", "hello")]
    assert any("not to eve" in said for said in told(result))
    assert not any("sent to eve" in said for said in told(result))


def test_changed_arguments_that_are_approved_are_an_edit():
    done = []
    changed = Answer("approve", payload={"to": "carl", "text": "hi"})
    answers = [changed, "approve", Answer("reject")]
    kgnb.run(agent(done, {"send": True, "drop": True}), ASK, answers=answers).result(20)
    assert sorted(done) == [("drop", "users"), ("send", "carl", "hi")]


@can_respond
def test_a_response_is_what_the_tool_would_have_said():
    done = []
    answers = [Answer("respond", reason="bob is on leave"), "reject", "approve"]
    started = kgnb.run(agent(done, {"send": True, "drop": True}), ASK, answers=answers)
    assert "bob is on leave" in told(started.result(20))
    assert done == [("send", "eve", "yo")]


# One interrupt for each call.


@asks_per_call
def test_calls_asked_about_one_by_one_get_their_own_decision():
    done = []
    graph = agent(done, {"send": True, "drop": True}, interrupt_mode="per_call")
    started = kgnb.run(graph, ASK)
    known = {a.payload.get("to", "drop"): a for a in open_approvals(started, 3)}
    started.answer(known["eve"].approval_id, "respond", reason="eve left")
    started.answer(known["drop"].approval_id, Answer("reject", reason="never"))
    edited = {"to": "carl", "text": "hi"}
    started.answer(known["bob"].approval_id, "edit", payload=edited)
    result = started.result(20)
    assert done == [("send", "carl", "hi")]
    assert "eve left" in told(result)
    assert any("never" in said for said in told(result))


@asks_per_call
def test_edited_arguments_that_the_tool_refuses_are_asked_for_again():
    done = []
    calls = [("judge", {"verdict": "approve"}), ("drop", {"table": "users"})]
    allowed = {"allowed_decisions": ["approve", "edit"]}
    graph = agent(
        done, {"judge": allowed, "drop": True}, calls, interrupt_mode="per_call"
    )
    started = kgnb.run(graph, ASK)
    drop, judge = open_approvals(started, 2)
    assert judge.options == ["approve", "edit"]  # not "respond", which its tool knows
    started.answer(drop.approval_id, "approve")
    started.answer(judge.approval_id, "edit", payload={"verdict": "maybe"})
    (again,) = open_approvals(started, 1)
    assert "not accepted" in again.message
    assert "verdict" in again.message
    assert again.payload == {"verdict": "approve"}
    edited = {"verdict": "respond"}
    started.answer(again.approval_id, "edit", payload=edited)
    started.result(20)
    assert sorted(done) == [("drop", "users"), ("judge", "respond")]
