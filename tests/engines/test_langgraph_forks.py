"""A thread's state and history on request, and runs that fork from it."""

import asyncio
import threading

import pytest
from awaiting import stored, until
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import InvalidUpdateError
from langgraph.graph import START, StateGraph
from sequences import State, asks, build, says, thread

import kgnb
from kgnb import errors


@pytest.fixture
def counting():
    """Five steps, each of which depends on all before it."""
    calls = []

    def step(name):
        def add(state):
            calls.append(name)
            count = state.get("count", 0) * 2 + 1
            return {"count": count, "log": [f"{name}{count}"]}

        return name, add

    def router(state):
        return "even" if state["count"] % 2 == 0 else "odd"

    builder = StateGraph(State)
    builder.add_sequence([step("a"), step("b"), step("c"), step("d")])
    builder.add_node(*step("even"))
    builder.add_node(*step("odd"))
    builder.add_edge(START, "a")
    builder.add_conditional_edges("d", router, ["even", "odd"])
    return builder.compile(checkpointer=InMemorySaver()), calls


def finished(run):
    """The visits that a run had, in order, and how each ended."""
    return [(entry.node_id, entry.status) for entry in run.view.timeline]


# Reading.


def test_history_lists_the_checkpoints_of_a_thread_newest_first():
    graph = build(a=says("a"), b=says("b")).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {"log": ["in"]}, session_id="s")
    run.result(20)
    history = run.history().result(20)
    assert [(c.step, c.source, c.next) for c in history] == [
        (2, "loop", ()),
        (1, "loop", ("b",)),
        (0, "loop", ("a",)),
        (-1, "input", ("__start__",)),
    ]
    assert [c.parent for c in history] == [c.id for c in history[1:]] + [None]
    assert history[0].values == {"log": ["in", "a", "b"]}
    assert history[0].created_at > history[1].created_at
    theirs = list(graph.get_state_history(thread("s")))
    assert [c.snapshot for c in history] == theirs
    assert [c.step for c in run.history(limit=2).result(20)] == [2, 1]
    assert run.state().result(20) == history[0]


def test_a_checkpoint_shows_no_state_where_a_cell_prints_it():
    graph = build(a=says("hidden")).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, session_id="s")
    run.result(20)
    found = run.state().result(20)
    assert repr(found) == (f"<Checkpoint step=1 source='loop' next=() id={found.id!r}>")


def test_state_can_be_read_while_the_run_waits_for_an_answer():
    graph = build(a=says("a"), ask=asks).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, session_id="s")
    until(run, lambda: run.status == "waiting")
    state = stored(run, lambda state: state.snapshot.interrupts)
    assert (state.values, state.next) == ({"log": ["a"]}, ("ask",))
    assert [i.value for i in state.snapshot.interrupts] == ["?"]
    run.answer(run.approvals[0].approval_id, "yes")
    run.result(20)
    assert run.state().result(20).values == {"log": ["a", "yes"]}


def test_state_of_a_thread_that_has_stored_nothing_is_empty():
    began, go = threading.Event(), threading.Event()

    def waits(state):
        began.set()
        assert go.wait(10)

    graph = build(waits=waits).compile(checkpointer=InMemorySaver())
    run = kgnb.run(graph, {}, session_id="s", durability="exit")
    assert began.wait(10)
    try:
        state = run.state().result(20)
        assert (state.id, state.step, state.next) == (None, None, ())
    finally:
        go.set()
    run.result(20)


def test_reading_on_the_loop_that_must_read_says_to_use_await():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())

    async def main():
        run = kgnb.run(graph, {}, session_id="s", loop="kernel")
        await run
        with pytest.raises(errors.WrongThread, match="use await"):
            run.state().result()
        return run, await run.state(), await run.history(1)

    run, state, history = asyncio.run(main())
    assert history == [state]
    with pytest.raises(errors.Unavailable, match=r"graph.get_state_history\(config\)"):
        run.state()


@pytest.mark.parametrize("read", ["state", "history", "fork"])
def test_reading_what_keeps_no_checkpoints_says_so(read):
    run = kgnb.run(build(a=says("a")).compile(), {})
    run.result(20)
    with pytest.raises(errors.Unavailable, match="no checkpointer"):
        getattr(run, read)().result(20)
    run = kgnb.run(lambda: 1)
    run.result(20)
    with pytest.raises(errors.Unavailable, match="durable=True"):
        getattr(run, read)()


# Forking.


def test_a_fork_from_step_3_equals_a_fresh_run_from_that_state(counting):
    graph, calls = counting
    first = kgnb.run(graph, {"log": ["in"]}, session_id="s")
    first.result(20)
    assert calls == ["a", "b", "c", "d", "odd"]
    at = next(c for c in first.history().result(20) if c.step == 3)
    assert at.next == ("d",)

    calls.clear()
    forked = first.fork(at=3)
    forked.result(20)
    by_fork = list(calls)
    kept = forked.history().result(20)

    calls.clear()
    config = graph.update_state(thread("fresh"), at.values, as_node="c")
    fresh = kgnb.run(graph, config=config)
    fresh.result(20)

    assert by_fork == calls == ["d", "odd"]
    assert finished(forked) == finished(fresh)
    assert forked.shared == fresh.shared == first.shared
    assert forked.view.edges == fresh.view.edges
    other = fresh.history().result(20)
    steps = [(c.values, c.next) for c in other]
    assert [(c.values, c.next) for c in kept[: len(other)]] == steps
    assert forked.id != first.id
    assert forked.view.session_id == "s"


def test_a_fork_of_a_durable_run_is_durable(counting, monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", "memory://")
    graph, calls = counting
    with pytest.warns(kgnb.errors.GraphWarning, match="InMemorySaver"):
        first = kgnb.run(graph, {"log": ["in"]}, session_id="s", durable=True)
    first.result(20)
    calls.clear()
    forked = first.fork(at="d")
    forked.result(20)
    assert calls == ["d", "odd"]
    assert forked.view.durable
    assert forked.shared == first.shared


def test_a_fork_with_edits_goes_another_way_and_leaves_the_old_one_stored(counting):
    graph, calls = counting
    first = kgnb.run(graph, {"log": ["in"]}, session_id="s")
    first.result(20)
    before = first.history().result(20)
    calls.clear()
    forked = first.fork(at=4, shared={"count": 8, "log": ["edited"]})
    log = forked.result(20).shared["log"]
    assert calls == ["even"]
    assert log == ["in", "a1", "b3", "c7", "d15", "edited", "even17"]
    after = forked.history().result(20)
    assert after[-len(before) :] == before
    assert after[1].source == "update"
    assert after[1].parent == next(c.id for c in before if c.step == 4)
    assert finished(forked) == [("even", "completed")]


def test_a_fork_takes_a_checkpoint_its_id_their_snapshot_and_a_node(counting):
    graph, calls = counting
    first = kgnb.run(graph, {}, session_id="s")
    first.result(20)
    at = next(c for c in first.history().result(20) if c.step == 3)
    for place in (at, at.id, at.snapshot, "d"):
        calls.clear()
        assert first.fork(at=place).result(20).shared == first.shared
        assert calls == ["d", "odd"]


def test_a_fork_at_the_input_takes_another_one(counting):
    graph, _ = counting
    first = kgnb.run(graph, {"log": ["in"]}, session_id="s")
    first.result(20)
    assert first.fork(at=-1).result(20).shared == first.shared
    again = first.fork(at=-1, shared={"log": ["other"]}).result(20)
    assert again.shared["log"] == ["other", "a1", "b3", "c7", "d15", "odd31"]


def test_a_fork_from_before_an_interrupt_asks_again():
    graph = build(a=says("a"), ask=asks, z=says("z")).compile(
        checkpointer=InMemorySaver()
    )
    first = kgnb.run(graph, {}, session_id="s", answers=["yes"])
    first.result(20)
    forked = first.fork(at=1, answers=["no"])
    assert forked.result(20).shared["log"] == ["a", "no", "z"]
    old, new = first.approvals[0], forked.approvals[0]
    assert (old.value, new.value) == ("yes", "no")
    assert old.approval_id != new.approval_id


def test_a_fork_without_a_place_goes_on_from_the_latest_with_edits():
    def fragile(state):
        if state.get("count") != 2:
            raise KeyError("count")
        return {"log": ["b"]}

    graph = build(a=says("a"), b=fragile).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    with pytest.raises(KeyError):
        first.result(20)
    result = first.fork(shared={"count": 2}).result(20)
    assert result.shared == {"log": ["a", "b"], "count": 2}


def test_a_fork_is_called_as_its_run_was():
    seen = []

    def node(state, runtime):
        seen.append(runtime.context)

    graph = build(node=node).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, name="mine", session_id="s", context={"user": "bob"})
    first.result(20)
    forked = first.fork(at=-1)
    forked.result(20)
    assert seen == [{"user": "bob"}] * 2
    assert forked.workflow == "mine"


def test_a_fork_by_parallel_nodes_needs_to_know_as_which():
    builder = StateGraph(State)
    for name in ("a", "b", "z"):
        builder.add_node(name, says(name))
    builder.add_edge(START, "a")
    builder.add_edge(START, "b")
    builder.add_edge(["a", "b"], "z")
    graph = builder.compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    first.result(20)
    with pytest.raises(InvalidUpdateError, match="as_node"):
        first.fork(at=1, shared={"log": ["edit"]}).result(20)
    forked = first.fork(at=1, shared={"log": ["edit"]}, as_node="a")
    assert forked.result(20).shared["log"] == ["a", "b", "edit", "z"]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (99, "thread 's' has no checkpoint of step 99; run.history"),
        ("0" * 32, "has no checkpoint '0000"),
        (1.5, "expected a checkpoint of run.history"),
        (True, "expected a checkpoint of run.history"),
    ],
)
def test_a_fork_from_what_is_no_checkpoint_says_what_there_is(at, why):
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    first.result(20)
    with pytest.raises(errors.InvalidValue, match=why):
        first.fork(at=at).result(20)
    assert len(first.history().result(20)) == 3


def test_a_fork_from_a_thread_s_end_has_nothing_to_go_on_with():
    graph = build(a=says("a")).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    first.result(20)
    with pytest.raises(errors.InvalidValue, match="has come to its end"):
        first.fork(at=1).result(20)


def test_with_durability_exit_only_the_last_checkpoint_can_be_forked():
    graph = build(a=says("a"), b=asks, c=says("c")).compile(
        checkpointer=InMemorySaver()
    )
    first = kgnb.run(graph, {}, session_id="s", durability="exit", answers=["yes"])
    first.result(20)
    kept = first.history().result(20)
    assert [c.step for c in kept] == [3, 1]  # each call's last: the question is one
    with pytest.raises(errors.InvalidValue, match="durability='exit' only the last"):
        first.fork(at=2).result(20)
    again = first.fork(at=1, answers=["no"])
    assert again.result(20).shared["log"] == ["a", "no", "c"]


def test_a_fork_of_a_run_that_still_has_the_thread_is_refused():
    graph = build(a=says("a"), ask=asks).compile(checkpointer=InMemorySaver())
    first = kgnb.run(graph, {}, session_id="s")
    until(first, lambda: first.status == "waiting")
    stored(first, lambda state: state.snapshot.interrupts)
    before = first.history().result(20)
    with pytest.raises(errors.Conflict, match="has a run already"):
        first.fork(at=0).result(20)
    assert first.history().result(20) == before
    first.answer(first.approvals[0].approval_id, "yes")
    first.result(20)
