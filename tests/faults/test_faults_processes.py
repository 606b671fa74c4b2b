"""Processes that are killed or stopped, connections that break: nothing is lost."""

from faults_harness import seen
from schedules import connections, schedule
from stage import Stage


async def go_through(folder, seed, strikes, **options):
    """One schedule; what it broke is counted, what it lost fails."""
    async with Stage(folder, seed=seed, **options) as stage:
        await stage.suffer(strikes)
        found = await stage.finish()
    for kind, count in (stage.injected + stage.proxy.broken).items():
        seen[f"faults: {kind}"] += count
    seen.update(stage.figures)
    assert found == []
    assert stage.figures["events shown"] > 0


async def test_nothing_is_lost_where_nothing_breaks(tmp_path):
    await go_through(tmp_path, 0, [])


async def test_kills_of_the_server_lose_nothing(tmp_path):
    await go_through(tmp_path, 1, schedule(1, ["kill_server"], 5))


async def test_kills_of_the_kernel_lose_nothing(tmp_path):
    await go_through(tmp_path, 2, schedule(2, ["kill_kernel"], 5))


async def test_kills_of_the_kernel_of_durable_runs_lose_nothing(tmp_path):
    strikes = schedule(5, ["kill_kernel"], 8)
    await go_through(tmp_path, 5, strikes, durable=True)


async def test_stops_lose_nothing(tmp_path):
    await go_through(
        tmp_path, 3, schedule(3, ["stop_server", "stop_kernel", "stop_clients"], 6)
    )


async def test_broken_connections_lose_nothing(tmp_path):
    strikes = schedule(4, ["reset", "cut", "black_hole"], 9)
    await go_through(tmp_path, 4, strikes, faults=connections(4, 30))
