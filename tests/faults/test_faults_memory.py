"""What a connection costs, as the help of ``KgnbApp.compression`` says."""

from contextlib import AsyncExitStack

import psutil
import pytest
from faults_harness import PEOPLE, FaultyServer, Teller, person, seen

WARM = 20
COUNT = 75


@pytest.mark.parametrize(
    ("compression", "least", "most"), [("deflate", 110, 200), ("none", 10, 60)]
)
async def test_memory_of_a_connection_is_what_the_help_says(
    tmp_path, compression, least, most
):
    option = f"--KgnbApp.compression={compression}"
    with FaultyServer(tmp_path, PEOPLE, option) as server:
        await server.wait_ready(120)
        process = psutil.Process(server.process.pid)
        async with AsyncExitStack() as stack:

            async def connect():
                dialled = person(server, "somebody", compression="deflate")
                await Teller(await stack.enter_async_context(dialled)).ask(type="ping")

            for _ in range(WARM):
                await connect()
            before = process.memory_info().rss
            for _ in range(COUNT):
                await connect()
            each = (process.memory_info().rss - before) / COUNT / 1000
    seen[f"kB a connection, compression {compression}"] += round(each)
    assert least < each < most
