"""The benchmark of the stores works with each of them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import stores


def test_every_store_takes_all_events_and_says_so():
    load = {"events": 200, "runs": 4, "window": 10}
    found = {store: stores.measure(store, **load) for store in stores.STORES}
    for each in found.values():
        assert len(each.waits) == each.events == 200
        assert 0 < each.quantile(0.5) <= each.quantile(0.99)
    assert len(stores.report(found).splitlines()) == 2 + len(stores.STORES)
