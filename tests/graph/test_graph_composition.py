"""Sub-graphs in the picture, and their nodes as a watched run reports them."""

import asyncio
import itertools

import pytest

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, ThreadWorker
from kgnb.graph import (
    AsyncNode,
    Graph,
    Node,
    ParallelSubGraphNode,
    SubGraphNode,
    compose_graphs,
)
from kgnb.graph.observe import Unobserved
from kgnb.graph.spec import describe


class Step(Node):
    def __init__(self, name, action=None):
        super().__init__(node_id=name)
        self.action = action

    def exec(self, prep_res):
        return self.node_id

    def post(self, shared, prep_res, exec_res):
        return self.action


class AsyncStep(AsyncNode, Step):
    async def exec_async(self, prep_res):
        return self.node_id

    async def post_async(self, shared, prep_res, exec_res):
        return self.action


kinds = pytest.mark.parametrize("step", [Step, AsyncStep])


class Witness(Unobserved):
    def __init__(self):
        super().__init__()
        self.visits = {}
        self.results = {}

    def node_started(self, visit, via):
        self.visits[visit.task_id] = visit.path

    def node_finished(self, visit, outcome, *, action, error, result, duration):
        assert outcome == "completed"
        if result is not NO_RESULT:
            self.results[visit.task_id] = result


def observe(graph):
    witness = Witness()

    async def main():
        worker = ThreadWorker()
        try:
            await engine_for(graph).run({}, witness, worker=worker)
        finally:
            worker.close()

    asyncio.run(main())
    return witness


def chain(step, *names, name=None):
    nodes = [step(each) for each in names]
    for node, following in itertools.pairwise(nodes):
        node >> following
    return Graph(nodes[0], name=name)


@kinds
def test_sub_graph_node_is_the_frame_of_its_graph(step):
    sub = SubGraphNode(chain(step, "find", "read", name="research"))
    outer = Graph(sub, name="article")
    sub >> step("write")
    spec = describe(outer)
    assert [(n.id, n.kind, n.path) for n in spec.nodes] == [
        ("research", "graph", ()),
        ("research/find", "node", ("research",)),
        ("research/read", "node", ("research",)),
        ("write", "node", ()),
    ]
    assert [(e.source, e.target) for e in spec.edges] == [
        ("research", "write"),
        ("research/find", "research/read"),
    ]


@kinds
def test_sub_graph_nodes_are_reported_inside_their_frame(step):
    sub = SubGraphNode(chain(step, "find", "read"), node_id="research")
    sub >> step("write")
    witness = observe(Graph(sub))
    assert witness.visits == {
        "research:1": (),
        "research/find:1": ("research",),
        "research/read:1": ("research",),
        "write:1": (),
    }
    assert witness.results == {"write:1": "write"}


@kinds
def test_sub_graph_at_the_end_gives_the_run_its_result(step):
    witness = observe(Graph(SubGraphNode(chain(step, "find", "read"), "research")))
    assert witness.results == {"research/read:1": "read"}


@kinds
def test_parallel_graphs_are_frames_side_by_side(step):
    pair = [chain(step, "a", "b", name="left"), chain(step, "a")]
    outer = Graph(ParallelSubGraphNode(pair, node_id="both"))
    assert [(n.id, n.kind, n.path) for n in describe(outer).nodes] == [
        ("both", "graph", ()),
        ("both/left", "graph", ("both",)),
        ("both/left/a", "node", ("both", "left")),
        ("both/left/b", "node", ("both", "left")),
        ("both/Graph", "graph", ("both",)),
        ("both/Graph/a", "node", ("both", "Graph")),
    ]
    witness = observe(outer)
    assert set(witness.visits) == {
        "both:1",
        "both/left:1",
        "both/left/a:1",
        "both/left/b:1",
        "both/Graph:1",
        "both/Graph/a:1",
    }
    assert witness.results == {"both:1": [{}, {}]}


def test_composed_graphs_stand_in_a_row():
    whole = compose_graphs(chain(Step, "a", name="one"), chain(Step, "b", name="two"))
    assert [n.id for n in describe(whole).nodes] == ["one", "one/a", "two", "two/b"]
    assert list(observe(whole).visits) == ["one:1", "one/a:1", "two:1", "two/b:1"]


def test_one_graph_as_two_sub_graphs_is_drawn_and_counted_in_both():
    inner = chain(Step, "a")
    first, second = SubGraphNode(inner, "first"), SubGraphNode(inner, "second")
    first >> second
    assert list(observe(Graph(first)).visits) == [
        "first:1",
        "first/a:1",
        "second:1",
        "second/a:1",
    ]


def test_sub_graph_inside_a_sub_graph_is_nested_twice():
    inner = Graph(SubGraphNode(chain(Step, "a"), "inner"))
    witness = observe(Graph(SubGraphNode(inner, "outer")))
    assert witness.visits["outer/inner/a:1"] == ("outer", "inner")


def test_sub_graph_of_an_empty_graph_does_nothing():
    node = SubGraphNode(Graph(), "empty")
    assert [n.id for n in describe(Graph(node)).nodes] == ["empty"]
    assert list(observe(Graph(node)).visits) == ["empty:1"]
