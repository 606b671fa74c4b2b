"""Every limit at n and at n + 1, on a real server that was given small ones."""

import asyncio
import contextlib
import json
import time
import uuid
from contextlib import AsyncExitStack

import pytest
from faults_harness import PEOPLE, RawKernel, Teller, closed, person
from websockets import ConnectionClosed

CONNECTIONS = 20
OF_ONE = 8
MESSAGES = 10
WINDOW = 4.0
SIZE = 4096
QUEUE = 5
PINGS = 1200
"""Pings and subscriptions of one client in the window: no setting."""
GROUPS = 128


@pytest.fixture(scope="module")
def settings():
    return (
        PEOPLE,
        f"--KgnbApp.max_connections={CONNECTIONS}",
        f"--KgnbApp.max_connections_per_identity={OF_ONE}",
        f"--KgnbApp.rate_limit_messages={MESSAGES}",
        f"--KgnbApp.rate_limit_window={WINDOW}",
        f"--KgnbApp.max_message_size={SIZE}",
        f"--KgnbApp.offline_queue={QUEUE}",
    )


async def ready(socket):
    """A socket that was greeted."""
    teller = Teller(socket)
    await teller.hear("hello")
    return teller


async def wait_gone(server, left=0):
    async with asyncio.timeout(10):
        while (await server.get("kgnb/health"))["connections"] > left:
            await asyncio.sleep(0.02)


# ---- connections


async def test_connection_past_the_limit_is_4013_and_the_others_live_on(server):
    await wait_gone(server)
    async with AsyncExitStack() as stack:
        tellers = [
            await ready(await stack.enter_async_context(person(server, f"c{n % 3}")))
            for n in range(CONNECTIONS)
        ]
        async with person(server, "c3") as late:
            assert await closed(late) == (4013, "at capacity")
        assert [(await t.ask(type="ping"))["type"] for t in tellers] == [
            "pong"
        ] * CONNECTIONS
        await tellers[0].socket.close()
        await wait_gone(server, CONNECTIONS - 1)
        async with person(server, "c3") as next_one:
            await ready(next_one)


async def test_connection_of_one_identity_past_its_limit_is_4013(server):
    await wait_gone(server)
    async with AsyncExitStack() as stack:
        for _ in range(OF_ONE):
            await ready(await stack.enter_async_context(person(server, "greedy")))
        async with person(server, "greedy", "kgnb/ws?client_id=other") as late:
            code, reason = await closed(late)
            assert (code, reason) == (4013, "too many connections of one identity")
        async with person(server, "modest") as other:
            await ready(other)


# ---- messages


async def cancel(teller):
    return await teller.ask(type="cancel", run_id="no-such-run")


async def spend(teller, count):
    """Send so many messages; the codes of the replies."""
    return [(await cancel(teller))["code"] for _ in range(count)]


FINE = ["no_such_run"]


async def test_message_past_the_limit_is_refused_with_when_to_come_back(server):
    async with person(server, "quick") as socket:
        teller = await ready(socket)
        began = time.monotonic()
        assert await spend(teller, MESSAGES) == FINE * MESSAGES
        refusal = await cancel(teller)
        assert (refusal["type"], refusal["code"]) == ("error", "rate_limited")
        assert refusal["message"] == "Rate limit exceeded"
        spent = time.monotonic() - began
        assert WINDOW - spent - 0.5 < refusal["retry_after"] <= WINDOW
        await asyncio.sleep(refusal["retry_after"] + 0.05)
        assert (await cancel(teller))["code"] == "no_such_run"


async def test_limit_of_a_named_client_survives_its_reconnection(server):
    path = "kgnb/ws?client_id=tab"
    async with person(server, "back", path) as socket:
        assert await spend(await ready(socket), MESSAGES) == FINE * MESSAGES
    async with person(server, "back", path) as socket:
        assert (await cancel(await ready(socket)))["code"] == "rate_limited"
    async with person(server, "back", "kgnb/ws?client_id=other") as socket:
        assert (await cancel(await ready(socket)))["code"] == "no_such_run"
    async with person(server, "front", path) as socket:  # another one's
        assert (await cancel(await ready(socket)))["code"] == "no_such_run"


async def test_limit_that_is_ignored_ten_times_over_is_4029(server):
    async with person(server, "deaf", "kgnb/ws?client_id=tab") as socket:
        teller = await ready(socket)
        codes = await spend(teller, 10 * MESSAGES - 1)
        assert codes == FINE * MESSAGES + ["rate_limited"] * (9 * MESSAGES - 1)
        await teller.say(type="cancel", run_id="no-such-run")
        assert await closed(socket) == (4029, "Rate limit exceeded")
    async with person(server, "deaf", "kgnb/ws?client_id=tab") as socket:
        teller = await ready(socket)
        await teller.say(type="cancel", run_id="no-such-run")
        assert (await closed(socket))[0] == 4029


async def test_clients_of_one_identity_share_ten_times_the_limit(server):
    async with AsyncExitStack() as stack:
        for n in range(10):
            path = f"kgnb/ws?client_id=tab-{n}"
            async with person(server, "many", path) as socket:
                assert await spend(await ready(socket), MESSAGES) == FINE * MESSAGES
        socket = await stack.enter_async_context(person(server, "many"))
        assert (await cancel(await ready(socket)))["code"] == "rate_limited"


async def test_frames_that_are_none_count_as_messages(server):
    async with person(server, "garbled") as socket:
        teller = await ready(socket)
        for _ in range(MESSAGES):
            await socket.send("{")
            assert (await teller.hear("error"))["code"] == "invalid"
        await socket.send("{")
        assert (await teller.hear("error"))["code"] == "rate_limited"


async def test_pings_and_subscriptions_have_a_limit_of_their_own(server):
    async with person(server, "pinging") as socket:
        teller = await ready(socket)
        began = time.monotonic()
        subscribe = json.dumps({"type": "subscribe", "topics": ["news"]})
        for n in range(PINGS):
            await socket.send('{"type":"ping"}' if n % 2 else subscribe)
        kinds = [
            m["type"]
            for m in await teller.replies("pong", "subscribed", "error", to=PINGS)
        ]
        assert "error" not in kinds
        await teller.say(type="ping")
        answer = await teller.hear("pong", "error")
        if time.monotonic() - began < WINDOW:
            assert answer["code"] == "rate_limited"
            assert (await cancel(teller))["code"] == "no_such_run"  # another window


async def test_flood_of_subscriptions_is_4029(server):
    async with person(server, "flood", max_queue=None) as socket:
        await ready(socket)
        frame = json.dumps({"type": "subscribe", "topics": ["all"], "run_id": "r"})
        with contextlib.suppress(ConnectionClosed):
            for _ in range(30 * PINGS):
                await socket.send(frame)
        assert (await closed(socket))[0] == 4029


# ---- sizes


async def test_message_at_the_size_limit_is_read_and_one_byte_more_is_1009(server):
    async with person(server, "large") as socket:
        teller = await ready(socket)
        await socket.send('{"type":"ping"}'.ljust(SIZE))
        await teller.hear("pong")
        await socket.send('{"type":"ping"}'.ljust(SIZE + 1))
        assert (await closed(socket))[0] == 1009


async def test_fragments_past_the_size_limit_are_1009(server):
    async with person(server, "pieces") as socket:
        teller = await ready(socket)
        text = '{"type":"ping"}'.ljust(SIZE)
        await socket.send(text[at : at + 100] for at in range(0, SIZE, 100))
        await teller.hear("pong")
        await socket.send([text, " "])
        assert (await closed(socket))[0] == 1009


async def test_fragments_past_their_number_are_1008(server):
    async with person(server, "crumbs") as socket:
        teller = await ready(socket)
        crumbs = ['{"type":"ping"}', *[""] * 998]  # and an empty one that ends it
        await socket.send(crumbs)
        await teller.hear("pong")
        await socket.send(crumbs)  # each message is counted from its start
        await teller.hear("pong")
        with contextlib.suppress(ConnectionClosed):
            await socket.send([*crumbs, ""])
        assert (await closed(socket))[0] == 1008


@pytest.mark.parametrize("kind", ["join_group", "subscribe"])
async def test_name_at_the_limit_is_taken_and_one_byte_more_is_not(server, kind):
    async with person(server, f"names {kind}") as socket:
        teller = await ready(socket)

        async def answer(name):
            said = {"group": name} if kind == "join_group" else {"topics": [name]}
            return await teller.ask(type=kind, **said)

        for name in ("g" * 128, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 64):
            assert (await answer(name))["type"] in ("joined_group", "subscribed")
        for name in ("g" * 129, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 65, "", "a\nb"):
            assert (await answer(name))["code"] == "invalid"


async def test_groups_and_topics_of_a_client_past_their_number_are_refused(server):
    async with person(server, "joiner") as socket:
        teller = await ready(socket)
        topics = [f"topic {n}" for n in range(GROUPS - 2)]
        assert (await teller.ask(type="subscribe", topics=topics))[
            "type"
        ] == "subscribed"
        for n in range(2):
            reply = await teller.ask(type="join_group", group=f"group {n}")
            assert reply["type"] == "joined_group"
        for late in (
            {"type": "join_group", "group": "late"},
            {"type": "subscribe", "topics": ["late"]},
        ):
            assert (await teller.ask(**late))["code"] == "invalid"
        await teller.ask(type="leave_group", group="group 0")
        assert (await teller.ask(type="join_group", group="late"))[
            "type"
        ] == "joined_group"


# ---- queues


@pytest.mark.parametrize("count", [QUEUE, QUEUE + 1])
async def test_offline_queue_keeps_the_newest_and_says_what_it_dropped(server, count):
    name, path = f"away {count}", "kgnb/ws?client_id=phone"
    group = f"news {count}"
    async with server.site.link() as link:
        kernel = await RawKernel.greet(link, f"poster {count}")
        async with person(server, name, path) as socket:
            joined = await (await ready(socket)).ask(type="join_group", group=group)
            assert joined["type"] == "joined_group"
        await wait_gone(server)
        for n in range(count):
            message = {"type": "note", "number": n}
            handled = await kernel.post(to="group", name=group, message=message)
            assert handled["queued"] == 1
        async with person(server, name, path) as socket:
            teller = await ready(socket)
            dropped = count - QUEUE
            if dropped:
                gap = await teller.hear("error", "note")
                assert (gap["code"], gap["data"]) == ("gap", {"dropped": dropped})
            notes = await teller.replies("note", "error", to=QUEUE)
            assert [note["number"] for note in notes] == [*range(dropped, count)]
            assert (await teller.ask(type="ping"))["type"] == "pong"  # and no more


async def test_seventeenth_message_that_waits_for_a_run_is_refused(server):
    async with server.site.link() as link, AsyncExitStack() as stack:
        kernel = await RawKernel.greet(link, f"chatty-{uuid.uuid4().hex}")
        await kernel.publish("chat-16")
        tellers = [
            await ready(
                await stack.enter_async_context(
                    person(server, "ana", "kgnb/ws/chat-16")
                )
            )
            for _ in range(2)  # each may send ten
        ]
        said = {"type": "message", "session_id": uuid.uuid4().hex}
        await tellers[0].say(**said, content="first")
        await kernel.begin(await kernel.hear("start"))
        await tellers[0].hear("workflow_started")
        for n in range(16):
            await tellers[n % 2].say(**said, content=n)
        # What one socket said is taken in before the other's last word.
        assert (await tellers[0].ask(type="ping"))["type"] == "pong"
        refusal = await tellers[1].ask(**said, content="late")
        assert (refusal["type"], refusal["code"]) == ("error", "conflict")
        assert refusal["retry_after"] > 0
