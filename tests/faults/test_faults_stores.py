"""Stores that are away for a while, under load: nothing is lost, all goes on after.

With ``KGNB_FAULTS=full`` each is taken away twenty times, for 1 to 30 s; without it once
or twice, for a second or two.
"""

import random

import pytest
import stores
from faults_harness import FULL, seen

SLOWEST = 5.0
"""Seconds until health must say that the store is away."""


@pytest.fixture(
    params=[
        "disk full",
        "disk read-only",
        "disk errors",
        "one write in five fails",
        "redis killed",
        "redis stopped",
        "postgres killed",
        "postgres ends connections",
    ]
)
def store(request, tmp_path):
    def server(name):
        return request.getfixturevalue(name)

    return {
        "disk full": lambda: stores.Disk(tmp_path, stores.ENOSPC),
        "disk read-only": lambda: stores.Disk(tmp_path, stores.EROFS),
        "disk errors": lambda: stores.Disk(tmp_path, stores.EIO),
        "one write in five fails": lambda: stores.Disk(
            tmp_path, stores.EIO, probability=0.2
        ),
        "redis killed": lambda: stores.Killed(
            server("redis"), server("redis").new_url()
        ),
        "redis stopped": lambda: stores.Stopped(
            server("redis"), server("redis").new_url()
        ),
        "postgres killed": lambda: stores.Killed(
            server("postgres"), server("postgres").new_database()
        ),
        "postgres ends connections": lambda: stores.Ended(
            server("postgres"), server("postgres").new_database()
        ),
    }[request.param]()


async def test_store_that_is_away_under_load_loses_nothing(store, tmp_path):
    chance = random.Random(str(type(store)))
    outages = [chance.uniform(1, 30) for _ in range(20)] if FULL else [1.0]
    async with stores.StoreStage(tmp_path, store) as stage:
        for seconds in outages:
            await stage.go_on(chance.randrange(50, 200))
            await stage.outage(seconds)
            seen["outages of stores"] += 1
        await stage.go_on(200)
        found = await stage.finish()
    seen.update(stage.figures)
    assert found == []
    assert stage.figures["answers accepted"] > 0
    assert stage.slowest < SLOWEST
