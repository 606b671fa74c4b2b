"""Sub-graphs: their data, their merge, their condition; alone and under kgnb.run."""

import asyncio
import contextlib
import threading

import pytest

import kgnb.graph as kaygraph
from kgnb.errors import NotCopyable


class Put(kaygraph.Node):
    """Writes ``values``, and says which keys it saw."""

    def __init__(self, action=None, **values):
        super().__init__()
        self.action = action
        self.values = values

    def post(self, shared, prep_res, exec_res):
        shared.update(self.values)
        shared["saw"] = sorted(key for key in shared if key != "saw")
        return self.action


class PutAsync(kaygraph.AsyncNode, Put):
    async def post_async(self, shared, prep_res, exec_res):
        await asyncio.sleep(0)
        return self.post(shared, prep_res, exec_res)


def graph(node):
    return kaygraph.Graph(node)


def test_constructors_keep_their_order():
    inner = graph(Put())
    sub = kaygraph.SubGraphNode(inner, "sub", ["a"], ["b"])
    assert (sub.subgraph, sub.node_id) == (inner, "sub")
    assert (sub.input_keys, sub.output_keys) == (["a"], ["b"])
    when = kaygraph.ConditionalSubGraphNode(inner, "key", 3, "when", ["a"], ["b"])
    assert (when.condition_key, when.condition_value, when.node_id) == (
        "key",
        3,
        "when",
    )
    assert kaygraph.ConditionalSubGraphNode(inner, "key").condition_value is True
    both = kaygraph.ParallelSubGraphNode([inner], "both", False)
    assert (both.graphs, both.node_id, both.merge_results) == ([inner], "both", False)
    assert kaygraph.ParallelSubGraphNode([inner]).merge_results is True


def test_sub_graph_works_on_a_deep_copy_and_is_merged(runner):
    seen = []

    class Grow(kaygraph.Node):
        def post(self, shared, prep_res, exec_res):
            shared["list"].append(2)
            seen.append(shared)

    mine = [1]
    shared = {"list": mine}
    runner(graph(kaygraph.SubGraphNode(graph(Grow()))), shared)
    assert mine == [1]
    assert shared == {"list": [1, 2]}
    assert seen[0] is not shared


def test_input_keys_are_handed_in_uncopied_and_alone(runner):
    value = object()
    shared = {"a": value, "b": 2, "lock": threading.Lock()}
    same = []

    class Look(Put):
        def prep(self, shared):
            same.append(shared["a"] is value)

    node = kaygraph.SubGraphNode(graph(Look()), input_keys=["a", "missing"])
    runner(graph(node), shared)
    assert same == [True]
    assert shared["saw"] == ["a"]


def test_empty_input_keys_mean_all(runner):
    shared = {"a": 1, "b": 2}
    runner(graph(kaygraph.SubGraphNode(graph(Put()), input_keys=[])), shared)
    assert shared["saw"] == ["a", "b"]


def test_output_keys_choose_what_is_merged(runner):
    shared = {}
    inner = graph(Put(x=1, y=2))
    runner(graph(kaygraph.SubGraphNode(inner, output_keys=["y", "z"])), shared)
    assert shared == {"y": 2}


def test_sub_graph_action_does_not_route(runner):
    sub = kaygraph.SubGraphNode(graph(Put(action="elsewhere")))
    sub >> Put(after=True)
    shared = {}
    assert runner(graph(sub), shared) is None
    assert shared["after"] is True


def test_sub_graph_action_routes_on_request(runner):
    sub = kaygraph.SubGraphNode(graph(Put(action="ok")), returns_action=True)
    sub - "ok" >> Put(after=True)
    shared = {}
    runner(graph(sub), shared)
    assert shared["after"] is True


def test_uncopyable_value_is_named_with_the_way_out(runner):
    shared = {"topic": "tides", "lock": threading.Lock()}
    node = kaygraph.SubGraphNode(graph(Put()), node_id="research")
    with pytest.raises(NotCopyable) as caught:
        runner(graph(node), shared)
    assert isinstance(caught.value, TypeError)
    text = str(caught.value)
    assert "research" in text
    assert "shared['lock'] (lock)" in text
    assert "input_keys=['topic']" in text
    assert caught.value.key == "lock"
    assert set(shared) == {"topic", "lock"}


def test_mapping_that_refuses_to_be_copied_raises_its_own_error():
    class Alone(dict):
        def __deepcopy__(self, memo):
            raise RuntimeError("not me")

    with pytest.raises(RuntimeError, match="not me"):
        kaygraph.SubGraphNode(graph(Put())).run(Alone(a=1))


def test_condition_decides_whether_it_runs(runner):
    node = kaygraph.ConditionalSubGraphNode(graph(Put(ran=True)), "mode", "deep")
    for shared, ran in (
        ({"mode": "deep"}, True),
        ({"mode": "flat"}, False),
        ({}, False),
    ):
        assert runner(graph(node), shared) is None
        assert ("ran" in shared) is ran


def test_condition_with_empty_data_still_runs(runner):
    shared = {}
    inner = graph(Put(ran=True))
    node = kaygraph.ConditionalSubGraphNode(inner, "mode", None, input_keys=["x"])
    runner(graph(node), shared)
    assert shared["ran"] is True


def test_parallel_graphs_run_at_the_same_time(runner):
    together = threading.Barrier(3)

    class Meet(kaygraph.Node):
        def exec(self, prep_res):
            together.wait(10)

    graphs = [graph(Meet()) for _ in range(3)]
    runner(graph(kaygraph.ParallelSubGraphNode(graphs)), {})


def test_parallel_merge_last_wins_in_the_order_of_the_graphs(runner):
    first_may_end = threading.Event()

    class Late(Put):
        def exec(self, prep_res):
            first_may_end.wait(10)

    class Early(Put):
        def exec(self, prep_res):
            first_may_end.set()

    shared = {}
    pair = [graph(Late(x="first", a=1)), graph(Early(x="second", b=2))]
    runner(graph(kaygraph.ParallelSubGraphNode(pair)), shared)
    assert shared == {"x": "second", "a": 1, "b": 2, "saw": ["b", "x"]}


def test_parallel_merge_keeps_what_a_later_graph_did_not_touch(runner):
    shared = {"count": 0}
    pair = [graph(Put(count=1)), graph(Put(other=2))]
    runner(graph(kaygraph.ParallelSubGraphNode(pair)), shared)
    assert (shared["count"], shared["other"]) == (1, 2)


def test_parallel_merge_takes_arrays_without_asking_their_truth(runner):
    class Many:
        def __eq__(self, other):
            raise ValueError("ambiguous")

        __hash__ = None

    shared = {"many": Many()}
    before = shared["many"]
    runner(graph(kaygraph.ParallelSubGraphNode([graph(Put(x=1))])), shared)
    assert shared["many"] is not before


def test_parallel_results_stand_side_by_side(runner):
    shared = {"a": 0}
    pair = [graph(Put(x=1)), graph(Put(x=2))]
    runner(graph(kaygraph.ParallelSubGraphNode(pair, merge_results=False)), shared)
    assert shared == {
        "a": 0,
        "parallel_results": {
            "graph_0": {"a": 0, "x": 1, "saw": ["a", "x"]},
            "graph_1": {"a": 0, "x": 2, "saw": ["a", "x"]},
        },
    }


def test_parallel_copies_are_apart_from_each_other(runner):
    class Grow(kaygraph.Node):
        def post(self, shared, prep_res, exec_res):
            shared["list"].append(1)

    shared = {"list": []}
    pair = [graph(Grow()), graph(Grow())]
    runner(graph(kaygraph.ParallelSubGraphNode(pair, merge_results=False)), shared)
    assert shared["list"] == []
    assert shared["parallel_results"]["graph_1"]["list"] == [1]


def test_parallel_failure_merges_nothing_and_lets_the_others_end(runner):
    ended = []

    class Fail(kaygraph.Node):
        def exec(self, prep_res):
            raise LookupError("first")

    class End(kaygraph.Node):
        def exec(self, prep_res):
            ended.append(True)

    shared = {}
    pair = [graph(Fail()), graph(End())]
    with pytest.raises(LookupError, match="first"):
        runner(graph(kaygraph.ParallelSubGraphNode(pair)), shared)
    assert shared == {}
    assert ended == [True]


def test_parallel_limit_is_kept(runner):
    lock = threading.Lock()
    running, most = [], []

    class Count(kaygraph.Node):
        def exec(self, prep_res):
            with lock:
                running.append(1)
                most.append(len(running))
            with lock:
                running.pop()

    graphs = [graph(Count()) for _ in range(8)]
    runner(graph(kaygraph.ParallelSubGraphNode(graphs, max_workers=1)), {})
    assert most == [1] * 8


def test_parallel_input_keys_copy_only_these(runner):
    shared = {"lock": threading.Lock(), "a": [1]}
    pair = [graph(Put(x=1)), graph(Put(y=1))]
    runner(graph(kaygraph.ParallelSubGraphNode(pair, input_keys=["a"])), shared)
    assert shared["saw"] == ["a", "y"]


@pytest.fixture(params=["in a thread", "on the loop"])
def inner(request):
    return Put if request.param == "in a thread" else PutAsync


def test_async_sub_graphs_run_in_async_graphs(runner, inner):
    sub = kaygraph.SubGraphNode(kaygraph.AsyncGraph(inner(x=1)))
    pair = [graph(inner(y=2)), kaygraph.AsyncGraph(inner(z=3))]
    sub >> kaygraph.ParallelSubGraphNode(pair)
    shared = {}
    runner(kaygraph.AsyncGraph(sub), shared)
    assert (shared["x"], shared["y"], shared["z"]) == (1, 2, 3)


def test_async_parallel_graphs_are_awaited_together(runner):
    there = []

    class Meet(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            there.append(1)
            while len(there) < 2:
                await asyncio.sleep(0)

    graphs = [graph(Meet()), graph(Meet())]
    runner(kaygraph.AsyncGraph(kaygraph.ParallelSubGraphNode(graphs)), {})


def test_async_parallel_failure_cancels_the_others(runner):
    cancelled, hangs = [], asyncio.Event()

    class Fail(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            await hangs.wait()
            raise LookupError("first")

    class Hang(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            hangs.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    graphs = [graph(Hang()), graph(Fail())]
    with pytest.raises(LookupError):
        runner(kaygraph.AsyncGraph(kaygraph.ParallelSubGraphNode(graphs)), {})
    assert cancelled == [True]


def test_async_condition_is_honoured(runner):
    inner = graph(PutAsync(ran=True))
    node = kaygraph.ConditionalSubGraphNode(inner, "go")
    for shared in ({"go": True}, {"go": False}):
        runner(kaygraph.AsyncGraph(node), shared)
        assert ("ran" in shared) is shared["go"]


def test_async_sub_graph_without_a_loop_says_what_to_use():
    with pytest.raises(RuntimeError, match="Use run_async"):
        graph(kaygraph.SubGraphNode(graph(PutAsync()))).run({})


def test_async_sub_graph_of_a_cancelled_run_is_cancelled():
    cancelled = []

    class Hang(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            started.set()
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.append(True)

    async def main():
        outer = kaygraph.AsyncGraph(kaygraph.SubGraphNode(graph(Hang())))
        task = asyncio.create_task(outer.run_async({}))
        await started.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    started = asyncio.Event()
    asyncio.run(main())
    assert cancelled == [True]


def test_replaced_exec_of_a_sub_graph_is_called(runner):
    class Twice(kaygraph.SubGraphNode):
        def exec(self, prep_res):
            super().exec(prep_res)
            return super().exec(prep_res)

    class Count(kaygraph.Node):
        def post(self, shared, prep_res, exec_res):
            shared["count"] = shared.get("count", 0) + 1

    shared = {}
    runner(graph(Twice(graph(Count()))), shared)
    assert shared["count"] == 2


def test_replaced_run_of_a_sub_graph_is_called(runner):
    class Own(kaygraph.Graph):
        def run(self, shared):
            shared["own"] = True

    shared = {}
    runner(graph(kaygraph.SubGraphNode(Own(Put()))), shared)
    assert shared == {"own": True}


def test_sub_graph_of_what_is_no_graph_is_refused():
    for thing in (Put(), 3, kaygraph.Graph):
        with pytest.raises(TypeError, match="SubGraphNode: expected a graph"):
            kaygraph.SubGraphNode(thing)
    with pytest.raises(TypeError, match=r"write Graph\(put\)"):
        kaygraph.ParallelSubGraphNode([Put()])


def test_compose_of_one_graph_is_its_node():
    inner = graph(Put(x=1))
    node = kaygraph.compose_graphs(inner)
    assert type(node) is kaygraph.SubGraphNode
    assert node.subgraph is inner


@pytest.mark.parametrize("as_list", [False, True])
def test_compose_runs_any_number_in_order(runner, as_list):
    graphs = [graph(Put(**{f"x{i}": i})) for i in range(4)]
    whole = kaygraph.compose_graphs(*([graphs] if as_list else graphs))
    shared = {}
    runner(whole, shared)
    assert shared["saw"] == ["x0", "x1", "x2", "x3"]


def test_compose_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one graph"):
        kaygraph.compose_graphs([])
