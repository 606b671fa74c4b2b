"""KayGraphEngine: objects of KayGraph's shape, which know nothing of kgnb."""

import asyncio
import functools
import threading
from collections import Counter

import pytest
import shaped
from unchanged import snapshot
from witnessing import Witness, run

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, ThreadWorker, Via, current_context
from kgnb.errors import InvalidValue, NotAGraph
from kgnb.graph import Node as NativeNode


class Say(shaped.Node):
    def __init__(self, name, action=None, **others):
        super().__init__(node_id=name, **others)
        self.action = action

    def exec(self, prep_res):
        return f"{self.node_id}!"

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class SayAsync(shaped.AsyncNode):
    def __init__(self, name, action=None, **others):
        super().__init__(node_id=name, **others)
        self.action = action

    async def exec_async(self, prep_res):
        return f"{self.node_id}!"

    async def post_async(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class Flaky(shaped.Node):
    """Fails the first attempts at each item."""

    def __init__(self, failures, **others):
        super().__init__(**others)
        self.failures = failures
        self.tried = Counter()

    def exec(self, prep_res):
        self.tried[prep_res] += 1
        if self.tried[prep_res] <= self.failures:
            raise ValueError(prep_res)
        return prep_res

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class FlakyAsync(shaped.AsyncNode, Flaky):
    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        return self.exec(prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


ITEMS = ["a", "b", "c"]


def items(kind, *bases):
    """A batch node of ``ITEMS``."""

    class Items(*bases, kind):
        def prep(self, shared):
            return ITEMS

        async def prep_async(self, shared):
            return ITEMS

    return Items


def spec_of(thing):
    return engine_for(thing).describe()


# What is told of plain visits.


@pytest.mark.parametrize("graph", [shaped.Graph, shaped.AsyncGraph])
def test_kaygraph_reports_each_visit_with_the_edge_that_led_to_it(graph):
    a, b = Say("a", "x"), Say("b", "end")
    a - "x" >> b
    action, witness = run(graph(a))
    assert action == "end"
    assert witness.heard == [
        ("started", "a:1", None),
        ("finished", "a:1", "completed", "x", None, NO_RESULT),
        ("started", "b:1", Via("a", "x")),
        ("finished", "b:1", "completed", "end", None, "b!"),
    ]


def test_kaygraph_unknown_action_ends_as_the_library_says():
    a, b = Say("a", "y"), Say("b")
    a - "x" >> b
    with pytest.warns(UserWarning, match="Graph ends: 'y' not found"):
        action, witness = run(shaped.Graph(a))
    assert action == "y"
    assert witness.results == {"a:1": "a!"}


@pytest.mark.parametrize("say", [Say, SayAsync])
def test_kaygraph_nested_graph_is_a_visit_with_visits_in_it(say):
    a, b, c = say("a"), say("b", "x"), say("c")
    inner = (shaped.Graph if say is Say else shaped.AsyncGraph)(a)
    a >> b
    inner - "x" >> c
    graph = shaped.AsyncGraph(inner)
    name = type(inner).__name__
    assert [node.id for node in spec_of(graph).nodes] == [
        name,
        f"{name}/a",
        f"{name}/b",
        "c",
    ]
    shared = {}
    _, witness = run(graph, shared)
    assert shared["said"] == ["a", "b", "c"]
    assert [e[1] for e in witness.of("started")] == [
        f"{name}:1",
        f"{name}/a:1",
        f"{name}/b:1",
        "c:1",
    ]
    assert witness.of("started")[-1] == ("started", "c:1", Via(name, "x"))
    assert witness.results == {"c:1": "c!"}


def test_kaygraph_node_sees_a_fresh_copy_with_params_and_config_at_each_visit():
    seen = []

    class Count(shaped.Node):
        n = 0

        def exec(self, prep_res):
            self.n += 1
            seen.append((self.n, self.params, self.config))

        def post(self, shared, prep_res, exec_res):
            return "again" if len(seen) < 3 else "done"

    count = Count(node_id="count")
    count - "again" >> count
    count - "done" >> Say("end")
    graph = shaped.Graph(count, config=shaped.Config(model="m"))
    graph.set_params({"lang": "en"})
    run(graph)
    assert seen == [(1, {"lang": "en"}, {"model": "m"})] * 3


def test_kaygraph_node_that_fails_is_reported_and_raises_its_own_error():
    error = ValueError("no")

    class Failing(shaped.Node):
        def exec(self, prep_res):
            raise error

    witness = Witness()
    with pytest.raises(ValueError, match="no") as caught:
        run(shaped.Graph(Failing(node_id="f")), {}, witness)
    assert caught.value is error
    assert witness.of("finished") == [
        ("finished", "f:1", "failed", None, error, NO_RESULT)
    ]


def test_kaygraph_error_that_on_error_takes_goes_on_by_default():
    class Taking(shaped.Node):
        def exec(self, prep_res):
            raise ValueError

        def on_error(self, shared, exc):
            return True

    taking = Taking(node_id="t")
    taking >> Say("next")
    _, witness = run(shaped.Graph(taking))
    _, _, outcome, action, error, _ = witness.of("finished")[0]
    assert (outcome, action) == ("completed", "default")
    assert isinstance(error, ValueError)


def test_kaygraph_async_node_in_a_sync_graph_says_where_it_belongs():
    with pytest.raises(RuntimeError, match="use run_async") as caught:
        run(shaped.Graph(SayAsync("a")))
    assert "put it into an async one" in caught.value.__notes__[0]


def test_kaygraph_run_replaced_on_the_object_is_called():
    graph = shaped.Graph(Say("a"))
    graph.run = lambda shared: "mine"
    action, witness = run(graph)
    assert action == "mine"
    assert witness.heard == []


def test_kaygraph_graph_may_hold_our_nodes():
    class Ours(NativeNode):
        def exec(self, prep_res):
            return 5

    a = Say("a")
    a >> Ours()
    _, witness = run(shaped.Graph(a))
    assert witness.results == {"Ours:1": 5}


# Attempts and items.


@pytest.mark.parametrize("make", [Flaky, FlakyAsync], ids=lambda kind: kind.__name__)
def test_kaygraph_attempts_are_those_of_the_object(make):
    node = make(2, max_retries=3, node_id="f")
    shared = {"out": 1}
    _, witness = run(shaped.AsyncGraph(node), shared)
    assert witness.of("attempt") == [
        ("attempt", "f:1", 1, None, "None", 0),
        ("attempt", "f:1", 2, None, "None", 0),
    ]
    assert witness.of("finished")[0][2] == "completed"


def test_kaygraph_fallback_has_the_last_word_and_sees_the_last_attempt():
    seen = []

    class Falling(shaped.Node):
        def exec(self, prep_res):
            seen.append(current_context.get().attempt)
            raise ValueError

        def exec_fallback(self, prep_res, exc):
            seen.append(("fallback", self.cur_retry, current_context.get().attempt))
            return "plan b"

    _, witness = run(shaped.Graph(Falling(max_retries=2, node_id="f")))
    assert seen == [1, 2, ("fallback", 1, 2)]
    assert [e[5] for e in witness.of("attempt")] == [0, None]
    assert witness.results == {"f:1": "plan b"}


def test_kaygraph_wait_between_attempts_is_the_observers():
    node = Flaky(2, max_retries=3, wait=60, node_id="f")
    _, witness = run(shaped.Graph(node))
    assert [round(seconds) for seconds in witness.waits] == [60, 60]
    assert [e[5] for e in witness.of("attempt")] == [60, 60]


def test_kaygraph_wait_is_what_the_user_set_wherever_his_code_looks():
    seen = []

    class Looking(Flaky):
        def exec(self, prep_res):
            seen.append(self.wait)
            return super().exec(prep_res)

        def post(self, shared, prep_res, exec_res):
            seen.append(self.wait)

    run(shaped.Graph(Looking(2, max_retries=3, wait=60)))
    assert seen == [60] * 4


@pytest.mark.parametrize(
    "kind",
    [
        items(shaped.BatchNode, Flaky),
        items(shaped.ParallelBatchNode, Flaky),
        items(shaped.AsyncParallelBatchNode, FlakyAsync),
    ],
    ids=["in turn", "threads", "gather"],
)
@pytest.mark.parametrize("failures", [0, 1])
def test_kaygraph_items_have_attempts_of_their_own(kind, failures):
    node = kind(failures, max_retries=2, node_id="batch")
    shared = {}
    _, witness = run(shaped.AsyncGraph(node), shared)
    assert shared["out"] == ITEMS
    assert spec_of(shaped.Graph(node)).nodes[0].kind == "batch"
    started = sorted(e[2:] for e in witness.of("item"))
    assert started == [(0, 0, 3), (1, 1, 3), (2, 2, 3)]
    ended = sorted(e[2:] for e in witness.of("item end"))
    assert ended == [(0, 3, None), (1, 3, None), (2, 3, None)]
    failed = sorted(e[2:5] for e in witness.of("attempt"))
    assert failed == [(1, index, ITEMS[index]) for index in range(3) if failures]
    assert witness.heard[-1][0] == "finished"


def test_kaygraph_40_items_in_threads_that_all_fail_fall_back_40_times():
    fallen = Counter()

    class Many(shaped.ParallelBatchNode):
        def prep(self, shared):
            return [f"item {n}" for n in range(40)]

        def exec(self, item):
            visit = current_context.get()
            assert item == f"item {visit.item}"
            raise ValueError(item)

        def exec_fallback(self, item, exc):
            assert current_context.get().attempt == 3
            fallen[item] += 1
            return item

    _, witness = run(shaped.Graph(Many(max_retries=3)))
    assert set(fallen.values()) == {1}
    assert len(fallen) == 40
    assert len(witness.of("attempt")) == 120
    assert len(witness.of("item end")) == 40


def test_kaygraph_exec_that_calls_itself_is_one_attempt():
    class Recursive(shaped.Node):
        def prep(self, shared):
            return 3

        def exec(self, depth):
            return 0 if depth == 0 else 1 + self.exec(depth - 1)

    _, witness = run(shaped.Graph(Recursive(node_id="r")))
    assert witness.results == {"r:1": 3}
    assert witness.of("attempt") == []


def test_kaygraph_item_that_fails_cancels_those_beside_it():
    cancelled = []

    class Beside(shaped.AsyncParallelBatchNode):
        async def prep_async(self, shared):
            return ["bad", "slow"]

        async def exec_async(self, item):
            if item == "bad":
                raise ValueError(item)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(item)
                raise

    witness = Witness()
    with pytest.raises(ValueError, match="bad"):
        run(shaped.AsyncGraph(Beside(node_id="b")), {}, witness)
    assert cancelled == ["slow"]
    assert witness.heard[-1][:3] == ("finished", "b:1", "failed")


# Graphs that run many times.


class Passes(shaped.BatchGraph):
    def prep(self, shared):
        return [{"n": 1}, {"n": 2}]


class PassesTogether(shaped.AsyncParallelBatchGraph):
    async def prep_async(self, shared):
        return [{"n": 1}, {"n": 2}]


class Add(shaped.Node):
    def exec(self, prep_res):
        return self.params["n"]

    def post(self, shared, prep_res, exec_res):
        shared["sum"] = shared.get("sum", 0) + exec_res


class AddAsync(shaped.AsyncNode):
    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        return self.params["n"]

    async def post_async(self, shared, prep_res, exec_res):
        shared["sum"] = shared.get("sum", 0) + exec_res


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(
    ("kind", "add"), [(Passes, Add), (PassesTogether, AddAsync), (PassesTogether, Add)]
)
def test_kaygraph_batch_graph_shows_its_passes_as_items(kind, add, nested):
    passes = kind(add(node_id="add"))
    shared = {}
    _, witness = run(shaped.AsyncGraph(passes) if nested else passes, shared)
    assert shared == {"sum": 3}
    name = kind.__name__
    assert sorted(e[1] for e in witness.of("started")) == [
        f"{name}/add:1",
        f"{name}/add:2",
        f"{name}:1",
    ]
    assert [e[2:] for e in witness.of("item")] == [(0, 0, 2), (1, 1, 2)]
    assert witness.results == {f"{name}:1": [1, 2]}


def test_kaygraph_pass_that_fails_cancels_those_beside_it():
    cancelled = []

    class Pass(shaped.AsyncNode):
        async def exec_async(self, prep_res):
            if self.params["n"] == 1:
                await asyncio.sleep(0)
                raise ValueError
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(self.params["n"])
                raise

    witness = Witness()
    with pytest.raises(ValueError):
        run(PassesTogether(Pass(node_id="p")), {}, witness)
    assert cancelled == [2]
    ends = [e[1:3] for e in witness.of("finished")]
    assert ends == [
        ("PassesTogether/p:1", "failed"),
        ("PassesTogether/p:2", "cancelled"),
        ("PassesTogether:1", "failed"),
    ]


def test_kaygraph_batch_graph_with_successors_runs_alone_and_says_so():
    passes = Passes(Add(node_id="add"))
    passes >> Say("never")
    shared = {}
    with pytest.warns(UserWarning, match="Passes runs alone"):
        run(passes, shared)
    assert shared == {"sum": 3}
    assert passes.successors


def test_kaygraph_sync_nodes_of_passes_run_one_at_a_time():
    alone = threading.Lock()

    class Alone(shaped.Node):
        def prep(self, shared):
            assert alone.acquire(blocking=False)

        def post(self, shared, prep_res, exec_res):
            alone.release()

    _, witness = run(PassesTogether(Alone(node_id="a")))
    name = "PassesTogether/a"
    assert [e[:2] for e in witness.of("started", "finished")][1:-1] == [
        ("started", f"{name}:1"),
        ("finished", f"{name}:1"),
        ("started", f"{name}:2"),
        ("finished", f"{name}:2"),
    ]


def test_kaygraph_async_node_alone_runs():
    _, witness = run(SayAsync("a"))
    assert witness.results == {"a:1": "a!"}


# Nodes that run graphs, and graphs with loops of their own.


def test_kaygraph_sub_graph_runs_on_its_copy_of_shared_and_shows_its_nodes():
    inner = Say("inner")
    sub = shaped.SubGraphNode(shaped.Graph(inner), node_id="sub")
    sub >> Say("after")
    graph = shaped.Graph(sub)
    assert [node.id for node in spec_of(graph).nodes] == ["sub", "sub/inner", "after"]
    shared = {"said": []}
    _, witness = run(graph, shared)
    assert shared["said"] == ["inner", "after"]
    assert [e[1] for e in witness.of("started")] == ["sub:1", "sub/inner:1", "after:1"]


def test_kaygraph_sub_graphs_side_by_side_are_frames():
    class Left(shaped.Graph):
        pass

    graphs = [Left(Say("a")), shaped.Graph(Say("b"))]
    graph = shaped.Graph(shaped.ParallelSubGraphNode(graphs, node_id="both"))
    assert [node.id for node in spec_of(graph).nodes] == [
        "both",
        "both/Left",
        "both/Left/a",
        "both/Graph",
        "both/Graph/b",
    ]
    _, witness = run(graph)
    assert [e[1] for e in witness.of("started")] == [
        "both:1",
        "both/Left:1",
        "both/Left/a:1",
        "both/Graph:1",
        "both/Graph/b:1",
    ]


class Keeping(shaped.Node):
    """Counts on itself, which outlives a visit where no copies are made."""

    n = 0

    def exec(self, prep_res):
        self.n += 1
        return self.n

    def post(self, shared, prep_res, exec_res):
        shared["n"] = exec_res
        return "again" if exec_res < 3 else None


def persistent(path):
    keeping, end = Keeping(max_retries=2, node_id="keeping"), Say("end")
    keeping - "again" >> keeping
    keeping >> end
    return shaped.PersistentGraph(keeping, path)


def test_kaygraph_persistent_graph_keeps_its_loop_and_its_checkpoints(tmp_path):
    graph = persistent(tmp_path)
    before = snapshot(graph)
    shared = {"n": 0}
    action, witness = run(graph, shared)
    assert action is None
    assert shared == {"n": 3, "said": ["end"]}
    assert len(list(tmp_path.iterdir())) == 4
    assert [e[1:] for e in witness.of("started")] == [
        ("keeping:1", None),
        ("keeping:2", Via("keeping", "again")),
        ("keeping:3", Via("keeping", "again")),
        ("end:1", Via("keeping", "default")),
    ]
    assert witness.results == {"end:1": "end!"}
    assert snapshot(graph) == before


def test_kaygraph_persistent_graph_goes_on_from_its_checkpoint(tmp_path):
    a, b = Say("a"), Say("b")
    a >> b
    graph = shaped.PersistentGraph(a, tmp_path)
    graph.save_checkpoint({"said": ["a"]}, "b")
    shared = {}
    _, witness = run(graph.resume_and_run, shared)
    assert [e[1] for e in witness.of("started")] == ["b:1"]
    assert shared == {"said": ["a", "b"]}


def test_kaygraph_interactive_graph_runs_all_rounds_and_fills_an_empty_shared():
    class Round(shaped.Node):
        def post(self, shared, prep_res, exec_res):
            shared["round"] = shared.get("round", 0) + 1
            shared["_exit"] = shared["round"] == 3

    shared = {}
    _, witness = run(shaped.InteractiveGraph(Round(node_id="r")), shared)
    assert shared == {"round": 3}
    assert [e[1] for e in witness.of("started")] == ["r:1", "r:2", "r:3"]


def test_kaygraph_async_interactive_graph_runs_all_rounds():
    class Round(shaped.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            shared["round"] = shared.get("round", 0) + 1
            shared["_exit"] = shared["round"] == 2

    shared = {}
    _, witness = run(shaped.AsyncInteractiveGraph(Round(node_id="r")), shared)
    assert shared["round"] == 2
    assert [e[1] for e in witness.of("started")] == ["r:1", "r:2"]


def test_kaygraph_partial_of_a_method_keeps_its_arguments():
    graph = shaped.InteractiveGraph(Say("a"))
    limited = functools.partial(graph.run_interactive, max_iterations=2)
    _, witness = run(limited, {"said": []})
    assert [e[1] for e in witness.of("started")] == ["a:1", "a:2"]


# What a person says.


class Asked:
    """A context that answers each question."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def ask(self, message, **others):
        self.asked.append((message, others["kind"]))
        return self

    def result(self):
        return self

    @property
    def value(self):
        return self.answers.pop(0)


class Answering(Witness):
    def __init__(self, *answers):
        super().__init__()
        self.context = Asked(list(answers))

    def enter(self, visit):
        return AnsweringContext(self.context)


class AnsweringContext:
    def __init__(self, context):
        self.context = context

    def __enter__(self):
        self.token = current_context.set(self.context)

    def __exit__(self, *raised):
        current_context.reset(self.token)


def test_kaygraph_get_user_input_is_a_question():
    ask, end = shaped.UserInputNode("What now?"), Say("end")
    ask - "message" >> end
    shared, witness = {}, Answering(" tides ")
    run(shaped.Graph(ask), shared, witness)
    assert witness.context.asked == [("What now?", "text")]
    assert shared == {"user_message": "tides", "said": ["end"]}


def test_kaygraph_get_user_input_that_needs_no_terminal_stays():
    class Radio(shaped.UserInputNode):
        def get_user_input(self, prompt="> "):
            return "from afar"

    shared, witness = {}, Answering()
    run(shaped.Graph(Radio()), shared, witness)
    assert shared == {"user_message": "from afar"}
    assert witness.context.asked == []


# Threads and the end.


def test_kaygraph_sync_nodes_run_off_the_loop_also_in_async_graphs():
    threads = []

    class Where(shaped.Node):
        def exec(self, prep_res):
            threads.append(threading.current_thread())

    for graph in (shaped.Graph, shaped.AsyncGraph):
        run(graph(Where()))
    assert threading.main_thread() not in threads
    assert len(threads) == 2


@pytest.mark.parametrize("graph", [shaped.Graph, shaped.AsyncGraph])
def test_kaygraph_cancelled_sync_node_ends_before_its_next_phase(graph):
    ready, release, phases = threading.Event(), threading.Event(), []

    class Slow(shaped.Node):
        def prep(self, shared):
            phases.append("prep")
            ready.set()
            release.wait(10)

        def exec(self, prep_res):
            phases.append("exec")

    witness = Witness()

    async def main():
        worker = ThreadWorker()
        engine = engine_for(graph(Slow(node_id="slow")))
        task = asyncio.create_task(engine.run({}, witness, worker=worker))
        await asyncio.to_thread(ready.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        witness.stop()
        release.set()
        worker.close()
        while worker.busy:
            await asyncio.sleep(0)

    asyncio.run(main())
    assert phases == ["prep"]
    assert witness.of("finished")[0][:3] == ("finished", "slow:1", "cancelled")


# The user's objects, and what is refused.


def test_kaygraph_objects_are_unchanged_afterwards():
    flaky = items(shaped.BatchNode, Flaky)(1, max_retries=2, wait=0.001)
    flaky.tried = None
    flaky.exec = lambda item: item  # put onto the object by the user
    nested = shaped.Graph(Say("a"))
    sub = shaped.SubGraphNode(shaped.Graph(SayOnce("b")))
    graphs = [shaped.Graph(Say("c")), shaped.Graph(Say("e"))]
    both = shaped.ParallelSubGraphNode(graphs)
    flaky >> nested >> sub >> both >> Passes(Add()) >> SayAsync("d")
    graph = shaped.AsyncGraph(flaky, config=shaped.Config(model="m"))
    before = snapshot(graph)
    run(graph, {"said": []})
    assert snapshot(graph) == before


class SayOnce(Say):
    def exec(self, prep_res):
        self.left_behind = True
        return super().exec(prep_res)


def test_kaygraph_result_and_shared_are_those_of_a_plain_run():
    def program():
        a, b = Say("a", "x"), Say("b", "stop")
        batch = items(shaped.BatchNode, Flaky)(1, max_retries=2)
        inner = shaped.Graph(a)
        a - "x" >> batch
        inner >> b
        return shaped.Graph(inner)

    plain, watched = {}, {}
    assert program().run(plain) == run(program(), watched)[0] == "stop"
    assert plain == watched


def test_kaygraph_node_alone_runs_with_its_params():
    add = Add(node_id="add")
    add.set_params({"n": 4})
    shared = {}
    _, witness = run(add, shared)
    assert shared == {"sum": 4}
    assert witness.results == {"add:1": 4}


def test_kaygraph_node_with_successors_asks_what_is_meant():
    a = Say("a")
    a >> Say("b")
    with pytest.raises(NotAGraph, match=r"a is a node with successors.*its library's"):
        engine_for(a)


def test_kaygraph_class_is_refused():
    with pytest.raises(NotAGraph, match=r"Graph is a class.*write Graph\(\)"):
        engine_for(shaped.Graph)


def test_kaygraph_executor_is_refused():
    engine = engine_for(shaped.Graph(Say("a")))
    worker = ThreadWorker(executor=object())
    with pytest.raises(InvalidValue, match="leave executor= away"):
        asyncio.run(engine.run({}, Witness(), worker=worker))
