"""A thousand clients of one run: kgnb on a real Jupyter server, and servers that are
written for nothing else (``benchmarks.peers``).

Each client reads every event of a run that makes 20 a second, 200 bytes each. The
server has one process, all clients and the kernel's end of the link have another:
sockets without a library, which offer no compression.

A delivery's latency runs from before the event is written to the server until its
last byte was read; both ends are one process. Every client checks that the ``seq`` of
each event is the last one's plus one.

    python -m benchmarks.fanout [--clients 1000] [--rate 20] [--seconds 60]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))

from server_harness import BASE, TOKEN, ServerProcess, free_port

from benchmarks.results import Line, rows
from benchmarks.swarm import Swarm
from kgnb.server import access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPO = Path(__file__).parent.parent
PEERS = {
    "tornado": "bare tornado",
    "websockets": "websockets.broadcast",
    "starlette": "Starlette, send_json to each",
}
LOAD = {"clients": 1_000, "rate": 20, "seconds": 20}
SHORT_LOAD = {"clients": 500, "rate": 20, "seconds": 5}
RUN = "0123456789abcdef" * 2
SECRET = "a benchmark's"
SIZE = 200
"""Bytes of an event as clients get it, about."""
SETTLING = 10.0
"""Seconds in which the last events may still come."""


@dataclass
class Measured:
    """One server under the load."""

    expected: int
    delivered: int = 0
    gaps: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds, sorted."""
    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of the server's processor time."""
    load_cpu: float = 0.0
    """The same, of the clients'."""
    clients: int = 0
    joining: float = 0.0
    """Seconds until all clients were there, which came one after the other."""
    rss_before: int = 0
    rss_idle: int = 0
    rss: int = 0
    """Bytes: before the clients came, when all were there, and the most of the load."""

    @property
    def is_whole(self) -> bool:
        """Whether every client got every event, once and in order."""
        return self.delivered == self.expected and not self.gaps

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        last = len(self.latencies) - 1
        return self.latencies[min(last, int(share * len(self.latencies)))] * 1000


class Bare:
    """One of ``benchmarks.peers``: what the clients and the source say to it."""

    def __init__(self, name: str) -> None:
        self._name = name

    @contextmanager
    def serving(self) -> Iterator[tuple[psutil.Process, int]]:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.peers", self._name, str(port)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=REPO
        ) as process:
            process.stdout.readline()
            try:
                yield psutil.Process(process.pid), port
            finally:
                process.terminate()

    def join(self, swarm: Swarm, clients: int) -> None:
        for _ in range(clients):
            swarm.connect("/events", is_reader=True)
        self._source = swarm.connect("/source")

    def send(self, seq: int, text: str) -> None:
        event = {"type": "reading", "run_id": RUN, "node_id": "Sensor", "data": text}
        self._source.send(json.dumps({"seq": seq, **event}, separators=(",", ":")))


class Kgnb:
    """kgnb: the clients subscribe to all of a run, a kernel's link appends to it.

    Args:
        settings: Options of the server, beyond what so many clients need.
    """

    def __init__(self, *settings: str) -> None:
        self._settings = settings

    @contextmanager
    def serving(self) -> Iterator[tuple[psutil.Process, int]]:
        settings = (
            "--KgnbApp.max_connections=100000",
            # All by the server's token, which makes them one identity.
            "--KgnbApp.max_connections_per_identity=100000",
            f"--KgnbApp.link_secret={SECRET}",
            *self._settings,
        )
        with (
            tempfile.TemporaryDirectory() as folder,
            ServerProcess(Path(folder), *settings) as server,
        ):
            asyncio.run(server.wait_ready())
            # An idle kernel, for whose runs the load's end of the link then speaks.
            started = server.call("api/kernels", method="POST", body={})
            self._kernel = started["id"]
            yield psutil.Process(server.process.pid), server.port

    def join(self, swarm: Swarm, clients: int) -> None:
        self._source = swarm.connect(
            f"{BASE}kgnb/link",
            f"Authorization: kgnb-link {access.derive_link_secret(SECRET)}",
        )
        self._say(type="hello", kernel_id=self._kernel, process_id="p1", pid=1)
        self._source.wait("welcome")
        graph = {"name": "load", "start": "Sensor", "edges": []}
        graph["nodes"] = [{"id": "Sensor", "label": "Sensor", "kind": "node"}]
        self._append(1, {"type": "workflow_started", "graph": graph, "params": {}})
        self._source.wait("appended")
        subscribe = {"type": "subscribe", "run_id": RUN, "topics": ["all"]}
        subscribe["since"] = {"seq": 1}
        for _ in range(clients):
            client = swarm.connect(
                f"{BASE}kgnb/ws",
                f"Authorization: token {TOKEN}",
                "Sec-WebSocket-Protocol: kgnb.v1",
                is_reader=True,
            )
            client.send(json.dumps(subscribe))
            client.wait("subscribed")

    def send(self, seq: int, text: str) -> None:
        self._append(seq, {"type": "reading", "node_id": "Sensor", "data": text})

    def _append(self, seq: int, event: dict[str, object]) -> None:
        event |= {"run_id": RUN, "workflow": "load", "timestamp": "2026-11-21T03:40Z"}
        self._say(type="append", run_id=RUN, epoch=1, n=seq, events=[event])

    def _say(self, **message: object) -> None:
        self._source.send(json.dumps(message))


def measure(
    side: Bare | Kgnb, *, clients: int, rate: float, seconds: float
) -> Measured:
    """Put the load on one server."""
    events = round(rate * seconds)
    found = Measured(expected=events * clients, clients=clients)
    with side.serving() as (server, port), Swarm(port) as swarm:
        found.rss_before = server.memory_info().rss
        joining = time.monotonic()
        side.join(swarm, clients)
        found.joining = time.monotonic() - joining
        found.rss_idle = server.memory_info().rss
        text = "x" * (SIZE - 110)
        cpu, load_cpu = _cpu(server), _cpu(psutil.Process())
        began = time.monotonic()
        for number in range(events):
            swarm.read_until(began + number / rate)
            seq = number + 2  # 1 is the run's start
            swarm.sent[seq] = time.monotonic()
            side.send(seq, text)
            if number % round(rate) == 0:
                found.rss = max(found.rss, server.memory_info().rss)
        end = time.monotonic() + SETTLING
        while swarm.delivered < found.expected and time.monotonic() < end:
            swarm.read_until(time.monotonic() + 0.05)
        found.seconds = time.monotonic() - began
        found.cpu = _cpu(server) - cpu
        found.load_cpu = _cpu(psutil.Process()) - load_cpu
        found.rss = max(found.rss, server.memory_info().rss)
    found.delivered, found.gaps = swarm.delivered, swarm.gaps
    found.latencies = sorted(swarm.latencies)
    return found


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@dataclass(frozen=True)
class Figure:
    """What the table tells of each server."""

    name: str
    unit: str
    of: Callable[[Measured], float]
    is_more_better: bool = False
    target: float | None = None
    """For kgnb with a thousand clients; see ``benchmarks.results``."""

    def line(self, ours: Measured, peer: str, theirs: Measured) -> Line:
        """For the table of all benchmarks."""
        is_whole = ours.clients >= LOAD["clients"]
        return Line(
            f"{self.name}, {ours.clients:,} clients",
            self.unit,
            self.of(ours),
            PEERS[peer],
            self.of(theirs),
            is_more_better=self.is_more_better,
            target=self.target if is_whole else None,
        )


FIGURES = (
    Figure(
        "deliveries a second",
        "",
        lambda m: m.delivered / m.seconds,
        is_more_better=True,
        target=20_000 * 0.95,  # as much as there is to deliver, and its last seconds
    ),
    Figure("p50", "ms", lambda m: m.quantile(0.5)),
    Figure("p99", "ms", lambda m: m.quantile(0.99), target=150),
    Figure("the slowest", "ms", lambda m: m.quantile(1)),
    Figure("server: CPU a delivery", "µs", lambda m: 1e6 * m.cpu / m.delivered),
    Figure("server: CPU", "% of a core", lambda m: 100 * m.cpu / m.seconds),
    Figure("server: memory before", "MB", lambda m: m.rss_before / 1e6),
    Figure("server: memory at most", "MB", lambda m: m.rss / 1e6),
    Figure(
        "server: an idle client",
        "kB",
        lambda m: (m.rss_idle - m.rss_before) / m.clients / 1e3,
        target=20,
    ),
    Figure(
        "connections a second, one by one",
        "",
        lambda m: m.clients / m.joining,
        is_more_better=True,
    ),
    Figure("clients: CPU", "% of a core", lambda m: 100 * m.load_cpu / m.seconds),
)


def compare(*, clients: int, rate: float, seconds: float) -> dict[str, Measured]:
    """All of them, one after the other."""
    load = {"clients": clients, "rate": rate, "seconds": seconds}
    sides: dict[str, Bare | Kgnb] = {name: Bare(name) for name in PEERS}
    return {
        name: measure(side, **load) for name, side in ({"kgnb": Kgnb()} | sides).items()
    }


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``.

    Raises:
        RuntimeError: kgnb lost something.
    """
    found = compare(**SHORT_LOAD if is_short else LOAD)
    ours = found.pop("kgnb")
    if not ours.is_whole:
        msg = f"{ours.expected - ours.delivered} events missing, {ours.gaps} gaps"
        raise RuntimeError(msg)
    for figure in FIGURES:
        for peer, theirs in found.items():
            yield figure.line(ours, peer, theirs)


def main() -> None:
    """Print the table; exit with 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20, help="events a second")
    parser.add_argument("--seconds", type=float, default=60)
    found = compare(**vars(parser.parse_args()))
    ours = found.pop("kgnb")
    told = [
        figure.line(ours, peer, theirs)
        for figure in FIGURES
        for peer, theirs in found.items()
    ]
    print("\n".join(rows(told)))
    sys.exit(not ours.is_whole)


if __name__ == "__main__":
    main()
