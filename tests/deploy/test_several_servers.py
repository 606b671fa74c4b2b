"""Several servers behind nginx: restarted one after another, while all work goes on."""

import asyncio
import os
import time
from contextlib import asynccontextmanager

from backplane_harness import QUICK, TOKEN, Apps
from nginx_harness import Nginx

from kgnb.clients import connect

CLIENTS = 20 if os.environ.get("KGNB_FAULTS") == "full" else 6
THOUGHT = 0.2
"""Seconds before a client's next run."""
DRAIN = 10.0
"""Seconds that a server may take to end."""


class Deployment:
    """Two servers that clients reach, and one, behind no door, that does the work."""

    def __init__(self, apps, servers):
        self._apps = apps
        self._servers = servers

    @classmethod
    async def start(cls, apps):
        names = ("one", "two", "work")
        started = await asyncio.gather(*(apps.start(name) for name in names))
        return cls(apps, dict(zip(names, started, strict=True)))

    @property
    def ports(self):
        return [self._servers[name].port for name in ("one", "two")]

    async def sockets(self):
        """How many each of the two has."""
        pages = [await self._servers[name].call("metrics") for name in ("one", "two")]
        return [metrics["sockets"] for _, metrics in pages]

    async def roles(self):
        return sorted([await server.role() for server in self._servers.values()])

    def reader(self):
        """A client of one of them."""
        return self._servers["two"].client()

    async def restart(self, name):
        """End a server as a deployment does, and start it anew on its port."""
        began = time.monotonic()
        await asyncio.to_thread(self._servers[name].stop)
        assert time.monotonic() - began < DRAIN
        again = await self._apps.start(name, port=self._servers[name].port)
        async with asyncio.timeout(20):
            while await again.role() is None:
                await asyncio.sleep(0.05)
        self._servers[name] = again


class Visitor:
    """A client that starts runs and answers them, and notes what it was told."""

    def __init__(self, number, url):
        self.number = number
        self.url = url
        self.told = {}
        """Of each run: the seqs that were seen, and the answer that was accepted."""

    async def work(self, enough):
        """One run after another, over whatever happens to the servers."""
        async with connect(self.url, token=TOKEN, backoff=QUICK) as client:
            while not enough.is_set():
                run = await client.start("ask-work")
                seqs, answer = [], "yes" if len(self.told) % 2 else "no"
                self.told[run.run_id] = (seqs, answer)
                async for event in client.events(run_id=run.run_id):
                    seqs.append(event["seq"])
                    if event["type"] == "approval_request":
                        await client.answer(event["data"]["approval_id"], answer)
                assert (event["type"], event["data"]) == ("workflow_completed", answer)
                await asyncio.sleep(THOUGHT)


@asynccontextmanager
async def visited(deployment, nginx, monkeypatch):
    """Clients at work through nginx; what they were told is what the log has."""
    trusted = nginx.folder / "authority.pem"
    trusted.write_bytes(nginx.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    url = f"https://127.0.0.1:{nginx.port}/"
    visitors = [Visitor(number, url) for number in range(CLIENTS)]
    enough = asyncio.Event()
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for visitor in visitors:
            group.create_task(visitor.work(enough))
        await two_rounds(visitors)
        yield visitors
        enough.set()
    async with deployment.reader() as reader:
        for visitor in visitors:
            for run_id, (seqs, answer) in visitor.told.items():
                stored = [event async for event in reader.events(run_id=run_id)]
                assert seqs == [event["seq"] for event in stored]
                answers = [e for e in stored if e["type"] == "approval_resolved"]
                assert [each["data"]["value"] for each in answers] == [answer]


async def two_rounds(visitors):
    """Wait until each has started two more runs."""
    counts = [len(visitor.told) for visitor in visitors]
    while any(
        len(visitor.told) < count + 2
        for visitor, count in zip(visitors, counts, strict=True)
    ):
        await asyncio.sleep(0.02)


async def test_rolling_restart_under_load_loses_nothing(tmp_path, redis, monkeypatch):
    with Apps(tmp_path, redis.new_url()) as apps:
        deployment = await Deployment.start(apps)
        before = await deployment.sockets()
        with Nginx(*deployment.ports, read_timeout=90) as nginx:
            async with visited(deployment, nginx, monkeypatch) as visitors:
                came = zip(before, await deployment.sockets(), strict=True)
                assert [after - had for had, after in came] == [CLIENTS / 2] * 2
                for name in ("one", "two"):
                    await deployment.restart(name)
                    await two_rounds(visitors)
        assert await deployment.roles() == ["follower", "follower", "leader"]
        before = await deployment.sockets()
        ports = deployment.ports
        with Nginx(*ports, read_timeout=90, balance="ip_hash;") as nginx:
            async with visited(deployment, nginx, monkeypatch) as visitors:
                came = zip(before, await deployment.sockets(), strict=True)
                counts = [after - had for had, after in came]
                assert sorted(counts) == [0, CLIENTS]
                await deployment.restart("one" if counts[0] else "two")
                await two_rounds(visitors)
