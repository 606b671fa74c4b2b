"""The limits that a server has unless it is told others, once, at n and at n + 1."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from faults_harness import PEOPLE, RawKernel, Teller, closed, person, seen
from server_harness import TOKEN

CONNECTIONS = 1000
OF_ONE = 100
MESSAGES = 100
SIZE = 1024 * 1024
QUEUE = 1000


@pytest.fixture(scope="module")
def settings():
    return (PEOPLE,)


async def wait_gone(server):
    async with asyncio.timeout(10):
        while (await server.get("kgnb/health"))["connections"]:
            await asyncio.sleep(0.05)


async def test_thousand_connections_are_let_in_and_the_next_is_4013(server):
    async with AsyncExitStack() as stack:
        for n in range(CONNECTIONS // OF_ONE):
            dialled = [person(server, f"p{n}") for _ in range(OF_ONE)]
            sockets = await asyncio.gather(*map(stack.enter_async_context, dialled))
            tellers = [Teller(socket) for socket in sockets]
            await asyncio.gather(*(teller.hear("hello") for teller in tellers))
            if n == 0:
                async with person(server, "p0") as late:
                    assert await closed(late) == (
                        4013,
                        "too many connections of one identity",
                    )
        health = await server.get("kgnb/health")
        assert health["connections"] == health["max_connections"] == CONNECTIONS
        seen["connections at once"] += CONNECTIONS
        async with person(server, "late") as late:
            assert await closed(late) == (4013, "at capacity")
        replies = await asyncio.gather(*(teller.ask(type="ping") for teller in tellers))
        assert {reply["type"] for reply in replies} == {"pong"}
    await wait_gone(server)
    async with person(server, "late") as socket:
        await Teller(socket).hear("hello")


async def test_hundred_and_first_message_in_a_minute_is_refused(server):
    async with server.site.connect(token=TOKEN) as socket:
        teller = Teller(socket)
        for _ in range(MESSAGES):
            reply = await teller.ask(type="cancel", run_id="none")
            assert reply["code"] == "no_such_run"
        refusal = await teller.ask(type="cancel", run_id="none")
        assert (refusal["code"], refusal["message"]) == (
            "rate_limited",
            "Rate limit exceeded",
        )
        assert 30 < refusal["retry_after"] <= 60


async def test_mebibyte_is_read_and_one_byte_more_is_1009(server):
    async with person(server, "large") as socket:
        await socket.send('{"type":"ping"}'.ljust(SIZE))
        await Teller(socket).hear("pong")
        await socket.send('{"type":"ping"}'.ljust(SIZE + 1))
        assert (await closed(socket))[0] == 1009


async def test_client_that_was_away_gets_a_thousand_messages_and_hears_of_more(server):
    path = "kgnb/ws?client_id=phone"
    async with server.site.link() as link:
        kernel = await RawKernel.greet(link, "poster")
        async with person(server, "away", path) as socket:
            await Teller(socket).ask(type="join_group", group="news")
        await wait_gone(server)
        for n in range(QUEUE + 1):
            message = {"type": "note", "number": n}
            await kernel.post(to="group", name="news", message=message)
        async with person(server, "away", path) as socket:
            teller = Teller(socket)
            gap = await teller.hear("error", "note")
            assert (gap["code"], gap["data"]) == ("gap", {"dropped": 1})
            notes = await teller.replies("note", to=QUEUE)
    assert [note["number"] for note in notes] == [*range(1, QUEUE + 1)]
