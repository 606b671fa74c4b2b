"""Streams of a run: labelled, side by side, tried again, and put together whole."""

import asyncio
import threading

import pytest

import kgnb
from kgnb.errors import StreamBroken
from kgnb.protocol.events import Usage
from kgnb.protocol.record import static_record
from kgnb.runtime import run, stream
from kgnb.runtime.chunks import Piece, ToolPiece, read
from kgnb.runtime.sources import nature
from kgnb.runtime.texts import Gathered
from kgnb.runtime.usage import Meter


async def slowly(text):
    for letter in text:
        yield letter
        await asyncio.sleep(0)


def said(view):
    return sorted(
        (s.name or "", s.item or "", s.attempt, s.text, s.superseded)
        for s in view.streams
    )


def test_labelled_streams_in_gather_never_mix():
    async def talks(_shared):
        names = ["english", "german", "french"]
        texts = [stream(slowly(name * 50), name=name) for name in names]
        return await asyncio.gather(*texts)

    result = run(talks).result(10)
    assert said(result.view) == [
        (name, "", 1, name * 50, False) for name in ("english", "french", "german")
    ]


def test_labelled_streams_in_threads_never_mix():
    def one(name):
        return stream(iter(name * 50), name=name).result()

    async def talks(_shared):
        return await asyncio.gather(*(asyncio.to_thread(one, n) for n in "abc"))

    result = run(talks).result(10)
    assert [text for *_, text, _ in said(result.view)] == ["a" * 50, "b" * 50, "c" * 50]


def test_two_streams_of_one_name_stay_apart():
    def talks():
        return [stream("ab", name="x").result(), stream("cd", name="x").result()]

    result = run(talks).result(10)
    assert [(s.name, s.text) for s in result.view.streams] == [("x", "ab"), ("x", "cd")]
    assert len({s.stream for s in result.view.streams}) == 2


def test_streams_of_batch_items_carry_their_item():
    class Each(kgnb.AsyncParallelBatchNode):
        async def prep_async(self, _):
            return ["p", "q"]

        async def exec_async(self, item):
            return await stream(slowly(item), name="draft")

    view = run(Each()).result(10).view
    assert said(view) == [("draft", "0", 1, "p", False), ("draft", "1", 1, "q", False)]


def chat(text, usage=None):
    choices = [{"delta": {"content": text}}]
    return {"choices": choices, "usage": usage}


def test_failed_attempt_is_superseded_when_the_next_one_speaks_and_still_counts():
    class Flaky(kgnb.AsyncNode):
        async def exec_async(self, _):
            async def chunks():
                yield chat("half ", {"prompt_tokens": 10, "completion_tokens": 2})
                if self.cur_retry == 0:
                    msg = "the line broke"
                    raise OSError(msg)
                yield chat("and half")

            return await stream(chunks())

    result = run(Flaky(max_retries=2)).result(10)
    assert said(result.view) == [
        ("", "", 1, "half ", True),
        ("", "", 2, "half and half", False),
    ]
    assert result.usage == {
        "Flaky": Usage(input_tokens=20, output_tokens=4, total_tokens=24)
    }
    old, new = static_record(result.view)["streams"]
    assert old["superseded"]
    assert "superseded" not in new
    assert "superseded" in result.view.to_dict()["streams"][0]


def test_failed_item_supersedes_only_its_own_text():
    class Each(kgnb.BatchNode):
        def prep(self, _):
            return "ab"

        def exec(self, item):
            text = stream(item).result()
            if item == "a" and self.cur_retry == 0:
                msg = "once"
                raise OSError(msg)
            return text

    view = run(Each(max_retries=2)).result(10).view
    assert said(view) == [
        ("", "0", 1, "a", True),
        ("", "0", 2, "a", False),
        ("", "1", 1, "b", False),
    ]


def test_usage_is_summed_over_the_streams_of_a_node_and_of_a_run():
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}

    class Two(kgnb.Node):
        def exec(self, _):
            for _ in range(2):
                stream([chat("x", usage)]).result()

    class One(Two):
        def exec(self, _):
            stream([chat("x", usage)]).result()

    two, one = Two(), One()
    two >> one
    result = run(kgnb.Graph(two, name="g")).result(10)
    assert {n: u.total_tokens for n, u in result.usage.items()} == {"Two": 12, "One": 6}
    assert result.view.usage.total_tokens == 18


def test_helper_that_must_be_entered_is_entered_and_left():
    class Manager:
        entered = left = False

        def __enter__(self):
            self.entered = True
            return iter(["a", "b"])

        def __exit__(self, *_):
            self.left = True

    manager = Manager()
    assert run(lambda: stream(manager).result()).result(10).value == "ab"
    assert manager.entered
    assert manager.left


def test_text_as_a_source_is_one_chunk():
    assert stream("whole").result() == "whole"


def test_awaiting_task_that_is_cancelled_leaves_the_reading_thread_to_its_chunk():
    go, read_on = threading.Event(), []

    def chunks():
        yield "a"
        go.wait(10)
        yield "b"
        read_on.append(True)

    async def talks(_shared):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream(chunks()), 0.05)
        go.set()

    result = run(talks).result(10)
    assert result.view.streams[0].text == "a"
    assert read_on == []


# Putting together.


def gathered(*pieces):
    whole = Gathered()
    for piece in pieces:
        whole.add(piece)
    whole.rest()
    return whole.whole()


def test_halves_of_a_character_in_two_chunks_become_one():
    parts = Gathered()
    first = parts.add(Piece(text="a\ud83d"))
    second = parts.add(Piece(text="\ude42b"))
    assert [p.text for p in (*first, *second)] == ["a", "🙂b"]
    assert parts.whole() == "a🙂b"


def test_half_that_stays_alone_is_replaced():
    assert gathered(Piece(text="a\ud83d")) == "a\N{REPLACEMENT CHARACTER}"
    assert gathered(Piece(text="\ude42b")) == "\N{REPLACEMENT CHARACTER}b"


def test_calls_that_a_server_numbers_alike_are_told_apart_by_id():
    calls = [ToolPiece(0, "f", "{}", "c1"), ToolPiece(0, "g", "{}", "c2")]
    text = gathered(*(Piece(tools=(call,)) for call in calls))
    assert [(c.name, c.id) for c in text.tool_calls] == [("f", "c1"), ("g", "c2")]


def test_pieces_without_a_number_belong_to_the_last_call():
    pieces = [ToolPiece(None, "f", "", "c1"), ToolPiece(None, "", "{}")]
    text = gathered(*(Piece(tools=(piece,)) for piece in pieces))
    assert [(c.name, c.arguments) for c in text.tool_calls] == [("f", "{}")]


def test_whole_message_gives_its_parsed_calls():
    calls = [{"name": "f", "args": {"a": 1}, "id": "c1"}]
    text = gathered(read({"content": "hi", "tool_calls": calls}))
    assert text == "hi"
    assert text.tool_calls[0].arguments == '{"a":1}'


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "error", "error": {"message": "overloaded"}},
        {"type": "error", "message": "overloaded"},
        {"choices": [], "error": {"message": "overloaded"}},
        {"type": "response.failed", "response": {"error": {"message": "overloaded"}}},
    ],
)
def test_chunk_that_tells_an_error_raises_it(chunk):
    with pytest.raises(StreamBroken, match="overloaded"):
        read(chunk)


def metered(*raws, adds=False):
    meter = Meter()
    for raw in raws:
        meter.take(raw, adds=adds)
    return meter.usage


def test_usage_that_is_told_again_replaces_what_was_told():
    usage = metered(
        {"input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 1},
        {"output_tokens": 9},
    )
    assert usage == Usage(
        input_tokens=10, output_tokens=9, total_tokens=19, cached_tokens=7
    )


def test_usage_of_langchains_chunks_adds_up():
    usage = metered({"input_tokens": 3}, {"output_tokens": 2}, adds=True)
    assert usage == Usage(input_tokens=3, output_tokens=2, total_tokens=5)


def test_usage_that_is_no_number_counts_nothing():
    assert metered({"prompt_tokens": None, "completion_tokens": "x"}) == Usage()
    assert metered() is None


@pytest.mark.parametrize("source", [3, None, object()])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(TypeError, match="takes an iterable"):
        nature(source)
