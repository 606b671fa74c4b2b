"""The asynchronous client against a server that keeps to the protocol, and breaks."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest
from scripted_server import QUICK, RUN, ScriptedServer, gathered, run_of

from kgnb import errors
from kgnb.clients import connect, exchange
from kgnb.clients.addresses import address_of
from kgnb.clients.connection import Backoff, Connection
from kgnb.protocol.ids import timestamp

PATIENT = Backoff(**QUICK)
OTHER = "f" * 32


@asynccontextmanager
async def scripted(runs=None, *, cuts=(), backoff=PATIENT, **options):
    """A server, and a client of it."""
    async with (
        ScriptedServer(runs, cuts=cuts) as server,
        connect(server.url, backoff=backoff, **options) as client,
    ):
        yield server, client


def seqs(events):
    return [event["seq"] for event in events]


async def test_token_goes_in_a_header_and_never_in_the_url():
    async with ScriptedServer() as server:
        url = server.url + "lab?token=secret"
        async with connect(url, client_id="me") as client:
            assert client.identity == {"user": "ada"}
            assert client.log_id == "log 1"
    (request,) = server.requests
    assert request.path == "/base/kgnb/ws?client_id=me"
    assert request.headers["Authorization"] == "token secret"
    assert request.headers["Sec-WebSocket-Protocol"] == "kgnb.v1"


async def test_events_come_up_to_the_end_of_the_run():
    async with scripted({RUN: run_of(5)}) as (_, client):
        events = await gathered(client.events(run_id=RUN))
    assert events == run_of(5)


@pytest.mark.parametrize("seed", range(20))
async def test_events_over_broken_connections_come_once_and_in_order(seed):
    chance = random.Random(seed)
    cuts = [chance.randrange(60) for _ in range(30)]
    cuts[0] += 1  # so that the first connection greets
    async with scripted({RUN: run_of(300)}, cuts=cuts) as (_, client):
        one, two = await asyncio.gather(
            gathered(client.events(run_id=RUN)),
            gathered(client.events(run_id=RUN, since=100)),
        )
    assert seqs(one) == [*range(1, 303)]
    assert seqs(two) == [*range(101, 303)]


@pytest.mark.parametrize("seed", range(5))
async def test_events_of_all_runs_over_broken_connections_come_once(seed):
    chance = random.Random(seed)
    cuts = [1 + chance.randrange(80) for _ in range(20)]
    runs = {RUN: run_of(100)[:-1], OTHER: run_of(100, OTHER)[:-1]}
    async with scripted(runs, cuts=cuts) as (_, client):
        had = {RUN: [], OTHER: []}
        async for event in client.events():
            had[event["run_id"]].append(event["seq"])
            if sum(map(len, had.values())) == 202:
                break
    assert had == {RUN: [*range(1, 102)], OTHER: [*range(1, 102)]}


async def test_second_reading_of_a_run_gets_it_whole_and_the_first_nothing_twice():
    begun, last = run_of(50)[:-1], run_of(50)[-1]
    async with scripted({RUN: list(begun)}) as (server, client):
        first, second = client.events(run_id=RUN), client.events(run_id=RUN)
        had = [await anext(first) for _ in begun]
        again = [await anext(second) for _ in begun]
        await server.publish(last)
        had += await gathered(first)
        again += await gathered(second)
    assert had == again == run_of(50)


async def test_end_that_was_seen_before_ends_the_events_at_once():
    async with scripted({RUN: run_of(3)}) as (_, client):
        assert await gathered(client.events(run_id=RUN, since=5)) == []


async def test_topics_choose_among_the_events():
    async with scripted({RUN: run_of(3)}) as (server, client):
        events = await gathered(client.events(run_id=RUN, topics=["results"]))
        (asked,) = server.of_type("subscribe")
    assert [e["type"] for e in events] == ["workflow_started", "workflow_completed"]
    assert asked["topics"] == ["results"]


async def test_snapshot_is_handed_on_and_the_events_behind_it():
    view = {"run_id": RUN, "seq": 4, "status": "running"}
    snapshot = {"type": "snapshot", "run_id": RUN, "view": view, "reason": "old"}
    run = [{**snapshot, "seq": 4}, run_of(3)[4]]
    async with scripted({RUN: run}) as (_, client):
        first, last = await gathered(client.events(run_id=RUN))
    assert (first["type"], first["view"]) == ("snapshot", view)
    assert last["type"] == "workflow_completed"


async def test_text_that_was_sent_before_is_cut_from_a_joined_frame():
    token = {"type": "token", "run_id": RUN, "node_id": "A", "stream": "s"}
    run = [
        {"type": "workflow_started", "run_id": RUN, "seq": 1},
        {**token, "seq": 2, "data": "abc"},
        {**token, "seq": 3, "data": "abcde"},
        {**token, "seq": 4, "data": "f", "index": 5},
        {"type": "workflow_completed", "run_id": RUN, "seq": 5, "data": None},
    ]
    async with scripted({RUN: run}) as (_, client):
        events = await gathered(client.events(run_id=RUN, topics=["tokens"]))
    assert [(e["data"], e.get("index", 0)) for e in events[1:-1]] == [
        ("abc", 0), ("de", 3), ("f", 5)
    ]  # fmt: skip


async def test_slow_reader_leaves_events_out_and_asks_for_them_again(monkeypatch):
    monkeypatch.setattr("kgnb.clients.readings.MOST_QUEUED", 10)
    async with scripted({RUN: run_of(100)}) as (server, client):
        events = client.events(run_id=RUN)
        had = [await anext(events)]
        await client.answer("a", 1)  # meanwhile all was sent
        had += await gathered(events)
        assert len(server.of_type("subscribe")) > 1
    assert had == run_of(100)


async def test_start_that_is_sent_again_has_one_effect():
    async with scripted(cuts=[1, 1, 1]) as (server, client):
        run = await client.start("w", {"a": 1}, session_id="s")
    assert (run.run_id, run.session_id) == (RUN, "s")
    assert len(server.of_type("start_workflow")) > 1
    assert len(server.started) == 1


async def test_commands_say_what_the_protocol_calls_them():
    async with scripted() as (server, client):
        await client.answer("a", "yes", reason="good", args_hash="h")
        await client.cancel(RUN)
        await client.pause(RUN)
        await client.resume(RUN)
        assert await client.fork(RUN, "Draft:2", {"n": 1}) == RUN
        await client.send_input("n", {"x": 1}, run_id=RUN)
    for frame in server.received:
        assert len(frame.pop("id")) == 32
    assert server.received == [
        {"type": "answer", "approval_id": "a", "value": "yes", "reason": "good",
         "args_hash": "h"},
        {"type": "cancel", "run_id": RUN},
        {"type": "pause", "run_id": RUN},
        {"type": "resume", "run_id": RUN},
        {"type": "fork", "run_id": RUN, "at": "Draft:2", "shared": {"n": 1}},
        {"type": "node_input", "node_id": "n", "data": {"x": 1}, "run_id": RUN},
    ]  # fmt: skip


async def test_group_is_joined_again_and_its_messages_come():
    async with scripted(cuts=[2]) as (server, client):
        await client.join_group("admins")
        await client.cancel(RUN)  # the break comes before its reply
        assert len(server.of_type("join_group")) == 2
        (serving,) = server.sockets
        alert = {
            "type": "system_alert",
            "group": "admins",
            "timestamp": timestamp(0),
        }
        await serving.send(alert)
        assert await anext(aiter(client.events())) == alert


async def test_named_client_comes_back_with_its_position():
    async with scripted(client_id="me") as (server, client):
        (serving,) = server.sockets
        letter = {"type": "news", "topic": "t", "position": 17}
        await serving.send(letter)
        assert await anext(aiter(client.events())) == letter
        serving.socket.transport.abort()
        await client.cancel(RUN)
    assert server.requests[-1].path == "/base/kgnb/ws?client_id=me&position=17"


async def test_named_client_without_messages_comes_back_with_its_first_position():
    async with ScriptedServer() as server:
        server.position = 0
        async with connect(server.url, client_id="me", backoff=PATIENT) as client:
            for server.position in (5, 6):  # by what was sent into a broken connection
                (serving,) = server.sockets
                serving.socket.transport.abort()
                await client.cancel(RUN)
    paths = [request.path for request in server.requests]
    assert (
        paths
        == ["/base/kgnb/ws?client_id=me"]
        + ["/base/kgnb/ws?client_id=me&position=0"] * 2
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("unauthorized", errors.Unauthorized),
        ("forbidden", errors.Forbidden),
        ("rate_limited", errors.RateLimited),
        ("too_large", errors.FrameTooLarge),
        ("unknown_type", errors.UnknownType),
        ("invalid", errors.InvalidValue),
        ("no_such_workflow", errors.NoSuchWorkflow),
        ("no_such_run", errors.NoSuchRun),
        ("no_such_approval", errors.NoSuchApproval),
        ("already_answered", errors.AlreadyAnswered),
        ("expired", errors.Expired),
        ("conflict", errors.Conflict),
        ("gap", errors.Gap),
        ("unavailable", errors.Unavailable),
        ("internal", errors.KgnbError),
    ],
)
async def test_refused_command_raises_the_class_of_its_code(code, kind, monkeypatch):
    monkeypatch.setattr(exchange, "AGAIN_FOR", 0.0)
    refusal = {"type": "error", "code": code, "message": "no", "retry_after": 2.5}
    async with ScriptedServer() as server:
        server.refused["answer"] = {**refusal, "data": {"value": "yes", "code": 1}}
        async with connect(server.url) as client:
            with pytest.raises(errors.KgnbError) as caught:
                await client.answer("a", "no")
    assert type(caught.value) is kind
    assert (caught.value.code, str(caught.value)) == (code, "no")
    assert (caught.value.value, caught.value.retry_after) == ("yes", 2.5)


async def test_command_that_the_log_cannot_store_yet_is_sent_again_by_its_id():
    refusal = {"type": "error", "code": "unavailable", "message": "no"}
    async with ScriptedServer() as server:
        server.refused["answer"] = {**refusal, "retry_after": 0.01}
        async with connect(server.url) as client:
            answering = asyncio.create_task(client.answer("a", "yes"))
            while len(server.of_type("answer")) < 3:
                await asyncio.sleep(0.005)
            del server.refused["answer"]
            await answering
    assert len({frame["id"] for frame in server.of_type("answer")}) == 1


async def test_events_of_an_unknown_run_raise():
    async with scripted() as (_, client):
        with pytest.raises(errors.NoSuchRun):
            await gathered(client.events(run_id=RUN))


async def test_log_that_was_made_anew_is_a_gap_not_a_repetition():
    async with scripted({RUN: run_of(3)[:-1]}) as (server, client):
        events = client.events(run_id=RUN)
        assert (await anext(events))["seq"] == 1
        (serving,) = server.sockets
        server.log_id = "log 2"
        serving.socket.transport.abort()
        with pytest.raises(errors.Gap, match="made anew"):
            await gathered(events)


@pytest.mark.parametrize(
    ("close", "kind"),
    [
        ((4001, "Unauthorized"), errors.Unauthorized),
        ((4003, "Forbidden"), errors.Forbidden),
        ((4004, "No such workflow"), errors.NoSuchWorkflow),
    ],
)
async def test_refused_client_is_told_why(close, kind):
    async with ScriptedServer() as server:
        server.refusal = close
        with pytest.raises(kind):
            async with connect(server.url):
                pass


async def test_credential_that_ends_ends_the_client():
    async with scripted({RUN: run_of(3)[:-1]}) as (server, client):
        events = client.events(run_id=RUN)
        await anext(events)
        (serving,) = server.sockets
        await serving.socket.close(4001, "Unauthorized")
        with pytest.raises(errors.Unauthorized):
            await gathered(events)
        with pytest.raises(errors.Unauthorized):
            await client.cancel(RUN)


async def test_nobody_there_is_told_at_once():
    async with ScriptedServer() as server:
        url = server.url
    with pytest.raises(errors.Unavailable, match=r"127\.0\.0\.1.* cannot be reached"):
        async with connect(url):
            pass


async def test_server_that_stays_away_is_given_up():
    async with ScriptedServer() as server:
        impatient = Backoff(**QUICK, patience=0.0)
        async with connect(server.url, backoff=impatient) as client:
            server.is_mute = True
            server.refusal = (1011, "")
            waiting = asyncio.create_task(client.cancel(RUN))
            await asyncio.sleep(0)
            (serving,) = server.sockets
            server.server.close(close_connections=False)
            serving.socket.transport.abort()
            with pytest.raises(errors.Unavailable, match="cannot be reached"):
                await waiting


async def test_command_too_large_for_the_server_is_not_sent():
    async with ScriptedServer() as server:
        server.max_size = 1000
        async with connect(server.url) as client:
            with pytest.raises(errors.FrameTooLarge, match="at most 1000 bytes"):
                await client.answer("a", "x" * 1000)
    assert server.received == []


async def test_value_that_json_cannot_hold_is_refused():
    async with scripted() as (_, client):
        with pytest.raises(errors.InvalidValue, match="JSON"):
            await client.answer("a", object())


async def test_closed_client_ends_what_waits():
    async with ScriptedServer({RUN: run_of(3)[:-1]}) as server:
        server.is_mute = True
        async with connect(server.url) as client:
            events = asyncio.create_task(gathered(client.events(run_id=RUN)))
            command = asyncio.create_task(client.cancel(RUN))
            await asyncio.sleep(0)
        for task in (events, command):
            with pytest.raises(errors.Unavailable, match="closed"):
                await task
        with pytest.raises(errors.Unavailable, match="closed"):
            await client.cancel(RUN)


async def test_since_without_a_run_is_refused():
    async with scripted() as (_, client):
        with pytest.raises(errors.InvalidValue, match="run_id"):
            await gathered(client.events(since=3))


async def test_close_that_is_cancelled_says_so():
    async def hangs_up_slowly():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)

    connection = Connection(address_of("http://127.0.0.1:1"), Backoff())
    connection._task = hanging = asyncio.create_task(hangs_up_slowly())
    await asyncio.sleep(0)
    closing = asyncio.create_task(connection.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(errors.Unavailable, match="closed"):
        await connection.exchange.wait_greeted()
    await asyncio.wait([hanging])


async def test_client_that_leaves_closes_as_one_that_is_done():
    async with ScriptedServer() as server, connect(server.url) as client:
        assert client.log_id
    assert server.close_codes == [1000]


@pytest.mark.parametrize(
    ("token", "told"),
    [(None, "wants a token, and none was given"), ("old", "does not know this token")],
)
async def test_client_that_is_not_let_in_is_told_what_its_token_lacks(token, told):
    async with ScriptedServer() as server:
        server.refusal = (4001, "Unauthorized")
        with pytest.raises(errors.Unauthorized, match=told):
            async with connect(server.url, token=token):
                pass
