"""BatchGraph and its async kin: one pass for each dict, and each pass is seen."""

import asyncio
import threading

import pytest

import kgnb.graph as kaygraph
from kgnb.runtime import run


class Note(kaygraph.Node):
    """Notes its params, and the class's failure."""

    def prep(self, shared):
        return self.params

    def exec(self, prep_res):
        if prep_res.get("fails"):
            raise KeyError(prep_res["n"])
        return prep_res["n"] * 10

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("params", []).append(dict(prep_res))
        shared["same"] = shared
        return "ignored"


class NoteAsync(kaygraph.AsyncNode, Note):
    async def prep_async(self, shared):
        return self.params

    async def exec_async(self, prep_res):
        return Note.exec(self, prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        return Note.post(self, shared, prep_res, exec_res)


class Passes:
    """Gives three dicts, on either side, and notes what post gets."""

    dicts = ({"n": 1}, {"n": 2}, {"n": 3})

    def prep(self, shared):
        return None if self.dicts is None else list(self.dicts)

    def post(self, shared, prep_res, exec_res):
        shared["post"] = (prep_res, exec_res)
        return "routed"

    async def prep_async(self, shared):
        return self.prep(shared)

    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


class Batch(Passes, kaygraph.BatchGraph):
    pass


class AsyncBatch(Passes, kaygraph.AsyncBatchGraph):
    pass


class ParallelBatch(Passes, kaygraph.AsyncParallelBatchGraph):
    pass


ALL = [Batch, AsyncBatch, ParallelBatch]
CASES = [
    (Batch, Note),
    (AsyncBatch, Note),
    (AsyncBatch, NoteAsync),
    (ParallelBatch, Note),
    (ParallelBatch, NoteAsync),
]
cases = pytest.mark.parametrize(("cls", "node"), CASES)


@cases
def test_graph_runs_once_per_dict_with_params_overlaid(runner, cls, node):
    graph, shared = cls(node()), {}
    graph.set_params({"n": 0, "k": 5})
    runner(graph, shared)
    seen = sorted(shared["params"], key=lambda params: params["n"])
    assert seen == [{"n": 1, "k": 5}, {"n": 2, "k": 5}, {"n": 3, "k": 5}]
    assert shared["same"] is shared
    assert graph.params == {"n": 0, "k": 5}


@pytest.mark.parametrize(("cls", "node"), CASES[:3])
def test_passes_come_in_order(runner, cls, node):
    shared = {}
    runner(cls(node()), shared)
    assert [params["n"] for params in shared["params"]] == [1, 2, 3]


@cases
def test_post_gets_none_and_its_value_is_the_action(runner, cls, node):
    shared = {}
    assert runner(cls(node()), shared) == "routed"
    assert shared["post"] == ([{"n": 1}, {"n": 2}, {"n": 3}], None)


@pytest.mark.parametrize(
    "base",
    [
        kaygraph.BatchGraph,
        kaygraph.AsyncBatchGraph,
        kaygraph.AsyncParallelBatchGraph,
    ],
)
def test_actions_of_the_passes_are_discarded(runner, base):
    class Plain(base):
        def prep(self, shared):
            return [{"n": 1}]

        async def prep_async(self, shared):
            return [{"n": 1}]

    assert runner(Plain(Note()), {}) is None


@pytest.mark.parametrize(("cls", "node"), CASES[:3])
def test_first_error_stops_the_rest(runner, cls, node):
    graph, shared = cls(node()), {}
    graph.dicts = ({"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    with pytest.raises(KeyError):
        runner(graph, shared)
    assert [params["n"] for params in shared["params"]] == [1]
    assert "post" not in shared


@cases
@pytest.mark.parametrize("item", [3, "n", None, [("n", 1)]])
def test_item_that_is_no_dict_is_a_type_error(runner, cls, node, item):
    graph = cls(node(), name="g")
    graph.dicts = (item,)
    with pytest.raises(TypeError, match=r"g: prep of a batch graph gives dicts"):
        runner(graph, {})


@cases
@pytest.mark.parametrize("dicts", [None, ()])
def test_no_dicts_are_no_passes(runner, cls, node, dicts):
    graph, shared = cls(node()), {}
    graph.dicts = dicts
    assert runner(graph, shared) == "routed"
    assert "params" not in shared


@cases
def test_batch_graph_is_a_node_of_another_graph(runner, cls, node):
    inner, after = cls(node()), Note()
    after.set_params({"n": 9})
    inner - "routed" >> after
    outer, shared = kaygraph.AsyncGraph(inner), {}
    outer.set_params({"n": 7, "k": 1})
    runner(outer, shared)
    assert sorted(params["n"] for params in shared["params"]) == [1, 2, 3, 7]
    assert all(params["k"] == 1 for params in shared["params"])


def test_batch_graph_within_a_batch_graph(runner):
    class Inner(kaygraph.BatchGraph):
        def prep(self, shared):
            return [{"i": 1}, {"i": 2}]

    class Deep(kaygraph.Node):
        def post(self, shared, prep_res, exec_res):
            shared.setdefault("seen", []).append((self.params["n"], self.params["i"]))

    shared = {}
    runner(Batch(Inner(Deep())), shared)
    assert shared["seen"] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_async_batch_graph_run_works_if_all_nodes_are_sync():
    for cls in (AsyncBatch, ParallelBatch):
        shared = {}
        assert cls(Note()).run(shared) == "routed"
        assert [params["n"] for params in shared["params"]] == [1, 2, 3]


def test_sync_batch_graph_with_async_nodes_runs_under_kgnb_run():
    shared = {}
    run(Batch(NoteAsync()), shared, panel=False, mode="live").result(20)
    assert [params["n"] for params in shared["params"]] == [1, 2, 3]


# Passes at the same time


class Meets(kaygraph.AsyncNode):
    """Waits until all passes are here."""

    async def prep_async(self, shared):
        return shared

    async def exec_async(self, prep_res):
        prep_res["here"] += 1
        if prep_res["here"] == 3:
            prep_res["all"].set()
        await prep_res["all"].wait()


def test_parallel_passes_run_at_the_same_time(runner):
    class Own(ParallelBatch):
        async def prep_async(self, shared):
            shared["all"] = asyncio.Event()
            return self.prep(shared)

    shared = {"here": 0}
    runner(Own(Meets()), shared)
    assert shared["here"] == 3


def test_parallel_passes_of_sync_nodes_run_at_the_same_time(runner):
    barrier = threading.Barrier(3)

    class Meet(kaygraph.Node):
        def exec(self, prep_res):
            barrier.wait(20)

    runner(ParallelBatch(Meet()), {})


@pytest.mark.parametrize("most", [1, 2])
def test_parallel_passes_keep_to_the_limit(runner, most):
    state = {"now": 0, "most": 0}

    class Counts(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            await asyncio.sleep(0)
            state["now"] -= 1

    runner(ParallelBatch(Counts(), max_concurrency=most), {})
    assert state == {"now": 0, "most": most}


@pytest.mark.parametrize("most", [0, -1])
def test_parallel_passes_without_room_refuse(runner, most):
    with pytest.raises(ValueError, match="max_concurrency: expected at least 1"):
        runner(ParallelBatch(NoteAsync(), max_concurrency=most), {})


def test_parallel_first_error_cancels_the_sibling_passes(runner):
    ended = []

    class Waits(kaygraph.AsyncNode):
        async def prep_async(self, shared):
            return self.params["n"]

        async def exec_async(self, prep_res):
            if prep_res == 3:  # the last one: by now the others have begun
                raise KeyError(prep_res)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(prep_res)

    with pytest.raises(KeyError):
        runner(ParallelBatch(Waits()), {})
    assert sorted(ended) == [1, 2]


def test_parallel_cancelled_pass_begins_no_further_sync_node(runner):
    began, release, second = threading.Event(), threading.Event(), []

    class First(kaygraph.Node):
        def prep(self, shared):
            return self.params["n"]

        def exec(self, prep_res):
            if prep_res == 1:
                began.set()
                release.wait(20)
            else:
                began.wait(20)
                raise KeyError(prep_res)

    class Second(kaygraph.Node):
        def exec(self, prep_res):
            second.append(1)

    class Forgiving(ParallelBatch):
        dicts = ({"n": 1}, {"n": 2})

        def on_error(self, shared, exc):
            release.set()
            return True

    class After(kaygraph.Node):
        pass

    first, batch = First(), Forgiving()
    first >> Second()
    batch.start(first)
    batch >> After()
    runner(kaygraph.AsyncGraph(batch), {})
    assert second == []


# Watched


@cases
def test_each_pass_is_an_item_and_its_nodes_are_visited(cls, node):
    running = run(cls(node(node_id="n"), name="g"), {}, panel=False, mode="live")
    result = running.result(20)
    view = running.view
    assert {entry.task_id for entry in view.timeline} == {
        "g:1",
        "g/n:1",
        "g/n:2",
        "g/n:3",
    }
    assert sorted(view.nodes["g"].items) == ["0", "1", "2"]
    assert all(item.percent == 100 for item in view.nodes["g"].items.values())
    progress = view.nodes["g"].progress
    assert (progress.percent, progress.current, progress.total) == (100, 3, 3)
    assert result.value == [10, 20, 30]


@cases
def test_passes_of_a_nested_batch_graph_are_seen_too(cls, node):
    inner = cls(node(node_id="n"), name="g")
    inner - "routed" >> Note(node_id="after")
    outer = kaygraph.AsyncGraph(inner)
    outer.set_params({"n": 4})
    running = run(outer, {}, panel=False, mode="live")
    assert running.result(20).value == 40
    assert sorted(running.view.nodes["g"].items) == ["0", "1", "2"]
    assert running.view.nodes["g/n"].visits == 3


def test_failed_pass_says_so_on_its_item():
    graph = Batch(Note(node_id="n"), name="g")
    graph.dicts = ({"n": 1}, {"n": 2, "fails": True})
    running = run(graph, {}, panel=False, mode="live")
    with pytest.raises(KeyError):
        running.result(20)
    view = running.view
    assert view.nodes["g"].items["1"].message == "KeyError: 2"
    assert view.nodes["g/n"].status == view.nodes["g"].status == "failed"


def test_batch_graph_by_itself_warns_of_successors():
    graph = Batch(Note(), name="g")
    graph >> Note()
    with pytest.warns(UserWarning, match="g runs alone"):
        run(graph, {}, panel=False, mode="live").result(20)


def test_batch_graph_with_its_own_run_is_run_by_it(runner):
    calls = []

    class Own(Batch):
        def run(self, shared):
            calls.append(1)
            return super().run(shared)

    shared = {}
    assert runner(Own(Note()), shared) == "routed"
    assert calls == [1]
    assert len(shared["params"]) == 3
