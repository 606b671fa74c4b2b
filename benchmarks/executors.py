"""What an item costs elsewhere: kgnb beside the executor's own ``map``.

The items do nothing, so all that is measured is the way there and back: for kgnb with
the item's attempt, its events in the run's log, and what it tells. A process pool and a
Dask cluster on this machine, two processes each; the best of several rounds.

    python benchmarks/executors.py [--items 400] [--rounds 3]
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from distributed import Client, LocalCluster

import kgnb

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 2


class Silent(kgnb.ParallelBatchNode):
    """Items that only come back."""

    def prep(self, shared: Any) -> range:
        return range(shared["items"])

    def exec(self, item: int) -> int:
        return same(item)


class Telling(Silent):
    """Items that log a line and report progress."""

    def exec(self, item: int) -> int:
        kgnb.log(f"item {item}")
        kgnb.progress(50)
        return same(item)


def same(item: int) -> int:
    return item


def by_kgnb(node: kgnb.Node, executor: Any, items: int) -> None:
    run = kgnb.run(
        kgnb.Graph(node), {"items": items}, executor=executor, panel=False, mode="live"
    )
    run.result(300)


def one_by_one(executor: Any, items: int) -> None:
    """What ``map`` is to executors whose items may fail, or be cancelled, alone."""
    for future in [executor.submit(same, item) for item in range(items)]:
        future.result()


def best(rounds: int, work: Callable[[], object]) -> float:
    """Seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def measure(name: str, own: Callable[[], object], executor: Any, options: Any) -> None:
    items, rounds = options.items, options.rounds
    base = best(rounds, own)
    rows = {
        "its own map": base,
        "submit, one by one": best(rounds, lambda: one_by_one(executor, items)),
        "kgnb": best(rounds, lambda: by_kgnb(Silent(), executor, items)),
        "kgnb, item tells": best(rounds, lambda: by_kgnb(Telling(), executor, items)),
    }
    for what, seconds in rows.items():
        cost = 1000 * seconds / items
        print(f"{name:<8}{what:<22}{cost:8.2f} ms an item {seconds / base:8.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    items = range(options.items)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        measure("pool", lambda: list(pool.map(same, items)), pool, options)
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):

        def own() -> None:
            client.gather(client.map(same, items, pure=False))

        measure("dask", own, client.get_executor(pure=False), options)


if __name__ == "__main__":
    main()
