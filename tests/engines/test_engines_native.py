"""NativeEngine: what an observer hears, which thread runs what, cancelling."""

import asyncio
import threading

import pytest
from witnessing import Witness, run

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, NodeVisit, ThreadWorker, Via, current_context
from kgnb.graph import (
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchNode,
    BatchNode,
    Graph,
    Node,
    ParallelBatchNode,
)
from kgnb.graph.observe import Unobserved


class Say(Node):
    def __init__(self, name, action=None):
        super().__init__(node_id=name)
        self.action = action

    def exec(self, prep_res):
        return f"{self.node_id}!"

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class SayAsync(AsyncNode, Say):
    async def exec_async(self, prep_res):
        return self.exec(prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


kinds = pytest.mark.parametrize("say", [Say, SayAsync])
graphs = pytest.mark.parametrize("graph", [Graph, AsyncGraph])


@graphs
@kinds
def test_native_reports_each_visit_with_the_edge_that_led_to_it(graph, say):
    a, b = say("a", "x"), say("b", "end")
    a - "x" >> b
    action, witness = run(graph(a))
    assert action == "end"
    assert witness.heard == [
        ("started", "a:1", None),
        ("finished", "a:1", "completed", "x", None, NO_RESULT),
        ("started", "b:1", Via("a", "x")),
        ("finished", "b:1", "completed", "end", None, "b!"),
    ]


@graphs
def test_native_counts_visits_and_names_a_falsy_action_default(graph):
    class Loop(Say):
        def post(self, shared, prep_res, exec_res):
            shared["n"] = shared.get("n", 0) + 1
            return None if shared["n"] < 3 else "out"

    loop = Loop("loop")
    loop >> loop
    loop - "out" >> Say("end")
    _, witness = run(graph(loop))
    assert witness.of("started") == [
        ("started", "loop:1", None),
        ("started", "loop:2", Via("loop", "default")),
        ("started", "loop:3", Via("loop", "default")),
        ("started", "end:1", Via("loop", "out")),
    ]


def test_native_ids_are_those_of_the_description():
    inner = Graph(SayAsync("a"), name="Inner")
    first, second = Node(), Node()
    first >> second >> inner
    engine = engine_for(Graph(first))
    _, witness = run(Graph(first))
    assert [node.id for node in engine.describe().nodes] == [
        event[1].rpartition(":")[0] for event in witness.of("started")
    ]


@graphs
@kinds
def test_native_nested_graph_is_a_visit_around_its_nodes(graph, say):
    inner = Graph(say("a", "x"), name="Inner")
    inner - "x" >> say("b")
    _, witness = run(graph(inner))
    assert witness.heard == [
        ("started", "Inner:1", None),
        ("started", "Inner/a:1", None),
        ("finished", "Inner/a:1", "completed", "x", None, NO_RESULT),
        ("finished", "Inner:1", "completed", "x", None, NO_RESULT),
        ("started", "b:1", Via("Inner", "x")),
        ("finished", "b:1", "completed", "default", None, "b!"),
    ]


def test_native_result_of_a_nested_last_node_is_given_once():
    _, witness = run(Graph(Graph(Say("a"), name="Inner")))
    assert witness.results == {"Inner/a:1": "a!"}


def test_native_result_of_a_run_that_ends_by_an_unknown_action():
    inner = Graph(Say("a", "nowhere"), name="Inner")
    inner - "x" >> Say("b")
    with pytest.warns(UserWarning, match="Graph ends: 'nowhere'"):
        action, witness = run(Graph(inner))
    assert action == "nowhere"
    assert witness.results == {"Inner:1": "a!"}


def test_native_failed_node_is_reported_and_raised_as_it_is():
    error = ValueError("boom")

    class Failing(Node):
        def exec(self, prep_res):
            raise error

    witness = Witness()
    with pytest.raises(ValueError) as caught:
        run(Graph(Graph(Failing("f"), name="Inner")), witness=witness)
    assert caught.value is error
    assert witness.of("finished") == [
        ("finished", "Inner/f:1", "failed", None, error, NO_RESULT),
        ("finished", "Inner:1", "failed", None, error, NO_RESULT),
    ]


def test_native_forgiven_error_is_told_with_completed():
    error = ValueError("boom")

    class Forgiving(Node):
        def prep(self, shared):
            raise error

        def on_error(self, shared, exc):
            return True

    _, witness = run(Graph(Forgiving("f")))
    assert witness.of("finished") == [
        ("finished", "f:1", "completed", "default", error, NO_RESULT)
    ]


def test_native_unhashable_action_is_the_nodes_failure():
    witness = Witness()
    with pytest.raises(TypeError):
        run(Graph(Say("a", ["x"])), witness=witness)
    assert witness.of("finished")[0][2] == "failed"


@pytest.mark.parametrize("is_async", [False, True])
def test_native_failed_attempts_are_reported_with_the_wait(is_async):
    seen = []

    class Flaky(Node):
        def exec(self, prep_res):
            seen.append(current_context.get())
            if self.cur_retry < 2:
                raise ValueError(self.cur_retry)

        def post(self, shared, prep_res, exec_res):
            seen.append(current_context.get())

    class FlakyAsync(AsyncNode, Flaky):
        async def exec_async(self, prep_res):
            return self.exec(prep_res)

    node = (FlakyAsync if is_async else Flaky)(3, 0.001, "f")
    _, witness = run(Graph(node))
    assert witness.of("attempt") == [
        ("attempt", "f:1", 1, None, "0", 0.001),
        ("attempt", "f:1", 2, None, "1", 0.001),
    ]
    assert witness.waits == ([] if is_async else [0.001, 0.001])
    assert [visit.attempt for visit in seen] == [1, 2, 3] + ([] if is_async else [1])


def test_native_last_failed_attempt_has_no_wait_and_the_fallback_its_context():
    seen = []

    class Failing(Node):
        def exec(self, prep_res):
            raise ValueError("no")

        def exec_fallback(self, prep_res, exc):
            seen.append(current_context.get().attempt)
            return "saved"

    _, witness = run(Graph(Failing(2, node_id="f")))
    assert witness.of("attempt")[-1] == ("attempt", "f:1", 2, None, "no", None)
    assert seen == [2]
    assert witness.results == {"f:1": "saved"}


class Items:
    """What all batch nodes below have in common: item 1 fails once."""

    def prep(self, shared):
        return ["a", "b"]

    async def prep_async(self, shared):
        return ["a", "b"]

    def exec(self, prep_res):
        visit = current_context.get()
        if prep_res == "b" and self.cur_retry == 0:
            raise ValueError("b")
        return (visit.item, visit.attempt)

    async def exec_async(self, prep_res):
        return Items.exec(self, prep_res)


@pytest.mark.parametrize(
    "base", [BatchNode, ParallelBatchNode, AsyncBatchNode, AsyncParallelBatchNode]
)
def test_native_batch_items_are_reported_in_their_own_context(base):
    class Batch(Items, base):
        pass

    _, witness = run(Graph(Batch(max_retries=2, node_id="n")))
    assert witness.results == {"n:1": [(0, 1), (1, 2)]}
    assert sorted(witness.of("item")) == [
        ("item", "n:1", 0, 0, 2),
        ("item", "n:1", 1, 1, 2),
    ]
    assert sorted(witness.of("item end")) == [
        ("item end", "n:1", 0, 2, None),
        ("item end", "n:1", 1, 2, None),
    ]
    assert witness.of("attempt") == [("attempt", "n:1", 1, 1, "b", 0)]


def test_native_batch_failed_item_carries_its_error_and_unknown_total():
    error = KeyError("x")

    class Batch(BatchNode):
        def prep(self, shared):
            return iter([1])

        def exec(self, prep_res):
            raise error

    witness = Witness()
    with pytest.raises(KeyError):
        run(Graph(Batch("n")), witness=witness)
    assert witness.of("item", "item end") == [
        ("item", "n:1", 0, 0, None),
        ("item end", "n:1", 0, None, error),
    ]


@graphs
@kinds
def test_native_context_is_set_for_all_phases_and_reset_after(graph, say):
    seen = []

    class Seeing(say):
        def before_prep(self, shared):
            seen.append(current_context.get())

        def exec(self, prep_res):
            seen.append(current_context.get())

        def post(self, shared, prep_res, exec_res):
            seen.append(current_context.get())

    run(graph(Seeing("a")))
    assert seen == [NodeVisit("a", "a:1")] * 3
    assert current_context.get() is None


def test_native_plain_run_inside_a_node_is_not_reported():
    inner = Graph(Say("inner"))

    class Outer(Node):
        def prep(self, shared):
            return shared

        def exec(self, prep_res):
            return inner.run(prep_res)

    class OuterAsync(AsyncNode, Outer):
        async def prep_async(self, shared):
            return shared

        async def exec_async(self, prep_res):
            return await AsyncGraph(Say("inner too")).run_async(prep_res)

    a, b = Outer("a"), OuterAsync("b")
    a >> b
    shared = {}
    _, witness = run(Graph(a), shared)
    assert [event[1] for event in witness.of("started")] == ["a:1", "b:1"]
    assert shared["said"] == ["inner", "inner too"]


def test_native_same_result_watched_and_unwatched_and_users_objects_unchanged():
    a, b = Say("a", "x"), Say("b", "end")
    a - "x" >> b
    graph = Graph(a)
    before = [dict(vars(thing)) for thing in (a, b, graph)]
    watched, unwatched = {}, {}
    assert run(graph, watched)[0] == graph.run(unwatched)
    assert watched == unwatched
    assert [dict(vars(thing)) for thing in (a, b, graph)] == before


def test_native_one_engine_runs_several_times_at_once():
    a = SayAsync("a")
    a >> Say("b") >> SayAsync("c")
    engine = engine_for(Graph(a))

    async def main():
        worker, witnesses = ThreadWorker(), [Witness() for _ in range(5)]
        shareds = [{} for _ in witnesses]
        runs = zip(shareds, witnesses, strict=True)
        await asyncio.gather(*(engine.run(s, w, worker=worker) for s, w in runs))
        worker.close()
        return shareds, witnesses

    shareds, witnesses = asyncio.run(main())
    assert shareds == [{"said": ["a", "b", "c"]}] * 5
    for witness in witnesses:
        tasks = [event[1] for event in witness.of("started")]
        assert tasks == ["a:1", "b:1", "c:1"]


def test_native_node_wired_during_the_run_gets_a_name():
    class Growing(Say):
        def post(self, shared, prep_res, exec_res):
            self.successors["default"] = Say("late")

    _, witness = run(Graph(Growing("a")))
    assert [event[1] for event in witness.of("started")] == ["a:1", "late:1"]


def test_native_overridden_parts_of_a_graph_are_honoured():
    calls = []

    class Own(Graph):
        def run(self, shared):
            calls.append("run")
            return super().run(shared)

        def _run(self, shared):
            calls.append("_run")
            return super()._run(shared)

        def prep(self, shared):
            calls.append("prep")

        def post(self, shared, prep_res, exec_res):
            calls.append("post")
            return "mine"

    action, witness = run(Own(Say("a")))
    assert action == "mine"
    assert calls == ["run", "_run", "prep", "post"]
    assert [event[1] for event in witness.of("started")] == ["a:1"]


def test_native_run_put_on_an_instance_is_called():
    graph, seen = Graph(Say("a", "end")), []
    original = graph.run

    def timed(shared):
        seen.append(shared)
        return original(shared)

    graph.run = timed
    action, witness = run(graph)
    assert (action, seen) == ("end", [{"said": ["a"]}])
    assert len(witness.of("started")) == 1


def test_native_run_put_on_a_node_instance_is_watched_too():
    node = Say("a")
    original = node._run
    node._run = original
    _, witness = run(Graph(node))
    assert witness.results == {"a:1": "a!"}


def test_native_sync_graph_with_async_nodes_calls_its_prep_and_post_in_a_thread():
    threads = []

    class Own(Graph):
        def prep(self, shared):
            threads.append(threading.current_thread())
            return "p"

        def post(self, shared, prep_res, exec_res):
            threads.append(threading.current_thread())
            return (prep_res, exec_res)

    action, _ = run(Own(SayAsync("a", "x")))
    assert action == ("p", "x")
    assert threading.current_thread() not in threads


def test_native_contiguous_sync_nodes_share_a_thread_and_async_ones_the_loop():
    class Where(Node):
        def post(self, shared, prep_res, exec_res):
            shared.setdefault("threads", []).append(threading.current_thread())

    class WhereAsync(AsyncNode, Where):
        async def post_async(self, shared, prep_res, exec_res):
            self.post(shared, prep_res, exec_res)

    a, b, c, d = Where("a"), Where("b"), WhereAsync("c"), Where("d")
    a >> b >> c >> d
    shared = {}
    run(Graph(a), shared)
    first, second, third, fourth = shared["threads"]
    assert first is second is fourth
    assert third is threading.current_thread() is not first


def test_native_forty_waiting_sync_runs_starve_nobody():
    barrier = threading.Barrier(40)

    class Meeting(Node):
        def exec(self, prep_res):
            barrier.wait(10)

    async def main():
        worker, engine = ThreadWorker(), engine_for(Graph(Meeting()))
        runs = [engine.run({}, Witness(), worker=worker) for _ in range(40)]
        await asyncio.gather(*runs)
        worker.close()

    asyncio.run(main())


# Cancelling


def cancelled(thing, ready, witness, after=None):
    """Start it, cancel once ``ready`` is set, and wait for its threads to end."""

    async def main():
        worker = ThreadWorker()
        run = engine_for(thing).run({}, witness, worker=worker)
        task = asyncio.create_task(run)
        while not ready.is_set():
            await asyncio.sleep(0)
        witness.stop()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if after is not None:
            after()
        while worker.busy:
            await asyncio.sleep(0)
        worker.close()

    asyncio.run(main())


def test_native_cancel_reports_the_async_node_as_cancelled():
    ready = threading.Event()

    class Waiting(AsyncNode):
        async def exec_async(self, prep_res):
            ready.set()
            await asyncio.Event().wait()

    witness = Witness()
    cancelled(Graph(Graph(Waiting("w"), name="Inner")), ready, witness)
    assert [event[1:3] for event in witness.of("finished")] == [
        ("Inner/w:1", "cancelled"),
        ("Inner:1", "cancelled"),
    ]


def test_native_cancel_stops_a_sync_node_between_phases():
    ready, release, phases = threading.Event(), threading.Event(), []

    class Busy(Node):
        def exec(self, prep_res):
            ready.set()
            release.wait(10)
            phases.append("exec")

        def post(self, shared, prep_res, exec_res):
            phases.append("post")

        def on_error(self, shared, exc):
            phases.append("on_error")
            return True

    witness = Witness()

    def still_running():
        assert not witness.of("finished")
        release.set()

    cancelled(Graph(Busy("b")), ready, witness, after=still_running)
    assert phases == ["exec"]
    assert witness.of("finished")[0][1:3] == ("b:1", "cancelled")


def test_native_cancel_stops_a_sync_node_in_the_wait_between_attempts():
    ready = threading.Event()

    class Stopped(Witness):
        def wait(self, visit, seconds):
            ready.set()
            Unobserved.wait(self, visit, seconds)

    class Failing(Node):
        def exec(self, prep_res):
            raise ValueError

    witness = Stopped()
    cancelled(Graph(Failing(2, 3600, "f")), ready, witness)
    assert witness.of("finished")[0][1:3] == ("f:1", "cancelled")
    assert len(witness.of("attempt")) == 1


@pytest.mark.parametrize("base", [BatchNode, ParallelBatchNode])
def test_native_cancel_stops_between_items(base):
    ready, release, done = threading.Event(), threading.Event(), []

    class Batch(base):
        def prep(self, shared):
            return range(10)

        def exec(self, prep_res):
            ready.set()
            release.wait(10)
            done.append(prep_res)

    node = Batch(max_workers=1) if base is ParallelBatchNode else Batch()
    witness = Witness()
    cancelled(Graph(node), ready, witness, after=release.set)
    assert done == [0]
    assert witness.of("finished")[0][2] == "cancelled"


def test_native_checkpoints_surround_every_phase():
    _, witness = run(Graph(Say("a")))
    assert len(witness.checkpoints) == 5
    assert {visit.task_id for visit in witness.checkpoints} == {"a:1"}
