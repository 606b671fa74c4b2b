"""Connections that break at random: nothing lost, nothing doubled, all in order.

Each schedule is a run of 2,000 log lines and a text, written by the runtime's own
link through a proxy that breaks it, and read by five clients, each through a proxy of
its own, while it is written. The schedule is decided by its number.
"""

import asyncio
import itertools
import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from faults_harness import (
    FULL,
    FarRun,
    ended,
    injected,
    linked,
    logged,
    seen,
    started,
    token,
)
from server_harness import TOKEN

from kgnb.clients import connect, connect_blocking
from kgnb.clients.connection import Backoff
from kgnb.testing.proxy import FaultProxy, random_faults

LINES = 2_000
BREAKS = 10
"""For each client's connection; then one holds."""
REACH = 20_000
"""Bytes after which a connection breaks at the latest; a run has about 90,000, as
they are compressed, and on the link 450,000."""
QUICK = Backoff(first=0.01, longest=0.1)
SCHEDULES = range(200 if FULL else 8)
SCRIPTS = range(1000, 1010 if FULL else 1001)
LIVES = range(2000, 2200, 20) if FULL else (2000,)
DEATHS = 20 if FULL else 2
"""Schedules with a kill -9 that one server goes through, and comes back from."""
READER = Path(__file__).parent / "reader.mjs"
CLIENT = Path(__file__).parents[2] / "kgnb" / "web" / "src" / "client.js"


async def write(run, chance, in_the_middle):
    """A run of 2,000 lines, in bursts, and a text between them."""
    run.put(started())
    lines = iter(range(LINES))
    length = 0
    while burst := [*itertools.islice(lines, chance.randrange(1, 60))]:
        if in_the_middle and burst[0] > LINES / 2:
            await in_the_middle()
            in_the_middle = None
        events = [logged(f"{n} {'x' * chance.randrange(60)}\n") for n in burst]
        word = f"{burst[0]} "
        run.put(*events, token(word, length))
        length += len(word)
        await asyncio.sleep(chance.choice([0, 0, 0.01, 0.02]))
    run.put(ended())
    await run.wait_stored()


def check(events, count):
    """Every event once and in order; ``count`` is how many the log has."""
    seqs = [event["seq"] for event in events]
    lost = {*range(1, count + 1)} - {*seqs}
    assert all(a < b for a, b in itertools.pairwise(seqs)), "out of order or doubled"
    numbers = [
        int(event["data"]["text"].split()[0])
        for event in events
        if event["type"] == "log"
    ]
    assert numbers == [*range(LINES)]
    tokens = [event for event in events if event["type"] == "token"]
    length = 0
    for event in tokens:  # joined for a slow reader they are fewer, never less text
        assert event.get("index", 0) == length
        length += len(event["data"])
    merged = sum(len(event["data"].split()) - 1 for event in tokens)
    assert len(lost) == merged, f"lost {sorted(lost)[:10]}"
    assert events[-1]["type"] == "workflow_completed"
    seen["events read"] += len(events)
    seen["texts merged"] += merged


async def read(url, run_id, is_up):
    async with connect(url, token=TOKEN, backoff=QUICK) as client:
        is_up()
        return [event async for event in client.events(run_id=run_id)]


async def read_blocking(url, run_id, is_up):
    loop = asyncio.get_running_loop()

    def blocking():
        with connect_blocking(url, token=TOKEN, backoff=QUICK) as client:
            loop.call_soon_threadsafe(is_up)
            return list(client.events(run_id=run_id))

    return await asyncio.to_thread(blocking)


async def read_in_script(url, run_id, is_up):
    """The client for pages, under Node."""
    process = await asyncio.create_subprocess_exec(
        shutil.which("node"), READER,
        CLIENT, url, TOKEN, run_id,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        events = []
        async for line in process.stdout:
            events.append(json.loads(line))
            is_up()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return events


READERS = {"async": read, "blocking": read_blocking, "script": read_in_script}


async def read_through(server, chance, run, client, is_up):
    """One client's events, through a proxy of its own that breaks it."""
    kind, late = client
    # The page's back-off is made for people, and takes longer.
    breaks = BREAKS if kind != "script" else BREAKS // 3
    faults = random_faults(chance, breaks, reach=REACH)
    # A client that is not greeted by its first connection gives up, and says so.
    faults[0] = replace(faults[0], after=chance.randrange(3000, REACH), delay=0)
    async with FaultProxy("127.0.0.1", server.port, faults) as proxy:
        await run.wait_begun()
        await asyncio.sleep(late)
        events = await READERS[kind](server.url(proxy.port), run.id, is_up)
        injected["connections broken"] += sum(proxy.broken.values())
    return events


async def kill_at(server, moment):
    await asyncio.sleep(moment)
    await server.restart()
    injected["kill_server"] += 1


async def go_through(server, seed, clients, *, is_killing=False):
    """One schedule: a run written and read, everything breaking."""
    chance = random.Random(seed)
    ups = [asyncio.Event() for _ in clients]

    async def kill():
        for up in ups:
            await up.wait()
        # The writing goes on meanwhile: some of it is on its way when the server dies.
        moment = chance.uniform(0, 0.1)
        tasks.create_task(kill_at(server, moment))

    async with linked(server, random_faults(chance, 4, reach=5 * REACH)) as (
        port,
        proxy,
    ):
        run = FarRun(port)
        async with asyncio.timeout(240), asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(
                    read_through(
                        server, random.Random(f"{seed}/{n}"), run, client, up.set
                    )
                )
                for n, (client, up) in enumerate(zip(clients, ups, strict=True))
            ]
            await write(run, chance, kill if is_killing else None)
        injected["links broken"] += sum(proxy.broken.values())
    for reader in readers:
        check(reader.result(), run.sent)
    seen["schedules"] += 1


FIVE = [("async", 0), ("async", 0), ("async", 0.1), ("async", 0.4), ("blocking", 0)]


@pytest.mark.parametrize("seed", SCHEDULES)
async def test_events_over_cut_connections_come_once_and_in_order(server, seed):
    await go_through(server, seed, FIVE)


@pytest.mark.parametrize("seed", SCRIPTS)
async def test_events_over_cut_connections_reach_pages_once_and_in_order(server, seed):
    await go_through(server, seed, [("script", 0), ("script", 0.2), *FIVE[:3]])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", LIVES)
async def test_events_over_a_killed_server_come_once_and_in_order(mortal, first):
    for seed in range(first, first + DEATHS):
        clients = [("script", 0), *FIVE[1:]] if seed % 10 == 1 else FIVE
        await go_through(mortal, seed, clients, is_killing=True)
