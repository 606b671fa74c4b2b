"""Stores that are away for a while, under load: nothing is lost, all goes on after.

With ``KGNB_FAULTS=full`` each is taken away twenty times, for 1 to 30 s; without it once
in each way, for a second.
"""

import random

import pytest
from faults_harness import FULL, injected, seen
from journals import check_kept
from stores import Disk, Impatient, PostgresStore, RedisStore, StoreStage

HEALTH = 5.0
"""Seconds until health must say that the store is away."""


@pytest.fixture(params=["disk", "redis", "postgres"])
def store(request, tmp_path):
    if request.param == "disk":
        return Disk(tmp_path)
    kind = {"redis": RedisStore, "postgres": PostgresStore}[request.param]
    return kind(request.getfixturevalue(request.param))


def outages(store):
    """Each with its kind and its seconds."""
    chance = random.Random(type(store).__name__)
    kinds = list(store.troubles)
    if not FULL:
        return [(kind, 1.0) for kind in kinds]
    return [(kinds[n % len(kinds)], chance.uniform(1, 30)) for n in range(20)]


@pytest.mark.timeout(3600 if FULL else 300)
async def test_store_that_is_away_under_load_loses_nothing(store, tmp_path):
    async with StoreStage(tmp_path, store) as stage:
        async with Impatient(stage) as impatient:
            for kind, seconds in outages(store):
                await stage.go_on(50)
                await stage.outage(kind, seconds)
                injected[f"outage: {kind}"] += 1
            await stage.go_on(100)
        found = await stage.finish()
    impatient.check()
    seen.update(stage.figures)
    seen["commands refused"] += impatient.refused
    seen["commands in doubt"] += impatient.unknown
    seen["promises broken"] += len(found)
    check_kept(found)
    assert stage.figures["answers accepted"] > 0
    assert impatient.accepted
    assert impatient.refused
    assert impatient.slowest < Impatient.SLOWEST
    assert stage.noticed < HEALTH
