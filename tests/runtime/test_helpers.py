"""Tokens, progress, logs and events of one's own, inside a run and outside."""

import asyncio
import logging
import sys
import threading
import time

import pytest

import kgnb
from kgnb.errors import InvalidValue, RunCancelled
from kgnb.runtime import emit, log, progress, run, stream, track


async def letters():
    for letter in "abc":
        yield letter
        await asyncio.sleep(0)


def streams_of(result):
    return [(s.stream, s.kind, s.text, s.final) for s in result.view.streams]


def test_stream_in_an_async_node_shows_and_gives_the_text():
    async def talks(_shared):
        return await stream(letters())

    result = run(talks).result(10)
    assert result.value == "abc"
    assert streams_of(result) == [("talks:1.1/1", "text", "abc", True)]


def test_stream_of_a_sync_iterator_in_an_async_node_is_read_in_a_thread():
    threads = []

    def chunks():
        threads.append(threading.current_thread().name)
        yield from "xy"

    async def talks(_shared):
        return await stream(chunks(), name="draft")

    result = run(talks).result(10)
    assert streams_of(result) == [("talks:1.1/draft", "text", "xy", True)]
    assert threads == ["kgnb-beside"]


def test_stream_of_an_async_iterator_in_a_sync_node():
    result = run(lambda: stream(letters()).result()).result(10)
    assert result.value == "abc"


def test_stream_of_a_sync_iterator_in_a_sync_node():
    def talks():
        return stream(["a", "b"]).result() + stream(iter("c")).result()

    result = run(talks).result(10)
    assert result.value == "abc"
    assert [s[0] for s in streams_of(result)] == ["talks:1.1/1", "talks:1.1/2"]


def test_streams_of_parallel_items_have_names_of_their_own():
    class Each(kgnb.AsyncParallelBatchNode):
        async def prep_async(self, _):
            return "pqr"

        async def exec_async(self, item):
            return await stream([item, item])

    result = run(Each()).result(10)
    assert result.value == ["pp", "qq", "rr"]
    assert sorted(s[:3] for s in streams_of(result)) == [
        (f"Each:1.1/{n}.1", "text", t) for n, t in enumerate(["pp", "qq", "rr"])
    ]


def test_stream_error_ends_the_stream_and_fails_the_node():
    def broken():
        yield "so far"
        raise OSError("gone")

    handle = run(lambda: stream(broken()).result())
    with pytest.raises(OSError, match="gone"):
        handle.result(10)
    assert streams_of(handle) == [("function:1.1/1", "text", "so far", True)]


def test_cancel_stops_a_sync_stream(eventually):
    def endless():
        while True:
            yield "x"
            time.sleep(0.001)

    handle = run(lambda: stream(endless()).result())
    eventually(lambda: handle.view.streams)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(5)


@pytest.mark.parametrize("thing", [3, None])
def test_stream_of_what_is_no_stream_says_so(thing):
    with pytest.raises(TypeError, match="takes an iterable"):
        stream(thing)


def test_five_thousand_tokens_arrive_whole_in_few_frames():
    tokens = [f" t{n:04}" for n in range(5000)]

    async def talks(_shared):
        return await stream(iter(tokens))

    handle = run(talks)
    began = time.monotonic()
    result = handle.result(30)
    frames = result.view.seq - 5  # start, running, completed, result, completed
    assert result.view.streams[0].text == "".join(tokens)
    assert frames <= 3 + 30 * (time.monotonic() - began)


def test_outside_a_run_all_but_ask_pass_through():
    async def outside():
        return await stream(letters())

    assert asyncio.run(outside()) == "abc"
    assert stream(["a", "b"]).result() == "ab"
    assert stream(letters()).result() == "abc"
    assert list(track([1, 2])) == [1, 2]
    progress(3)
    emit("anything", {})
    log("nothing")


def test_progress_is_shown_and_the_last_value_is_never_lost():
    def works():
        for percent in range(101):
            progress(percent, f"{percent} done")

    result = run(works).result(10)
    shown = result.view.nodes["works"].progress
    assert (shown.percent, shown.message) == (100.0, "100 done")
    assert result.view.seq < 30


def test_track_counts():
    def works():
        return sum(track(range(10)))

    result = run(works).result(10)
    shown = result.view.nodes["works"].progress
    assert (result.value, shown.current, shown.total, shown.percent) == (
        45,
        10,
        10,
        100,
    )


def test_track_async():
    async def works(_shared):
        return [letter async for letter in track(letters(), total=3)]

    result = run(works).result(10)
    assert result.view.nodes["works"].progress.current == 3


def test_batch_items_report_themselves():
    class Each(kgnb.BatchNode):
        def prep(self, _):
            return "ab"

        def exec(self, item):
            progress(50, item)

    result = run(Each()).result(10)
    node = result.view.nodes["Each"]
    assert {k: v.percent for k, v in node.items.items()} == {"0": 100.0, "1": 100.0}
    assert (node.progress.current, node.progress.total) == (2, 2)


def test_emit_makes_custom_and_real_events():
    def works():
        emit("scored", {"n": 1})
        emit("message", {"role": "user", "content": "hi"})
        emit("result", {"x": 1})
        emit("progress", {"percent": 30})

    result = run(works).result(10)
    view = result.view
    assert [(c.type, c.node_id, c.data) for c in view.custom] == [
        ("scored", "works", {"n": 1})
    ]
    assert [(m.role, m.content) for m in view.messages] == [("user", "hi")]
    assert view.nodes["works"].progress.percent == 30


@pytest.mark.parametrize("name", ["workflow_completed", "ack", "", "a\nb", "x" * 300])
def test_emit_refuses_names_that_are_the_runs_own(name):
    with pytest.raises(InvalidValue, match="emit"):
        run(lambda: emit(name)).result(10)


def test_what_a_node_prints_and_logs_is_in_its_log_and_still_printed(capsys):
    def talks():
        print("out")
        print("err", file=sys.stderr)
        logging.getLogger("app").warning("careful %d", 1)
        log("noted", level="DEBUG")

    result = run(talks).result(10)
    assert [(e.stream, e.level, e.text) for e in result.view.logs] == [
        ("stdout", None, "out\n"),
        ("stderr", None, "err\n"),
        ("logging", "WARNING", "app: careful 1\n"),
        ("logging", "DEBUG", "noted\n"),
    ]
    printed = capsys.readouterr()
    assert printed.out == "out\n"
    assert printed.err.startswith("err\n")


def test_a_handler_that_writes_to_stderr_is_not_captured_twice(capsys):
    logger = logging.getLogger("kgnb-test-twice")
    logger.propagate = False

    def talks():
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)
        logger.warning("once")
        logger.removeHandler(handler)

    result = run(talks).result(10)
    assert [e.text for e in result.view.logs] == ["kgnb-test-twice: once\n"]


def test_line_of_a_nodes_own_logger_names_it_once():
    class Careful(kgnb.Node):
        def exec(self, _):
            self.logger.warning("the tide comes in")

    result = run(kgnb.Graph(Careful())).result(10)
    assert [e.text for e in result.view.logs] == ["Careful: the tide comes in\n"]


def test_streams_of_the_process_are_as_before_after_a_run():
    before = sys.stdout, sys.stderr, logging.getLogRecordFactory()
    run(lambda: print("x")).result(10)
    home_is_quiet = (sys.stdout, sys.stderr, logging.getLogRecordFactory())
    assert home_is_quiet == before


def test_prints_outside_the_run_are_not_captured(eventually):
    go = threading.Event()
    handle = run(lambda: go.wait(10))
    print("not the node's")
    go.set()
    assert handle.result(10).view.logs == []


def test_value_that_is_no_json_is_shown_by_its_repr():
    class Odd:
        def __repr__(self):
            return "<odd>"

    def gives():
        return Odd()

    assert run(gives).result(10).value == "<odd>"


def test_value_that_contains_itself_is_shown_by_its_repr():
    def gives():
        cycle = []
        cycle.append(cycle)
        return cycle

    assert isinstance(run(gives).result(10).value, str)


def test_lone_surrogate_in_output_loses_no_event():
    result = run(lambda: log("a\ud800b")).result(10)
    assert result.view.logs[0].text == "a?b\n"
