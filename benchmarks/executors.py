"""What an item costs elsewhere: kgnb beside the executor's own ``map``.

The items do nothing, so all that is measured is the way there and back: for kgnb with
the item's attempt, its events in the run's log, and what it tells. A process pool and a
Dask cluster on this machine, two processes each; the best of several rounds.

    python -m benchmarks.executors [--short]
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from distributed import Client, LocalCluster

import kgnb
from benchmarks.results import Line, print_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 2
ITEMS, SHORT_ITEMS, ROUNDS = 400, 100, 3


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


def costs(
    own: Callable[[], object], executor: Any, items: int, rounds: int
) -> dict[str, float]:
    """Seconds of all items by each way, the executor's own ``map`` first."""
    return {
        "its own map": best(rounds, own),
        "submit, one by one": best(rounds, lambda: one_by_one(executor, items)),
        "kgnb": best(rounds, lambda: by_kgnb(Silent(), executor, items)),
        "kgnb, item tells": best(rounds, lambda: by_kgnb(Telling(), executor, items)),
    }


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    items, rounds = (SHORT_ITEMS, 1) if is_short else (ITEMS, ROUNDS)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        found = costs(lambda: list(pool.map(same, range(items))), pool, items, rounds)
    yield from beside_own("a process pool", found, items)
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
            client.gather(client.map(same, range(items), pure=False))

        executor = client.get_executor(pure=False)
        yield from beside_own("Dask", costs(own, executor, items, rounds), items)


def beside_own(executor: str, found: dict[str, float], items: int) -> Iterator[Line]:
    """What kgnb adds to an executor."""
    for ours in ("kgnb", "kgnb, item tells"):
        for peer in ("its own map", "submit, one by one"):
            told = ", which logs and reports" if ours != "kgnb" else ""
            yield Line(
                f"an empty item in {executor}{told}",
                "ms",
                found[ours] / items * 1000,
                f"{executor}, {peer}",
                found[peer] / items * 1000,
            )


if __name__ == "__main__":
    print_lines(lines)
