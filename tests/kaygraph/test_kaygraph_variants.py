"""Batch, parallel, async, validated and metrics nodes, and their mixtures."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import kgnb.graph as kaygraph


class SyncSide:
    """One program for sync and async batch nodes: both call the sync methods."""

    items = (1, 2, 3)

    def prep(self, shared):
        return self.items

    def exec(self, prep_res):
        return prep_res * 10

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class BothSides(SyncSide):
    async def prep_async(self, shared):
        return self.prep(shared)

    async def exec_async(self, prep_res):
        return self.exec(prep_res)

    async def exec_fallback_async(self, prep_res, exc):
        return self.exec_fallback(prep_res, exc)

    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


BATCHES = [
    kaygraph.BatchNode,
    kaygraph.ParallelBatchNode,
    kaygraph.AsyncBatchNode,
    kaygraph.AsyncParallelBatchNode,
]
IN_ORDER = [kaygraph.BatchNode, kaygraph.AsyncBatchNode]
TOGETHER = [kaygraph.ParallelBatchNode, kaygraph.AsyncParallelBatchNode]
NODES = [kaygraph.Node, kaygraph.AsyncNode]

batches = pytest.mark.parametrize("base", BATCHES)
in_order = pytest.mark.parametrize("base", IN_ORDER)
together = pytest.mark.parametrize("base", TOGETHER)
nodes = pytest.mark.parametrize("base", NODES)


def output(runner, node):
    shared = {}
    runner(node, shared)
    return shared["out"]


@batches
def test_batch_calls_exec_per_item_and_gives_a_list_in_order(runner, base):
    class Batch(BothSides, base):
        pass

    assert output(runner, Batch()) == [10, 20, 30]


@batches
def test_batch_none_from_prep_is_no_items(runner, base):
    class Batch(BothSides, base):
        items = None

    assert output(runner, Batch()) == []


@batches
@pytest.mark.parametrize(
    ("items", "out"),
    [
        (np.array([1, 2]), [10, 20]),
        (np.array([]), []),
        (pd.Series([1, 2]), [10, 20]),
        (pd.DataFrame({"a": [1]}), ["a" * 10]),
        ({"x": 1}, ["x" * 10]),
        (range(2), [0, 10]),
    ],
    ids=["array", "empty array", "series", "frame", "dict", "range"],
)
def test_batch_takes_any_iterable(runner, base, items, out):
    class Batch(BothSides, base):
        pass

    node = Batch()
    node.items = items
    assert output(runner, node) == out


@batches
def test_batch_takes_a_generator(runner, base):
    class Batch(BothSides, base):
        def prep(self, shared):
            return (number for number in range(3))

    assert output(runner, Batch()) == [0, 10, 20]


@batches
def test_batch_item_has_its_own_retries_and_fallback(runner, base):
    lock, tries = threading.Lock(), {}

    class Batch(BothSides, base):
        def exec(self, prep_res):
            with lock:
                tries.setdefault(prep_res, []).append(self.cur_retry)
            if prep_res == 2:
                raise KeyError(prep_res)
            return prep_res

        def exec_fallback(self, prep_res, exc):
            return (prep_res, exc.args, self.cur_retry)

    assert output(runner, Batch(max_retries=3)) == [1, (2, (2,), 2), 3]
    assert tries == {1: [0], 2: [0, 1, 2], 3: [0]}


@in_order
def test_batch_first_unhandled_item_fails_the_node(runner, base):
    seen = []

    class Batch(BothSides, base):
        def exec(self, prep_res):
            seen.append(prep_res)
            if prep_res == 2:
                raise KeyError(prep_res)

    shared = {}
    with pytest.raises(KeyError):
        runner(Batch(), shared)
    assert seen == [1, 2]
    assert shared == {}


def test_parallel_failing_item_lets_the_rest_end(runner):
    done = []

    class Batch(SyncSide, kaygraph.ParallelBatchNode):
        items = range(5)

        def exec(self, prep_res):
            if prep_res in (1, 3):
                raise KeyError(prep_res)
            done.append(prep_res)

    with pytest.raises(KeyError) as caught:
        runner(Batch(), {})
    assert caught.value.args == (1,)
    assert sorted(done) == [0, 2, 4]


def test_async_parallel_first_error_cancels_the_siblings(runner):
    ended = []

    class Batch(BothSides, kaygraph.AsyncParallelBatchNode):
        items = range(4)

        async def exec_async(self, prep_res):
            if prep_res == 3:  # the last one: by now the others have begun
                raise KeyError(prep_res)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(prep_res)

    with pytest.raises(KeyError):
        runner(Batch(), {})
    assert sorted(ended) == [0, 1, 2]


@together
@pytest.mark.parametrize("most", [1, 3])
def test_parallel_limit_is_the_most_items_at_a_time(runner, base, most):
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    class Batch(BothSides, base):
        items = range(12)

        def begin(self):
            with lock:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])

        def end(self):
            with lock:
                state["now"] -= 1

        def exec(self, prep_res):
            self.begin()
            self.end()

        async def exec_async(self, prep_res):
            self.begin()
            await asyncio.sleep(0)
            self.end()

    key = "max_workers" if base is kaygraph.ParallelBatchNode else "max_concurrency"
    runner(Batch(**{key: most}), {})
    assert state["now"] == 0
    assert 1 <= state["most"] <= most


def test_parallel_without_a_limit_runs_forty_items_at_once(runner):
    barrier = threading.Barrier(40)

    class Batch(SyncSide, kaygraph.ParallelBatchNode):
        items = range(40)

        def exec(self, prep_res):
            barrier.wait(20)

    runner(Batch(), {})


def test_async_parallel_without_a_limit_runs_all_items_at_once(runner):
    class Batch(BothSides, kaygraph.AsyncParallelBatchNode):
        items = range(40)

        def prep(self, shared):
            self.arrived, self.all_here = [], asyncio.Event()
            return self.items

        async def exec_async(self, prep_res):
            self.arrived.append(prep_res)
            if len(self.arrived) == 40:
                self.all_here.set()
            await self.all_here.wait()

    runner(Batch(), {})


@pytest.mark.filterwarnings("ignore:'Both' is an async node:kgnb.errors.GraphWarning")
def test_async_node_never_calls_the_sync_phases(runner):
    calls = []

    class Both(kaygraph.AsyncNode):
        def prep(self, shared):
            calls.append("prep")

        exec = exec_fallback = post = prep

        async def post_async(self, shared, prep_res, exec_res):
            return "end"

    assert runner(Both(), {}) == "end"
    assert calls == []


@pytest.mark.parametrize(
    "cls",
    [
        kaygraph.AsyncNode,
        kaygraph.AsyncBatchNode,
        kaygraph.AsyncParallelBatchNode,
    ],
)
def test_async_node_run_says_to_use_run_async(cls):
    with pytest.raises(RuntimeError) as caught:
        cls().run({})
    assert str(caught.value) == "Use run_async for AsyncNode."


def test_async_node_cancel_passes_the_retries_and_on_error():
    calls = []

    class Waiting(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            calls.append("exec")
            await asyncio.Event().wait()

        async def exec_fallback_async(self, prep_res, exc):
            calls.append("fallback")

        def on_error(self, shared, exc):
            calls.append("on_error")
            return True

    async def main():
        task = asyncio.create_task(Waiting(max_retries=3).run_async({}))
        while not calls:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert calls == ["exec"]


# Validated


class Checks(kaygraph.ValidatedNode):
    """Notes what its validators see, and passes on a changed value."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.seen = []

    def validate_input(self, prep_res):
        self.seen.append(("in", prep_res))
        return [*prep_res, 4] if isinstance(prep_res, list) else prep_res + 1

    def validate_output(self, exec_res):
        self.seen.append(("out", exec_res))
        return exec_res


@nodes
def test_validators_return_the_value_to_go_on_with(runner, base):
    class Node(BothSides, Checks, base):
        items = 1

        def validate_output(self, exec_res):
            return exec_res + 0.5

    assert output(runner, Node()) == 20.5


@nodes
def test_validators_pass_the_value_on_by_default(runner, base):
    class Node(BothSides, kaygraph.ValidatedNode, base):
        items = 1

    assert output(runner, Node()) == 10


@nodes
@pytest.mark.parametrize("which", ["validate_input", "validate_output"])
def test_validator_error_is_not_retried_and_goes_to_on_error_alone(runner, base, which):
    calls = []

    class Node(BothSides, kaygraph.ValidatedNode, base):
        items = 1

        def check(self, value):
            calls.append(which)
            raise ValueError("not valid")

        def exec(self, prep_res):
            calls.append("exec")

        def exec_fallback(self, prep_res, exc):
            calls.append("fallback")

        def on_error(self, shared, exc):
            calls.append(f"on_error {exc}")
            return False

    setattr(Node, which, Node.check)
    with pytest.raises(ValueError, match="not valid"):
        runner(Node(max_retries=3), {})
    expected = [which, "on_error not valid"]
    assert calls == (expected if which == "validate_input" else ["exec", *expected])


@nodes
@pytest.mark.parametrize("which", ["validate_input", "validate_output"])
@pytest.mark.parametrize("verdict", [True, False, np.bool_(True)])
def test_validator_that_returns_a_verdict_is_told_to_return_the_value(
    runner, base, which, verdict
):
    class Node(BothSides, kaygraph.ValidatedNode, base):
        items = 1

    setattr(Node, which, lambda _self, _value: verdict)
    with pytest.raises(TypeError, match=f"n.{which} returned .*returns the value"):
        runner(Node(node_id="n"), {})


@nodes
@pytest.mark.parametrize("value", [True, False])
def test_validator_of_a_bool_may_return_one(runner, base, value):
    class Node(BothSides, kaygraph.ValidatedNode, base):
        items = value

        def exec(self, prep_res):
            return prep_res

        def validate_input(self, prep_res):
            return not prep_res

    assert output(runner, Node()) is not value


@batches
def test_validated_before_batch_sees_the_whole_list(runner, base):
    class Batch(BothSides, Checks, base):
        def prep(self, shared):
            return [1, 2, 3]

    node = Batch()
    assert output(runner, node) == [10, 20, 30, 40]
    assert node.seen == [("in", [1, 2, 3]), ("out", [10, 20, 30, 40])]


@batches
def test_validated_after_batch_sees_each_item(runner, base):
    class Batch(BothSides, base, Checks):
        def prep(self, shared):
            return [1, 2, 3]

    node = Batch()
    assert output(runner, node) == [20, 30, 40]
    assert sorted(node.seen) == [
        ("in", 1),
        ("in", 2),
        ("in", 3),
        ("out", 20),
        ("out", 30),
        ("out", 40),
    ]


# Metrics


@nodes
def test_metrics_add_up_on_the_users_object(runner, base):
    class Node(BothSides, kaygraph.MetricsNode, base):
        items = 1

        def post(self, shared, prep_res, exec_res):
            shared["n"] = shared.get("n", 0) + 1
            return "again" if shared["n"] < 3 else "done"

    node = Node()
    node - "again" >> node
    node.next(kaygraph.Node(), "done")
    graph = kaygraph.AsyncGraph if base is kaygraph.AsyncNode else kaygraph.Graph
    assert node.get_stats() == {"status": "no_executions"}
    runner(graph(node), {})
    assert node.metrics["success_count"] == 3
    assert node.metrics["error_count"] == 0
    assert node.metrics["retry_counts"] == [0, 0, 0]
    assert len(node.metrics["execution_times"]) == 3


@nodes
def test_metrics_statistics_have_their_names(runner, base):
    class Node(BothSides, kaygraph.MetricsNode, base):
        items = 1

        def exec(self, prep_res):
            if self.cur_retry < 2:
                raise KeyError

    node = Node(True, 3)
    runner(node, {})
    stats = node.get_stats()
    assert set(stats) == {
        "total_executions",
        "success_rate",
        "avg_execution_time",
        "min_execution_time",
        "max_execution_time",
        "total_retries",
    }
    assert (stats["total_executions"], stats["total_retries"]) == (1, 2)
    assert stats["success_rate"] == 1
    times = node.metrics["execution_times"]
    assert stats["avg_execution_time"] == times[0] == stats["min_execution_time"]


@nodes
def test_metrics_count_a_failure(runner, base):
    class Node(BothSides, kaygraph.MetricsNode, base):
        items = 1

        def exec(self, prep_res):
            raise KeyError

    node = Node(max_retries=2)
    with pytest.raises(KeyError):
        runner(node, {})
    assert (node.metrics["success_count"], node.metrics["error_count"]) == (0, 1)
    assert node.metrics["retry_counts"] == [1]
    assert node.get_stats()["success_rate"] == 0


@nodes
def test_metrics_may_be_turned_off(runner, base):
    class Node(BothSides, kaygraph.MetricsNode, base):
        items = 1

    node = Node(collect_metrics=False)
    assert output(runner, node) == 10
    assert node.get_stats() == {"status": "no_executions"}


@batches
@pytest.mark.parametrize("comes_first", [True, False])
def test_metrics_of_a_batch_count_a_visit_with_its_items_retries(
    runner, base, comes_first
):
    order = (
        (kaygraph.MetricsNode, base) if comes_first else (base, kaygraph.MetricsNode)
    )

    class Batch(BothSides, *order):
        def exec(self, prep_res):
            if prep_res == 2 and self.cur_retry < 2:
                raise KeyError
            return prep_res

    node = Batch(max_retries=3)
    assert output(runner, node) == [1, 2, 3]
    assert node.metrics["success_count"] == 1
    assert node.metrics["retry_counts"] == [2]


def test_metrics_and_parallel_arguments_go_to_their_classes():
    class One(kaygraph.ParallelBatchNode, kaygraph.MetricsNode):
        pass

    class Other(kaygraph.MetricsNode, kaygraph.ParallelBatchNode):
        pass

    for node in (
        One(4, max_retries=3, collect_metrics=False),
        Other(False, 4, 3),
        One(max_workers=4, max_retries=3, collect_metrics=False, node_id="n"),
    ):
        assert (node.max_workers, node.max_retries) == (4, 3)
        assert node.collect_metrics is False


@pytest.mark.parametrize("base", [kaygraph.Graph, kaygraph.AsyncGraph])
def test_metrics_of_a_graph_count_its_runs(runner, base):
    class Timed(kaygraph.MetricsNode, base):
        pass

    graph = Timed()
    graph.start(kaygraph.Node())
    runner(graph, {})
    runner(graph, {})
    assert graph.get_stats()["total_executions"] == 2


def test_metrics_from_many_threads_lose_nothing():
    class Node(SyncSide, kaygraph.MetricsNode):
        items = 1

    node = Node()
    graph = kaygraph.Graph(node)

    def work():
        for _ in range(50):
            graph.run({})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert node.metrics["success_count"] == 400
    assert len(node.metrics["execution_times"]) == 400


def test_metrics_count_the_retries_of_an_executor(runner):
    class Node(SyncSide, kaygraph.MetricsNode):
        items = 1

        def exec(self, prep_res):
            if self.cur_retry < 2:
                raise KeyError

    with ThreadPoolExecutor(1) as pool:
        node = Node(max_retries=3, executor=pool)
        runner(node, {})
    assert node.get_stats()["total_retries"] == 2
