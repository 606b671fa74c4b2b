import asyncio
import json
import time

import pytest

from kgnb.broker import BrokerDriver, BrokerLimits, Identity, Peer
from kgnb.broker.clock import steady_clock
from kgnb.protocol.ids import args_hash, timestamp
from kgnb.storage import open_log


def test_steady_clock_shows_the_time_of_day():
    assert steady_clock()() == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("jump", [7200, -7200, 86_400, -86_400])
def test_steady_clock_when_the_machines_is_set_runs_on(monkeypatch, jump):
    clock = steady_clock()
    before, wall = clock(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    assert 0 <= clock() - before < 5


JUMPS = pytest.mark.parametrize("jump", [7200, -7200, 86_400, -86_400])


@JUMPS
def test_deadline_of_a_kernel_whose_clock_is_wrong_is_a_duration(host, jump):
    kernel = host.kernel()
    asked = kernel.request(host)
    asked["timestamp"] = timestamp(host.now + jump)
    asked["data"]["expires_at"] = timestamp(host.now + jump + 300)
    kernel.start("r1", asked)
    host.tick(299)
    assert "approval_resolved" not in kinds(host)
    host.tick(2)
    assert kinds(host)[-1] == "approval_resolved"


@pytest.mark.parametrize("jump", [-7200, -86_400])
def test_deadline_under_a_clock_set_back_comes_no_sooner_and_is_kept(host, jump):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host, timeout=300))
    host.tick(299)
    host.tick(jump)
    assert "approval_resolved" not in kinds(host)
    host.tick(-jump + 2)
    assert kinds(host)[-1] == "approval_resolved"


@JUMPS
def test_deadline_over_a_restart_with_another_clock_is_the_time_of_day(
    host, make_host, jump
):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host, timeout=300))
    again = make_host(tables=host.tables, now=host.now + jump)
    again.tick()
    assert ("approval_resolved" in kinds(again)) == (jump > 0)
    again.tick(max(0, 301 - jump))
    assert kinds(again).count("approval_resolved") == 1


@JUMPS
def test_rate_limit_after_a_jump_locks_nobody_out_and_holds_again(make_host, jump):
    host = make_host(limits=BrokerLimits(rate_limit_messages=3))
    client = host.client()

    def spend():
        return client.ask(type="cancel", run_id="none", id=1)["code"]

    assert [spend() for _ in range(4)] == [*["no_such_run"] * 3, "rate_limited"]
    host.now += jump
    assert [spend() for _ in range(4)] == [*["no_such_run"] * 3, "rate_limited"]


@JUMPS
def test_driver_keeps_a_deadline_when_the_machines_clock_is_set(monkeypatch, jump):
    wall = time.time()

    async def main():
        driver = BrokerDriver(open_log("memory://"))
        await driver.start()
        heard = asyncio.Queue()
        reader, link = Sink(heard), Sink(asyncio.Queue())
        kernel = driver.connect_link(KERNEL, link)
        kernel.receive(json.dumps(HELLO))
        kernel.receive(json.dumps(asks(timeout=0.6)))
        client = driver.connect(ALICE, reader)
        client.receive(json.dumps(READ))
        await told(heard, "approval_request")
        monkeypatch.setattr(time, "time", lambda: wall + jump)
        began = time.monotonic()
        await told(heard, "approval_resolved")
        assert 0.2 < time.monotonic() - began < 30
        await driver.aclose()

    asyncio.run(main())


KERNEL = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner", via="link")
ALICE = Peer(identity=Identity(user="alice"), role="view")
HELLO = {"type": "hello", "kernel_id": "k", "process_id": "p", "pid": 1}
READ = {"type": "subscribe", "topics": ["all"], "run_id": "r1"}


class Sink:
    is_congested = False

    def __init__(self, heard):
        self.heard = heard

    def send_nowait(self, frame):
        self.heard.put_nowait(json.loads(frame.payload))

    def close_nowait(self, code, reason):
        pass


async def told(heard, kind):
    async with asyncio.timeout(5):
        while (await heard.get())["type"] != kind:
            pass


def asks(timeout):
    now = time.time()
    data = {
        "approval_id": "a1",
        "args_hash": args_hash("Go?", ["yes"], None, None),
        "message": "Go?",
        "options": ["yes"],
        "expires_at": timestamp(now + timeout),
    }
    common = {"run_id": "r1", "workflow": "w", "timestamp": timestamp(now)}
    asked = {"type": "approval_request", "node_id": "A", "task_id": "A:1", "data": data}
    begun = {"type": "workflow_started"}
    events = [{**begun, **common}, {**asked, **common}]
    return {"type": "append", "run_id": "r1", "epoch": 1, "n": 1, "events": events}


def kinds(host):
    return [event["type"] for event in host.events()]
