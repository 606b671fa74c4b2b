"""How costs grow: a step's with the run's length, an event's with the log's, and so on.

What is linear costs the same a piece however many there are. Each line has the cost of
a piece at the largest size as a multiple of that at a smaller one, where what is begun
once no longer counts: 1 is linear, 10 for ten times the size would be quadratic.

* a step of one watched async node that leads back to itself, the log in memory;
* a run, of many that are started at once;
* a delivery to one of many clients of a run, in the server's processor time, of ten
  thousand a second; and the memory of a client that waits;
* an event of 200 bytes in a SQLite log: storing a thousand at its end, and reading the
  last five hundred, as a client does that comes back.

    python -m benchmarks.growth [--short]
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from typing import TYPE_CHECKING

import kgnb
from benchmarks import fanout
from benchmarks.looping import Async, looped
from benchmarks.results import Line, print_lines
from kgnb.storage import open_log
from kgnb.storage.base import Append, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = (10**3, 10**4, 10**5, 10**6)
SHORT_STEPS = (10**3, 10**4)
RUNS = (10, 100, 1_000)
SHORT_RUNS = (10, 100)
CLIENTS = (100, 1_000, 10_000)
SHORT_CLIENTS = (50, 200)
DELIVERIES, SECONDS = 10_000, 5
OTHER_FILES = 500
EVENTS = (10**4, 10**5, 10**6, 10**7)
SHORT_EVENTS = (10**4, 10**5)
LINEAR = 1.5
"""What a piece may cost more at the largest size, on a machine that is shared."""
GROUP, BEHIND = 1_000, 500
SAMPLES = 7
"""Of which the fastest counts."""
PAYLOAD = b"x" * 200


def steps(count: int) -> float:
    """Seconds a step of one run of ``count``."""
    graph = kgnb.AsyncGraph(looped(Async(count)), name="count")
    began = time.perf_counter()
    run = kgnb.run(graph, {"count": 0}, panel=False)
    done = run.result(3600).shared["count"]
    assert done == count
    return (time.perf_counter() - began) / count


def runs(count: int) -> float:
    """Seconds a run of ``count`` that are started at once."""
    graph = kgnb.AsyncGraph(kgnb.AsyncNode(), name="one")
    began = time.perf_counter()
    started = [kgnb.run(graph, {}, panel=False) for _ in range(count)]
    for run in started:
        run.result(600)
    return (time.perf_counter() - began) / count


def clients(count: int) -> tuple[float, float]:
    """Seconds of the server's processor for a delivery, and bytes that a client takes.

    Raises:
        RuntimeError: Something was lost.
    """
    rate = DELIVERIES / count
    # The first are not read, and so answer no ping, until the last has come.
    server = fanout.Kgnb("--KgnbApp.ping_interval=0")
    found = fanout.measure(server, clients=count, rate=rate, seconds=SECONDS)
    if not found.is_whole:
        msg = f"{found.expected - found.delivered} events missing, {found.gaps} gaps"
        raise RuntimeError(msg)
    return found.cpu / found.delivered, (found.rss_idle - found.rss_before) / count


def allowed(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Those that this machine has descriptors for; both processes may take them all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return tuple(count for count in counts if count + OTHER_FILES < most)


class Grown:
    """A SQLite log of one stream, made longer and longer."""

    def __init__(self, folder: str) -> None:
        self._log = open_log(f"sqlite://{folder}/log.db")
        self._length = 0

    async def open(self) -> None:
        await self._log.open()

    async def aclose(self) -> None:
        await self._log.aclose()

    async def grow(self, length: int) -> tuple[float, float]:
        """Seconds to store an event at the end of so many, and to read one there."""
        while self._length < length - SAMPLES * GROUP:
            await self._append()
        stores = [await _timed(self._append) for _ in range(SAMPLES)]
        reads = [await _timed(self._read) for _ in range(SAMPLES)]
        return min(stores) / GROUP, min(reads) / BEHIND

    async def _append(self) -> None:
        await self._log.commit(
            [Transaction(appends=(Append("r", (PAYLOAD,) * GROUP),))]
        )
        self._length += GROUP

    async def _read(self) -> None:
        found = await self._log.read("r", self._length - BEHIND, BEHIND)
        assert len(found) == BEHIND


async def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def events(lengths: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """What ``Grown.grow`` finds at each length."""
    with tempfile.TemporaryDirectory() as folder:
        log = Grown(folder)
        await log.open()
        try:
            return {length: await log.grow(length) for length in lengths}
        finally:
            await log.aclose()


def grown(
    what: str, found: dict[int, float], unit: str = "µs", scale: float = 1e6
) -> Line:
    """The largest size beside the second one: the first has what is begun once."""
    sizes = sorted(found)
    smaller, largest = sizes[-2], sizes[-1]
    return Line(
        f"{what} of {largest:,}",
        unit,
        found[largest] * scale,
        f"one of {smaller:,}",
        found[smaller] * scale,
        target_ratio=LINEAR,
    )


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``; here both figures are kgnb's."""
    counts = SHORT_STEPS if is_short else STEPS
    yield grown("a step", {count: steps(count) for count in counts})
    counts = SHORT_RUNS if is_short else RUNS
    yield grown("a run", {count: runs(count) for count in counts})
    counts = allowed(SHORT_CLIENTS if is_short else CLIENTS)
    served = {count: clients(count) for count in counts}
    yield grown("a delivery to one client", {n: cpu for n, (cpu, _) in served.items()})
    held = {n: size for n, (_, size) in served.items()}
    yield grown("the memory of one client", held, "kB", 1e-3)
    found = asyncio.run(events(SHORT_EVENTS if is_short else EVENTS))
    yield grown("storing an event", {n: stored for n, (stored, _) in found.items()})
    yield grown("reading an event", {n: read for n, (_, read) in found.items()})


if __name__ == "__main__":
    print_lines(lines)
