"""Bad input at its full bound, by three sources of chance; prints what was tried.

Seeds are many and cheap; hypothesis finds the smallest frames that break something;
atheris, where it is installed, follows the branches that the broker takes.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "server")]

BATCH = 50
"""Worlds that a process plays at a time."""
SHORT = 20
"""Frames to a world where each costs much chance."""


def batch(first):
    import target

    played = 0
    for seed in range(first, first + BATCH):
        try:
            played += target.play(random.Random(seed))
        except BaseException as error:
            error.add_note(f"by seed {seed}")
            raise
    return played


def by_seeds(most, first, processes):
    """Worlds by seed, from ``first`` on; how many frames they got."""
    firsts = range(first, first + -(-most // 100), BATCH)
    with ProcessPoolExecutor(processes) as pool:
        return sum(pool.map(batch, firsts))


def by_hypothesis(most):
    """The same chosen and shrunk by hypothesis."""
    import target
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    played = []

    @settings(
        max_examples=most // SHORT,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def play(chance):
        played.append(target.play(chance, SHORT))

    play()
    return sum(played)


def by_atheris(seconds):
    """The same in a process of libFuzzer's, which never comes back."""
    command = [sys.executable, str(Path(__file__).resolve()), "--inside", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:  # where it leaves what breaks
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    return int(found[1]) * SHORT if found else 0


def inside(seconds):
    """What that process does."""
    import atheris

    with atheris.instrument_imports(include=["kgnb.protocol", "kgnb.broker"]):
        import target

    class Fed(random.Random):
        """Chance out of libFuzzer's bytes."""

        def __init__(self, data):
            super().__init__(0)
            self.data = data

        def random(self):
            return self.getrandbits(16) / 2**16

        def getrandbits(self, bits):
            size = -(-bits // 8)
            taken, self.data = self.data[:size], self.data[size:]
            return int.from_bytes(taken.ljust(size, b"\0")) >> (8 * size - bits)

    options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-max_len=4096"]
    options += ["-len_control=0"]
    atheris.Setup(
        [sys.argv[0], *options], lambda data: target.play(Fed(data), SHORT) and None
    )
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--hypothesis", type=int, default=50_000)
    parser.add_argument("--atheris", type=int, default=120, help="seconds; 0: not")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        inside(chosen.inside)
        return
    began = time.monotonic()
    counts = {
        "by seeds": by_seeds(chosen.messages, chosen.first, chosen.processes),
        "by hypothesis": by_hypothesis(chosen.hypothesis) if chosen.hypothesis else 0,
        "by atheris": by_atheris(chosen.atheris) if chosen.atheris else 0,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"bad input: {sum(counts.values()):,} frames ({told}), 0 uncaught", end="")
    print(f", {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
