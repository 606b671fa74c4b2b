"""Stores that are taken away under a server at work, each in its own way."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from contextlib import asynccontextmanager

import psycopg
from stage import Stage

FIU = "/usr/lib/fiu"
"""Debian's fiu-utils: C functions that fail when they are told to."""
ENOSPC, EROFS, EIO = 28, 30, 5
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
"""Ends everybody's connections to PostgreSQL but one's own."""


class StoreStage(Stage):
    """Server, kernel and clients, and a store that comes and goes.

    Use with ``async with``. Health is looked at all the time.
    """

    def __init__(self, folder, store, **options):
        super().__init__(folder, log_url=store.url, **options)
        self.store = store
        store.stage = self
        self.slowest = 0.0
        """Seconds until health said that the store was away."""

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

    async def outage(self, seconds):
        """Take the store away for so long; wait until health says that it is back."""
        began = time.monotonic()
        async with self.store.away():
            if self.store.is_noticed:
                await self.wait_health(503)
                self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
        await self.wait_health(200)

    async def wait_health(self, status):
        """Wait until a monitor would hear that."""
        async with asyncio.timeout(20):
            while await self.health() != status:
                await asyncio.sleep(0.1)

    async def health(self):
        """What a monitor hears; a server that is silent has none."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(6):
            head = await reader.readline()
        writer.close()
        return int(head.split()[1])


class Disk:
    """SQLite on a file system whose calls fail with one error number."""

    is_noticed = True

    def __init__(self, folder, number, *, probability=1.0):
        self.url = f"sqlite://{folder}/log.sqlite"
        self.environment = {
            "LD_PRELOAD": f"{FIU}/fiu_run_preload.so {FIU}/fiu_posix_preload.so",
            "FIU_CTRL_FIFO": f"{folder}/fiu",
        }
        kind, chance = "enable", ""
        if probability < 1:
            kind, chance = "enable_random", f",probability={probability}"
            self.is_noticed = False
        self._begin = f"{kind} name=%s{chance},failinfo={number}"

    @asynccontextmanager
    async def away(self):
        calls = ("posix/io/rw/pwrite", "posix/io/sync/fsync")
        await self._tell(*(self._begin % call for call in calls))
        try:
            yield
        finally:
            await self._tell(*(f"disable name={call}" for call in calls))

    async def _tell(self, *commands):
        words = [word for command in commands for word in ("-c", command)]
        fifo = self.environment["FIU_CTRL_FIFO"]
        pid = str(self.stage.server.process.pid)
        command = ["fiu-ctrl", "-f", fifo, *words, pid]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=10)


class Killed:
    """A store over the network that dies, and comes back with what it had."""

    is_noticed = True
    environment = {}  # noqa: RUF012

    def __init__(self, server, url):
        self.url = url
        self._server = server

    @asynccontextmanager
    async def away(self):
        await asyncio.to_thread(self._server.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(self._server.start)


class Stopped(Killed):
    """One that does not answer for a while, and does then what it was told."""

    @asynccontextmanager
    async def away(self):
        self._server.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send(signal.SIGCONT)


class Ended(Killed):
    """PostgreSQL whose administrator ends every connection, again and again."""

    is_noticed = False

    @asynccontextmanager
    async def away(self):
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as admin:
            ending = asyncio.create_task(self._end(admin))
            try:
                yield
            finally:
                ending.cancel()
                await asyncio.wait([ending])

    @staticmethod
    async def _end(admin):
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                await asyncio.to_thread(admin.execute, END)
            await asyncio.sleep(0.1)
