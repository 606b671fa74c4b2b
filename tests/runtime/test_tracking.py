"""Loops that show how far they are."""

import asyncio
import threading

import pytest

import kgnb
from kgnb.errors import RunCancelled
from kgnb.protocol.record import static_record
from kgnb.runtime import run, stream, track
from kgnb.runtime.tracking import Bars, Pace, Tracked, length_of


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def bars(clock, asked):
    return Bars(lambda: None, asked.append, clock)


def loop(bars, iterable, total=None, label=None):
    return Tracked(iterable, bars.open(total, label))


def places(asked):
    return [".".join(map(str, bar.place)) for bar in asked]


def test_bar_is_asked_for_once_until_it_has_told(bars, asked):
    steps = loop(bars, range(1000), 1000)
    for _ in steps:
        pass
    (bar, end) = asked
    assert bar is end
    told = bar.data(None)
    assert (told.current, told.total, told.percent, told.closed) == (
        1000,
        1000,
        100,
        True,
    )


def test_step_counts_when_the_next_one_is_asked_for(bars, asked):
    steps = loop(bars, "abc", 3)
    next(steps)
    assert asked[0].data(None).current == 0
    next(steps)
    assert asked[0].data(None).current == 1


def test_rate_and_remaining_time_follow_the_clock(bars, asked, clock):
    steps = loop(bars, range(10), 10, "pages")
    next(steps)
    for _ in range(4):
        clock.now += 0.5
        next(steps)
    told = asked[0].data("3")
    assert (told.label, told.item, told.rate, told.remaining, told.elapsed) == (
        "pages",
        "3",
        2.0,
        3.0,
        2.0,
    )


def test_pace_forgets_what_is_long_ago():
    pace = Pace(0.0)
    assert pace.at(100, 10.0) == 10.0
    now = 10.0
    for step in range(60):
        now += 1.0
        rate = pace.at(100 + step + 1, now)
    assert 1.0 < rate < 1.1


def test_pace_is_unknown_before_there_is_enough_to_tell_by():
    assert Pace(0.0).at(5, 0.1) is None


def test_inner_loop_takes_one_place_below_the_outer_again_and_again(bars, asked):
    for _ in loop(bars, range(3), 3):
        for _ in loop(bars, range(2), 2):
            pass
    assert set(places(asked)) == {"1", "1.1"}


def test_next_loop_takes_the_main_place_again(bars, asked):
    for _ in range(2):
        list(loop(bars, "ab"))
    assert set(places(asked)) == {"1"}


def test_early_break_closes_the_bar_where_it_was(bars, asked):
    for letter in loop(bars, "abc", 3):
        if letter == "b":
            break
    told = asked[0].data(None)
    assert (told.current, told.closed) == (1, True)
    assert loop(bars, "x")._bar.place == (1,)


def test_generator_without_length_has_its_count_as_total_in_the_end(bars, asked):
    list(loop(bars, (x for x in "abc")))
    told = asked[0].data(None)
    assert (told.current, told.total, told.percent) == (3, 3, 100)


def test_exception_leaves_a_bar_that_the_attempts_end_closes(bars, asked):
    steps = loop(bars, "abc")
    next(steps)
    bars.close()
    assert asked[-1].is_closed
    assert asked[-1].data(None).rate is None


def test_length_of_what_refuses_to_tell_is_unknown():
    class Loader:
        def __len__(self):
            raise TypeError

    assert [length_of(x) for x in ([1], iter([1]), Loader())] == [1, None, None]


# In a run.


def node_of(result, name):
    return result.view.nodes[name]


def node_when(handle, name, condition):
    """The node as it is shown now, if it is so already; views are copies."""
    node = handle.view.nodes.get(name)
    return node if node is not None and condition(node) else None


def currents(node):
    return {bar.current for bar in node.items.values()}


def test_track_in_gather_has_a_bar_for_each(eventually):
    go = threading.Event()

    class Many(kgnb.AsyncNode):
        async def exec_async(self, _):
            async def one(name):
                for page in track(range(3), description=name):
                    while page == 1 and not go.is_set():
                        await asyncio.sleep(0.005)

            await asyncio.gather(*(one(name) for name in "xyz"))

    handle = run(Many())
    node = eventually(
        lambda: node_when(handle, "Many", lambda node: len(node.tracks) == 2)
    )
    assert [b.label for b in (node.progress, *node.tracks.values())] == ["x", "y", "z"]
    go.set()
    node = node_of(handle.result(10), "Many")
    assert [b.percent for b in (node.progress, *node.tracks.values())] == [100] * 3


def test_track_in_a_thread_stands_below_the_loop_around_it(eventually):
    go = threading.Event()

    def inside():
        for _ in track("ab", description="lines"):
            go.wait(10)

    class Outer(kgnb.AsyncNode):
        async def exec_async(self, _):
            for _ in track(range(2), description="files"):
                await asyncio.gather(*(asyncio.to_thread(inside) for _ in range(2)))

    handle = run(Outer())
    node = eventually(
        lambda: node_when(handle, "Outer", lambda node: len(node.tracks) == 2)
    )
    assert set(node.tracks) == {"1.1", "1.2"}
    go.set()
    node = node_of(handle.result(10), "Outer")
    assert node.tracks == {}
    assert (node.progress.current, node.progress.label) == (2, "files")


def test_track_of_batch_items_moves_their_own_bars(eventually):
    go = threading.Event()

    class Each(kgnb.AsyncParallelBatchNode):
        async def prep_async(self, _):
            return ["a", "b"]

        async def exec_async(self, item):
            for step in track(range(4), description=item):
                while step == 2 and not go.is_set():
                    await asyncio.sleep(0.005)

    handle = run(Each())
    node = eventually(
        lambda: node_when(handle, "Each", lambda node: currents(node) == {2})
    )
    assert {k: b.label for k, b in node.items.items()} == {"0": "a", "1": "b"}
    go.set()
    handle.result(10)


def test_track_within_a_stream_counts_its_chunks():
    async def chunks():
        async for chunk in track(letters(), 3, description="chunks"):
            yield chunk

    async def letters():
        for letter in "abc":
            yield letter

    async def talks(_shared):
        return await stream(chunks())

    result = run(talks).result(10)
    assert result.value == "abc"
    assert node_of(result, "talks").progress.current == 3


def test_track_that_is_streamed_closes_its_source():
    closed = []

    class Source:
        def __iter__(self):
            return iter("abc")

        def close(self):
            closed.append(True)

    result = run(lambda: stream(track(Source(), 3)).result()).result(10)
    assert (result.value, closed) == ("abc", [True])


def test_async_break_closes_the_bar_at_once():
    async def numbers():
        for number in range(5):
            yield number

    async def works(_shared):
        async for number in track(numbers()):
            if number == 2:
                break
        return [x async for x in track(numbers(), 5, description="again")]

    node = node_of(run(works).result(10), "works")
    assert (node.progress.label, node.progress.current, node.tracks) == ("again", 5, {})


def test_failed_attempt_closes_its_bars():
    class Flaky(kgnb.Node):
        def exec(self, _):
            for _ in track(range(5)):
                if self.cur_retry == 0:
                    msg = "once"
                    raise OSError(msg)

    node = node_of(run(Flaky(max_retries=2)).result(10), "Flaky")
    assert (node.progress.current, node.tracks) == (5, {})


def test_cancel_ends_a_loop_at_its_next_step(eventually):
    def works():
        for _ in track(iter(int, 1)):
            pass

    handle = run(works)
    eventually(lambda: "works" in handle.view.nodes)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)


def test_a_million_steps_cost_little_and_send_few_frames():
    def works():
        for _ in track(range(1_000_000)):
            pass

    result = run(works).result(60)
    assert node_of(result, "works").progress.current == 1_000_000
    assert result.view.seq < 1000


def test_record_has_no_rate_or_time():
    result = run(lambda: sum(track(range(3), description="n"))).result(10)
    record = static_record(result.view)
    (node,) = record["nodes"].values()
    assert node["progress"] == {
        "percent": 100.0,
        "current": 3.0,
        "total": 3.0,
        "message": None,
        "label": "n",
    }
