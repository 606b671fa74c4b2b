"""Two minutes of a busy server: nothing is lost, and nothing is held afterwards."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import soak


@pytest.mark.timeout(400)
@pytest.mark.flaky(reruns=0)  # what was lost once is lost
def test_busy_server_loses_nothing_and_gives_all_back():
    found = asyncio.run(soak.soak(**soak.SHORT))
    print("\n".join(soak.table(found)))
    assert found.failures() == []
    assert found.runs >= soak.SHORT["runs"]
    assert found.delivered >= found.runs * soak.SHORT["length"]
    assert found.left > soak.SHORT["clients"]  # each once, on the average
