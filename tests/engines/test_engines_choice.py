"""engine_for: what it accepts, and how it refuses the rest."""

import asyncio
import functools
import pickle

import pytest

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, ThreadWorker
from kgnb.errors import MissingKey, NotAGraph
from kgnb.graph import Graph, Node
from kgnb.graph.observe import Unobserved
from kgnb.graph.spec import members


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


def of_the_key(n):
    return n + 1


def of_keys(n, other=0):
    return n, other


def of_any(*arguments):
    return arguments


def tokens(n):
    yield str(n)
    yield str(n)


async def tokens_async(n):
    yield str(n)
    yield str(n)


class Bound:
    def method(self, n):
        return n + 3


@pytest.mark.parametrize(
    ("function", "results"),
    [
        (of_shared, {"of_shared": 2}),
        (of_shared_async, {"of_shared_async": 2}),
        (of_nothing, {"of_nothing": "nothing"}),
        (functools.partial(of_two, 5), {"of_two": (5, {"n": 1})}),
        (of_the_key, {"of_the_key": 2}),
        (of_keys, {"of_keys": (1, 0)}),
        (tokens, {"tokens": "11"}),
        (tokens_async, {"tokens_async": "11"}),
        (Bound().method, {"method": 4}),
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
        (of_any, r"of_any\(\*arguments\) takes \*arguments.*by name"),
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


def test_engine_for_a_function_names_the_key_that_is_missing():
    with pytest.raises(MissingKey, match=r"of_two takes 'second'.*not in shared"):
        results_of(of_two, {"first": 1})


def test_engine_for_a_function_writes_nothing_into_shared():
    shared = {"n": 1}
    results_of(of_keys, shared)
    assert shared == {"n": 1}


@pytest.mark.parametrize(
    "function", [functools.partial(of_keys, n=1), Bound().method, of_the_key]
)
def test_engine_for_a_function_makes_a_node_that_travels(function):
    (node,) = members(engine_for(function).graph)
    assert results_of(pickle.loads(pickle.dumps(node)), {"n": 1})
