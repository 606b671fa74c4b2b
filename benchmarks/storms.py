"""A thousand clients cut at once by the death of their server, and five hundred events
behind when they come back.

The server, a real Jupyter server with the log on disk, is killed (``kill -9``) with all
clients connected, and started again. The kernel's link is back first and appends what
it could not send meanwhile. Then every client dials, after a random share of
``--spread`` seconds as our clients' back-off has it, says the last ``seq`` that it saw,
and is caught up when it has the last event. It checks that the ``seq`` of each event is
the last one's plus one: anything lost or sent twice is counted.

The clock starts with the first dial. All clients are one process without a library.

    python -m benchmarks.storms [--clients 1000] [--events 500] [--spread 1]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import select
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "faults"))

from faults_harness import SECRET, FaultyServer
from server_harness import BASE, TOKEN

from benchmarks.results import Line
from benchmarks.swarm import CLOSE, Client, Swarm
from kgnb.server import access

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "fedcba9876543210" * 2
SIZE = 200
"""Bytes of an event as clients get it, about."""
LOAD = {"clients": 1_000, "events": 500, "spread": 1.0}
SHORT_LOAD = {"clients": 200, "events": 500, "spread": 1.0}
TARGET = 15.0
PATIENCE = 60.0
"""Seconds."""
SUBPROTOCOL = "Sec-WebSocket-Protocol: kgnb.v1"
SETTINGS = (
    "--KgnbApp.max_connections=100000",
    # All by the server's token, which makes them one identity.
    "--KgnbApp.max_connections_per_identity=100000",
)


@dataclass
class Storm:
    """What came of it."""

    clients: int
    expected: int
    """Events that are due to all clients together."""
    delivered: int = 0
    wrong: int = 0
    """Events whose seq was not the one that comes next."""
    dialled_again: int = 0
    away: float = 0.0
    """Seconds from the kill until the server answered."""
    cpu: float = 0.0
    """Seconds of the server's processor time, of the storm alone."""
    caught_up: list[float] = field(default_factory=list)
    """Seconds from the first dial, sorted."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is missing and nothing came twice."""
        return self.delivered == self.expected and not self.wrong

    def quantile(self, share: float) -> float:
        """Seconds."""
        return self.caught_up[min(len(self.caught_up) - 1, int(share * self.clients))]


class Kernel:
    """The end of a kernel's link that has the run's events."""

    def __init__(self) -> None:
        self._sent = 0
        self._token: str | None = None

    def dial(self, swarm: Swarm) -> None:
        secret = access.derive_link_secret(SECRET)
        self._link = swarm.connect(
            f"{BASE}kgnb/link", f"Authorization: kgnb-link {secret}"
        )
        hello = {"type": "hello", "kernel_id": "far", "process_id": "p1", "pid": 1}
        if self._token is not None:
            hello["owner_token"] = self._token
        self._link.send(json.dumps(hello))
        welcome = self._link.wait("welcome")
        self._token = json.loads(welcome)["owner_token"]

    def append(self, count: int) -> None:
        """The run's next events, which are stored on return."""
        for _ in range(count):
            event = {"type": "reading", "node_id": "A", "data": "x" * (SIZE - 110)}
            if self._sent == 0:
                event = {"type": "workflow_started"}
            event |= {"run_id": RUN, "workflow": "w"}
            self._sent += 1
            frame = {"type": "append", "run_id": RUN, "epoch": 1, "n": self._sent}
            self._link.send(json.dumps({**frame, "events": [event]}))
        self._link.wait("appended", f'"n":{self._sent},')


class Returning(Client):
    """A client that comes back, without ever blocking."""

    def __init__(self, storm: Storm, port: int, *, last: int) -> None:
        super().__init__(None, None, is_reader=True)
        self.at = 0.0
        """When it dials."""
        self.is_done = False
        self._storm = storm
        self._port = port
        self._last = last
        self._is_upgraded = False

    def dial(self) -> socket.socket:
        self._rest, self._is_upgraded = b"", False
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", self._port))
        return self.sock

    def greet(self) -> None:
        """It is connected: ask to upgrade."""
        headers = (f"Authorization: token {TOKEN}", SUBPROTOCOL)
        self.sock.sendall(self.request(f"{BASE}kgnb/ws", headers))

    def take(self, data: bytes) -> None:
        if not self._is_upgraded and data:
            self._rest += data
            if b"\r\n\r\n" not in self._rest:
                return
            head, _, data = self._rest.partition(b"\r\n\r\n")
            if b" 101 " not in head.splitlines()[0]:
                raise ConnectionError(head.decode())
            self._is_upgraded, self._rest = True, b""
            self.send(subscription(self._seq))
            if not data:
                return
        super().take(data)

    def _event(self, seq: int) -> None:
        self._storm.wrong += seq != self._seq + 1
        self._storm.delivered += 1
        self._seq = seq
        self.is_done = seq == self._last

    def _other(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            raise ConnectionError(payload.decode(errors="replace"))


def subscription(seq: int) -> str:
    """All of the run, behind what was seen."""
    return json.dumps(
        {"type": "subscribe", "run_id": RUN, "topics": ["all"], "since": {"seq": seq}}
    )


def settle(clients: int, kernel: Kernel, port: int) -> Swarm:
    """The kernel and all clients on a server."""
    swarm = Swarm(port)
    kernel.dial(swarm)
    kernel.append(1)
    for _ in range(clients):
        headers = (f"Authorization: token {TOKEN}", SUBPROTOCOL)
        client = swarm.connect(f"{BASE}kgnb/ws", *headers)
        client.send(subscription(1))
        client.wait("subscribed")
    return swarm


def come_back(storm: Storm, clients: list[Returning]) -> None:
    """Let all dial, read until all are caught up or patience ends."""
    poll = select.epoll()
    by_number: dict[int, Returning] = {}
    waiting = sorted(clients, key=lambda client: -client.at)
    began = time.monotonic()
    for client in waiting:
        client.at += began
    try:
        while len(storm.caught_up) < storm.clients:
            now = time.monotonic()
            if now > began + PATIENCE:
                break
            while waiting and waiting[-1].at <= now:
                client = waiting.pop()
                by_number[client.dial().fileno()] = client
                poll.register(client.sock, select.EPOLLIN | select.EPOLLOUT)
            for number, mask in poll.poll(0.01):
                _serve(storm, poll, by_number[number], mask, waiting)
                if by_number[number].is_done:
                    poll.unregister(number)
                    storm.caught_up.append(time.monotonic() - began)
    finally:
        poll.close()
        for client in by_number.values():
            client.sock.close()
    storm.caught_up.sort()


def _serve(
    storm: Storm,
    poll: select.epoll,
    client: Returning,
    mask: int,
    waiting: list[Returning],
) -> None:
    try:
        if mask & select.EPOLLOUT:
            client.greet()
            poll.modify(client.sock, select.EPOLLIN)
        else:
            client.read()
    except OSError:
        # Refused or cut: it dials again, as a client does.
        poll.unregister(client.sock)
        client.sock.close()
        storm.dialled_again += 1
        client.at = time.monotonic() + random.uniform(0.1, 0.5)
        waiting.append(client)
        waiting.sort(key=lambda client: -client.at)


async def measure(*, clients: int, events: int, spread: float) -> Storm:
    """One storm."""
    storm = Storm(clients, clients * events)
    kernel = Kernel()
    with tempfile.TemporaryDirectory() as folder:
        server = FaultyServer(Path(folder), *SETTINGS)
        with server:
            await server.wait_ready()
            with settle(clients, kernel, server.port):
                killed = time.monotonic()
                await server.restart()
            storm.away = time.monotonic() - killed
            with Swarm(server.port) as swarm:
                kernel.dial(swarm)
                kernel.append(events)
                last = events + 1
                back = [
                    Returning(storm, server.port, last=last) for _ in range(clients)
                ]
                for client in back:
                    client.at = random.uniform(0, spread)
                before = _cpu(server.process.pid)
                come_back(storm, back)
                storm.cpu = _cpu(server.process.pid) - before
    return storm


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def table(storm: Storm) -> Iterator[str]:
    """All that was found."""
    yield "| | |"
    yield "|---|---|"
    yield f"| clients cut at once | {storm.clients:,} |"
    yield f"| events that each was behind | {storm.expected // storm.clients:,} |"
    yield f"| the server was away | {storm.away:.1f} s |"
    for name, share in (("half", 0.5), ("99 %", 0.99), ("all", 1.0)):
        yield f"| {name} caught up after | {storm.quantile(share):.2f} s |"
    yield f"| target for all | {TARGET:g} s |"
    yield f"| share of the target | {storm.quantile(1) / TARGET:.2f} |"
    yield f"| events lost | {storm.expected - storm.delivered:,} |"
    yield f"| events twice or out of order | {storm.wrong:,} |"
    yield f"| dialled again | {storm.dialled_again:,} |"
    yield f"| server: CPU | {storm.cpu:.1f} s |"


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``.

    Raises:
        RuntimeError: kgnb lost something, or sent it twice.
    """
    load = SHORT_LOAD if is_short else LOAD
    storm = asyncio.run(measure(**load))
    if not storm.is_good or len(storm.caught_up) < storm.clients:
        msg = "events were lost or came twice:\n" + "\n".join(table(storm))
        raise RuntimeError(msg)
    what = f"{storm.clients:,} clients cut at once, {load['events']} events behind"
    for name, share in (("half", 0.5), ("all", 1.0)):
        yield Line(
            f"{what}: {name} caught up", "s", storm.quantile(share), target=TARGET
        )


def main() -> None:
    """Print the table; exit with 1 if anything was lost or it took too long."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, default in LOAD.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    options = parser.parse_args()
    storm = asyncio.run(measure(**vars(options)))
    if len(storm.caught_up) < storm.clients:
        missing = storm.clients - len(storm.caught_up)
        sys.exit(f"{missing} clients were not caught up after {PATIENCE:g} s")
    print("\n".join(table(storm)))
    sys.exit(not storm.is_good or storm.quantile(1) > TARGET)


if __name__ == "__main__":
    main()
