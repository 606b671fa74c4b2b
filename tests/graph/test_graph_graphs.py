"""Graph and AsyncGraph: routing, copies, params, config, nesting, both sides."""

import asyncio
import itertools
import threading

import pytest

from kgnb.graph import AsyncGraph, AsyncNode, Config, Graph, Node


class Say(Node):
    """Notes its name in ``shared`` and returns its action."""

    def __init__(self, name, action=None):
        super().__init__(node_id=name)
        self.action = action

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class SayAsync(AsyncNode, Say):
    async def post_async(self, shared, prep_res, exec_res):
        return Say.post(self, shared, prep_res, exec_res)


def said(graph):
    shared = {}
    graph.run(shared)
    return shared["said"]


def test_graph_follows_actions_and_returns_the_last_one():
    a, b, c = Say("a", "left"), Say("b"), Say("c", "end")
    a - "left" >> b >> c
    shared = {}
    assert Graph(a).run(shared) == "end"
    assert shared == {"said": ["a", "b", "c"]}


def test_graph_empty_returns_none():
    assert Graph().run({}) is None


def test_graph_start_is_a_method_that_returns_the_node():
    a, graph = Say("a"), Graph()
    assert graph.start(a) is a
    assert graph.start_node is a
    assert said(graph) == ["a"]


@pytest.mark.parametrize("start", [3, "a", Say])
def test_graph_start_with_no_node_is_a_type_error(start):
    with pytest.raises(TypeError, match="Graph cannot start with"):
        Graph(start)


def test_graph_names_by_keyword():
    config = Config(a=1)
    graph = Graph(Say("a"), config, name="article", node_id="g")
    assert (graph.name, graph.node_id, graph.config) == ("article", "g", config)
    with pytest.raises(TypeError):
        Graph(Say("a"), config, "article")


@pytest.mark.parametrize("action", [None, "", 0, False, []])
def test_graph_falsy_action_is_default(action):
    a = Say("a", action)
    a >> Say("b")
    assert said(Graph(a)) == ["a", "b"]


@pytest.mark.parametrize("action", [7, ("x", 1), True])
def test_graph_any_hashable_is_an_action(action):
    a = Say("a", action)
    a.next(Say("b"), action)
    assert said(Graph(a)) == ["a", "b"]


def test_graph_unknown_action_ends_it_with_the_warning(caplog):
    a = Say("a", "lfet")
    a - "left" >> Say("b")
    a >> Say("c")
    with pytest.warns(UserWarning, match="Graph ends") as caught:
        assert Graph(a).run({}) == "lfet"
    text = (
        "Graph ends: 'lfet' not found in ['left', 'default']: "
        "'lfet' is not wired from 'a'; did you mean 'left'?"
    )
    assert [str(one.message) for one in caught] == [text]
    assert text in caplog.messages


def test_graph_missing_default_is_not_replaced_by_another():
    a = Say("a")
    a - "left" >> Say("b")
    with pytest.warns(UserWarning, match="Graph ends: 'default' not found in"):
        assert Graph(a).run({}) is None


def test_graph_action_wired_to_none_ends_it_without_a_warning():
    a = Say("a", "stop")
    a - "stop" >> None
    a >> Say("b")
    assert Graph(a).run({}) == "stop"


def test_graph_unknown_action_without_successors_ends_silently():
    assert Graph(Say("a", "end")).run({}) == "end"


@pytest.mark.parametrize("action", [["x"], {"x": 1}])
def test_graph_unhashable_action_is_a_type_error(action):
    with pytest.raises(TypeError, match="unhashable"):
        Graph(Say("a", action)).run({})


class Counter(Node):
    """Loops until it ran ``times`` times."""

    def __init__(self, times):
        super().__init__(node_id="counter")
        self.times = times
        self.count = 0
        self.history = []

    def post(self, shared, prep_res, exec_res):
        self.count += 1
        self.history.append(self.count)
        shared["n"] = shared.get("n", 0) + 1
        return "again" if shared["n"] < self.times else "done"


def test_graph_visits_fresh_copies_that_share_mutable_attributes():
    counter = Counter(4)
    counter - "again" >> counter
    counter - "done" >> Say("end")
    Graph(counter).run({})
    assert counter.history == [1, 1, 1, 1]
    assert counter.count == 0


def test_graph_runs_many_times_and_leaves_users_objects_alone():
    a, b = Say("a", "x"), Say("b")
    a - "x" >> b
    graph = Graph(a, Config(k=1))
    before = [dict(vars(thing)) for thing in (a, b, graph)]
    for _ in range(3):
        assert said(graph) == ["a", "b"]
    assert [dict(vars(thing)) for thing in (a, b, graph)] == before


def test_graph_runs_from_several_threads_at_once():
    graph, results = Graph(Counter(50)), []
    graph.start_node - "again" >> graph.start_node
    graph.start_node - "done" >> Say("end")

    def work():
        shared = {}
        graph.run(shared)
        results.append(shared["n"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [50] * 8


def test_graph_long_chain_needs_no_recursion():
    nodes = [Node() for _ in range(5000)]
    for node, following in itertools.pairwise(nodes):
        node >> following
    assert Graph(nodes[0]).run({}) is None


def test_graph_error_of_a_node_comes_out_as_it_is():
    error = ValueError("mine")

    class Failing(Node):
        def exec(self, prep_res):
            raise error

    with pytest.raises(ValueError) as caught:
        Graph(Failing()).run({})
    assert caught.value is error


def test_graph_on_error_truthy_follows_default():
    class Forgiving(Node):
        def exec(self, prep_res):
            raise ValueError

        def on_error(self, shared, exc):
            return True

    node = Forgiving()
    node >> Say("next")
    assert said(Graph(node)) == ["next"]


def test_graph_shared_is_passed_by_reference():
    class Identity(Node):
        def post(self, shared, prep_res, exec_res):
            shared["self"] = shared

    shared = {}
    Graph(Identity()).run(shared)
    assert shared["self"] is shared


# Params and config


class Params(Node):
    def post(self, shared, prep_res, exec_res):
        shared.setdefault("params", []).append(self.params)


def test_params_of_the_graph_replace_the_nodes_own():
    node, shared = Params(), {}
    node.set_params({"mine": 1})
    graph = Graph(node)
    graph.run(shared)
    graph.set_params({"k": 1})
    graph.run(shared)
    assert shared["params"] == [{}, {"k": 1}]
    assert node.params == {"mine": 1}


def test_params_of_the_call_go_before_the_graphs_unless_empty():
    graph, shared = Graph(Params()), {}
    graph.set_params({"k": 1})
    graph._orch(shared, {"other": 2})
    graph._orch(shared, {})
    assert shared["params"] == [{"other": 2}, {"k": 1}]


def test_params_flow_down_into_nested_graphs():
    outer, shared = Graph(Graph(Params())), {}
    outer.set_params({"k": 1})
    outer.run(shared)
    assert shared["params"] == [{"k": 1}]


class Configured(Node):
    def post(self, shared, prep_res, exec_res):
        shared.setdefault("configs", []).append(self.config)


def test_config_is_handed_down_by_identity_unless_the_node_has_one():
    mine, theirs, shared = Config(a=1), Config(b=2), {}
    bare, own = Configured(), Configured(config=mine)
    bare >> own
    Graph(bare, theirs).run(shared)
    assert shared["configs"][0] is theirs
    assert shared["configs"][1] is mine
    assert not bare.config


def test_config_passes_through_a_nested_graph():
    config, shared = Config(a=1), {}
    Graph(Graph(Configured()), config).run(shared)
    assert shared["configs"][0] is config


# Nesting


def test_nested_graph_routes_the_outer_one_by_its_last_action():
    inner = Graph(Say("in", "right"))
    left, right = Say("left"), Say("right")
    inner - "left" >> left
    inner - "right" >> right
    assert said(Graph(inner)) == ["in", "right"]


@pytest.mark.parametrize("node", [Say, SayAsync])
def test_nested_graph_phases_and_hooks_are_called_but_exec(node):
    calls = []

    class Inner(Graph):
        def prep(self, shared):
            calls.append("prep")
            return "p"

        def post(self, shared, prep_res, exec_res):
            calls.append(("post", prep_res, exec_res))
            return "chosen"

        def before_prep(self, shared):
            calls.append("before_prep")

        def after_exec(self, shared, prep_res, exec_res):
            calls.append(("after_exec", prep_res, exec_res))

        def exec(self, prep_res):
            calls.append("never")

    inner = Inner(node("a", "act"))
    inner - "chosen" >> Say("b")
    shared = {}
    asyncio.run(AsyncGraph(inner).run_async(shared))
    assert shared["said"] == ["a", "b"]
    assert calls == [
        "before_prep",
        "prep",
        ("after_exec", "p", "act"),
        ("post", "p", "act"),
    ]


@pytest.mark.parametrize("forgives", [True, False])
def test_nested_graph_on_error_of_a_graph_decides(forgives):
    class Inner(Graph):
        def on_error(self, shared, exc):
            shared["asked"] = str(exc)
            return forgives

    class Failing(Node):
        def exec(self, prep_res):
            raise ValueError("boom")

    inner, shared = Inner(Failing()), {}
    inner >> Say("next")
    if forgives:
        Graph(inner).run(shared)
        assert shared == {"asked": "boom", "said": ["next"]}
    else:
        with pytest.raises(ValueError, match="boom"):
            Graph(inner).run(shared)
        assert shared == {"asked": "boom"}


def test_graph_run_with_successors_warns():
    graph = Graph(Say("a"), name="inner")
    graph >> Say("b")
    with pytest.warns(UserWarning, match="inner runs alone"):
        graph.run({})


def test_graph_with_overridden_run_is_honoured_when_nested():
    class Twice(Graph):
        def _run(self, shared):
            super()._run(shared)
            return super()._run(shared)

    assert said(Graph(Twice(Say("a")))) == ["a", "a"]


# Async and mixed


def test_async_graph_runs_mixed_nodes():
    a, b, c = SayAsync("a", "x"), Say("b"), SayAsync("c", "end")
    a - "x" >> b >> c
    shared = {}
    assert asyncio.run(AsyncGraph(a).run_async(shared)) == "end"
    assert shared["said"] == ["a", "b", "c"]


def test_async_graph_calls_its_async_prep_and_post():
    class Own(AsyncGraph):
        async def prep_async(self, shared):
            return "p"

        async def post_async(self, shared, prep_res, exec_res):
            return (prep_res, exec_res)

    assert asyncio.run(Own(Say("a", "act")).run_async({})) == ("p", "act")


def test_async_graph_run_works_if_all_nodes_are_sync():
    assert AsyncGraph(Say("a", "act")).run({}) == "act"


@pytest.mark.parametrize("kind", [Graph, AsyncGraph])
def test_async_node_in_a_sync_run_says_to_use_run_async(kind):
    with pytest.raises(RuntimeError, match=r"(?m)^Use run_async for AsyncNode\.$"):
        kind(SayAsync("a")).run({})


class Thread(Node):
    def exec(self, prep_res):
        return threading.current_thread()

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("threads", []).append(exec_res)


def test_async_graph_runs_sync_nodes_off_the_loop_in_one_thread():
    a, b, c, d = Thread("a"), Thread("b"), SayAsync("c"), Thread("d")
    a >> b >> c >> d
    shared = {}
    asyncio.run(AsyncGraph(a).run_async(shared))
    assert threading.current_thread() not in shared["threads"]
    assert len(set(shared["threads"])) == 1


def test_async_graph_sync_node_does_not_hold_up_the_loop():
    class Blocking(Node):
        def prep(self, shared):
            return shared

        def exec(self, prep_res):
            assert prep_res["release"].wait(10)

    async def main():
        shared = {"release": threading.Event()}
        task = asyncio.create_task(AsyncGraph(Blocking()).run_async(shared))
        await asyncio.sleep(0)
        shared["release"].set()  # only a free loop comes to this line
        await task

    asyncio.run(main())


def test_async_graph_holds_nested_sync_and_async_graphs():
    inner_sync, inner_async = Graph(Say("a")), AsyncGraph(SayAsync("b"))
    inner_mixed = Graph(SayAsync("c"))
    inner_sync >> inner_async >> inner_mixed >> Say("d")
    shared = {}
    asyncio.run(AsyncGraph(inner_sync).run_async(shared))
    assert shared["said"] == ["a", "b", "c", "d"]


def test_async_graph_two_runs_at_once_do_not_mix():
    async def main():
        graph = AsyncGraph(SayAsync("a"))
        graph.start_node >> Say("b") >> SayAsync("c")
        shareds = [{} for _ in range(5)]
        await asyncio.gather(*(graph.run_async(shared) for shared in shareds))
        return shareds

    assert asyncio.run(main()) == [{"said": ["a", "b", "c"]}] * 5


def test_async_graph_with_successors_warns():
    graph = AsyncGraph(Say("a"), name="g")
    graph >> Say("b")
    with pytest.warns(UserWarning, match="g runs alone"):
        asyncio.run(graph.run_async({}))


def test_async_graph_cancel_reaches_an_async_node():
    reached = []

    class Waiting(AsyncNode):
        async def exec_async(self, prep_res):
            reached.append("started")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                reached.append("cancelled")
                raise

    async def main():
        task = asyncio.create_task(AsyncGraph(Waiting(max_retries=3)).run_async({}))
        while not reached:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert reached == ["started", "cancelled"]


def test_async_graph_cancel_stops_a_sync_node_at_its_next_phase():
    phases, running, release = [], threading.Event(), threading.Event()
    over = threading.Event()

    class Busy(Node):
        def exec(self, prep_res):
            phases.append(threading.current_thread())
            running.set()
            release.wait(10)
            over.set()

        def post(self, shared, prep_res, exec_res):
            phases.append("post")

    async def main():
        task = asyncio.create_task(AsyncGraph(Busy()).run_async({}))
        while not running.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not over.is_set()  # the run returned while the thread was in exec

    asyncio.run(main())
    release.set()
    phases[0].join(10)
    assert len(phases) == 1
