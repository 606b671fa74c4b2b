"""A run is cut off behind each of its checkpoints, and goes on in another process.

No process is killed here: what a dead one leaves is its records, and a new one begins
with nothing but them. Journals that the nodes keep say what ran how often.
"""

import asyncio
import functools
import itertools
import threading

import pytest
import shaped

from kgnb import (
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchGraph,
    AsyncParallelBatchNode,
    BatchGraph,
    BatchNode,
    Graph,
    InteractiveGraph,
    MetricsNode,
    Node,
    ParallelBatchNode,
    ParallelSubGraphNode,
    PersistentGraph,
    SubGraphNode,
    ValidatedNode,
    node,
)
from kgnb.engines import engine_for
from kgnb.graph.observe import Unobserved
from kgnb.graph.progress import Progress
from kgnb.graph.records import State, decode, fold
from kgnb.graph.steps import step_of
from kgnb.graph.workers import ThreadWorker

journal = []
"""What did its work, by visit and item."""
_journal_lock = threading.Lock()


def note(node):
    """Write down which visit, or item of one, does its work."""
    visit = step_of(node).visit
    with _journal_lock:
        journal.append((visit.task_id, visit.item))


class Reporter(Unobserved):
    """Stands for runtime, link and log: what it is told is stored at once."""

    def __init__(self, progress):
        super().__init__()
        self.progress = progress
        self.records = [progress.start("").data]
        self.begun = []
        self.ended = []

    def _store(self, checkpoint):
        if checkpoint is not None:
            self.records.append(checkpoint.data)
            checkpoint.stored.set_result(None)

    def node_started(self, visit, via):
        self.begun.append(visit.task_id)

    def node_finished(self, visit, outcome, *, action, error, result, duration):
        if outcome == "completed":
            with self.progress.lock:
                self.ended.append(visit.task_id)
                self._store(self.progress.finished(visit, "", action, result))

    def item_finished(self, visit, index, total, error):
        if error is None:
            with self.progress.lock:
                self._store(self.progress.item_finished(visit, ""))


def play(graph, shared, state=None):
    """Run a graph to its end; what was reported."""
    progress = Progress(shared, (), state)
    reporter = Reporter(progress)
    engine = engine_for(graph)
    engine.check_durable()

    async def go():
        worker = ThreadWorker()
        try:
            await engine.run(shared, reporter, worker=worker, progress=progress)
        finally:
            worker.close()

    asyncio.run(go())
    return reporter


# What each graph is made of.


class Add(Node):
    """Appends its name to ``shared["done"]``."""

    def exec(self, prep_res):
        note(self)
        return self.node_id

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(exec_res)


class AsyncAdd(AsyncNode):
    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        note(self)
        return self.node_id

    async def post_async(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(exec_res)


class Again(Add):
    """Goes round until it was there three times."""

    def post(self, shared, prep_res, exec_res):
        super().post(shared, prep_res, exec_res)
        return "again" if shared["done"].count(self.node_id) < 3 else "on"


class Flaky(Add):
    def exec(self, prep_res):
        if self.cur_retry == 0:
            raise ValueError
        return super().exec(prep_res)


class Forgiven(Add):
    def post(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append("forgiven")
        raise ValueError

    def on_error(self, shared, exc):
        return True


class Checked(ValidatedNode, MetricsNode, Add):
    pass


def items_of(cls, is_async=False):
    """A batch of four, whose sum it keeps."""

    def prep(self, shared):
        return [1, 2, 3, 4]

    def post(self, shared, prep_res, exec_res):
        shared["squares"] = exec_res

    if not is_async:

        def exec(self, item):  # noqa: A001 - the lifecycle's name
            note(self)
            return item * item

        return type("Squares", (cls,), {"prep": prep, "exec": exec, "post": post})

    async def exec_async(self, item):
        await asyncio.sleep(0)
        note(self)
        return item * item

    async def prep_async(self, shared):
        return prep(self, shared)

    async def post_async(self, shared, prep_res, exec_res):
        post(self, shared, prep_res, exec_res)

    named = {
        "prep_async": prep_async,
        "exec_async": exec_async,
        "post_async": post_async,
    }
    return type("Squares", (cls,), named)


def chain(*nodes):
    for one, other in itertools.pairwise(nodes):
        one >> other
    return nodes[0]


def a_chain():
    return Graph(chain(*(Add(node_id=name) for name in "abc")))


def a_loop():
    first, again, last = Add(node_id="a"), Again(node_id="b"), Add(node_id="c")
    first >> again
    again - "again" >> first
    again - "on" >> last
    return Graph(first, max_visits=3)


def a_self_loop():
    again = Again(node_id="b")
    again - "again" >> again
    again - "on" >> Add(node_id="c")
    return Graph(again)


def a_nest():
    innermost = Graph(chain(Add(node_id="x"), Add(node_id="y")), name="innermost")
    inner = Graph(chain(Add(node_id="b"), innermost, Add(node_id="c")), name="inner")
    return Graph(chain(Add(node_id="a"), inner, Add(node_id="d")))


def a_nest_that_is_visited_again():
    again = Again(node_id="b")
    inner = Graph(chain(Add(node_id="x"), Add(node_id="y")), name="inner")
    inner >> again
    again - "again" >> inner
    again - "on" >> Add(node_id="c")
    return Graph(inner)


def mixed():
    return Graph(chain(Add(node_id="a"), AsyncAdd(node_id="b"), Add(node_id="c")))


def async_nest():
    inner = AsyncGraph(chain(AsyncAdd(node_id="b"), Add(node_id="c")), name="inner")
    return AsyncGraph(chain(Add(node_id="a"), inner, AsyncAdd(node_id="d")))


def policies():
    return Graph(
        chain(Flaky(2, node_id="a"), Forgiven(node_id="b"), Checked(node_id="c"))
    )


def batch(cls, *, is_async=False):
    squares = items_of(cls, is_async)(node_id="squares")
    return Graph(chain(Add(node_id="a"), squares, Add(node_id="b")))


class Named(Add):
    """Does its work under the name of the pass."""

    def exec(self, prep_res):
        note(self)
        return f"{self.node_id}{self.params['of']}"

    def post(self, shared, prep_res, exec_res):
        shared[exec_res] = shared.get(exec_res, 0) + 1


class AsyncNamed(AsyncNode):
    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        note(self)
        return f"{self.node_id}{self.params['of']}"

    async def post_async(self, shared, prep_res, exec_res):
        shared[exec_res] = shared.get(exec_res, 0) + 1


class Passes(BatchGraph):
    def prep(self, shared):
        return [{"of": number} for number in range(3)]


class ParallelPasses(AsyncParallelBatchGraph):
    async def prep_async(self, shared):
        return [{"of": number} for number in range(3)]


def passes():
    within = chain(Named(node_id="x"), Named(node_id="y"))
    return Graph(chain(Add(node_id="a"), Passes(within, name="each"), Add(node_id="b")))


def passes_alone():
    return Passes(chain(Named(node_id="x"), Named(node_id="y")), name="each")


def parallel_passes():
    within = chain(AsyncNamed(node_id="x"), AsyncNamed(node_id="y"))
    each = ParallelPasses(within, name="each")
    return Graph(chain(Add(node_id="a"), each, Add(node_id="b")))


def sub_graph():
    inner = Graph(chain(Add(node_id="x"), Add(node_id="y")), name="inner")
    return Graph(chain(Add(node_id="a"), SubGraphNode(inner), Add(node_id="b")))


class Own(Add):
    """Writes under its own name: graphs side by side are merged key by key."""

    def post(self, shared, prep_res, exec_res):
        shared[exec_res] = 1


def sub_graphs_side_by_side():
    graphs = [
        Graph(chain(Own(node_id=f"x{i}"), Own(node_id=f"y{i}")), name=f"g{i}")
        for i in range(2)
    ]
    side = ParallelSubGraphNode(graphs, node_id="side")
    return Graph(chain(Add(node_id="a"), side, Add(node_id="b")))


class Rounds(Add):
    def post(self, shared, prep_res, exec_res):
        super().post(shared, prep_res, exec_res)
        shared["_exit"] = len(shared["done"]) >= 6


def a_conversation():
    return InteractiveGraph(chain(Add(node_id="a"), Rounds(node_id="b")))


def persistent():
    return PersistentGraph(chain(Add(node_id="a"), Add(node_id="b")))


def functions():
    @node
    def one(start):
        return start + 1

    @node(writes="two")
    def two(one):
        return one * 2

    return Graph(chain(one, two, Add(node_id="c")))


# Another library's objects, known by their shape.


class Foreign(shaped.Node):
    def exec(self, prep_res):
        note(self)
        return self.node_id

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(exec_res)


class ForeignAsync(shaped.AsyncNode):
    async def exec_async(self, prep_res):
        note(self)
        return self.node_id

    async def post_async(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(exec_res)


def foreign_items(cls):
    def prep(self, shared):
        return [1, 2, 3, 4]

    def exec(self, item):  # noqa: A001 - the lifecycle's name
        with _journal_lock:
            journal.append(("squares:1", item - 1))
        return item * item

    def post(self, shared, prep_res, exec_res):
        shared["squares"] = exec_res

    return type("ForeignSquares", (cls,), {"prep": prep, "exec": exec, "post": post})


def foreign_chain():
    return shaped.Graph(chain(*(Foreign(node_id=name) for name in "abc")))


def foreign_nest():
    inner = shaped.Graph(chain(Foreign(node_id="b"), Foreign(node_id="c")))
    return shaped.Graph(chain(Foreign(node_id="a"), inner, Foreign(node_id="d")))


def foreign_mixed():
    nodes = Foreign(node_id="a"), ForeignAsync(node_id="b"), Foreign(node_id="c")
    return shaped.AsyncGraph(chain(*nodes))


def foreign_batch(cls):
    squares = foreign_items(cls)(node_id="squares")
    return shaped.Graph(chain(Foreign(node_id="a"), squares, Foreign(node_id="b")))


class ForeignNamed(shaped.Node):
    def exec(self, prep_res):
        note(self)
        return f"{self.node_id}{self.params['of']}"

    def post(self, shared, prep_res, exec_res):
        shared[exec_res] = shared.get(exec_res, 0) + 1


class ForeignPasses(shaped.BatchGraph):
    def prep(self, shared):
        return [{"of": number} for number in range(3)]


def foreign_passes():
    within = chain(ForeignNamed(node_id="x"), ForeignNamed(node_id="y"))
    each = ForeignPasses(within)
    return shaped.Graph(chain(Foreign(node_id="a"), each, Foreign(node_id="b")))


def foreign_sub_graph():
    inner = shaped.Graph(chain(Foreign(node_id="x"), Foreign(node_id="y")))
    within = shaped.SubGraphNode(inner, node_id="sub")
    return shaped.Graph(chain(Foreign(node_id="a"), within, Foreign(node_id="b")))


GRAPHS = {
    "chain": a_chain,
    "loop": a_loop,
    "self_loop": a_self_loop,
    "nest": a_nest,
    "nest_again": a_nest_that_is_visited_again,
    "mixed": mixed,
    "async_nest": async_nest,
    "policies": policies,
    "batch": functools.partial(batch, BatchNode),
    "parallel_batch": functools.partial(batch, ParallelBatchNode),
    "async_batch": functools.partial(batch, AsyncBatchNode, is_async=True),
    "async_parallel_batch": functools.partial(
        batch, AsyncParallelBatchNode, is_async=True
    ),
    "passes": passes,
    "passes_alone": passes_alone,
    "parallel_passes": parallel_passes,
    "sub_graph": sub_graph,
    "side_by_side": sub_graphs_side_by_side,
    "conversation": a_conversation,
    "persistent": persistent,
    "functions": functions,
    "foreign_chain": foreign_chain,
    "foreign_nest": foreign_nest,
    "foreign_mixed": foreign_mixed,
    "foreign_batch": functools.partial(foreign_batch, shaped.BatchNode),
    "foreign_parallel_batch": functools.partial(
        foreign_batch, shaped.ParallelBatchNode
    ),
    "foreign_passes": foreign_passes,
    "foreign_sub_graph": foreign_sub_graph,
}


def added_up(records):
    state = State()
    for data in records:
        fold(state, decode(data))
    return state


@pytest.mark.parametrize("name", GRAPHS)
def test_a_run_cut_off_anywhere_goes_on_and_repeats_nothing(name):
    journal.clear()
    shared = {"start": 1}
    whole = play(GRAPHS[name](), shared)
    expected = set(journal)
    # More records than the start's: else this shows nothing.
    assert len(whole.records) > 2
    for kept in range(1, len(whole.records) + 1):
        journal.clear()
        again = {}
        rest = play(GRAPHS[name](), again, added_up(whole.records[:kept]))
        assert again == shared, f"cut off behind record {kept}"
        records = [decode(data) for data in whole.records[:kept]]
        ended = {(r.task_id, r.item) for r in records if r.kind in {"state", "item"}}
        assert not ended & set(journal)
        assert not ended & {(task_id, None) for task_id in rest.begun}
        assert len(journal) == len(set(journal))
        assert expected - ended == set(journal)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_was_cut_off_twice_goes_on_as_well(name):
    shared = {"start": 1}
    whole = play(GRAPHS[name](), shared)
    for kept in range(1, len(whole.records)):
        second = {}
        rest = play(GRAPHS[name](), second, added_up(whole.records[:kept]))
        cut = [*whole.records[:kept], *rest.records[: len(rest.records) // 2 + 1]]
        again = {}
        play(GRAPHS[name](), again, added_up(cut))
        assert again == shared
