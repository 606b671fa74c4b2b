"""Random faults, decided by a seed."""

import random
from dataclasses import dataclass

from kgnb.testing.proxy import Fault, random_faults


@dataclass(frozen=True)
class Strike:
    """One fault, as a method of ``Stage``."""

    kind: str
    after: int
    """Lines in the journals that are waited for before it."""
    hold: float
    """Seconds that it lasts."""


LONGEST = {
    "kill_server": 0.3,
    "kill_kernel": 0.3,
    "stop_server": 1.0,
    "stop_kernel": 1.0,
    "stop_clients": 1.0,
    "set_clock": 0.3,
    "reset": 0.0,
    "cut": 1.0,
    "black_hole": 1.0,
}
"""Seconds, by kind."""
EVERYTHING = list(LONGEST)
REACH = 400
"""Lines between two faults, at most; one in five comes right behind another."""


def schedule(seed, kinds, count, slower=1):
    """``count`` strikes; of each kind as many, in a random order.

    Args:
        seed: Decides.
        kinds: Methods of ``Stage``.
        count: How many, of all.
        slower: What takes a second takes as many.
    """
    chance = random.Random(seed)
    chosen = [kinds[n % len(kinds)] for n in range(count)]
    chance.shuffle(chosen)
    return [
        Strike(
            kind,
            after=0 if chance.random() < 0.2 else chance.randrange(REACH),
            hold=chance.uniform(0, LONGEST[kind]) * slower,
        )
        for kind in chosen
    ]


def connections(seed, count):
    """Faults of ``count`` connections: cut, reset, swallowed, slow, in small pieces."""
    chance = random.Random(f"connections/{seed}")
    broken = random_faults(chance, count, reach=60_000)
    slow = [
        Fault(after=chance.randrange(60_000), rate=chance.uniform(50e3, 500e3))
        for _ in range(count)
    ]
    return [chance.choice(pair) for pair in zip(broken, slow, strict=True)]
