"""``max_visits``: a cycle that goes round too often."""

import asyncio

import pytest

from kgnb.errors import VisitLimit
from kgnb.graph import AsyncGraph, AsyncNode, BatchGraph, Graph, Node


class Loop(Node):
    """Goes round for ever, or so often as ``shared["until"]`` says."""

    def post(self, shared, prep_res, exec_res):
        shared["n"] = shared.get("n", 0) + 1
        return "out" if shared["n"] >= shared.get("until", 10**9) else None


class LoopAsync(AsyncNode, Loop):
    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


def looping(cls=Loop, **policies):
    loop = cls(node_id="loop", **policies)
    loop >> loop
    loop - "out" >> None
    return loop


def run(graph, shared):
    if isinstance(graph, AsyncGraph):
        return asyncio.run(graph.run_async(shared))
    return graph.run(shared)


kinds = pytest.mark.parametrize(
    ("cls", "graph"), [(Loop, Graph), (Loop, AsyncGraph), (LoopAsync, AsyncGraph)]
)


@kinds
def test_visit_limit_of_a_node_names_it_and_loses_nothing(cls, graph):
    shared = {}
    with pytest.raises(
        VisitLimit,
        match=r"loop was visited 3 times in one pass of g, .* a higher max_visits=",
    ) as caught:
        run(graph(looping(cls, max_visits=3), name="g"), shared)
    assert (caught.value.node, caught.value.limit) == ("loop", 3)
    assert shared == {"n": 3}


@kinds
def test_visit_limit_of_a_graph_holds_for_each_of_its_nodes(cls, graph):
    shared = {}
    with pytest.raises(VisitLimit, match="loop was visited 4 times"):
        run(graph(looping(cls), max_visits=4), shared)
    assert shared == {"n": 4}


def test_visit_limit_of_the_node_comes_before_the_graphs():
    shared = {}
    with pytest.raises(VisitLimit):
        Graph(looping(max_visits=5), max_visits=2).run(shared)
    assert shared == {"n": 5}


def test_visit_limit_that_is_just_enough_lets_pass():
    assert Graph(looping(max_visits=3)).run({"until": 3}) == "out"


def test_visit_limit_is_of_one_pass():
    graph = Graph(looping(max_visits=3))
    assert [graph.run({"until": 3}) for _ in range(4)] == ["out"] * 4


def test_visit_limit_is_of_each_pass_of_a_batch():
    class Passes(BatchGraph):
        def prep(self, shared):
            return [{}, {}, {}]

    class Once(Node):
        def post(self, shared, prep_res, exec_res):
            shared["n"] = shared.get("n", 0) + 1

    shared = {}
    Passes(Once(max_visits=1)).run(shared)
    assert shared == {"n": 3}


def test_visit_limit_of_a_nested_graph_is_the_outer_ones():
    inner = Graph(Loop(), name="inner", max_visits=1)
    inner >> inner
    shared = {}
    with pytest.raises(VisitLimit, match="inner was visited 5 times in one pass of"):
        Graph(inner, name="outer", max_visits=5).run(shared)
    assert shared == {"n": 5}


def test_visit_limit_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="max_visits= takes at least 1"):
        Graph(max_visits=0)
