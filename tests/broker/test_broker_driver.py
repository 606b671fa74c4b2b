import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager

import pytest

from kgnb.broker import BrokerDriver, BrokerLimits, Identity, Outbox, Peer
from kgnb.broker.memory import resident_bytes
from kgnb.errors import Unavailable
from kgnb.protocol.ids import timestamp
from kgnb.storage import open_log
from kgnb.storage.memory import MemoryLog

ALICE = Peer(identity=Identity(user="alice", name="Alice"), role="control", via="page")
KERNEL = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner", via="link")


class RecordingSink:
    """A sink that remembers; waiting for a frame is waiting for an event."""

    def __init__(self):
        self.frames = []
        self.closed = None
        self.is_congested = False
        self._changed = asyncio.Event()

    def send_nowait(self, frame):
        assert self.closed is None
        self.frames.append(json.loads(frame.payload))
        self._changed.set()

    def close_nowait(self, code, reason):
        self.closed = (code, reason)
        self._changed.set()

    async def wait_for(self, kind, count=1):
        """The ``count``-th frame of a type."""
        async with asyncio.timeout(5):
            while True:
                found = [f for f in self.frames if f["type"] == kind]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def started(log, **options):
    driver = BrokerDriver(log, **options)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.aclose()


def run(main):
    async def bounded():
        async with asyncio.timeout(20):
            await main()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    asyncio.run(bounded())
    assert not [t for t in threading.enumerate() if t.name.startswith("kgnb-log")]


class Kernel:
    def __init__(self, driver, kernel_id="k1", process_id="p1"):
        self.sink = RecordingSink()
        self.link = driver.connect_link(KERNEL, self.sink)
        self.hello = {"kernel_id": kernel_id, "process_id": process_id, "pid": 1}

    def send(self, **frame):
        self.link.receive(json.dumps(frame))

    async def begin(self, token=None):
        extra = {"owner_token": token} if token else {}
        self.send(type="hello", **self.hello, **extra)
        return await self.sink.wait_for("welcome")

    def append(self, n, *events, run_id="r1"):
        self.send(
            type="append",
            run_id=run_id,
            epoch=1,
            n=n,
            events=[{"run_id": run_id, "workflow": "w", **e} for e in events],
        )

    def logs(self, n, count):
        data = {"stream": "stdout", "text": "x"}
        self.append(n, *[{"type": "log", "node_id": "A", "data": data}] * count)


REQUEST = {
    "type": "approval_request",
    "node_id": "A",
    "data": {"approval_id": "a1", "args_hash": "h", "message": "?", "options": ["y"]},
}


@pytest.fixture(params=["memory", "sqlite"])
def make_log(request, tmp_path):
    if request.param == "memory":
        log = open_log("memory://")
        return lambda: log
    return lambda: open_log(f"sqlite://{tmp_path}/log.db")


def test_driver_carries_events_and_an_answer_through_the_log(make_log):
    async def main():
        async with started(make_log()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"}, REQUEST)
            client = driver.connect(ALICE, page)
            client.receive('{"type":"subscribe","run_id":"r1"}')
            await page.wait_for("approval_request")
            client.receive('{"type":"answer","approval_id":"a1","value":"y","id":1}')
            ack = await page.wait_for("ack")
            event = await page.wait_for("approval_resolved")
            assert ack["data"] == event["data"]
            assert [f["seq"] for f in page.frames if "workflow_id" in f] == [1, 2, 3]
            assert driver.statistics().runs == 1
            assert driver.processes_of_kernel("k1") == {"p1"}

    run(main)


def test_driver_opened_again_has_the_decision_and_the_seqs_go_on(make_log):
    async def main():
        async with started(make_log()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            token = (await kernel.begin())["owner_token"]
            log_id = driver.log_id
            kernel.append(1, {"type": "workflow_started"}, REQUEST)
            await kernel.sink.wait_for("appended")
            client = driver.connect(ALICE, page)
            client.receive('{"type":"answer","approval_id":"a1","value":"y","id":1}')
            ack = await page.wait_for("ack")
        assert page.closed[0] == kernel.sink.closed[0] == 1012
        async with started(make_log()) as driver:
            assert driver.log_id == log_id
            assert driver.watched_kernels() == {"k1"}
            kernel, page = Kernel(driver), RecordingSink()
            welcome = await kernel.begin(token)
            assert welcome["runs"] == [{"run_id": "r1", "epoch": 1, "n": 2}]
            kernel.append(3, {"type": "workflow_completed", "data": 0})
            client = driver.connect(ALICE, page)
            client.receive('{"type":"answer","approval_id":"a1","value":"y","id":1}')
            assert await page.wait_for("ack") == ack
            since = {"seq": 2, "log_id": log_id}
            client.receive(
                json.dumps({"type": "subscribe", "run_id": "r1", "since": since})
            )
            await page.wait_for("workflow_completed")
            assert [f["seq"] for f in page.frames if "workflow_id" in f] == [3, 4]

    run(main)


def test_driver_kernel_gone_returns_when_the_runs_are_lost(make_log):
    async def main():
        async with started(make_log()) as driver:
            kernel = Kernel(driver)
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            await driver.kernel_gone("k1", "it died")
            assert driver.run("r1").status == "lost"
            assert kernel.sink.closed[0] == 1000
            assert driver.processes_of_kernel("k1") == set()

    run(main)


def test_driver_ticks_deadlines_by_its_clock():
    async def main():
        now = 1000.0
        async with started(MemoryLog(), clock=lambda: now) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            request = json.loads(json.dumps(REQUEST))
            request["data"]["expires_at"] = "1970-01-01T00:16:50.000Z"
            kernel.append(1, {"type": "workflow_started"}, request)
            driver.connect(ALICE, page).receive('{"type":"subscribe","run_id":"r1"}')
            await page.wait_for("approval_request")
            now = 1011.0
            resolved = await page.wait_for("approval_resolved")
            assert resolved["data"]["outcome"] == "timed_out"

    run(main)


class FailingLog(MemoryLog):
    is_failing = False

    async def commit(self, batch):
        if self.is_failing:
            raise Unavailable("disk full")
        return await super().commit(batch)


def test_driver_while_the_log_fails_takes_nothing_and_recovers(caplog):
    async def main():
        log = FailingLog()
        async with started(log) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"}, REQUEST)
            await kernel.sink.wait_for("appended")
            client = driver.connect(ALICE, page)
            log.is_failing = True
            client.receive('{"type":"answer","approval_id":"a1","value":"y","id":1}')
            assert (await page.wait_for("error"))["code"] == "unavailable"
            assert not driver.is_healthy
            kernel.logs(3, 1)
            await driver.wait_stored()
            assert len([f for f in kernel.sink.frames if f["type"] == "appended"]) == 1
            log.is_failing = False
            assert (await kernel.sink.wait_for("appended", 2))["n"] == 3
            assert kernel.sink.closed is None
            client.receive('{"type":"answer","approval_id":"a1","value":"y","id":1}')
            await page.wait_for("ack")
            assert driver.is_healthy

    run(main)
    assert [r.message for r in caplog.records] == [
        "the log cannot be written: disk full"
    ]


def test_driver_whose_clock_is_set_forward_expires_nothing(monkeypatch):
    async def main():
        async with started(MemoryLog()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            request = json.loads(json.dumps(REQUEST))
            request["data"]["expires_at"] = timestamp(time.time() + 3600)
            kernel.append(1, {"type": "workflow_started"}, request)
            await kernel.sink.wait_for("appended")
            jumped = time.time() + 7200
            monkeypatch.setattr(time, "time", lambda: jumped)
            client = driver.connect(ALICE, page)
            client.receive('{"type":"answer","approval_id":"a1","value":"y"}')
            await page.wait_for("ack")
            assert driver.statistics().uptime < 60

    run(main)


def test_driver_probe_learns_of_a_full_disk_and_of_its_end(monkeypatch):
    monkeypatch.setattr("kgnb.broker.driver.PROBE_INTERVAL", 0)

    async def main():
        log = FailingLog()
        async with started(log) as driver:
            for log.is_failing in (False, True, True, False):
                assert await driver.probe() is not log.is_failing
        assert not await driver.probe()

    run(main)


def test_driver_probe_asked_often_writes_once_in_a_while():
    async def main():
        log = FailingLog()
        async with started(log) as driver:
            assert await driver.probe()
            log.is_failing = True
            assert await driver.probe()

    run(main)


class HungLog(MemoryLog):
    """A disk that does not answer any more."""

    async def commit(self, batch):
        await asyncio.Event().wait()


def test_driver_probe_of_a_hung_disk_says_no(monkeypatch):
    monkeypatch.setattr("kgnb.broker.driver.PROBE_TIMEOUT", 0.05)
    monkeypatch.setattr("kgnb.broker.driver.CLOSE_TIMEOUT", 0.05)

    async def main():
        async with started(HungLog()) as driver:
            assert await asyncio.gather(driver.probe(), driver.probe()) == [False] * 2

    run(main)


def test_driver_closes_at_once_beside_a_reader_that_is_behind():
    async def main():
        async with started(MemoryLog()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            await driver.wait_stored()
            page.is_congested = True
            driver.connect(ALICE, page).receive('{"type":"subscribe","run_id":"r1"}')
            await asyncio.sleep(0)
            async with asyncio.timeout(1):
                await driver.aclose()

    run(main)


class DeafLog(MemoryLog):
    """Does not answer the first time that it is to read."""

    is_deaf = True

    async def read(self, stream, after, limit):
        if stream == "run/r1" and self.is_deaf:
            self.is_deaf = False
            await asyncio.Event().wait()
        return await super().read(stream, after, limit)


def test_driver_reads_on_after_a_page_that_never_came(monkeypatch):
    monkeypatch.setattr("kgnb.broker.driver.READ_TIMEOUT", 0.05)

    async def main():
        async with started(DeafLog()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            await driver.wait_stored()
            driver.connect(ALICE, page).receive('{"type":"subscribe","run_id":"r1"}')
            await page.wait_for("workflow_started")

    run(main)


class PickyLog(MemoryLog):
    """Refuses every batch that holds one certain row."""

    async def commit(self, batch):
        if any(put.key == "run/bad" for t in batch for put in t.puts):
            raise Unavailable("row too large")
        return await super().commit(batch)


def test_driver_one_transaction_that_cannot_be_stored_spares_its_batch():
    async def main():
        async with started(PickyLog()) as driver:
            bad, good = Kernel(driver), Kernel(driver, "k2", "p2")
            await bad.begin()
            await good.begin()
            bad.append(1, {"type": "workflow_started"}, run_id="bad")
            good.append(1, {"type": "workflow_started"}, run_id="good")
            await good.sink.wait_for("appended")
            await driver.wait_stored()
            assert bad.sink.closed is None
            assert not [f for f in bad.sink.frames if f["type"] == "appended"]
            assert not driver.is_healthy

    run(main)


def test_driver_replays_no_faster_than_a_congested_reader_takes(make_log):
    async def main():
        limits = BrokerLimits(read_page=10)
        async with started(make_log(), limits=limits) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            kernel.logs(2, 99)
            await driver.wait_stored()
            page.is_congested = True
            driver.connect(ALICE, page).receive('{"type":"subscribe","run_id":"r1"}')
            other = RecordingSink()
            driver.connect(ALICE, other).receive('{"type":"subscribe","run_id":"r1"}')
            await other.wait_for("log", 99)
            assert [f["type"] for f in page.frames] == ["hello", "subscribed"]
            page.is_congested = False
            await page.wait_for("log", 99)

    run(main)


class OutboxSink:
    """As a host's sink is: an outbox that nobody empties."""

    def __init__(self):
        self.outbox = Outbox(high_water=2_000, limit=20_000)
        self.attachment = None
        self.code = None

    @property
    def is_congested(self):
        return self.outbox.is_congested

    def send_nowait(self, frame):
        if not self.outbox.put(frame):
            self.close_nowait(4009, "slow consumer")
            self.attachment.close()

    def close_nowait(self, code, reason):
        self.code = self.code or code


def test_driver_slow_reader_is_cut_off_and_holds_up_nobody():
    async def main():
        async with started(MemoryLog()) as driver:
            kernel, slow, fast = Kernel(driver), OutboxSink(), RecordingSink()
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            await kernel.sink.wait_for("appended")
            slow.attachment = driver.connect(ALICE, slow)
            slow.attachment.receive('{"type":"subscribe","run_id":"r1"}')
            driver.connect(ALICE, fast).receive('{"type":"subscribe","run_id":"r1"}')
            await fast.wait_for("workflow_started")
            for n in range(2, 302):
                kernel.logs(n, 1)
            await fast.wait_for("log", 300)
            assert slow.code == 4009
            assert not slow.attachment.is_open
            assert slow.outbox.size <= 20_000
            assert driver.statistics().connections == 1

    run(main)


def test_driver_error_of_ours_is_answered_without_details(monkeypatch, caplog):
    async def main():
        async with started(MemoryLog()) as driver:
            page = RecordingSink()
            client = driver.connect(ALICE, page)
            monkeypatch.setattr(driver._core.clients, "receive", lambda *a: 1 / 0)
            client.receive('{"type":"ping","secret":"canary"}')
            error = page.frames[-1]
            assert (error["code"], error["message"]) == ("internal", "internal error")
            monkeypatch.undo()
            client.receive('{"type":"ping"}')
            assert page.frames[-1]["type"] == "pong"

    run(main)
    assert "canary" not in caplog.text
    assert "ZeroDivisionError" in caplog.text


class BrokenSink(RecordingSink):
    def send_nowait(self, frame):
        raise OSError("gone")


def test_driver_sink_that_raises_loses_its_connection_only(caplog):
    async def main():
        async with started(MemoryLog()) as driver:
            kernel, page = Kernel(driver), RecordingSink()
            await kernel.begin()
            broken = driver.connect(ALICE, BrokenSink())
            assert not broken.is_open
            driver.connect(ALICE, page).receive('{"type":"subscribe"}')
            kernel.append(1, {"type": "workflow_started"})
            await page.wait_for("workflow_started")

    run(main)
    assert "never to raise" in caplog.text


def test_driver_not_started_or_closed_refuses_connections():
    async def main():
        driver = BrokerDriver(MemoryLog())
        with pytest.raises(Unavailable, match="started"):
            driver.connect(ALICE, RecordingSink())
        await driver.start()
        client = driver.connect(ALICE, RecordingSink())
        await driver.aclose()
        await driver.aclose()
        client.receive('{"type":"ping"}')
        client.close()
        with pytest.raises(Unavailable):
            driver.connect_link(KERNEL, RecordingSink())

    run(main)


def test_driver_start_that_fails_leaves_nothing_open(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database, " * 100)

    async def main():
        with pytest.raises(Unavailable):
            await BrokerDriver(open_log(f"sqlite://{path}")).start()

    run(main)


def test_driver_stores_a_burst_of_frames_in_few_commits(tmp_path):
    class CountingLog:
        def __init__(self, log):
            self.log, self.commits = log, 0

        def __getattr__(self, name):
            return getattr(self.log, name)

        async def commit(self, batch):
            self.commits += 1
            return await self.log.commit(batch)

    async def main():
        log = CountingLog(open_log(f"sqlite://{tmp_path}/log.db"))
        async with started(log) as driver:
            kernel = Kernel(driver)
            await kernel.begin()
            kernel.append(1, {"type": "workflow_started"})
            for n in range(2, 2002):
                kernel.logs(n, 1)
            await driver.wait_stored()
            assert kernel.sink.frames[-1]["n"] == 2001
            assert log.commits < 20

    run(main)


def test_client_is_turned_away_while_memory_is_short_and_the_others_stay():
    async def main():
        room = (resident_bytes() or 0) + 64 * 1024 * 1024
        limits = BrokerLimits(memory_limit=room)
        async with started(open_log("memory://"), limits=limits) as driver:
            early, late, last = RecordingSink(), RecordingSink(), RecordingSink()
            attachment = driver.connect(ALICE, early)
            hoard = bytearray(b"x") * (128 * 1024 * 1024)
            assert driver.is_short_of_memory
            driver.connect(ALICE, late)
            assert late.closed == (4013, "short of memory")
            attachment.receive('{"type":"ping"}')
            await early.wait_for("pong")
            del hoard
            assert not driver.is_short_of_memory
            driver.connect(ALICE, last)
            await last.wait_for("hello")

    run(main)
