"""Stores that are taken away under a server at work, each in several ways."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from contextlib import asynccontextmanager

import psycopg
import websockets
from actors import SECRET, TOKEN
from faults_harness import FULL, RawKernel, asked, started
from journals import entries_of
from stage import Stage

from kgnb.server.access import derive_link_secret

FIU = "/usr/lib/fiu"
"""Debian's fiu-utils: C functions that fail when they are told to."""
ENOSPC, EROFS, EIO = 28, 30, 5
RUN = "impatient"
"""Whose answers are asked for without a pause."""
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
"""Ends everybody's connections to PostgreSQL but one's own."""


class Store:
    """Where the log is, and how it is taken away: names and context managers."""

    environment = {}  # noqa: RUF012
    """Of the server's process."""
    silent = frozenset()
    """Troubles that health need not notice."""


class Disk(Store):
    """SQLite on a file system whose calls fail with one error number."""

    silent = frozenset({"one write in five fails"})

    def __init__(self, folder):
        self.url = f"sqlite://{folder}/log.sqlite"
        self._fifo = f"{folder}/fiu"
        self.environment = {
            "LD_PRELOAD": f"{FIU}/fiu_run_preload.so {FIU}/fiu_posix_preload.so",
            "FIU_CTRL_FIFO": self._fifo,
        }
        self.troubles = {
            "disk full": lambda: self._failing(ENOSPC),
            "disk read-only": lambda: self._failing(EROFS),
            "disk errors": lambda: self._failing(EIO),
            "one write in five fails": lambda: self._failing(EIO, 0.2),
        }

    @asynccontextmanager
    async def _failing(self, number, chance=1):
        calls = ("posix/io/rw/pwrite", "posix/io/sync/fsync")
        how = "enable name={}" if chance == 1 else "enable_random name={}"
        more = "" if chance == 1 else f",probability={chance}"
        await self._tell(*(f"{how.format(c)}{more},failinfo={number}" for c in calls))
        try:
            yield
        finally:
            await self._tell(*(f"disable name={call}" for call in calls))

    async def _tell(self, *commands):
        words = [word for command in commands for word in ("-c", command)]
        command = ["fiu-ctrl", "-f", self._fifo, *words, str(self.pid())]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=10)


class RedisStore(Store):
    """Redis, killed with all that it does not have on disk, or silent."""

    def __init__(self, server):
        self.url = server.new_url()
        self.troubles = {
            "redis killed": lambda: _killed(server),
            "redis stopped": lambda: _stopped(server),
        }


class PostgresStore(Store):
    """PostgreSQL, killed, or with an administrator who ends every connection."""

    silent = frozenset({"postgres ends connections"})

    def __init__(self, server):
        self.url = server.new_database()
        self.troubles = {
            "postgres killed": lambda: _killed(server),
            "postgres ends connections": lambda: _ending(server),
        }


@asynccontextmanager
async def _killed(server):
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


@asynccontextmanager
async def _stopped(server):
    """It does not answer for a while, and does then what it was told."""
    server.send(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send(signal.SIGCONT)


@asynccontextmanager
async def _ending(server):
    async def end():
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                await asyncio.to_thread(admin.execute, END)
            await asyncio.sleep(0.1)

    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        ending = asyncio.create_task(end())
        try:
            yield
        finally:
            ending.cancel()
            await asyncio.wait([ending])


class StoreStage(Stage):
    """Server, kernel and clients, and a store that comes and goes.

    All the while somebody answers questions of a run of his own: he counts the seconds
    until he is told something.
    """

    def __init__(self, folder, store, **options):
        super().__init__(folder, log_url=store.url, **options)
        self.store = store
        store.pid = lambda: self.server.process.pid
        self.noticed = 0.0
        """Seconds until health said that the store was away, at most."""

    def _actor(self, role, *options):
        more = self.store.environment if role == "server" else {}
        before = {name: os.environ.get(name) for name in more}
        os.environ.update(more)
        try:
            return super()._actor(role, *options)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    async def outage(self, trouble, seconds):
        """Take the store away for so long; wait until health says that it is back."""
        began = time.monotonic()
        async with self.store.troubles[trouble]():
            if trouble not in self.store.silent:
                await self.wait_health(503)
                self.noticed = max(self.noticed, time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
        await self.wait_health(200)

    async def wait_health(self, status):
        """Wait until a monitor would hear that."""
        async with asyncio.timeout(20):
            while await self.health() != status:
                await asyncio.sleep(0.1)

    async def health(self):
        """What a monitor hears."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(6):
            head = await reader.readline()
        writer.close()
        return int(head.split()[1])

    def socket(self, path, **headers):
        """A connection to the server, past the proxy."""
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}/kgnb/{path}",
            additional_headers=headers,
            proxy=None,
        )


class Impatient:
    """Answers one question after the other; use with ``async with``.

    Each answer is sent again, by the same id, until it is taken.
    """

    QUESTIONS = 20_000 if FULL else 1_000
    AT_ONCE = 1_000
    SLOWEST = 3.0
    """Seconds that any reply may take: two, and one for a machine that is busy."""

    def __init__(self, stage):
        self._stage = stage
        self.refused = 0
        self.unknown = 0
        """Times that he was told that it is not known."""
        self.accepted = {}
        self.slowest = 0.0

    async def __aenter__(self):
        self._stack = contextlib.AsyncExitStack()
        secret = f"kgnb-link {derive_link_secret(SECRET)}"
        link = await self._stack.enter_async_context(
            self._stage.socket("link", Authorization=secret)
        )
        kernel = await RawKernel.greet(link, RUN)
        questions = [asked(f"q{n}", ["yes", "no"]) for n in range(self.QUESTIONS)]
        events = [
            {**event, "run_id": RUN, "workflow": "w"}
            for event in (started(), *questions)
        ]
        for first in range(0, len(events), self.AT_ONCE):
            some = events[first : first + self.AT_ONCE]
            await kernel.say(
                type="append", run_id=RUN, epoch=1, n=first + 1, events=some
            )
            while (await kernel.hear("appended"))["n"] < first + len(some):
                pass
        self._socket = await self._stack.enter_async_context(
            self._stage.socket("ws", Authorization=f"token {TOKEN}")
        )
        self._answering = asyncio.create_task(self._answer_all())
        return self

    async def __aexit__(self, *_):
        async with self._stack:
            self._answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._answering

    async def _answer_all(self):
        for n in itertools.count():
            while not await self._answer(f"q{n}", ["yes", "no"][n % 2]):
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.02)

    async def _answer(self, question, value):
        """Whether it is known by now that the answer counts."""
        command = {"type": "answer", "approval_id": question, "value": value}
        began = time.monotonic()
        await self._socket.send(json.dumps({**command, "id": question}))
        while (reply := json.loads(await self._socket.recv())).get("id") != question:
            pass
        self.slowest = max(self.slowest, time.monotonic() - began)
        if reply["type"] == "ack":
            assert reply["data"]["value"] == value
            self.accepted[question] = value
            return True
        assert reply["code"] == "unavailable", reply
        assert reply["retry_after"] > 0
        self.refused += 1
        self.unknown += "not known" in reply["message"]
        return False

    def check(self):
        """Hold what he was told against the log, which the stage has copied by then."""
        decided = {}
        for entry in entries_of(self._stage.folder):
            fact = entry.get("fact")
            if entry["what"] == "holds" and fact[0] == "approval_resolved":
                _, question, _, value = fact
                if entry["run"] == RUN:
                    assert question not in decided
                    decided[question] = value
        lost = {q: v for q, v in self.accepted.items() if decided.get(q) != v}
        assert lost == {}
        assert len(self.accepted) <= len(decided) <= len(self.accepted) + 1
