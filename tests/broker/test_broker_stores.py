"""A broker on each kind of store: what it lets go, and what it says of what is gone."""

import asyncio
import json

import pytest

from kgnb.broker import BrokerDriver, Identity, Peer
from kgnb.storage import Transaction, Trim, open_log

MONTH = 30 * 86_400.0
KERNEL = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner")
ALICE = Peer(identity=Identity(user="alice"), role="view", via="page")
LOG = {"type": "log", "node_id": "A", "data": {"stream": "stdout", "text": "x"}}
SHOWN = {"approval_id": "a1", "args_hash": "h", "message": "?", "options": []}
REQUEST = {"type": "approval_request", "node_id": "A", "data": SHOWN}
COMPLETED = {"type": "workflow_completed", "data": None}


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def log(request, tmp_path):
    if request.param == "redis":
        return open_log(request.getfixturevalue("redis").new_url())
    if request.param == "postgres":
        return open_log(request.getfixturevalue("postgres").new_database())
    return open_log(
        {"memory": "memory://"}.get(request.param, f"sqlite://{tmp_path}/l")
    )


class Reader:
    """A sink that remembers."""

    is_congested = False

    def __init__(self):
        self.frames = []

    def send_nowait(self, frame):
        self.frames.append(json.loads(frame.payload))

    def close_nowait(self, code, reason):
        pass

    async def wait_for(self, kind, count=1):
        """The frames of a type, so many of them at least."""
        async with asyncio.timeout(10):
            while True:
                found = [frame for frame in self.frames if frame["type"] == kind]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.001)


class Place:
    """A broker, a kernel and the time."""

    def __init__(self, log):
        self.log = log
        self.now = 1_000_000.0
        self.driver = BrokerDriver(log, clock=lambda: self.now)

    async def __aenter__(self):
        await self.driver.start()
        self._link = self.driver.connect_link(KERNEL, Reader())
        self._say(type="hello", kernel_id="k1", process_id="p1", pid=1)
        return self

    async def __aexit__(self, *_):
        await self.driver.aclose()

    def _say(self, **frame):
        self._link.receive(json.dumps(frame))

    async def append(self, n, *events, kept=()):
        """Events of the run r1, with checkpoints beside them."""
        named = [{"run_id": "r1", "workflow": "w", **each} for each in events]
        records = [{"at": 0, "record": each} for each in kept]
        frame = {"run_id": "r1", "epoch": 1, "n": n, "events": named}
        self._say(type="append", **frame, records=records)
        await self.driver.wait_stored()

    def read(self, since):
        """A client that has had the events up to ``since``."""
        reader = Reader()
        place = {"seq": since, "log_id": self.log.log_id}
        command = {"type": "subscribe", "run_id": "r1", "topics": ["all"]}
        client = self.driver.connect(ALICE, reader)
        client.receive(json.dumps({**command, "since": place}))
        return reader


def test_broker_on_any_store_lets_go_and_leaves_nothing_behind(log):
    async def main():
        async with Place(log) as place:
            started = {"type": "workflow_started", "durable": True}
            await place.append(
                1, started, REQUEST, COMPLETED, kept=[{"a": 1}, {"b": 2}]
            )
            assert [row.run_id for row in place.driver.runs()] == ["r1"]
            assert len(await place.driver.audit(0, 10)) == 1
            assert await log.last_seq("checkpoint/r1") == 2
            place.now += MONTH
            async with asyncio.timeout(10):
                while await place.driver.audit(0, 10) or place.driver.runs():
                    await asyncio.sleep(0.001)
            await place.driver.wait_stored()
            left = [await log.scan(kind) for kind in ("run/", "approval/")]
            assert left == [[], []]
            assert [each.stream for each in await log.streams("")] == ["audit"]
            assert await log.read("audit", 0, 10) == []

    asyncio.run(main())


def test_broker_on_any_store_bridges_what_was_compacted_or_says_so(log):
    """Who comes back from within what is gone gets a snapshot; everybody else, all."""

    async def main():
        async with Place(log) as place:
            await place.append(1, {"type": "workflow_started"}, *[LOG] * 19)
            await log.commit([Transaction(trims=(Trim("run/r1", 12),))])
            behind, at_edge, within = (place.read(since) for since in (5, 12, 15))
            (snapshot,) = await behind.wait_for("snapshot")
            assert snapshot["recovered"] is False
            assert snapshot["view"]["seq"] == 20
            assert "no longer in the log" in snapshot["reason"]
            await at_edge.wait_for("log", 8)
            await within.wait_for("log", 5)
            await place.append(21, LOG, COMPLETED)
            for reader, first in ((behind, 21), (at_edge, 13), (within, 16)):
                await reader.wait_for("workflow_completed")
                seqs = [f["seq"] for f in reader.frames if "workflow_id" in f]
                assert seqs == [*range(first, 23)]

    asyncio.run(main())
