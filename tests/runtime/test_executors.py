"""``executor=``: where exec runs, what can go there, and what goes wrong on the way."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import pickle
import sys
import threading
import time
from pathlib import Path

import pytest

import kgnb
from kgnb.errors import (
    ExecutorFault,
    NodeTimeout,
    NotPicklable,
    OutsideRun,
    RunCancelled,
)
from kgnb.graph import sending
from kgnb.runtime import run

sys.path.insert(
    0, str(Path(__file__).parent)
)  # for pooled, in the pool's processes too

import pooled


def new_pool(workers=2):
    """Spawned, not forked: the tests have threads, and every platform can."""
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn")
    )
    pool.submit(os.getpid).result(60)
    return pool


@pytest.fixture(scope="module")
def processes():
    with new_pool() as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))  # so that both are there
        yield pool


@pytest.fixture(scope="module")
def threads():
    with concurrent.futures.ThreadPoolExecutor(2, "pool") as pool:
        list(pool.map(time.sleep, [0.01, 0.01]))
        yield pool


class DuckExecutor:
    """What another library's executor looks like: ``submit`` of objects as they are."""

    def __init__(self):
        self.sent = []

    def submit(self, function, *arguments):
        self.sent.append(function)
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def of(thing, shared=None, **options):
    """Run it by ``kgnb.run``; returns ``shared``."""
    shared = {} if shared is None else shared
    run(thing, shared, **options).result(30)
    return shared


def alone(thing, shared=None):
    shared = {} if shared is None else shared
    thing.run(shared)
    return shared


# Where it runs.


def test_exec_runs_in_the_nodes_process_pool(processes):
    pid, _ = alone(pooled.Where(executor=processes))["where"]
    assert pid != os.getpid()


def test_exec_runs_in_the_runs_process_pool(processes):
    pid, _ = of(kgnb.Graph(pooled.Where()), executor=processes)["where"]
    assert pid != os.getpid()


def test_exec_runs_in_the_runs_thread_pool(threads):
    pid, name = of(kgnb.Graph(pooled.Where()), executor=threads)["where"]
    assert (pid, name[:5]) == (os.getpid(), "pool_")


def test_exec_of_a_node_that_wants_none_stays(processes):
    where = of(kgnb.Graph(pooled.Where(executor=False)), executor=processes)["where"]
    assert where[0] == os.getpid()


def test_exec_runs_in_the_nodes_own_pool_before_the_runs(threads, processes):
    node = pooled.Where(executor=threads)
    assert of(kgnb.Graph(node), executor=processes)["where"][1].startswith("pool_")


def test_exec_of_an_async_node_stays_on_its_loop(processes):
    class Here(kgnb.AsyncNode):
        async def exec_async(self, _):
            return os.getpid()

        async def post_async(self, shared, _, pid):
            shared["pid"] = pid

    assert of(kgnb.Graph(Here()), executor=processes) == {"pid": os.getpid()}


@pytest.mark.parametrize("cls", [pooled.Squares, pooled.SquaresTogether])
def test_items_run_in_the_pool_in_order(cls, processes):
    shared = of(kgnb.Graph(cls()), {"items": range(12)}, executor=processes)
    assert shared["squares"] == [n * n for n in range(12)]


def test_another_librarys_executor_gets_the_objects_themselves():
    duck = DuckExecutor()
    shared = of(kgnb.Graph(pooled.Squares()), {"items": [1, 2, 3]}, executor=duck)
    assert shared["squares"] == [1, 4, 9]
    assert len(duck.sent) == 3


def test_function_of_shared_stays_where_shared_is(processes):
    def count(shared):
        shared["n"] = os.getpid()

    assert of(count, executor=processes) == {"n": os.getpid()}


def test_decorated_function_travels_by_its_name(processes):
    assert of(pooled.doubled, {"number": 4}, executor=processes)["doubled"] == 8


def test_graph_run_inside_exec_in_a_full_thread_pool_does_not_wait_for_itself():
    class Outer(kgnb.Node):
        def exec(self, _):
            return alone(kgnb.Graph(pooled.Where(executor=pool)))["where"]

        def post(self, shared, _, where):
            shared["where"] = where

    with concurrent.futures.ThreadPoolExecutor(1, "one") as pool:
        pool.submit(int).result()
        assert of(kgnb.Graph(Outer()), executor=pool)["where"][1] == "one_0"


# Retries, bounds, limits.


def test_retries_are_each_items_own_in_a_pool(processes, tmp_path):
    shared = {"dir": str(tmp_path), "n": 12}
    of(kgnb.Graph(pooled.Flaky(8, max_retries=3)), shared, executor=processes)
    assert shared["results"] == [(n, str(n), 2) for n in range(12)]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted(f"{n}.{attempt}" for n in range(12) for attempt in range(3))


def test_max_workers_bounds_the_items_in_a_larger_pool():
    class Counts(kgnb.ParallelBatchNode):
        lock = threading.Lock()
        now = most = 0

        def prep(self, shared):
            return range(12)

        def exec(self, item):
            with self.lock:
                Counts.now += 1
                Counts.most = max(Counts.most, Counts.now)
            time.sleep(0.005)
            with self.lock:
                Counts.now -= 1

    with concurrent.futures.ThreadPoolExecutor(8, "wide") as pool:
        list(pool.map(time.sleep, [0.02] * 8))
        of(kgnb.Graph(Counts(3)), executor=pool)
    assert 1 <= Counts.most <= 3


def test_timeout_in_a_pool_fails_the_attempt_and_is_retried(processes):
    node = pooled.Sleeps(executor=processes, timeout=0.1, max_retries=2)
    assert alone(node, {"seconds": 0.5})["out"] == "awake"


def test_timeout_in_a_pool_counts_from_when_the_attempt_begins():
    class Short(kgnb.ParallelBatchNode):
        def prep(self, shared):
            return range(6)

        def exec(self, item):
            time.sleep(0.05)
            return item

        def post(self, shared, _, results):
            shared["results"] = results

    # One after the other they take longer than any of them may.
    with concurrent.futures.ThreadPoolExecutor(1, "one") as pool:
        pool.submit(int).result()
        shared = alone(Short(timeout=0.2, executor=pool))
    assert shared["results"] == list(range(6))


def test_timeout_without_retry_names_the_node(processes):
    node = pooled.Sleeps(node_id="nap", executor=processes, timeout=0.1)
    with pytest.raises(NodeTimeout, match="nap: attempt 1 took longer than"):
        alone(node, {"seconds": 0.5})


# Helpers.


def test_helpers_in_another_process_pass_through(processes):
    assert of(pooled.Helpers(), executor=processes)["out"] == (6, "ab")


def test_ask_in_another_process_says_why_it_cannot(processes):
    with pytest.raises(
        OutsideRun, match=r"Asks runs in another process.*executor=False"
    ):
        of(pooled.Asks(), executor=processes)


def test_ask_in_a_thread_pool_works(threads):
    shared = of(pooled.Asks(), executor=threads, answers={"Go on?": "yes"})
    assert shared["answer"] == "yes"


# What cannot travel.


class WithLock(pooled.Squares):
    def __init__(self):
        super().__init__(node_id="locked")
        self.client = threading.Lock()


def test_unpicklable_attribute_is_named(processes):
    with pytest.raises(
        NotPicklable,
        match=r"locked cannot go .* its attribute 'client' \(lock\).*executor=False",
    ):
        of(kgnb.Graph(WithLock()), {"items": [1]}, executor=processes)


def test_local_class_travels_by_cloudpickle(processes):
    class Local(pooled.Where):
        pass

    assert of(kgnb.Graph(Local()), executor=processes)["where"][0] != os.getpid()


def test_local_class_without_cloudpickle_is_named(processes, monkeypatch):
    class Local(kgnb.Node):
        pass

    monkeypatch.setattr(sending, "_pickler", lambda: pickle)
    with pytest.raises(NotPicklable, match=r"its class .*Local, which must stand at"):
        of(kgnb.Graph(Local()), executor=processes)


@pytest.mark.parametrize("cls", [pooled.Squares, pooled.SquaresTogether])
def test_unpicklable_item_is_named_before_any_is_worked_on(cls, processes, monkeypatch):
    shared = {"items": [1, 2, {"key": threading.Lock()}]}
    sent = []
    monkeypatch.setattr(processes, "submit", sent.append)
    with pytest.raises(NotPicklable, match=r"\['key'\] is a lock"):
        alone(cls(executor=processes, max_retries=3), shared)
    assert (sent, list(shared)) == ([], ["items"])


def test_class_that_the_other_process_cannot_import_is_explained(processes, tmp_path):
    (tmp_path / "only_here.py").write_text(
        "import kgnb\nclass Hidden(kgnb.Node):\n    pass\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import only_here
    finally:
        sys.path.remove(str(tmp_path))
    try:
        with pytest.raises(NotPicklable, match="must go into a module that it can"):
            alone(only_here.Hidden(executor=processes))
    finally:
        del sys.modules["only_here"]
    assert alone(pooled.Where(executor=processes))["where"]  # the pool is whole


def test_value_that_cannot_come_back_is_named(processes):
    with pytest.raises(NotPicklable, match=r"what exec returned \(lock\) cannot come"):
        alone(pooled.ReturnsLock(executor=processes))


def test_exception_that_cannot_come_back_is_told_as_text(processes):
    with pytest.raises(RuntimeError, match="Unspeakable: what happened") as caught:
        alone(pooled.RaisesUnspeakable(executor=processes))
    assert "raise Unspeakable" in caught.value.__notes__[0]
    assert alone(pooled.Where(executor=processes))["where"]  # the pool is whole


# What breaks.


def test_dead_worker_process_is_a_clear_error_and_no_failed_attempt():
    with new_pool(1) as pool:
        node = pooled.Dies(max_retries=3)
        with pytest.raises(
            ExecutorFault, match=r"Dies: the pool broke.*make a new pool"
        ):
            of(kgnb.Graph(node), executor=pool)
        with pytest.raises(ExecutorFault, match="the pool broke"):
            alone(pooled.Where(executor=pool))


def test_executor_that_was_shut_down_is_a_clear_error():
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ExecutorFault, match=r"Where: the executor takes no work"):
        of(kgnb.Graph(pooled.Where()), executor=pool)


def test_cancel_takes_back_what_the_pool_has_not_begun(eventually):
    began, go = threading.Event(), threading.Event()

    done = []

    class Held(kgnb.ParallelBatchNode):
        def prep(self, shared):
            return range(4)

        def exec(self, item):
            began.set()
            go.wait(10)
            done.append(item)

    with concurrent.futures.ThreadPoolExecutor(1, "one") as pool:
        pool.submit(int).result()
        handle = run(kgnb.Graph(Held()), {}, executor=pool)
        assert began.wait(10)
        eventually(lambda: pool._work_queue.qsize() == 3)
        handle.cancel()
        with pytest.raises(RunCancelled):
            handle.result(10)
        go.set()
    assert len(done) == 1


# Time limits under kgnb.run: what the panel is told.


def test_left_thread_is_told_of_and_ends_at_its_next_checkpoint(eventually):
    go, ended = threading.Event(), []

    class Loops(kgnb.Node):
        def exec(self, _):
            if self.cur_retry == 1:
                return "second"
            go.wait(10)
            try:
                for _ in kgnb.track(range(3)):
                    ended.append("went on")
            except BaseException as error:
                ended.append(type(error).__name__)
                raise
            return None

        def post(self, shared, _, out):
            shared["out"] = out

    handle = run(kgnb.Graph(Loops(timeout=0.05, max_retries=2, wait=0.01)), {})
    assert handle.result(10).shared == {"out": "second"}
    go.set()
    eventually(lambda: ended)
    assert ended in (["CancelledError"], ["went on", "CancelledError"])
    told = [log.text for log in handle.view.logs]
    assert any("attempt 1 is no longer waited for but still running" in t for t in told)
    (visit,) = handle.view.timeline
    assert (visit.status, visit.attempts) == ("completed", 2)


def test_retrying_says_which_attempt_and_how_long():
    seen = []

    class Fails(kgnb.Node):
        def exec(self, _):
            if self.cur_retry < 2:
                raise ValueError("no")

    handle = run(kgnb.Graph(Fails(max_retries=3, wait=0.01, backoff=2)), {})
    handle.result(10)

    async def read():
        async for event in handle.events():
            if getattr(event, "status", None) == "retrying":
                seen.append((event.attempt, event.message))

    asyncio.run(read())
    assert seen == [
        (1, "attempt 1 failed, trying again in 0.01 s"),
        (2, "attempt 2 failed, trying again in 0.02 s"),
    ]
