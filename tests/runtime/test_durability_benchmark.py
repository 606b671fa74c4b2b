"""The benchmark of what durability costs works, and every way makes all its steps."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import durability


def test_every_way_makes_its_steps_with_a_small_and_a_large_state(monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", "")  # set by the benchmark, put back here
    found = dict(durability.costs(nodes=5, rounds=1))
    assert list(found) == list(durability.SIZES)
    for ways in found.values():
        assert len(ways) == 5
        assert min(cost.wall for cost in ways.values()) > 0
