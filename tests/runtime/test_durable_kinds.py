"""Durable runs of what is not a plain graph: LangGraph, PocketFlow, talking nodes."""

import sqlite3
from typing import TypedDict

import pocketflow
import pytest
from durable_harness import WAIT, Journal, reborn, reborn_in
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

import kgnb
from kgnb import errors
from kgnb.runtime import run


@pytest.fixture(autouse=True)
def _log(tmp_path, monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", f"sqlite://{tmp_path / 'log.db'}")
    monkeypatch.setattr("kgnb.runtime.places.program", lambda: "/notebook.ipynb")


@pytest.fixture
def journal():
    made = Journal()
    yield made
    made.go_on.set()


def open_questions(handle):
    return [each for each in handle.view.approvals if each.state == "open"]


# LangGraph.


class Number(TypedDict, total=False):
    n: int


@pytest.fixture
def saver(tmp_path):
    connection = sqlite3.connect(tmp_path / "threads.db", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def compiled(journal, saver, last=None):
    def one(state):
        journal.append("one")
        return {"n": state["n"] + 1}

    def two(state):
        journal.append("two")
        journal.hold_once()
        return {"n": state["n"] * 10}

    graph = StateGraph(Number)
    graph.add_node("one", one)
    graph.add_node("two", last or two)
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    graph.add_edge("two", END)
    return graph.compile(checkpointer=saver, name="numbers")


def test_a_langgraph_run_goes_on_with_its_thread(journal, saver, monkeypatch):
    dead = run(compiled(journal, saver), {"n": 1}, durable=True)
    reborn_in(journal, monkeypatch)
    again = run(compiled(journal, saver), {"n": 1}, durable=True)
    assert again.id == dead.id
    assert again.view.session_id == dead.view.session_id
    assert again.result(WAIT).shared == {"n": 20}
    assert journal == ["two"]
    assert [v.task_id for v in again.view.timeline] == ["one:1", "two:1", "two:1"]


def test_a_langgraph_question_is_the_same_one(journal, saver, monkeypatch, eventually):
    def asks(state):
        return {"n": state["n"] + (10 if interrupt("Add ten?") == "yes" else 0)}

    dead = run(compiled(journal, saver, asks), {"n": 1}, durable=True)
    (asked,) = eventually(lambda: open_questions(dead))
    reborn(monkeypatch)
    again = run(compiled(journal, saver, asks), resume=dead.id)
    eventually(lambda: again.view.status == "waiting")
    (same,) = open_questions(again)
    assert same.approval_id == asked.approval_id
    again.answer(same.approval_id, "yes")
    assert again.result(WAIT).shared == {"n": 12}
    assert journal == ["one"]


def test_langgraph_without_a_checkpointer_cannot_be_durable(journal):
    with pytest.raises(errors.InvalidValue, match="has no checkpointer"):
        run(compiled(journal, None), {"n": 1}, durable=True)


def test_a_checkpointer_in_memory_is_warned_of(journal):
    journal.go_on.set()
    with pytest.warns(errors.GraphWarning, match="with which they die"):
        handle = run(compiled(journal, InMemorySaver()), {"n": 1}, durable=True)
    handle.result(WAIT)


# PocketFlow.


class Flows(pocketflow.Node):
    def __init__(self, name, journal):
        super().__init__()
        self.name, self.journal = name, journal

    def exec(self, prep_res):
        self.journal.append(self.name)
        if self.name == "b":
            self.journal.hold_once()

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(self.name)


def test_a_pocketflow_run_goes_on(journal, monkeypatch):
    def flow():
        first, last = Flows("a", journal), Flows("b", journal)
        first >> last
        return pocketflow.Flow(start=first)

    dead = run(flow(), {}, durable=True)
    reborn_in(journal, monkeypatch)
    shared = {}
    assert run(flow(), shared, resume=dead.id).result(WAIT).status == "completed"
    assert shared == {"done": ["a", "b"]}
    assert journal == ["b"]


# Nodes that talk.


class Listens(kgnb.WebSocketNode):
    async def exec_async(self, prep_res):
        await self.send_update("ready", {})
        return [await self.wait_for_input(), await self.wait_for_input()]

    async def post_async(self, shared, prep_res, exec_res):
        shared["heard"] = exec_res


def test_a_node_hears_again_what_it_was_told(monkeypatch, eventually):
    def graph():
        return kgnb.AsyncGraph(Listens(node_id="ear"), name="listening")

    dead = run(graph(), {}, durable=True)
    eventually(lambda: open_questions(dead))
    dead.send_input("ear", "first")
    eventually(lambda: len(dead.view.approvals) == 2)
    reborn(monkeypatch)
    shared = {}
    again = run(graph(), shared, resume=dead.id)
    eventually(lambda: again.view.status == "waiting")
    again.send_input("ear", "second")
    again.result(WAIT)
    assert shared == {"heard": ["first", "second"]}


class AskedInPass(kgnb.AsyncNode):
    async def exec_async(self, prep_res):
        asked = kgnb.ask(f"{self.params['of']}?", options=["yes", "no"])
        return (await asked).value

    async def post_async(self, shared, prep_res, exec_res):
        shared[f"answer {self.params['of']}"] = exec_res


class AfterPass(kgnb.AsyncNode):
    async def post_async(self, shared, prep_res, exec_res):
        shared[f"after {self.params['of']}"] = True


class InParallel(kgnb.AsyncParallelBatchGraph):
    async def prep_async(self, shared):
        return [{"of": name} for name in "abc"]


def test_questions_of_parallel_passes_keep_their_numbers(monkeypatch, eventually):
    def graph():
        first = AskedInPass(node_id="asks")
        first >> AfterPass(node_id="after")
        return kgnb.AsyncGraph(InParallel(first, name="each"), name="passes")

    dead = run(graph(), {}, durable=True)
    asked = eventually(lambda: len(dead.view.approvals) == 3 and dead.view.approvals)
    ids = {each.message: each.approval_id for each in asked}
    dead.answer(ids["b?"], "no")
    eventually(lambda: dead.view.nodes["each"].items["1"].percent == 100)
    reborn(monkeypatch)
    shared = {}
    again = run(graph(), shared, resume=dead.id)
    eventually(lambda: again.view.status == "waiting")
    left = {each.message: each.approval_id for each in open_questions(again)}
    assert left == {name: ids[name] for name in ("a?", "c?")}
    for approval_id in left.values():
        again.answer(approval_id, "yes")
    again.result(WAIT)
    answers = {"answer a": "yes", "answer b": "no", "answer c": "yes"}
    assert shared == {**answers, **{f"after {name}": True for name in "abc"}}


class AsksUser(kgnb.UserInputNode):
    def post(self, shared, prep_res, exec_res):
        shared.setdefault("lines", []).append(exec_res)
        return super().post(shared, prep_res, exec_res)


def test_a_conversation_goes_on_in_its_round(monkeypatch, eventually):
    def graph():
        return kgnb.InteractiveGraph(AsksUser(node_id="user"), name="talking")

    def say(handle, text):
        (asked,) = eventually(lambda: open_questions(handle))
        handle.answer(asked.approval_id, text)
        eventually(lambda: asked.approval_id not in map(_id, open_questions(handle)))

    dead = run(graph(), {}, durable=True)
    say(dead, "one")
    say(dead, "two")
    eventually(lambda: open_questions(dead))
    reborn(monkeypatch)
    shared = {}
    again = run(graph(), shared, resume=dead.id)
    eventually(lambda: again.view.status == "waiting")
    say(again, "/exit")
    again.result(WAIT)
    assert shared["lines"] == ["one", "two", "/exit"]


def _id(approval):
    return approval.approval_id
