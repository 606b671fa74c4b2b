"""One program, alone and watched: the same result, and nothing of it is changed."""

import pytest

import kgnb.graph as kaygraph
from kgnb.runtime import run


class Load(kaygraph.Node):
    def post(self, shared, prep_res, exec_res):
        shared["items"] = [1, 2, 3]
        shared["params"] = dict(self.params)
        return "go"


class Work(kaygraph.ParallelBatchNode):
    def prep(self, shared):
        return shared["items"]

    def exec(self, prep_res):
        if prep_res == 2:
            raise KeyError(prep_res)
        return prep_res * 10

    def exec_fallback(self, prep_res, exc):
        return ("saved", prep_res, self.cur_retry)

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("out", []).append(exec_res)


class WorkAsync(kaygraph.AsyncParallelBatchNode, Work):
    async def prep_async(self, shared):
        return self.prep(shared)

    async def exec_async(self, prep_res):
        return Work.exec(self, prep_res)

    async def exec_fallback_async(self, prep_res, exc):
        return self.exec_fallback(prep_res, exc)

    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


class Again(kaygraph.Node):
    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.seen = []

    def post(self, shared, prep_res, exec_res):
        self.seen.append(shared["n"])
        shared["n"] += 1
        return "again" if shared["n"] < 3 else "enough"


class Each(kaygraph.BatchGraph):
    def prep(self, shared):
        return [{"i": 1}, {"i": 2}]


class Keep(kaygraph.Node):
    def post(self, shared, prep_res, exec_res):
        shared.setdefault("kept", []).append(dict(self.params))


@pytest.fixture(params=[Work, WorkAsync], ids=["sync", "async"])
def program(request):
    """Load, a loop over work in a nested graph, a batch graph; and all its objects."""
    load, again, keep = Load("n"), Again("n"), Keep("n")
    work = request.param(max_retries=2, node_id="n")
    inner, each = kaygraph.Graph(work), Each(keep)
    load - "go" >> inner >> again
    again - "again" >> inner
    again - "enough" >> each
    kind = kaygraph.Graph if request.param is Work else kaygraph.AsyncGraph
    graph = kind(load, kaygraph.Config(k=1))
    graph.set_params({"p": 1})
    return graph, [load, work, again, keep, inner, each, graph]


def test_program_gives_the_same_alone_and_watched(runner, program):
    graph, _ = program
    shared = {"n": 0}
    assert runner(graph, shared) is None
    assert shared == {
        "n": 3,
        "items": [1, 2, 3],
        "params": {"p": 1},
        "out": [[10, ("saved", 2, 1), 30]] * 3,
        "kept": [{"p": 1, "i": 1}, {"p": 1, "i": 2}],
    }


def test_program_is_left_as_it_was(runner, program):
    graph, everything = program

    def state():
        return [
            {
                name: dict(value) if isinstance(value, dict) else value
                for name, value in vars(thing).items()
            }
            for thing in everything
        ]

    before = state()
    runner(graph, {"n": 0})
    runner(graph, {"n": 0})
    after = state()
    for one in (*before, *after):
        one.pop("seen", None)  # shared by the copies, as users expect
        one.pop("_execution_context")  # so are notes
    assert after == before


def test_program_with_repeated_ids_is_told_apart(program):
    graph, _ = program
    running = run(graph, {"n": 0}, panel=False, mode="live")
    running.result(20)
    visits = {name: node.visits for name, node in running.view.nodes.items()}
    inner = "Graph"
    assert visits == {
        "n": 1,
        inner: 3,
        f"{inner}/n": 3,
        "n_2": 3,
        "Each": 1,
        "Each/n": 2,
    }


class Plain:
    """A node of some other library, as far as a graph needs one: without a config."""

    def __init__(self):
        self.node_id = "plain"
        self.successors = {}
        self.params = {}

    def set_params(self, params):
        self.params = dict(params)

    def _run(self, shared):
        shared["params"] = self.params
        shared["config"] = self.config


def test_node_without_a_config_is_given_the_graphs(runner):
    config, shared = kaygraph.Config(k=1), {}
    graph = kaygraph.Graph(Plain(), config)
    graph.set_params({"p": 1})
    runner(graph, shared)
    assert shared["params"] == {"p": 1}
    assert shared["config"] is config


def test_node_without_a_config_runs_where_the_graph_has_none(runner):
    class Bare(Plain):
        def _run(self, shared):
            shared["had"] = hasattr(self, "config")

    shared = {}
    runner(kaygraph.Graph(Bare()), shared)
    assert shared == {"had": False}
