"""What a node's code in another process tells its run, and hears of it.

The same for a process pool, whose processes connect to a socket, and for a Dask
cluster, whose workers report by its scheduler.
"""

import asyncio
import concurrent.futures
import multiprocessing
import sys
import time
from pathlib import Path

import distributed
import pytest

import kgnb
from kgnb.errors import (
    InvalidValue,
    NodeTimeout,
    NotPicklable,
    OutsideRun,
    RunCancelled,
)
from kgnb.protocol import events as e
from kgnb.runtime import run

sys.path.insert(0, str(Path(__file__).parent))  # also in the other processes

import dask_harness
import pooled
import pooled_helpers as tell

GONE_BY = 5.0
"""Seconds in which code that was told to stop does."""


@pytest.fixture(scope="module")
def client():
    with dask_harness.serving() as address, distributed.Client(address) as client:
        client.sync(connect, client)
        yield client


async def connect(client):
    """Have all connections there before the first test counts them."""
    futures = client.map(int, range(32), pure=False)
    await distributed.wait(futures)
    await asyncio.gather(*(client.gather([future]) for future in futures))
    await asyncio.gather(*(client.scheduler.identity() for _ in futures))


@pytest.fixture(scope="module")
def pool():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))
        yield pool


@pytest.fixture(scope="module", autouse=True)
def _both(client, pool):
    """They are there before the first test begins, and stay until the last ended."""


@pytest.fixture(params=["pool", "dask"])
def executor(request):
    if request.param == "pool":
        return request.getfixturevalue("pool")
    return request.getfixturevalue("client").get_executor()


class Unknown:
    """An executor that nobody knows: here it makes the call at once."""

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


def of(node, shared=None, **options):
    handle = run(kgnb.Graph(node), {} if shared is None else shared, **options)
    handle.result(60)
    return handle


def events_of(handle):
    async def read():
        return [event async for event in handle.events()]

    return asyncio.run(read())


def items_of(handle):
    return {k: v for node in handle.view.nodes.values() for k, v in node.items.items()}


# What it tells.


@pytest.mark.parametrize("pause", [0, 0.3])
def test_all_that_a_node_tells_arrives(executor, pause):
    check_told(of(tell.Tells(), {"pause": pause}, executor=executor))


def test_executor_that_nobody_knows_brings_all_with_its_result():
    check_told(of(tell.Tells(), executor=Unknown()))


def check_told(handle):
    assert handle.shared["text"] == "tokens"
    view = handle.view
    logs = [(log.stream, log.level, log.text) for log in view.logs]
    assert logs == [
        ("stdout", None, "printed\n"),
        ("stderr", None, "complained\n"),
        ("logging", "WARNING", "library: careful: hot\n"),
        ("logging", "ERROR", "noted\n"),
        ("stdout", None, "the end"),
    ]
    assert {log.task_id for log in view.logs} == {"Tells:1"}
    assert [(own.type, own.data) for own in view.custom] == [("mine", {"a": 1})]
    assert [(said.role, said.content) for said in view.messages] == [
        ("assistant", "hi")
    ]
    (shown,) = view.streams
    assert (shown.name, shown.text, shown.final) == ("words", "tokens", True)
    bar = view.nodes["Tells"].progress
    assert (bar.percent, bar.current, bar.label) == (100.0, 3, "rounds")


def test_progress_of_an_item_is_the_items(executor, tmp_path):
    shared = {"dir": str(tmp_path), "n": 2, "steps": 40}
    handle = of(tell.Crawls(), shared, executor=executor)
    seen = {"0": set(), "1": set()}
    for event in events_of(handle):
        if isinstance(event, e.Progress) and event.data.total == 40:
            seen[event.data.item].add(event.data.current)
    # Told on the way, and at the end.
    assert all(len(counts) > 1 and 40 in counts for counts in seen.values())


def test_nothing_is_told_of_an_item_after_its_end(executor):
    handle = of(tell.Chatters(), executor=executor)
    ended, lines = set(), []
    for event in events_of(handle):
        if isinstance(event, e.Progress) and event.data.item and event.data.percent:
            ended.add(event.data.item)
        elif isinstance(event, e.Log):
            told = event.data.text.split()
            assert not {line.split(".")[0] for line in told} & ended
            lines += told
    assert sorted(lines) == sorted(f"{i}.{n}" for i in range(6) for n in range(10))
    assert ended == set("012345")


def test_flood_is_cut_and_counted(executor):
    handle = of(tell.Floods(), executor=executor)
    assert handle.shared["out"] == "done"
    texts = [event.data.text for event in events_of(handle) if isinstance(event, e.Log)]
    assert sum(map(len, texts)) < 8 * 1024 * 1024
    assert any("pieces of output were dropped" in text for text in texts)


def test_generator_streams_from_there(executor):
    handle = run(kgnb.Graph(tell.words), {}, executor=executor)
    assert handle.result(60).shared["words"] == "one two"
    (shown,) = handle.view.streams
    assert shown.text == "one two"


def test_ask_says_why_it_cannot(executor):
    with pytest.raises(OutsideRun, match=r"Asks runs in another.*executor=False"):
        of(pooled.Asks(), executor=executor)


def test_results_come_one_by_one(executor, tmp_path, eventually):
    handle = run(
        kgnb.Graph(tell.Gate()), {"file": str(tmp_path / "go")}, executor=executor
    )

    def first_is_done():
        items = items_of(handle)
        return "0" in items and items["0"].percent == 100.0

    try:
        eventually(first_is_done)
        assert handle.status == "running"
    finally:
        (tmp_path / "go").touch()
    handle.result(60)


def test_run_leaves_no_line_behind(client, pool):
    for executor in (client, pool):
        handle = of(tell.Tells(), {"pause": 0.1}, executor=executor)
        assert handle._execution.lines._known == {}
        assert handle._execution.lines._room is None
    from kgnb.runtime.afar.clusters import room_of

    assert room_of(client)._takers == {}


# Attempts.


def test_failed_item_is_sent_again(executor):
    handle = of(tell.FailsOnce(max_retries=2), executor=executor)
    assert handle.shared["out"] == ["try 1", "try 2", "try 1"]
    streams = {shown.stream: shown.text for shown in handle.view.streams}
    assert streams == {
        "FailsOnce:1.1/0.1": "try 1",
        "FailsOnce:1.1/1.1": "try 1",
        "FailsOnce:1.2/1.1": "try 2",
        "FailsOnce:1.1/2.1": "try 1",
    }
    texts = "".join(log.text for log in handle.view.logs)
    assert "item 1: attempt 1 failed: ConnectionError: hung up" in texts
    assert "item 1, attempt 2\n" in texts


def test_error_has_the_traceback_from_there(executor):
    with pytest.raises(ZeroDivisionError) as caught:
        of(tell.Raises(), executor=executor)
    assert "return 1 / number" in caught.value.__notes__[0]


def test_equal_items_are_calls_of_their_own(executor):
    out = of(tell.Marked(), executor=executor).shared["out"]
    assert len(set(out)) == 3


def test_time_limit_counts_from_when_an_item_begins(executor):
    assert len(of(tell.Naps(timeout=0.9), executor=executor).shared["out"]) == 8


def test_time_limit_ends_what_runs_there(executor, tmp_path, eventually):
    shared = {"dir": str(tmp_path), "n": 1}
    handle = run(kgnb.Graph(tell.Crawls(timeout=0.3)), shared, executor=executor)
    with pytest.raises(NodeTimeout, match="Crawls: attempt 1 took longer than"):
        handle.result(60)
    eventually(lambda: has_stopped(tmp_path))
    assert any("still running" in log.text for log in handle.view.logs)


def has_stopped(folder):
    """Whether no file there grows any more."""
    before = {path.name: path.stat().st_size for path in folder.iterdir()}
    time.sleep(0.05)
    return before == {path.name: path.stat().st_size for path in folder.iterdir()}


# Cancelling.


def test_cancel_stops_what_runs_there_and_takes_the_rest_back(
    executor, tmp_path, eventually
):
    shared = {"dir": str(tmp_path), "n": 12}
    handle = run(kgnb.Graph(tell.Crawls()), shared, executor=executor)

    def two_are_heard_of():
        known = items_of(handle).values()
        return sum(item.current is not None for item in known) >= 2

    eventually(two_are_heard_of)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(60)
    assert handle.status == "cancelled"
    eventually(lambda: has_stopped(tmp_path), GONE_BY)
    assert len(list(tmp_path.iterdir())) < 12
    told = "".join(log.text for log in handle.view.logs)
    assert "attempt 1 is no longer waited for but still running" in told
    # The processes are whole, and free.
    assert of(tell.Marked(), executor=executor).shared["out"]


def test_cancelled_tasks_leave_the_cluster(client, tmp_path, eventually):
    shared = {"dir": str(tmp_path), "n": 12}
    handle = run(kgnb.Graph(tell.Crawls()), shared, executor=client)
    eventually(lambda: any(tmp_path.iterdir()))
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(60)
    eventually(lambda: not any(client.processing().values()))


# What cannot travel, and what can.


def test_unpicklable_part_is_named_by_its_path(executor):
    with pytest.raises(
        NotPicklable, match=r"attribute \"client.pool\['lock'\]\" \(lock\)"
    ):
        of(tell.Deep(), executor=executor)


def test_unpicklable_part_of_a_result_is_named_by_its_path(executor):
    with pytest.raises(
        NotPicklable, match=r"exec returned \(dict\).*\['rows'\]\[1\] is a"
    ):
        of(tell.ReturnsDeep(), executor=executor)


def test_class_of_a_cell_travels(executor):
    class Local(tell.Adds):
        def exec(self, number):
            double = lambda n: n * 2  # noqa: E731 - it is to travel
            return double(number)

    assert of(Local(), {"number": 4}, executor=executor).shared["out"] == 8


# Dask's own.


def test_client_stands_for_its_executor(client):
    assert of(tell.Adds(), {"number": 1}, executor=client).shared["out"] == 2
    assert of(tell.Adds(executor=client), {"number": 1}).shared["out"] == 2


def test_future_of_dask_arrives_as_its_value(client):
    number = client.scatter(41)
    assert of(tell.Adds(), {"number": number}, executor=client).shared["out"] == 42


def test_asynchronous_client_is_refused(client):
    async def use():
        async with distributed.Client(
            client.scheduler.address, asynchronous=True
        ) as other:
            with pytest.raises(InvalidValue, match="asynchronous=False"):
                run(kgnb.Graph(tell.Adds()), {"number": 1}, executor=other)

    asyncio.run(use())


def test_worker_that_dies_is_told_of_and_its_item_tried_again(tmp_path, eventually):
    # Dask gives an item up after its second worker; then it is the node's turn.
    with (
        dask_harness.serving(3, allowed_failures=1) as address,
        distributed.Client(address) as client,
    ):
        graph = kgnb.Graph(tell.Killed(max_retries=2))
        handle = run(graph, {"dir": str(tmp_path)}, executor=client)
        for deaths in range(2):
            eventually(lambda: f"about to die {deaths}" in logged(handle), 60)  # noqa: B023 - at once
            (tmp_path / f"heard{deaths}").touch()
        assert handle.result(60).shared["out"] == [2, "well"]
    told = logged(handle)
    assert "its worker was lost; the cluster runs it again" in told
    assert "item 0: attempt 1 failed: Killed, item 0: the worker process died" in told


def logged(handle):
    return "".join(log.text for log in handle.view.logs)
