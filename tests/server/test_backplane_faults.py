"""What happens when one of several servers dies, or Redis does."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from backplane_harness import Apps

LOST = 12.0
"""Seconds: what a presence lasts, and a little."""
HANDOVER = 8.0
"""Seconds: what a lease lasts, and opening the log."""


@pytest.fixture
def apps(tmp_path, redis):
    with Apps(tmp_path, redis.new_url()) as started:
        yield started


@asynccontextmanager
async def waiting(host, name):
    """A run that waits for an answer, and a client that watches it."""
    async with host.client() as client:
        run = await client.start(f"ask-{name}")
        events = client.events(run_id=run.run_id)
        async for event in events:
            if event["type"] == "approval_request":
                break
        yield client, events, event["data"]["approval_id"]


async def last_of(events, timeout=LOST + 5):
    """The last event of a run."""
    async with asyncio.timeout(timeout):
        async for event in events:
            last = event
    return last


async def test_servers_killed_another_leads_and_only_their_runs_are_lost(apps):
    one = await apps.start("one")
    two, three = await asyncio.gather(apps.start("two"), apps.start("three"))
    async with waiting(two, "two") as (client, events, question), two.client() as other:
        doomed = [await other.start(f"ask-{name}") for name in ("one", "three")]
        counted = await other.start("count-two", {"n": 300, "pause": 0.02})
        watched = asyncio.create_task(last_of(other.events(run_id=counted.run_id)))
        began = time.monotonic()
        one.kill()  # it leads
        three.kill()
        await two.wait_role("leader")
        assert time.monotonic() - began < HANDOVER
        await client.answer(question, "yes")
        last = await last_of(events)
        assert (last["type"], last["data"]) == ("workflow_completed", "yes")
        last = await watched
        text = "".join(f"{n} " for n in range(300))
        assert (last["type"], last["data"]) == ("workflow_completed", len(text))
        for run in doomed:
            last = await last_of(other.events(run_id=run.run_id))
            assert last["type"] == "workflow_lost"
        assert time.monotonic() - began < LOST


async def test_leader_told_to_end_drains_and_hands_over(apps):
    one = await apps.start("one")
    two = await apps.start("two")
    async with (
        waiting(two, "two") as (client, events, question),
        one.socket() as here,
        two.socket() as there,
    ):
        began = time.monotonic()
        ending = asyncio.create_task(asyncio.to_thread(one.stop))
        for socket in (here, there):
            await socket.wait_closed()
            assert socket.close_code == 1012
        assert await ending in (0, -15)
        assert time.monotonic() - began < 10
        await two.wait_role("leader", timeout=5)
        await client.answer(question, "yes")
        assert (await last_of(events))["data"] == "yes"


async def test_redis_away_says_so_and_heals_alone(apps, redis):
    one = await apps.start("one")
    two = await apps.start("two")
    async with (
        waiting(two, "two") as (client, events, question),
        two.socket() as socket,
    ):
        redis.kill()
        began = time.monotonic()
        try:
            await socket.wait_closed()
            assert socket.close_code in (1012, 1013)
            for host in (one, two):
                status = 200
                async with asyncio.timeout(10):
                    while status != 503:
                        status, _ = await host.call("health")
            assert time.monotonic() - began < 10
        finally:
            redis.start()
        async with asyncio.timeout(20):
            while {await one.role(), await two.role()} != {"leader", "follower"}:
                await asyncio.sleep(0.1)
        await client.answer(question, "yes")
        assert (await last_of(events))["data"] == "yes"
