"""A real kernel's run, read over connections that break."""

import asyncio
import itertools
import random

from faults_harness import injected
from kernel_shell import Shell
from server_harness import TOKEN

from kgnb.clients import connect
from kgnb.clients.connection import Backoff
from kgnb.testing.proxy import FaultProxy, random_faults

NOTES = 2_000
CLIENTS = 5
QUICK = Backoff(first=0.01, longest=0.1)
WORKFLOW = f"""
import kgnb, time

def many(shared):
    for n in range({NOTES}):
        kgnb.emit("note", {{"n": n}})
        if n % 20 == 0:
            time.sleep(0.005)

kgnb.publish("many", many)
"""


async def read(server, run_id, seed):
    """The run's events, through a proxy that breaks nine connections."""
    chance = random.Random(seed)
    faults = random_faults(chance, 10, reach=20_000)
    faults[0] = type(faults[0])(after=chance.randrange(5_000, 20_000))
    async with (
        FaultProxy("127.0.0.1", server.port, faults) as proxy,
        connect(server.url(proxy.port), token=TOKEN, backoff=QUICK) as client,
    ):
        events = [event async for event in client.events(run_id=run_id)]
        injected["connections broken"] += sum(proxy.broken.values())
    return events


async def test_run_of_a_real_kernel_is_read_once_and_in_order(server):
    body = {"name": "python3"}
    kernel = await asyncio.to_thread(
        server.call, "api/kernels", method="POST", body=body
    )
    async with Shell(server, kernel["id"]) as shell:
        await shell.run(WORKFLOW)
    async with connect(server.url(), token=TOKEN) as client:
        run = await client.start("many")
        async with asyncio.timeout(120):
            readings = await asyncio.gather(
                *(read(server, run.run_id, seed) for seed in range(CLIENTS))
            )
    await asyncio.to_thread(server.call, f"api/kernels/{kernel['id']}", method="DELETE")
    for events in readings:
        seqs = [event["seq"] for event in events]
        assert all(a < b for a, b in itertools.pairwise(seqs))
        notes = [event["data"]["n"] for event in events if event["type"] == "note"]
        assert notes == [*range(NOTES)]
        assert events[-1]["type"] == "workflow_completed"
