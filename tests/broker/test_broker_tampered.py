"""A log that somebody wrote over: nothing in it is run, and what is whole goes on."""

import asyncio
import json
import pickle
import sqlite3
from contextlib import asynccontextmanager

import pytest

from kgnb.broker import BrokerDriver, Identity, Peer
from kgnb.storage import open_log

VIEWER = Peer(identity=Identity(user="ann"), role="view", via="page")
KERNEL = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner", via="link")
GOOD, BAD = "a" * 32, "b" * 32


class Bomb:
    """Would run, where anything unpickled it."""

    def __reduce__(self):
        return exec, ("import builtins; builtins.pwned = 1",)


EVIL = {
    "pickle": pickle.dumps(Bomb()),
    "no JSON": b"nonsense",
    "a list": b"[1]",
    "another shape": b'{"run_id": 5}',
    "deep": b"[" * 100_000,
    "not UTF-8": b'{"run_id":"\xff"}',
    "nothing": b"",
}


class Sink:
    is_congested = False

    def __init__(self):
        self.frames = asyncio.Queue()

    def send_nowait(self, frame):
        self.frames.put_nowait(json.loads(frame.payload))

    def close_nowait(self, code, reason):
        self.frames.put_nowait({"type": "closed", "code": code})

    async def hear(self, *kinds):
        async with asyncio.timeout(5):
            while (frame := await self.frames.get())["type"] not in kinds:
                pass
        return frame


@asynccontextmanager
async def broker(path):
    driver = BrokerDriver(open_log(f"sqlite:///{path}"))
    await driver.start()
    try:
        yield driver
    finally:
        await driver.aclose()


async def make(path):
    """A log with two runs of three events each."""
    async with broker(path) as driver:
        sink = Sink()
        link = driver.connect_link(KERNEL, sink)
        hello = {"type": "hello", "kernel_id": "k", "process_id": "p", "pid": 1}
        link.receive(json.dumps(hello))
        for run_id in (GOOD, BAD):
            common = {"run_id": run_id, "workflow": "w"}
            events = [{"type": kind} for kind in ("workflow_started", "one", "two")]
            frame = {"type": "append", "run_id": run_id, "epoch": 1, "n": 1}
            frame["events"] = [common | event for event in events]
            link.receive(json.dumps(frame))
            await sink.hear("appended")


def overwrite(path, statement, *values):
    with sqlite3.connect(path) as log:
        assert log.execute(statement, values).rowcount == 1
    log.close()


async def subscribed(driver, run_id):
    sink = Sink()
    client = driver.connect(VIEWER, sink)
    client.receive(
        json.dumps({"type": "subscribe", "run_id": run_id, "topics": ["all"]})
    )
    return sink


@pytest.mark.parametrize("evil", EVIL)
def test_row_that_is_none_is_left_out_and_named_and_the_rest_is_there(
    tmp_path, caplog, evil
):
    path = tmp_path / "log.db"

    async def main():
        await make(path)
        overwrite(
            path, "UPDATE row SET value = ? WHERE key = ?", EVIL[evil], f"run/{BAD}"
        )
        async with broker(path) as driver:
            reader = await subscribed(driver, GOOD)
            assert (await reader.hear("two"))["seq"] == 3
            assert driver.run(BAD, VIEWER) is None

    asyncio.run(main())
    (line,) = [
        record for record in caplog.records if "cannot be read" in record.message
    ]
    assert f"run/{BAD}" in line.message
    import builtins

    assert not hasattr(builtins, "pwned")


@pytest.mark.parametrize("evil", EVIL)
def test_event_that_is_none_makes_a_snapshot_that_says_so(tmp_path, caplog, evil):
    path = tmp_path / "log.db"
    of_bad = "(SELECT id FROM stream WHERE name = ?)"

    async def main():
        await make(path)
        overwrite(
            path,
            f"UPDATE record SET payload = ? WHERE seq = 2 AND stream = {of_bad}",
            EVIL[evil],
            f"run/{BAD}",
        )
        async with broker(path) as driver:
            reader = await subscribed(driver, BAD)
            snapshot = await reader.hear("snapshot")
            assert snapshot["recovered"] is False
            assert snapshot["reason"] == "an event in the log cannot be read"
            assert snapshot["view"]["seq"] == 3
            assert [each["type"] for each in snapshot["view"]["custom"]] == ["two"]
            other = await subscribed(driver, GOOD)
            assert (await other.hear("two"))["seq"] == 3

    asyncio.run(main())
    assert "Traceback" not in caplog.text
