"""The benchmark of a server's death works, and at a small size nothing is lost."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import storms


def test_clients_that_were_cut_off_are_caught_up_with_every_event_once():
    storm = asyncio.run(storms.measure(clients=20, events=50, spread=0.2))
    assert (storm.delivered, storm.wrong) == (20 * 50, 0)
    assert len(storm.caught_up) == 20
    assert "| events lost | 0 |" in storms.table(storm)
