"""Clients of the connection manager, on every host; the kernel is made of frames."""

import asyncio
import contextlib
import itertools
import json

import pytest
from mail_clients import PHONE, Client, greet, texts
from websockets.exceptions import ConnectionClosed


async def rest_of(socket):
    """The frames that still come before the socket is closed."""
    frames = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            frames.append(json.loads(await socket.recv()))
    return frames


async def test_client_that_was_away_gets_what_it_missed_once(site):
    async with site.link() as link:
        kernel = await greet(link)
        async with site.connect(PHONE) as socket:
            await Client(socket).join("admins")
        for n in range(5):
            assert (await kernel.group("admins", n)).get("queued") == 1
        async with site.connect(PHONE) as socket:
            phone = Client(socket)
            assert await texts(phone, 5) == list(range(5))
            assert (await kernel.group("admins", 5))["count"] == 1
            assert await texts(phone, 1) == [5]
        async with site.connect(PHONE) as socket:
            assert await texts(Client(socket), 0) == []


async def test_reader_that_names_its_position_is_told_the_rest(site):
    async with site.link() as link, site.connect(PHONE) as dead:
        kernel = await greet(link)
        half_open = Client(dead)
        await half_open.join("admins")
        for n in range(4):
            await kernel.group("admins", n)
        position = (await half_open.hear_all("note"))[1]["position"]
        async with site.connect(f"{PHONE}&position={position}") as socket:
            assert await texts(Client(socket), 2) == [2, 3]
        async with site.connect(f"{PHONE}&position=nonsense") as socket:
            assert await texts(Client(socket), 0) == []


async def test_reader_that_stopped_reading_is_closed_and_gets_the_rest(site):
    async with site.link() as link:
        kernel = await greet(link)
        slow = await site.connect(PHONE, max_queue=1, max_size=None, compression=None)
        await Client(slow).join("admins")
        slow.transport.pause_reading()
        counts = []
        for n in range(400):
            counts.append(await kernel.group("admins", f"{n} " + "x" * 50_000))
            if counts[-1].get("queued"):
                break
        else:
            pytest.fail("the slow reader was never closed")
        slow.transport.resume_reading()
        had = await rest_of(slow)
        assert slow.close_code == 4009
        path = f"{PHONE}&position={had[-1]['position']}"
        async with site.connect(path, max_size=None) as socket:
            got = [note["text"].split()[0] for note in had]
            left = await texts(Client(socket), len(counts) - len(had))
            got += [text.split()[0] for text in left]
        assert got == [str(n) for n in range(len(counts))]


async def test_document_client_joins_without_an_ack_and_gets_data(site):
    async with site.link() as link, site.connect(subprotocols=None) as socket:
        kernel, plain = await greet(link), Client(socket)
        await plain.say(type="join_group", group="admins")
        await plain.say(type="subscribe", topics=["news"])
        await plain.say(type="ping")
        assert json.loads(await socket.recv())["type"] == "pong"
        assert (await kernel.group("admins", "hi"))["count"] == 1
        frame = json.loads(await socket.recv())
        assert (frame["group"], frame["data"]) == ("admins", {"text": "hi"})


async def test_two_kernels_do_not_disturb_one_another(site):
    async with site.link() as one, site.link() as two, site.connect(PHONE) as socket:
        first = await greet(one)
        second = await greet(two, kernel_id="k2", process_id="p2")
        phone = Client(socket)
        await phone.join("admins")

        async def post(kernel, name):
            return [await kernel.group("admins", f"{name}{n}") for n in range(20)]

        answers = await asyncio.gather(post(first, "a"), post(second, "b"))
        assert [a["count"] for a in itertools.chain(*answers)] == [1] * 40
        heard = await texts(phone, 40)
        for name in "ab":
            mine = [text for text in heard if text.startswith(name)]
            assert mine == [f"{name}{n}" for n in range(20)]
        await one.close()
        assert (await second.group("admins", "still there"))["count"] == 1
