"""The benchmark of many clients works, and at a small load nothing is lost."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))

import fanout


def test_many_clients_get_every_event_once_and_in_order():
    bare, ours = fanout.compare(clients=40, rate=20, seconds=1)
    for found in (bare, ours):
        assert (found.delivered, found.gaps) == (40 * 20, 0)
        assert 0 < found.quantile(0.5) <= found.quantile(0.99) <= found.quantile(1)
    table = fanout.report(bare, ours)
    assert "| missing | 0.0 | 0.0 |" in table
