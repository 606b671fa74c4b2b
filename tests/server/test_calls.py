"""Calls without a host: replies, bodies, numbers, streams."""

import asyncio

import msgspec
import pytest

from kgnb.broker.peer import Identity, OutFrame
from kgnb.errors import (
    BadFrame,
    Forbidden,
    FrameTooLarge,
    KgnbError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from kgnb.server.calls.call import READ, Call, Reply, Route, judge, serve
from kgnb.server.calls.events import Reader
from kgnb.server.calls.streams import pour
from kgnb.server.calls.table import ROUTES, by_path
from kgnb.server.host import Host, Settings


class Somebody:
    def __init__(self, *, is_known=True, is_allowed=True):
        self.is_known = is_known
        self.is_allowed = is_allowed

    async def identity(self):
        return Identity(user="ann") if self.is_known else None

    async def may(self, action, resource):
        return self.is_allowed


def call_of(*, caller=None, driver=None, **facts):
    host = Host(Settings(max_message_size=1024), driver=driver)
    return Call(host=host, caller=caller or Somebody(), method="GET", **facts)


async def served(call):
    return Reply(299)


GATED = Route(method="GET", path="x", template="x", call=served, needs=READ)
OPEN = Route(method="GET", path="x", template="x", call=served, needs=None)


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (Somebody(is_known=False), Unauthorized),
        (Somebody(is_allowed=False), Forbidden),
    ],
)
async def test_gate_refuses_who_is_unknown_or_may_not(caller, error):
    for gate in (judge(GATED, caller), serve(GATED, call_of(caller=caller))):
        with pytest.raises(error):
            await gate
    assert (await serve(OPEN, call_of(caller=caller))).status == 299


async def test_gate_lets_in_who_may():
    assert (await serve(GATED, call_of())).status == 299


def test_table_has_each_method_of_a_path_once():
    assert sum(len(methods) for methods in by_path().values()) == len(ROUTES)
    for methods in by_path().values():
        assert len({(r.form, r.is_activity) for r in methods.values()}) == 1


def test_refusal_says_code_message_and_how_long_to_wait():
    reply = Reply.error(RateLimited("slower", retry_after=2.4))
    assert reply.status == 429
    assert reply.headers["Retry-After"] == "2"
    body = msgspec.json.decode(reply.body)
    assert body == {"code": "rate_limited", "message": "slower", "retry_after": 2.4}
    assert Reply.refusal(401).headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid"), (404, "invalid"), (413, "too_large"), (502, "internal")],
)
def test_refusal_of_a_host_has_the_nearest_code(status, code):
    assert msgspec.json.decode(Reply.refusal(status).body)["code"] == code


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.0", "x", "9" * 12, "\u0661"])
def test_number_out_of_bounds_or_none_is_refused(text):
    call = call_of(query={"limit": text})
    with pytest.raises(BadFrame, match="limit"):
        call.number("limit", default=5, least=1, most=10)


def test_number_that_is_not_given_is_the_default():
    assert call_of().number("limit", default=5, least=1, most=10) == 5
    assert call_of(query={"limit": "10"}).number("limit", default=5, least=1, most=10)


class Body(msgspec.Struct):
    a: int = 0


def test_body_is_read_as_what_is_expected():
    assert call_of().body_as(Body) == Body()
    assert call_of(body=b'{"a":1}').body_as(Body) == Body(1)
    for wrong in (b"{", b'{"a":"x"}', b"[]", b"\xff"):
        with pytest.raises(BadFrame, match="body"):
            call_of(body=wrong).body_as(Body)


def test_body_is_refused_one_byte_past_the_limit():
    text = b'{"a":1}'.ljust(1024)
    assert call_of(body=text).body_as(Body) == Body(1)
    with pytest.raises(FrameTooLarge):
        call_of(body=text + b" ").body_as(Body)


def test_call_without_a_broker_says_try_again():
    with pytest.raises(Unavailable):
        _ = call_of().driver


class Chunks:
    """A stream of these chunks; then it waits, or raises."""

    def __init__(self, *chunks, error=None, is_endless=False):
        self.chunks = list(chunks)
        self.error = error
        self.is_endless = is_endless
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.chunks:
            return self.chunks.pop(0)
        if self.is_endless:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self):
        self.closed += 1


@pytest.fixture
def sent():
    return []


@pytest.fixture
def send(sent):
    async def send(chunk):
        sent.append(chunk)

    return send


async def test_stream_is_poured_to_its_end_and_closed(send, sent):
    stream = Chunks(b"1", b"2")
    assert await pour(stream, send, asyncio.Event(), None) is True
    assert (sent, stream.closed) == ([b"1", b"2"], 1)


async def test_stream_that_breaks_raises_and_is_closed(send, sent):
    stream = Chunks(b"1", error=KgnbError("torn"))
    with pytest.raises(KgnbError, match="torn"):
        await pour(stream, send)
    assert (sent, stream.closed) == ([b"1"], 1)


@pytest.mark.parametrize("which", [0, 1])
async def test_stream_ends_with_its_reader_while_it_waits(send, sent, which):
    ends = asyncio.Event(), asyncio.Event()
    stream = Chunks(b"1", is_endless=True)
    pouring = asyncio.ensure_future(pour(stream, send, *ends))
    while not sent:
        await asyncio.sleep(0)
    ends[which].set()
    assert await pouring is False
    assert stream.closed == 1


async def test_stream_ends_with_its_reader_in_the_middle_of_a_chunk():
    gone, is_stuck = asyncio.Event(), asyncio.Event()

    async def send(chunk):
        is_stuck.set()
        await asyncio.Event().wait()

    stream = Chunks(b"1", b"2")
    pouring = asyncio.ensure_future(pour(stream, send, gone))
    await is_stuck.wait()
    gone.set()
    assert await pouring is False
    assert stream.closed == 1


async def test_cancelled_pouring_closes_its_stream(send, sent):
    stream = Chunks(b"1", is_endless=True)
    pouring = asyncio.ensure_future(pour(stream, send))
    while not sent:
        await asyncio.sleep(0)
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    assert stream.closed == 1


class Quiet:
    """A broker of which a reader asks no more than its name."""

    log_id = "log"

    def run(self, run_id):
        return None


@pytest.fixture
def reader(jp_asyncio_loop):
    async def made():
        reader = Reader(call_of(driver=Quiet(), args=("r1",)), None)
        reader._sink.send_nowait(OutFrame(b'{"type":"subscribed","seq":0}'))
        return reader

    reader = jp_asyncio_loop.run_until_complete(made())
    yield reader
    jp_asyncio_loop.run_until_complete(reader.aclose())


async def test_quiet_reader_is_sent_a_comment(reader):
    assert await anext(reader) == b": kgnb\n\n"
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    reader._look()
    assert await waiting == b":\n\n"
    assert not reader.cut.is_set()


async def test_reader_that_stands_still_for_two_looks_is_cut_off(reader):
    await anext(reader)
    reader._look()
    assert not reader.cut.is_set()
    reader._look()
    assert reader.cut.is_set()


async def test_reader_past_its_queue_is_cut_off_in_the_middle_of_a_chunk(reader):
    await anext(reader)
    frame = OutFrame(b'{"type":"result","seq":1,"data":"%s"}' % (b"x" * 60_000))
    for _ in range(40):
        reader._sink.send_nowait(frame)
    assert reader.cut.is_set()
    assert reader.queued_bytes == 0


async def test_reader_of_a_run_that_has_ended_gets_its_last_event(reader):
    await anext(reader)
    reader._sink.send_nowait(OutFrame(b'{"type":"workflow_completed","seq":1}'))
    told = [chunk async for chunk in reader]
    assert told == [b'id: log:1\ndata: {"type":"workflow_completed","seq":1}\n\n']
