"""Sync code that goes on after a cancel is told of, in whosever thread it is."""

import asyncio
import threading
import time
from typing import TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

import kgnb
from kgnb.errors import RunCancelled
from kgnb.runtime import threads

STILL = "still running in its thread, which nothing can stop\n"


class State(TypedDict, total=False):
    n: int


def compiled(saver=None, **nodes):
    builder = StateGraph(State)
    for name, function in nodes.items():
        builder.add_node(name, function)
        builder.add_edge(START, name)
    return builder.compile(checkpointer=saver)


class SyncOnly(InMemorySaver):
    """As SqliteSaver, which a thread that runs on must not find closed."""

    async def aget_tuple(self, config):
        raise NotImplementedError


class Stuck:
    """A sync node that ends when it is let."""

    def __init__(self):
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, state):
        self.began.set()
        assert self.go.wait(10)
        return {"n": 1}

    def cancel(self, handle):
        """Cancel it while it runs; what was logged."""
        assert self.began.wait(10)
        handle.cancel()
        with pytest.raises(RunCancelled):
            handle.result(20)
        self.go.set()
        return [(log.node_id, log.text) for log in handle.view.logs]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_sync_node_that_runs_on_after_a_cancel_is_named(kind):
    stuck = Stuck()
    saver = SyncOnly() if kind == "sync" else InMemorySaver()
    handle = kgnb.run(compiled(saver, stuck=stuck), {})
    assert stuck.cancel(handle) == [("stuck", STILL)]
    assert handle.view.nodes["stuck"].status == "cancelled"


def test_sync_node_beside_one_that_fails_is_named_when_it_runs_on():
    stuck = Stuck()

    async def fails(state):
        while not stuck.began.is_set():
            await asyncio.sleep(0.001)
        raise ValueError("no")

    handle = kgnb.run(compiled(stuck=stuck, fails=fails), {})
    with pytest.raises(ValueError, match="no"):
        handle.result(20)
    stuck.go.set()
    assert [log.node_id for log in handle.view.logs if log.text == STILL] == ["stuck"]


def test_what_an_async_node_left_in_a_thread_is_named():
    stuck = Stuck()

    async def agent(state):
        await asyncio.to_thread(stuck, state)

    assert stuck.cancel(kgnb.run(compiled(agent=agent), {})) == [("agent", STILL)]


def test_sync_node_that_ends_soon_after_a_cancel_is_not_named(monkeypatch):
    monkeypatch.setattr(threads, "GRACE", 30.0)
    began = threading.Event()

    def short(state):
        began.set()
        time.sleep(0.05)
        return {"n": 1}

    handle = kgnb.run(compiled(short=short), {})
    assert began.wait(10)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(20)
    assert handle.view.logs == []


def test_what_a_node_leaves_in_a_thread_on_purpose_holds_up_no_end(monkeypatch):
    monkeypatch.setattr(threads, "GRACE", 30.0)
    go = threading.Event()

    async def agent(state):
        asyncio.get_running_loop().run_in_executor(None, go.wait, 60)
        return {"n": 1}

    handle = kgnb.run(compiled(agent=agent), {})
    assert handle.result(20).shared == {"n": 1}
    go.set()
    assert handle.view.logs == []
