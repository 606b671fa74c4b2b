"""Half an hour of a busy server: what grows, what leaks, what is lost.

A real Jupyter server with its log on disk; a kernel's end that has fifty runs at a
time, each of which ends after a minute and is followed by the next; a thousand
clients, each of one run's reader. Some percent of them leave each second and come back
with the last ``seq`` that they saw; one of twenty reads all runs, so slowly that the
server cuts it off (4009, which it does not come to read), and does the same. Every
client checks that the ``seq`` of each event is the last one's plus one; all but those,
that they saw the last one.

Then all leave. Memory is fitted by a line over the second half of the time; file
descriptors, threads and asyncio's tasks are counted before anybody came and after all
have left.

    python -m benchmarks.soak [--short] [--minutes 30] [--clients 1000] [--runs 50]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import websockets

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "faults"))

from faults_harness import SECRET, FaultyServer
from server_harness import BASE, TOKEN

from kgnb.server import access

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PACE = 4.0
"""Events of a run in a second."""
SIZE = 200
"""Bytes of an event, about."""
CHURN = 0.02
"""The share of clients that leave in a second."""
SLOW = 0.05
"""The share of clients that read slowly."""
WINDOW = 32
"""Events of a run on their way to the log."""
EVERY = 2.0
"""Seconds between two looks at the server."""
SPARE = 3
"""Descriptors, threads and tasks that may come and go."""
GROWTH = 0.1
"""MB a minute that memory may grow by in the second half."""
TELLING = 15.0
"""Minutes from which on that is judged: a server that is still warming up grows."""
FILLING = "x" * (SIZE - 110)
EVENT = '{"seq":'
LOAD = {"minutes": 30.0, "clients": 1_000, "runs": 50, "length": 240}
"""The length is a run's, in events."""
SHORT = {"minutes": 1.5, "clients": 200, "runs": 10, "length": 60}
"""Two minutes, with what it takes to begin and to end."""
SETTLING = 60.0
"""Seconds in which all may still be caught up, and what was held is given back."""
COUNTING = """c.KgnbApp.max_connections = 100000
c.KgnbApp.max_connections_per_identity = 100000
import asyncio, os
from kgnb.server.kernels import KernelWatcher

async def count(self):
    with open({path!r} + ".new", "w") as file:
        file.write(str(len(asyncio.all_tasks())))
    os.replace({path!r} + ".new", {path!r})

KernelWatcher.look = count
"""
"""Lines for the server's configuration: it says once a second how many tasks it has."""


@dataclass
class Look:
    """What the server holds, at one moment."""

    at: float
    rss: int
    descriptors: int
    threads: int
    tasks: int


@dataclass
class Soak:
    """What came of it."""

    minutes: float
    clients: int
    length: int
    """Events of each run."""
    events: int = 0
    """Stored."""
    runs: int = 0
    """Ended."""
    delivered: int = 0
    missing: int = 0
    wrong: int = 0
    """Events whose seq was not the one that comes next."""
    left: int = 0
    """Times that a client went, to come back."""
    closed: dict[int, int] = field(default_factory=dict)
    """How often the server closed a client, by the code."""
    looks: list[Look] = field(default_factory=list)
    before: Look | None = None
    after: Look | None = None

    @property
    def growth(self) -> float:
        """MB a minute, by the line that fits the second half best."""
        half = self.looks[len(self.looks) // 2 :]
        at = [look.at / 60 for look in half]
        rss = [look.rss / 1e6 for look in half]
        mean_at, mean_rss = sum(at) / len(at), sum(rss) / len(rss)
        spread = sum((x - mean_at) ** 2 for x in at)
        both = sum((x - mean_at) * (y - mean_rss) for x, y in zip(at, rss, strict=True))
        return both / spread

    def failures(self) -> list[str]:
        """What must not be."""
        before, after = self.before, self.after
        found = {
            f"{self.missing} events missing": self.missing,
            f"{self.wrong} events out of order or twice": self.wrong,
            f"{after.descriptors - before.descriptors} file descriptors more": (
                after.descriptors > before.descriptors + SPARE
            ),
            f"{after.tasks - before.tasks} tasks more": (
                after.tasks > before.tasks + SPARE
            ),
            f"{after.threads - before.threads} threads more": (
                after.threads > before.threads + SPARE
            ),
            f"memory grows by {self.growth:.2f} MB a minute": (
                self.minutes >= TELLING and self.growth > GROWTH
            ),
        }
        return [text for text, is_so in found.items() if is_so]


class Run:
    """One run, as its kernel tells it."""

    def __init__(self) -> None:
        self.run_id = uuid.uuid4().hex
        self.sent = 0
        self.stored = 0
        self.progress = asyncio.Event()


class Kernel:
    """A kernel's end of the link, of several runs."""

    def __init__(self, port: int, found: Soak) -> None:
        self.port = port
        self._found = found
        self._runs: dict[str, Run] = {}

    async def open(self) -> None:
        secret = access.derive_link_secret(SECRET)
        self._socket = await websockets.connect(
            f"ws://127.0.0.1:{self.port}{BASE}kgnb/link",
            additional_headers={"Authorization": f"kgnb-link {secret}"},
            compression=None,
            proxy=None,
        )
        hello = {"type": "hello", "kernel_id": "far", "process_id": "p1", "pid": 1}
        await self._say(hello)
        self._reading = asyncio.create_task(self._read())

    async def aclose(self) -> None:
        self._reading.cancel()
        await self._socket.close()

    async def append(self, run: Run, event: dict[str, Any]) -> None:
        """The run's next event; waits while too many are on their way."""
        while run.sent - run.stored >= WINDOW:
            run.progress.clear()
            await run.progress.wait()
        self._runs[run.run_id] = run
        run.sent += 1
        event |= {"run_id": run.run_id, "workflow": "soak"}
        frame = {"type": "append", "run_id": run.run_id, "epoch": 1, "n": run.sent}
        await self._say({**frame, "events": [event]})

    async def finish(self, run: Run) -> None:
        """Wait until all of a run is stored."""
        while run.stored < run.sent:
            run.progress.clear()
            await run.progress.wait()
        del self._runs[run.run_id]

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(message))

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            run = self._runs.get(message.get("run_id"))
            if message["type"] == "appended" and run is not None:
                self._found.events += message["n"] - run.stored
                run.stored = message["n"]
                run.progress.set()


class Stage:
    """The runs of now, each in its slot, and who follows them."""

    def __init__(self, port: int, found: Soak, slots: int) -> None:
        self._length = found.length
        self.port = port
        self.found = found
        self.slots = [Run() for _ in range(slots)]
        self.is_over = False

    async def play(self, slot: int, kernel: Kernel) -> None:
        """One run after the other in a slot."""
        await asyncio.sleep(random.uniform(0, self._length / PACE))
        while not self.is_over:
            run = self.slots[slot]
            await kernel.append(run, {"type": "workflow_started"})
            for _ in range(self._length - 2):
                await asyncio.sleep(1 / PACE)
                reading = {"type": "reading", "node_id": "A", "data": FILLING}
                await kernel.append(run, reading)
            await kernel.append(run, {"type": "workflow_completed", "data": None})
            await kernel.finish(run)
            self.found.runs += 1
            self.slots[slot] = Run()

    async def follow(self, slot: int) -> None:
        """Be a client of one slot's runs, which leaves and comes back."""
        while not self.is_over:
            run = self.slots[slot]
            if run.stored:
                self.found.missing += self._length - await self._see(run)
            else:
                await asyncio.sleep(0.5)

    async def _see(self, run: Run) -> int:
        """How many events of a run were seen, until it ended or patience did."""
        seen, end = 0, None
        while seen < self._length and time.monotonic() < (end or time.monotonic() + 1):
            if run.stored == self._length and end is None:
                end = time.monotonic() + SETTLING
            try:
                async with (
                    subscribed(self.port, {run.run_id: seen}) as socket,
                    asyncio.timeout(random.expovariate(CHURN)),
                ):
                    async for text in socket:
                        if not text.startswith(EVENT):
                            continue
                        seq = int(text[len(EVENT) : text.index(",")])
                        self.found.wrong += seq != seen + 1
                        self.found.delivered += 1
                        seen = seq
                        if seen == self._length:
                            break
            except TimeoutError:
                self.found.left += 1
            except (websockets.WebSocketException, OSError) as error:
                await self._closed(error)
        return seen

    async def dawdle(self) -> None:
        """Be a client of all runs that reads too slowly, until cancelled."""
        seen: dict[str, int] = {}
        while True:
            seen = {run.run_id: seen.get(run.run_id, 0) for run in self.slots}
            try:
                async with subscribed(self.port, seen, is_slow=True) as socket:
                    async for text in socket:
                        await asyncio.sleep(0.5)
                        if text.startswith(EVENT):
                            event = json.loads(text)
                            last = seen[event["run_id"]]
                            self.found.wrong += event["seq"] != last + 1
                            seen[event["run_id"]] = event["seq"]
            except (websockets.WebSocketException, OSError) as error:
                await self._closed(error)

    async def _closed(self, error: Exception) -> None:
        received = getattr(error, "rcvd", None)
        code = 1006 if received is None else received.code
        self.found.closed[code] = self.found.closed.get(code, 0) + 1
        await asyncio.sleep(random.uniform(0.1, 1))


@asynccontextmanager
async def subscribed(
    port: int, since: dict[str, int], *, is_slow: bool = False
) -> AsyncIterator[websockets.ClientConnection]:
    """A client's socket: all of some runs, each behind what was seen of it."""
    sock = socket.socket()
    if is_slow:  # what it does not read is the server's to hold
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    async with websockets.connect(
        f"ws://127.0.0.1:{port}{BASE}kgnb/ws",
        sock=sock,
        additional_headers={"Authorization": f"token {TOKEN}"},
        subprotocols=["kgnb.v1"],
        compression=None,
        max_queue=1 if is_slow else 64,
        close_timeout=1,
        open_timeout=60,
    ) as connection:
        for run_id, seq in since.items():
            asked = {"type": "subscribe", "run_id": run_id, "topics": ["all"]}
            await connection.send(json.dumps({**asked, "since": {"seq": seq}}))
        yield connection


class Server:
    """The server, and looks at it."""

    def __init__(self, folder: Path) -> None:
        self._tasks = folder / "tasks.txt"
        lines = COUNTING.format(path=str(self._tasks))
        self._process = FaultyServer(folder, lines)
        self._began = time.monotonic()

    async def open(self) -> int:
        """Start it; its port."""
        self._process.__enter__()
        await self._process.wait_ready(120)
        self._watched = psutil.Process(self._process.process.pid)
        return self._process.port

    def close(self) -> None:
        self._process.__exit__(None, None, None)

    def look(self) -> Look:
        return Look(
            time.monotonic() - self._began,
            self._watched.memory_info().rss,
            self._watched.num_fds(),
            self._watched.num_threads(),
            int(self._tasks.read_text()),
        )

    async def settled(self, before: Look) -> Look:
        """Look until it holds no more than before, or patience ends."""
        end = time.monotonic() + SETTLING
        while True:
            await asyncio.sleep(EVERY)
            now = self.look()
            is_back = (
                now.descriptors <= before.descriptors + SPARE
                and now.tasks <= before.tasks + SPARE
            )
            if is_back or time.monotonic() > end:
                return now


async def soak(*, minutes: float, clients: int, runs: int, length: int) -> Soak:
    """Put the server under its load, and let it go."""
    found = Soak(minutes, clients, length)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        kernel = Kernel(await server.open(), found)
        try:
            await kernel.open()
            await _watched_run(kernel)
            found.before = server.look()
            await _load(server, kernel, found, runs)
            found.after = await server.settled(found.before)
            await kernel.aclose()
        finally:
            server.close()
    return found


async def _watched_run(kernel: Kernel) -> None:
    """A run that stays unfinished: else the server would not count its tasks."""
    run = Run()
    await kernel.append(run, {"type": "workflow_started"})
    await kernel.finish(run)
    await asyncio.sleep(3 * EVERY)


async def _load(server: Server, kernel: Kernel, found: Soak, runs: int) -> None:
    stage = Stage(kernel.port, found, runs)
    slow = round(found.clients * SLOW)
    async with asyncio.TaskGroup() as group:
        for slot in range(runs):
            group.create_task(stage.play(slot, kernel))
        dawdling = [group.create_task(stage.dawdle()) for _ in range(slow)]
        for number in range(found.clients - slow):
            group.create_task(stage.follow(number % runs))
        end = time.monotonic() + found.minutes * 60
        while time.monotonic() < end:
            await asyncio.sleep(EVERY)
            found.looks.append(server.look())
        stage.is_over = True
        for task in dawdling:
            task.cancel()


def table(found: Soak) -> Iterator[str]:
    """All that was found."""
    before, after = found.before, found.after
    most = max(look.rss for look in found.looks)
    codes = [f"{code}: {count:,}" for code, count in sorted(found.closed.items())]
    rows = {
        "minutes": f"{found.minutes:g}",
        "clients at a time": f"{found.clients:,}",
        "of which read too slowly": f"{round(found.clients * SLOW):,}",
        "times that one left and came back": f"{found.left:,}",
        "closed by the server, by code": ", ".join(codes) or "none",
        "runs ended": f"{found.runs:,}",
        "events stored": f"{found.events:,}",
        "deliveries checked": f"{found.delivered:,}",
        "missing": f"{found.missing:,}",
        "out of order, or twice": f"{found.wrong:,}",
        "memory before, at most, after": " / ".join(
            f"{rss / 1e6:.0f} MB" for rss in (before.rss, most, after.rss)
        ),
        "memory's growth in the second half": f"{found.growth:+.2f} MB a minute",
        "file descriptors before, after": (
            f"{before.descriptors} / {after.descriptors}"
        ),
        "threads before, after": f"{before.threads} / {after.threads}",
        "asyncio's tasks before, after": f"{before.tasks} / {after.tasks}",
    }
    yield "| | |"
    yield "|---|---|"
    for name, value in rows.items():
        yield f"| {name} | {value} |"


def main() -> None:
    """Print the table; exit with 1 if anything was lost or is held."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in LOAD.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--short", action="store_true", help="two minutes")
    options = vars(parser.parse_args())
    if options.pop("short"):
        options |= SHORT
    found = asyncio.run(soak(**options))
    print("\n".join(table(found)))
    sys.exit("; ".join(found.failures()) or 0)


if __name__ == "__main__":
    main()
