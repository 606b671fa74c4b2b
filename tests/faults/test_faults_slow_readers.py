"""Readers that stop reading cost little, hold up nobody, and miss nothing in the end."""

import asyncio
import contextlib
import json
import time
from contextlib import AsyncExitStack

import psutil
import pytest
from faults_harness import (
    PEOPLE,
    FarRun,
    Teller,
    ended,
    linked,
    logged,
    person,
    progressed,
    seen,
    started,
    token,
)
from websockets import ConnectionClosed

READERS = 100
LINES = 250
SIZE = 64_000
"""Bytes of a line: 16 MB that the stalled reader does not read."""
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def settings():
    return (PEOPLE,)


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


async def reading(server, stack, run, topic, **options):
    """Somebody's socket that is subscribed to a run."""
    dialled = person(server, "reader", max_size=None, **options)
    socket = await stack.enter_async_context(dialled)
    await Teller(socket).ask(type="subscribe", topics=[topic], run_id=run.id)
    return socket


async def events_of(socket, until="workflow_completed"):
    """A run's events up to its end, or up to the socket's."""
    events = []
    with contextlib.suppress(ConnectionClosed):
        async for frame in socket:
            event = json.loads(frame)
            if "workflow_id" in event:
                events.append({**event, "heard": time.time()})
                if event["type"] == until:
                    break
    return events


async def connections(server):
    return (await server.get("kgnb/health"))["connections"]


def seqs(events):
    return [event["seq"] for event in events]


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


async def write(run, lines):
    """Long lines for one reader, and beside each a word for the others."""
    length = 0
    for n in range(lines):
        word = f"{time.time():.6f} "
        run.put(logged(f"{n} ".ljust(SIZE)), token(word, length))
        length += len(word)
        await asyncio.sleep(0.004)
    run.put(ended())


async def go_through(server, *, lines=LINES, is_stalling=False):
    """A run for a hundred readers; p99 of the words' delays, and the memory it took."""
    async with linked(server) as (port, _), AsyncExitStack() as stack:
        run = FarRun(port)
        run.put(started())
        await run.wait_begun()
        one = await reading(server, stack, run, "all", max_queue=1)
        others = [
            await reading(server, stack, run, "tokens") for _ in range(READERS - 1)
        ]
        if is_stalling:
            one.transport.pause_reading()
        before, peak, is_closed = memory(server), 0, False
        tasks = [asyncio.create_task(events_of(socket)) for socket in (one, *others)]
        writing = asyncio.create_task(write(run, lines))
        while not all(task.done() for task in tasks[1:]):
            await asyncio.sleep(0.02)
            peak = max(peak, memory(server) - before)
            if is_stalling and await connections(server) < READERS:
                # It was given up; tornado keeps the reason for it for five seconds.
                one.transport.resume_reading()
                is_closed, is_stalling = True, False
        await writing
        delays = []
        for task in tasks[1:]:
            words = [e for e in task.result() if e["type"] == "token"]
            assert [float(e["data"]) for e in words] == sorted(
                float(e["data"]) for e in words
            )
            assert len(words) == lines
            delays += [e["heard"] - float(e["data"]) for e in words]
        assert not is_stalling, "the stalled reader was not closed"
        had = seqs(await tasks[0])
        if is_closed:
            assert (one.close_code, one.close_reason) == (4009, "Slow consumer")
            had += await rest_of(server, run, had[-1])
        assert had == [*range(1, run.sent + 1)]
    return p99(delays), peak


async def rest_of(server, run, seq):
    """What comes to one who was cut off behind ``seq``."""
    async with person(server, "reader", max_size=None) as socket:
        since = {"seq": seq}
        asked = {"type": "subscribe", "topics": ["all"], "run_id": run.id}
        await Teller(socket).say(**asked, since=since)
        return seqs(await events_of(socket))


async def test_stalled_reader_of_a_hundred_costs_little_and_gets_all_in_the_end(server):
    await go_through(server, lines=20)  # the first time is nobody's measure
    usual, needed = await go_through(server)
    delay, peak = await go_through(server, is_stalling=True)
    seen["KiB grown with a stalled reader"] += peak // 1024
    seen["KiB grown without"] += needed // 1024
    seen["ms p99 beside a stalled reader"] += round(1000 * delay)
    seen["ms p99 without"] += round(1000 * usual)
    assert peak - needed < 8 * MIB
    assert delay < 2 * usual + 0.1


async def test_progress_and_text_are_merged_for_a_reader_that_is_behind(server):
    reports, words = 40_000, 400
    async with linked(server) as (port, _), AsyncExitStack() as stack:
        run = FarRun(port)
        run.put(started())
        await run.wait_begun()
        socket = await reading(server, stack, run, "all", max_queue=1)
        socket.transport.pause_reading()
        before = memory(server)
        for n in range(0, reports, 400):
            run.put(*(progressed(m, reports, "x" * 200) for m in range(n, n + 400)))
            await asyncio.sleep(0)
        for n in range(words):
            run.put(token(f"{n:04} ", 5 * n))
        run.put(progressed(reports, reports, "done"))
        await run.wait_stored()
        grown = memory(server) - before
        run.put(ended())
        socket.transport.resume_reading()
        events = await events_of(socket)
    got = [e["data"]["current"] for e in events if e["type"] == "progress"]
    assert got == sorted(got)
    assert len(got) < reports
    assert got[-1] == reports
    tokens = [e for e in events if e["type"] == "token"]
    assert len(tokens) < words
    assert "".join(e["data"] for e in tokens) == "".join(
        f"{n:04} " for n in range(words)
    )
    assert seqs(events) == sorted({*seqs(events)})
    assert events[-1]["seq"] == run.sent
    assert grown < 32 * MIB  # of which the log's own caches are most
