"""Graphs: what they return, copies per visit, params, config, nesting, both sides."""

import asyncio
import itertools
import threading

import pytest

import kgnb.graph as kaygraph
from kgnb.errors import RunCancelled
from kgnb.runtime import run


class Say(kaygraph.Node):
    """Notes its name and returns its action."""

    def __init__(self, name="say", action=None):
        super().__init__(node_id=name)
        self.action = action

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        shared.setdefault("params", []).append(self.params)
        shared.setdefault("configs", []).append(self.config)
        return self.action


class SayAsync(kaygraph.AsyncNode, Say):
    async def post_async(self, shared, prep_res, exec_res):
        return Say.post(self, shared, prep_res, exec_res)


KINDS = [
    (Say, kaygraph.Graph),
    (Say, kaygraph.AsyncGraph),
    (SayAsync, kaygraph.AsyncGraph),
]
kinds = pytest.mark.parametrize(("say", "graph"), KINDS, ids=["sync", "mixed", "async"])


def said(runner, graph):
    shared = {}
    runner(graph, shared)
    return shared["said"]


# What a run gives


@kinds
def test_run_returns_the_last_action_and_never_shared(runner, say, graph):
    a, b = say("a", "x"), say("b", "end")
    a - "x" >> b
    assert runner(graph(a), {}) == "end"


@pytest.mark.parametrize("graph", [kaygraph.Graph, kaygraph.AsyncGraph])
def test_run_of_an_empty_graph_returns_none(runner, graph):
    assert runner(graph(), {}) is None


def test_start_sets_and_returns_the_first_node(runner):
    a, graph = Say("a"), kaygraph.Graph()
    assert graph.start(a) is a
    assert graph.start_node is a
    graph.start_node = Say("b")
    assert said(runner, graph) == ["b"]


@kinds
def test_shared_is_passed_by_reference(runner, say, graph):
    class Keep(say):
        def prep(self, shared):
            seen.append(shared)

        async def prep_async(self, shared):
            seen.append(shared)

    seen, shared = [], {"k": []}
    runner(graph(Keep("a")), shared)
    assert seen[0] is shared


@kinds
def test_prep_and_post_of_a_subclass_are_called(runner, say, graph):
    calls = []

    class Own(graph):
        def prep(self, shared):
            calls.append("prep")
            return "p"

        def post(self, shared, prep_res, exec_res):
            calls.append(("post", prep_res, exec_res))
            return "mine"

        async def prep_async(self, shared):
            return self.prep(shared)

        async def post_async(self, shared, prep_res, exec_res):
            return self.post(shared, prep_res, exec_res)

    assert runner(Own(say("a", "act")), {}) == "mine"
    assert calls == ["prep", ("post", "p", "act")]


@kinds
def test_hooks_of_a_subclass_are_called_but_its_exec_is_not(runner, say, graph):
    calls = []

    class Own(graph):
        def before_prep(self, shared):
            calls.append("before_prep")

        def after_exec(self, shared, prep_res, exec_res):
            calls.append(("after_exec", exec_res))

        def exec(self, prep_res):
            calls.append("never")

    runner(Own(say("a", "act")), {})
    assert calls == ["before_prep", ("after_exec", "act")]


@kinds
@pytest.mark.parametrize("forgives", [True, False])
def test_on_error_of_a_subclass_decides_over_an_error_inside(
    runner, say, graph, forgives
):
    class Failing(say):
        def prep(self, shared):
            raise KeyError("inside")

        async def prep_async(self, shared):
            return self.prep(shared)

    class Own(graph):
        def on_error(self, shared, exc):
            shared["asked"] = exc.args
            return forgives

    shared = {}
    if forgives:
        assert runner(Own(Failing()), shared) is None
    else:
        with pytest.raises(KeyError):
            runner(Own(Failing()), shared)
    assert shared == {"asked": ("inside",)}


# Copies per visit


class Counter(kaygraph.Node):
    """Loops four times, counting in a number and in a list."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.count = 0
        self.history = []

    def post(self, shared, prep_res, exec_res):
        self.count += 1
        self.history.append(self.count)
        shared["n"] = shared.get("n", 0) + 1
        return "again" if shared["n"] < 4 else "done"


class AsyncCounter(kaygraph.AsyncNode, Counter):
    async def post_async(self, shared, prep_res, exec_res):
        return Counter.post(self, shared, prep_res, exec_res)


@pytest.mark.parametrize("cls", [Counter, AsyncCounter])
def test_plain_attributes_are_fresh_per_visit_and_mutable_ones_shared(runner, cls):
    counter = cls()
    counter - "again" >> counter
    counter - "done" >> Say("end")
    runner(kaygraph.AsyncGraph(counter), {})
    assert counter.history == [1, 1, 1, 1]
    assert counter.count == 0


@kinds
def test_context_notes_are_readable_after_the_run(runner, say, graph):
    node = say("a")
    runner(graph(node), {})
    assert node.get_context("last_execution_time") >= 0


@kinds
def test_users_objects_stay_as_they_were(runner, say, graph):
    a, b = say("a", "x"), say("b")
    a - "x" >> b
    whole = graph(a, kaygraph.Config(k=1))
    before = [dict(vars(thing)) for thing in (a, b, whole)]
    for _ in range(3):
        assert said(runner, whole) == ["a", "b"]
    assert [dict(vars(thing)) for thing in (a, b, whole)] == before


@kinds
def test_one_graph_runs_from_several_threads(runner, say, graph):
    counter = Counter()
    counter - "again" >> counter
    counter - "done" >> say("end")
    whole, results = graph(counter), []

    def work():
        shared = {}
        runner(whole, shared)
        results.append(shared["n"])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [4] * 6


def test_a_thousand_nodes_and_a_thousand_turns_need_no_recursion():
    chain = [kaygraph.Node() for _ in range(3000)]
    for node, following in itertools.pairwise(chain):
        node >> following
    assert kaygraph.Graph(chain[0]).run({}) is None

    class Long(kaygraph.Node):
        def post(self, shared, prep_res, exec_res):
            shared["n"] += 1
            return "again" if shared["n"] < 3000 else "done"

    loop, shared = Long(), {"n": 0}
    loop - "again" >> loop
    loop.next(kaygraph.Node(), "done")
    kaygraph.Graph(loop).run(shared)
    assert shared == {"n": 3000}


# Params and config


@kinds
def test_params_of_the_graph_replace_a_nodes_own_even_by_none(runner, say, graph):
    node = say("a")
    node.set_params({"mine": 1})
    whole, shared = graph(node), {}
    runner(whole, shared)
    whole.set_params({"k": 1})
    runner(whole, shared)
    assert shared["params"] == [{}, {"k": 1}]
    assert node.params == {"mine": 1}


@kinds
def test_params_are_a_copy_for_each_node(runner, say, graph):
    a, b = say("a"), say("b")
    a >> b
    whole, shared = graph(a), {}
    whole.set_params({"k": 1})
    runner(whole, shared)
    first, second = shared["params"]
    assert first == second == {"k": 1}
    assert first is not second
    assert first is not whole.params


def test_params_of_orch_go_before_the_graphs_unless_empty():
    graph, shared = kaygraph.Graph(Say()), {}
    graph.set_params({"k": 1})
    graph._orch(shared, {"other": 2})
    graph._orch(shared, {})
    graph._orch(shared)
    assert shared["params"] == [{"other": 2}, {"k": 1}, {"k": 1}]


def test_params_of_orch_async_likewise():
    graph, shared = kaygraph.AsyncGraph(SayAsync()), {}
    graph.set_params({"k": 1})
    asyncio.run(graph._orch_async(shared, {"other": 2}))
    asyncio.run(graph._orch_async(shared))
    assert shared["params"] == [{"other": 2}, {"k": 1}]


@kinds
def test_params_flow_down_into_nested_graphs(runner, say, graph):
    inner = graph(say("a"))
    inner.set_params({"lost": 1})
    outer, shared = kaygraph.AsyncGraph(inner), {}
    outer.set_params({"k": 1})
    runner(outer, shared)
    assert shared["params"] == [{"k": 1}]
    assert inner.params == {"lost": 1}


@kinds
def test_config_is_given_as_the_same_object_to_nodes_without_one(runner, say, graph):
    mine, theirs, shared = kaygraph.Config(a=1), kaygraph.Config(b=2), {}
    bare, own = say("bare"), say("own")
    own.config = mine
    bare >> own
    runner(graph(bare, theirs), shared)
    assert shared["configs"][0] is theirs
    assert shared["configs"][1] is mine
    assert not bare.config


@kinds
def test_config_passes_through_nested_graphs(runner, say, graph):
    config, shared = kaygraph.Config(a=1), {}
    runner(kaygraph.AsyncGraph(graph(say()), config), shared)
    assert shared["configs"][0] is config


@kinds
def test_empty_config_of_a_graph_is_not_given(runner, say, graph):
    node, shared = say(), {}
    runner(graph(node, kaygraph.Config()), shared)
    assert shared["configs"][0] is node.config


# Nesting


@kinds
def test_nested_graph_routes_by_its_last_action(runner, say, graph):
    inner = graph(say("in", "right"))
    inner - "left" >> say("left")
    inner - "right" >> say("right")
    assert said(runner, kaygraph.AsyncGraph(inner)) == ["in", "right"]


@kinds
def test_nested_graph_follows_default(runner, say, graph):
    inner = graph(say("in"))
    inner >> say("out")
    outer = kaygraph.AsyncGraph(say("first"))
    outer.start_node >> inner
    assert said(runner, outer) == ["first", "in", "out"]


@kinds
def test_nested_graphs_share_the_same_object(runner, say, graph):
    seen = []

    class Keep(say):
        def prep(self, shared):
            seen.append(shared)

        async def prep_async(self, shared):
            seen.append(shared)

    shared = {}
    runner(kaygraph.AsyncGraph(graph(graph(Keep()))), shared)
    assert seen[0] is shared


# Assigned on an instance


@kinds
def test_run_assigned_on_a_node_is_what_the_graph_calls(runner, say, graph):
    node, calls = say("a"), []
    name = "_run_async" if say is SayAsync else "_run"
    original = getattr(node, name)

    def counted(shared):
        calls.append(shared)
        return original(shared)

    setattr(node, name, counted)
    shared = {}
    runner(graph(node), shared)
    assert calls == [shared]
    assert shared["said"] == ["a"]


def test_run_assigned_on_a_graph_is_called(runner):
    graph, calls = kaygraph.Graph(Say("a", "end")), []
    original = graph.run

    def timed(shared):
        calls.append(shared)
        return original(shared)

    graph.run = timed
    assert runner(graph, {}) == "end"
    assert len(calls) == 1


def test_run_async_assigned_on_a_graph_is_called(runner):
    graph, calls = kaygraph.AsyncGraph(SayAsync("a", "end")), []
    original = graph.run_async

    async def timed(shared):
        calls.append(shared)
        return await original(shared)

    graph.run_async = timed
    assert runner(graph, {}) == "end"
    assert len(calls) == 1


def test_run_assigned_on_a_nested_graph_is_called(runner):
    inner, calls = kaygraph.Graph(Say("a", "end")), []
    original = inner._run

    def counted(shared):
        calls.append(1)
        return original(shared)

    inner._run = counted
    assert runner(kaygraph.Graph(inner), {}) == "end"
    assert calls == [1]


def test_get_next_node_can_be_overridden_and_asked(runner):
    a, b = Say("a"), Say("b")
    a >> b

    class Own(kaygraph.Graph):
        def get_next_node(self, curr, action):
            following = super().get_next_node(curr, action)
            asked.append((curr.node_id, action))
            return following

    asked = []
    runner(Own(a), {})
    assert asked == [("a", None), ("b", None)]
    assert kaygraph.Graph(a).get_next_node(a, None) is b


# Both sides


def test_async_graph_run_works_if_all_nodes_are_sync():
    inner = kaygraph.AsyncGraph(Say("in", "x"))
    assert inner.run({}) == "x"


@pytest.mark.parametrize("graph", [kaygraph.Graph, kaygraph.AsyncGraph])
def test_async_part_in_a_sync_run_says_to_use_run_async(graph):
    for part in (SayAsync(), kaygraph.AsyncGraph(SayAsync())):
        with pytest.raises(RuntimeError, match="Use run_async"):
            graph(part).run({})


def test_mixed_graph_runs_under_kgnb_run_whatever_its_class():
    a, b, c = Say("a"), SayAsync("b"), Say("c")
    a >> b >> c
    shared = {}
    run(kaygraph.Graph(a), shared, panel=False, mode="live").result(20)
    assert shared["said"] == ["a", "b", "c"]


def test_sync_node_in_an_async_graph_does_not_freeze_the_loop(runner):
    class Blocks(kaygraph.Node):
        def prep(self, shared):
            return shared

        def exec(self, prep_res):
            # Set by an async node's task: only a free loop comes to it.
            assert prep_res["free"].wait(20)

    class Begins(kaygraph.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            async def free():
                shared["free"].set()

            shared["task"] = asyncio.ensure_future(free())

    begins, shared = Begins(), {"free": threading.Event()}
    begins >> Blocks()
    runner(kaygraph.AsyncGraph(begins), shared)
    assert shared["task"].done()


def test_cancel_of_the_task_reaches_the_async_node():
    calls = []

    class Waits(kaygraph.AsyncNode):
        async def exec_async(self, prep_res):
            calls.append("exec")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                calls.append("cancelled")
                raise

        async def exec_fallback_async(self, prep_res, exc):
            calls.append("fallback")

    async def main():
        graph = kaygraph.AsyncGraph(Waits(max_retries=3))
        task = asyncio.ensure_future(graph.run_async({}))
        while not calls:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert calls == ["exec", "cancelled"]


def test_cancel_stops_a_running_sync_graph_at_its_next_phase():
    began, release, phases = threading.Event(), threading.Event(), []

    class Busy(kaygraph.Node):
        def exec(self, prep_res):
            began.set()
            release.wait(20)
            phases.append("exec")

        def post(self, shared, prep_res, exec_res):
            phases.append("post")

    running = run(kaygraph.Graph(Busy(3)), {}, panel=False, mode="live")
    assert began.wait(20)
    running.cancel()
    release.set()
    with pytest.raises(RunCancelled):
        running.result(20)
    assert phases == ["exec"]


def test_graph_async_methods_stand_alone():
    graph, shared = kaygraph.AsyncGraph(SayAsync("a", "end")), {}
    assert asyncio.run(graph._run_async(shared)) == "end"
    assert shared["said"] == ["a"]


# Names


def test_graph_has_a_name_and_nodes_stable_ids():
    first, second, inner = Say("a"), kaygraph.Node(), kaygraph.Node()
    first >> second >> kaygraph.Node() >> kaygraph.Graph(inner, name="inner")
    running = run(kaygraph.Graph(first, name="article"), {}, panel=False, mode="live")
    running.result(20)
    assert running.view.graph.name == "article"
    ids = [node.id for node in running.view.graph.nodes]
    assert ids == ["a", "Node", "Node_2", "inner", "inner/Node"]
    assert running.view.nodes["inner/Node"].status == "completed"
