"""Measures things beside each other: they take turns, and one figure of each counts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True)
class Cost:
    """Seconds a piece: by the clock, and of all the process's threads."""

    wall: float
    cpu: float


def measure(
    runs: Mapping[str, Callable[[], int]],
    pieces: int,
    *,
    rounds: int,
    pick: Callable[[Iterable[float]], float],
) -> dict[str, Cost]:
    """What a piece costs in each of ``runs``, which return how many they made.

    Args:
        runs: Each is called once a round, in turns.
        pieces: How many each must make.
        rounds: How often.
        pick: Takes the figure that counts of all rounds': ``min`` or a median.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            done = run()
            spent = Cost(
                (time.perf_counter() - wall) / pieces,
                (time.process_time() - cpu) / pieces,
            )
            if done != pieces:
                msg = f"{name} made {done} of {pieces}"
                raise RuntimeError(msg)
            costs[name].append(spent)
    return {
        name: Cost(pick(c.wall for c in found), pick(c.cpu for c in found))
        for name, found in costs.items()
    }
