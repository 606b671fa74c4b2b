"""Processes that are killed or stopped, clocks that are set, lines that break.

With ``KGNB_FAULTS=full`` 50 kills of the server, 50 of the kernel, and the rest likewise.
"""

import pytest
from faults_harness import FULL, injected, seen
from journals import check_kept
from schedules import EVERYTHING, connections, schedule
from stage import Stage

SEEDS = range(5 if FULL else 1)
KILLS = 10 if FULL else 5
"""For each seed."""


async def go_through(folder, seed, strikes, **options):
    """One schedule; what it broke is counted, what it lost fails."""
    async with Stage(folder, seed=seed, **options) as stage:
        await stage.suffer(strikes)
        found = await stage.finish()
    injected.update(stage.injected + stage.proxy.broken)
    seen.update(stage.figures)
    seen["promises broken"] += len(found)
    check_kept(found)
    assert stage.figures["events shown"] > 0


@pytest.mark.parametrize("seed", SEEDS)
async def test_kills_of_the_server_lose_nothing(tmp_path, seed):
    await go_through(tmp_path, seed, schedule(seed, ["kill_server"], KILLS))


@pytest.mark.parametrize("seed", SEEDS)
async def test_kills_of_the_kernel_lose_nothing_and_run_no_node_again(tmp_path, seed):
    strikes = schedule(seed, ["kill_kernel"], KILLS)
    await go_through(tmp_path, seed, strikes, durable=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_everything_that_breaks_in_turn_loses_nothing(tmp_path, seed):
    count = 2 * len(EVERYTHING) if FULL else len(EVERYTHING)
    # The last one takes its time: processes stand still for up to half a minute.
    slower = 30 if FULL and seed == SEEDS[-1] else 1
    strikes = schedule(seed, EVERYTHING, count, slower)
    faults = connections(seed, 60 if FULL else 15)
    is_durable = seed % 2 == 1
    await go_through(tmp_path, seed, strikes, durable=is_durable, faults=faults)
