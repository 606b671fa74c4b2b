"""How many events a second each store takes, and how long one takes to be stored.

A kernel's link gives a ``BrokerDriver`` the events of several runs, so many at a time
without an acknowledgement, as a kernel does; the driver stores what has gathered in one
group commit. An event is *stored* when its acknowledgement comes: then it outlives the
death of the process. Redis and PostgreSQL are started for this, on this machine.

    python -m benchmarks.stores [--events 20000] [--runs 10] [--window 50]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import postgres_harness
import redis_harness

from benchmarks.results import Line
from kgnb.broker import BrokerDriver, Identity, Peer
from kgnb.storage import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgnb.broker import OutFrame

SIZE = 200
"""Bytes of an event, about."""
LOAD = {"events": 20_000, "runs": 10, "window": 50}
"""The window is of each run."""
STORES = ("memory", "sqlite", "redis", "postgresql")


@dataclass
class Measured:
    """One store under the load."""

    events: int
    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of this process, the broker and the kernel's end together."""
    waits: list[float] = field(default_factory=list)
    """Seconds from an event's sending until it was known to be stored, sorted."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        return 1000 * self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]


class Kernel:
    """A link's sink: keeps so many events of each run on their way."""

    is_congested = False

    def __init__(self, found: Measured, runs: int, window: int) -> None:
        self.welcome = asyncio.get_running_loop().create_future()
        self.done = asyncio.get_running_loop().create_future()
        self._found = found
        self._window = window
        self._share = found.events // runs
        self._sent = {f"r{number}": [] for number in range(runs)}
        """By run, when each event was sent."""
        self._stored = dict.fromkeys(self._sent, 0)

    def begin(self, link) -> None:
        self._link = link
        for run_id in self._sent:
            self._fill(run_id)

    def send_nowait(self, frame: OutFrame) -> None:
        if frame.topic == "welcome":
            self.welcome.set_result(None)
        elif frame.topic == "appended":
            told = msgspec.json.decode(frame.payload)
            self._take(told["run_id"], told["n"])

    def close_nowait(self, code: int, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"{code} {reason}"))

    def _take(self, run_id: str, n: int) -> None:
        now = time.perf_counter()
        before, self._stored[run_id] = self._stored[run_id], n
        self._found.waits += [now - at for at in self._sent[run_id][before:n]]
        if len(self._found.waits) == self._found.events:
            self.done.set_result(None)
        else:
            # Not from within the broker's call.
            asyncio.get_running_loop().call_soon(self._fill, run_id)

    def _fill(self, run_id: str) -> None:
        sent = self._sent[run_id]
        room = self._window - (len(sent) - self._stored[run_id])
        for _ in range(min(room, self._share - len(sent))):
            event = {"type": "reading", "node_id": "A", "data": "x" * (SIZE - 110)}
            if not sent:
                event = {"type": "workflow_started"}
            event |= {"run_id": run_id, "workflow": "w"}
            sent.append(time.perf_counter())
            frame = {"type": "append", "run_id": run_id, "epoch": 1, "n": len(sent)}
            self._link.receive(json.dumps({**frame, "events": [event]}))


@contextmanager
def serving(store: str) -> Iterator[str]:
    """The URL of an empty store."""
    if store == "memory":
        yield "memory://"
    elif store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite://{folder}/log.db"
    elif store == "redis":
        with redis_harness.serving() as server:
            yield server.new_url()
    else:
        with postgres_harness.serving() as server:
            yield server.new_database()


async def _measure(url: str, *, events: int, runs: int, window: int) -> Measured:
    found = Measured(events // runs * runs)
    driver = BrokerDriver(open_log(url))
    await driver.start()
    try:
        kernel = Kernel(found, runs, window)
        peer = Peer(
            identity=Identity(user="kernel", kind="kernel"), role="owner", via="link"
        )
        link = driver.connect_link(peer, kernel)
        hello = {"type": "hello", "kernel_id": "k1", "process_id": "p1", "pid": 1}
        link.receive(json.dumps(hello))
        await kernel.welcome
        began, cpu = time.perf_counter(), time.process_time()
        kernel.begin(link)
        await kernel.done
        found.seconds = time.perf_counter() - began
        found.cpu = time.process_time() - cpu
    finally:
        await driver.aclose()
    found.waits.sort()
    return found


def measure(store: str, *, events: int, runs: int, window: int) -> Measured:
    """Put the load on one store."""
    load = {"events": events, "runs": runs, "window": window}
    with serving(store) as url:
        return asyncio.run(_measure(url, **load))


def report(found: dict[str, Measured]) -> str:
    """The table; rates as shares of the store's in memory."""
    lines = [
        "| store | events/s | of memory | p50 to stored, ms | p99, ms | CPU, µs |",
        "|---|---|---|---|---|---|",
    ]
    most = found["memory"].rate
    for store, each in found.items():
        lines.append(
            f"| {store} | {each.rate:,.0f} | {each.rate / most:.2f} "
            f"| {each.quantile(0.5):.1f} | {each.quantile(0.99):.1f} "
            f"| {1e6 * each.cpu / each.events:.0f} |"
        )
    return "\n".join(lines)


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``; each store is beside the one in memory."""
    load = {**LOAD, "events": LOAD["events"] // 4} if is_short else LOAD
    found = {store: measure(store, **load) for store in STORES}
    theirs = found["memory"].rate
    for store, each in found.items():
        yield Line(
            f"events stored a second, {store}",
            "",
            each.rate,
            "" if store == "memory" else "the log in memory",
            None if store == "memory" else theirs,
            is_more_better=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in LOAD.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    load = vars(parser.parse_args())
    print(report({store: measure(store, **load) for store in STORES}))


if __name__ == "__main__":
    main()
