"""One visit: the order of the phases, errors, retries, the fallback, the logs."""

import asyncio
import logging
import time

import pytest

import kgnb.graph as kaygraph

PHASES = ["before_prep", "prep", "exec", "after_exec", "post"]


class Traced(kaygraph.Node):
    """Notes every call in a list that all its copies share."""

    fails_in = None
    error = ValueError("boom")
    forgives = False

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.calls = []

    def note(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name == self.fails_in:
            raise self.error

    def before_prep(self, shared):
        self.note("before_prep", shared)

    def prep(self, shared):
        self.note("prep", shared)
        return "p"

    def exec(self, prep_res):
        self.note("exec", prep_res)
        return "e"

    def after_exec(self, shared, prep_res, exec_res):
        self.note("after_exec", shared, prep_res, exec_res)

    def post(self, shared, prep_res, exec_res):
        self.note("post", shared, prep_res, exec_res)
        return "act"

    def on_error(self, shared, exc):
        self.calls.append(("on_error", shared, exc))
        return self.forgives


class TracedAsync(kaygraph.AsyncNode, Traced):
    async def prep_async(self, shared):
        return Traced.prep(self, shared)

    async def exec_async(self, prep_res):
        return Traced.exec(self, prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        return Traced.post(self, shared, prep_res, exec_res)


@pytest.fixture(params=[Traced, TracedAsync], ids=["sync", "async"])
def traced(request):
    return request.param


def names(node):
    return [call[0] for call in node.calls]


def test_phases_come_in_order_with_what_the_last_one_gave(runner, traced):
    node, shared = traced(), {"k": 1}
    assert runner(node, shared) == "act"
    assert node.calls == [
        ("before_prep", shared),
        ("prep", shared),
        ("exec", "p"),
        ("after_exec", shared, "p", "e"),
        ("post", shared, "p", "e"),
    ]
    assert all(call[1] is shared for call in node.calls if call[0] != "exec")


@pytest.mark.parametrize("phase", PHASES)
def test_error_in_a_phase_goes_to_on_error_and_is_raised_as_it_is(
    runner, traced, phase
):
    node, shared = traced(), {}
    node.fails_in = phase
    with pytest.raises(ValueError) as caught:
        runner(node, shared)
    assert caught.value is node.error
    assert names(node) == [*PHASES[: PHASES.index(phase) + 1], "on_error"]
    assert node.calls[-1][1] is shared
    assert node.calls[-1][2] is node.error


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("value", [True, 1, "yes"])
def test_on_error_truthy_gives_none_and_skips_the_rest(runner, traced, phase, value):
    node = traced()
    node.fails_in, node.forgives = phase, value
    assert runner(node, {}) is None
    assert names(node) == [*PHASES[: PHASES.index(phase) + 1], "on_error"]


@pytest.mark.parametrize("value", [None, 0, "", False])
def test_on_error_falsy_lets_the_error_out(runner, traced, value):
    node = traced()
    node.fails_in, node.forgives = "exec", value
    with pytest.raises(ValueError, match="boom"):
        runner(node, {})


def test_on_error_truthy_follows_default_in_a_graph(runner, traced):
    node, after = traced(), Traced()
    node.fails_in, node.forgives = "prep", True
    node >> after
    runner(kaygraph.AsyncGraph(node), {})
    assert names(after) == PHASES


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]
)
@pytest.mark.parametrize("phase", PHASES)
def test_base_exception_passes_untouched(kind, phase):
    node = Traced(max_retries=3)
    node.fails_in, node.error, node.forgives = phase, kind(), True
    with pytest.raises(kind):
        node.run({})
    assert names(node) == PHASES[: PHASES.index(phase) + 1]


def test_exit_out_of_a_watched_node_is_not_forgiven(runner, traced):
    node = traced(max_retries=3)
    node.fails_in, node.error, node.forgives = "exec", SystemExit(3), True
    with pytest.raises(SystemExit):
        runner(node, {})
    assert names(node) == PHASES[:3]


# Retries


class Flaky(kaygraph.Node):
    """Fails in its first ``failures`` attempts."""

    failures = 99

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.tries, self.preps, self.asked = [], [], []

    def prep(self, shared):
        self.preps.append(1)
        return "p"

    def exec(self, prep_res):
        self.tries.append(self.cur_retry)
        if len(self.tries) <= self.failures:
            raise KeyError(len(self.tries))
        return "e"

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res
        shared["cur_retry"] = self.cur_retry

    def on_error(self, shared, exc):
        self.asked.append(exc)
        return False


class FlakyAsync(kaygraph.AsyncNode, Flaky):
    async def prep_async(self, shared):
        return Flaky.prep(self, shared)

    async def exec_async(self, prep_res):
        return Flaky.exec(self, prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        return Flaky.post(self, shared, prep_res, exec_res)

    async def exec_fallback_async(self, prep_res, exc):
        return self.exec_fallback(prep_res, exc)


@pytest.fixture(params=[Flaky, FlakyAsync], ids=["sync", "async"])
def flaky(request):
    return request.param


def test_retries_are_attempts_in_all_and_repeat_only_exec(runner, flaky):
    node = flaky(max_retries=3)
    with pytest.raises(KeyError):
        runner(node, {})
    assert node.tries == [0, 1, 2]
    assert node.preps == [1]


def test_cur_retry_stays_at_the_last_index(runner, flaky):
    node, shared = flaky(max_retries=5), {}
    node.failures = 2
    runner(node, shared)
    assert shared == {"out": "e", "cur_retry": 2}


def test_fallback_gets_prep_res_and_the_last_error_and_gives_exec_res(runner, flaky):
    seen = []

    class Saved(flaky):
        def exec_fallback(self, prep_res, exc):
            seen.append((prep_res, exc.args))
            return "saved"

    shared = {}
    node = Saved(max_retries=2)
    runner(node, shared)
    assert seen == [("p", (2,))]
    assert shared["out"] == "saved"
    assert node.asked == []


def test_fallback_error_goes_to_on_error(runner, flaky):
    error = RuntimeError("fallback too")

    class Lost(flaky):
        def exec_fallback(self, prep_res, exc):
            raise error

    node = Lost(max_retries=2)
    with pytest.raises(RuntimeError) as caught:
        runner(node, {})
    assert caught.value is error
    assert node.asked == [error]


def test_zero_retries_is_the_runtime_error(runner, flaky):
    node = flaky(max_retries=0)
    with pytest.raises(RuntimeError) as caught:
        runner(node, {})
    assert str(caught.value) == "Execution loop finished unexpectedly."
    assert node.tries == []
    assert node.asked == [caught.value]


def test_wait_is_slept_between_attempts_only(flaky, monkeypatch):
    waits = []
    sleep = asyncio.sleep

    async def quick(seconds):
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(asyncio, "sleep", quick)
    node = flaky(max_retries=3, wait=5)
    with pytest.raises(KeyError):
        asyncio.run(node.run_async({})) if flaky is FlakyAsync else node.run({})
    assert [seconds for seconds in waits if seconds] == [5, 5]


def test_base_node_never_retries(runner):
    tries = []

    class Once(kaygraph.BaseNode):
        max_retries = 3

        def exec(self, prep_res):
            tries.append(1)
            raise KeyError

    with pytest.raises(KeyError):
        runner(Once(), {})
    assert tries == [1]


# Context, logs, resources


def test_context_notes_start_and_duration(runner, traced):
    node = traced()
    before = time.time()
    runner(node, {})
    assert before <= node.get_context("start_time") <= time.time()
    assert 0 <= node.get_context("last_execution_time") < 60


def test_logs_tell_start_end_and_debug_the_results(runner, traced, caplog):
    caplog.set_level(logging.DEBUG)
    runner(traced("n"), {})
    lines = [r for r in caplog.records if r.name == traced.__name__]
    levels = [record.levelname for record in lines]
    assert levels == ["INFO", "DEBUG", "DEBUG", "INFO"]
    assert "'p'" in lines[1].getMessage()
    assert "'e'" in lines[2].getMessage()
    assert "completed in" in lines[3].getMessage()


def test_logs_warn_of_each_failed_attempt_and_err_of_the_failure(runner, flaky, caplog):
    with pytest.raises(KeyError):
        runner(flaky(2, node_id="n"), {})
    lines = [r for r in caplog.records if r.name == flaky.__name__]
    assert [r.levelname for r in lines] == ["WARNING", "WARNING", "ERROR"]


def test_logs_tell_the_way_of_a_graph(runner, caplog):
    caplog.set_level(logging.INFO)
    a, b = Traced("a"), Traced("b")
    a - "act" >> b
    runner(kaygraph.Graph(a), {})
    texts = [r.getMessage() for r in caplog.records if r.name == "Graph"]
    assert any("a leads by 'act' to b" in text for text in texts)


def test_results_are_not_rendered_unless_debug_is_on(runner, traced):
    class Heavy:
        def __repr__(self):
            raise AssertionError("rendered")

    class Quiet(traced):
        def prep(self, shared):
            return Heavy()

        async def prep_async(self, shared):
            return Heavy()

        def note(self, *_):
            pass

    runner(Quiet("a"), {})


def test_with_sets_up_and_cleans_up_also_after_an_error():
    calls = []

    class Resource(kaygraph.Node):
        def setup_resources(self):
            calls.append("setup")

        def cleanup_resources(self):
            calls.append("cleanup")

    node = Resource()
    with node as entered:
        assert entered is node
    with pytest.raises(KeyError), Resource():
        raise KeyError
    assert calls == ["setup", "cleanup"] * 2


def test_graph_never_enters_its_nodes_and_with_graph_only_itself(runner):
    calls = []

    class Resource(kaygraph.Node):
        def setup_resources(self):
            calls.append("node")

    class Own(kaygraph.Graph):
        def setup_resources(self):
            calls.append("graph")

        def cleanup_resources(self):
            calls.append("graph ends")

    graph = Own(Resource())
    runner(graph, {})
    assert calls == []
    with graph:
        runner(graph, {})
    assert calls == ["graph", "graph ends"]


def test_shared_may_be_any_mapping_and_is_never_checked(runner, traced):
    class Odd(dict):
        pass

    shared = Odd()
    node = traced()
    runner(node, shared)
    assert node.calls[0][1] is shared
