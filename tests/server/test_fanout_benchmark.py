"""The benchmark of many clients works, and at a small load nothing is lost."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import fanout


def test_many_clients_get_every_event_once_and_in_order():
    everything = fanout.compare(clients=40, rate=20, seconds=1)
    assert set(everything) == {"kgnb", *fanout.PEERS}
    for found in everything.values():
        assert (found.delivered, found.is_whole) == (40 * 20, True)
        assert 0 < found.quantile(0.5) <= found.quantile(0.99) <= found.quantile(1)
    lines = [
        f.line(everything["kgnb"], p, everything[p])
        for f in fanout.FIGURES
        for p in fanout.PEERS
    ]
    assert all(line.ratio for line in lines if line.theirs)
    assert {line.is_met for line in lines} == {None}  # targets are for a thousand
