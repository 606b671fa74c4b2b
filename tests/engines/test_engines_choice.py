"""engine_for: what it accepts, and how it refuses the rest."""

import asyncio
import functools

import pytest

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, ThreadWorker
from kgnb.errors import NotAGraph
from kgnb.graph import Graph, Node
from kgnb.graph.observe import Unobserved


class Results(Unobserved):
    def __init__(self):
        super().__init__()
        self.results = {}

    def node_finished(self, visit, outcome, *, action, error, result, duration):
        if result is not NO_RESULT:
            self.results[visit.node_id] = result


def results_of(thing, shared):
    observer = Results()

    async def main():
        worker = ThreadWorker()
        try:
            await engine_for(thing).run(shared, observer, worker=worker)
        finally:
            worker.close()

    asyncio.run(main())
    return observer.results


def of_shared(shared):
    return shared["n"] + 1


async def of_shared_async(shared):
    return shared["n"] + 1


def of_nothing():
    return "nothing"


def of_two(first, second):
    return first, second


@pytest.mark.parametrize(
    ("function", "results"),
    [
        (of_shared, {"of_shared": 2}),
        (of_shared_async, {"of_shared_async": 2}),
        (of_nothing, {"of_nothing": "nothing"}),
        (functools.partial(of_two, 5), {"of_two": (5, {"n": 1})}),
        (lambda shared: shared["n"], {"function": 1}),
    ],
)
def test_engine_for_a_function_runs_it_as_one_node(function, results):
    assert results_of(function, {"n": 1}) == results
    spec = engine_for(function).describe()
    assert [spec.name] == [node.id for node in spec.nodes] == list(results)


def test_engine_for_a_single_node_runs_it():
    class One(Node):
        def exec(self, prep_res):
            return 1

    assert results_of(One(), {}) == {"One": 1}


def test_engine_for_a_node_with_successors_asks_what_is_meant():
    first = Node("first")
    first >> Node("second")
    with pytest.raises(
        NotAGraph, match=r"first is a node with successors.*kgnb\.Graph"
    ):
        engine_for(first)


class FakeKayGraph:
    def get_next_node(self, curr, action): ...


class FakeLangGraph:
    def astream(self): ...


class FakeBuilder:
    def add_node(self): ...

    def compile(self): ...


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (None, "NoneType object None is no graph"),
        ({"a": 1}, "dict object {'a': 1} is no graph"),
        (Graph, r"Graph is a class.*write Graph\(\)"),
        (of_two, r"of_two\(first, second\) is a function that needs more than one"),
        (
            FakeKayGraph(),
            "FakeKayGraph looks like .* but has no start_node, successors",
        ),
        (FakeLangGraph(), "FakeLangGraph is another library's graph"),
        (FakeBuilder(), "FakeBuilder is a graph still being built"),
    ],
)
def test_engine_for_something_else_says_what_it_is_and_what_would_do(thing, text):
    with pytest.raises(NotAGraph, match=text) as caught:
        engine_for(thing)
    assert "shared" in str(caught.value)


def test_engine_for_a_coroutine_says_to_give_the_function():
    with pytest.raises(NotAGraph, match="give the function itself: of_shared_async"):
        engine_for(of_shared_async({}))


def test_engine_for_a_builtin_without_signature_is_refused():
    with pytest.raises(NotAGraph, match="min does not say what it takes"):
        engine_for(min)
