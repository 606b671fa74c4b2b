"""Finished runs are let go in time, with all that hangs on them."""

import json

import pytest

from kgnb.broker import BrokerLimits, retention
from kgnb.storage.base import StreamState

DAY = 86_400.0
MONTH = 30 * DAY
LOG = {"type": "log", "node_id": "A", "data": {"stream": "stdout", "text": "x"}}
COMPLETED = {"type": "workflow_completed", "data": None}


def ended(host, run_id="r1", *events):
    """A run of a kernel that is gone again."""
    kernel = host.kernel(f"k-{run_id}", f"p-{run_id}")
    kernel.start(run_id, *events, COMPLETED)
    kernel.drop()


def look(host, seconds=retention.LOOK_INTERVAL):
    host.tick(seconds)


def known(host):
    return sorted(host.broker.runs.by_id)


def stored(host):
    names = [*host.tables.rows, *host.tables.states]
    return sorted(name for name in names if name.startswith(("run/", "approval/")))


def test_run_ended_a_month_ago_is_gone_with_its_rows_and_events(make_host):
    host = make_host()
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    kernel.append("r1", 3, COMPLETED)
    assert stored(host) == ["approval/a1", "run/r1", "run/r1"]
    look(host, MONTH - 1)
    assert known(host) == ["r1"]
    look(host)
    assert known(host) == []
    assert stored(host) == []
    assert host.tables.records == {"audit": []}
    client = host.client()
    client.send(type="answer", approval_id="a1", value="yes", id="1")
    assert client.take("error")[0]["code"] == "no_such_approval"
    client.send(type="subscribe", topics=["all"], run_id="r1", id="2")
    host.tick(host.broker.limits.unknown_run_wait)
    assert client.take("error")[0]["code"] == "no_such_run"


def test_run_that_has_not_ended_is_kept_however_old_it_is(host):
    host.kernel().start("r1")
    look(host, 10 * MONTH)
    look(host)
    assert known(host) == ["r1"]


def test_run_age_is_told_by_the_brokers_clock_not_by_its_kernels(host):
    wrong = {"timestamp": "1970-01-01T00:00:00Z"}
    kernel = host.kernel()
    kernel.start("r1", COMPLETED | wrong)
    look(host)
    assert known(host) == ["r1"]


def test_run_taken_up_again_is_kept(host):
    kernel = host.kernel()
    kernel.start(
        "r1", {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
    )
    look(host, MONTH - 1)
    kernel.append("r1", 1, {"type": "workflow_started"}, epoch=2)
    look(host)
    assert known(host) == ["r1"]
    kernel.append("r1", 2, COMPLETED, epoch=2)
    look(host)
    assert known(host) == ["r1"]  # it ended just now
    look(host, MONTH)
    assert known(host) == []


@pytest.mark.parametrize("more", [0, 3])
def test_run_taken_up_while_its_events_are_deleted_keeps_its_new_ones(
    host, monkeypatch, more
):
    monkeypatch.setattr(retention, "STEP", 1)
    ended(host, "r1", *[LOG] * more)
    host.is_held = True
    look(host, MONTH)
    kernel = host.kernel("k2", "p2")
    kernel.append("r1", 1, {"type": "workflow_started"}, epoch=2)
    host.is_held = False
    host.settle()
    host.perform()
    assert known(host) == ["r1"]
    assert stored(host) == ["run/r1", "run/r1"]
    assert host.events()[-1]["type"] == "workflow_started"
    kernel.append("r1", 2, COMPLETED, epoch=2)
    assert kernel.take("refused") == []
    look(host, MONTH)
    look(host)
    assert known(host) == stored(host) == []


def test_run_of_many_events_is_deleted_in_steps(host, monkeypatch):
    monkeypatch.setattr(retention, "STEP", 4)
    ended(host, "r1", *[LOG] * 9)
    host.is_held = True
    look(host, MONTH)
    left = []
    while host.work:
        host.step()
        left.append(len(host.events()))
    assert sorted(set(left), reverse=True) == [11, 7, 3, 0]
    assert stored(host) == []


def test_runs_past_the_most_let_the_oldest_go(make_host):
    host = make_host(limits=BrokerLimits(max_finished_runs=2, retention=0))
    for number in range(5):
        ended(host, f"r{number}")
        host.tick(1)
    host.kernel().start("alive")
    look(host)
    assert known(host) == ["alive", "r3", "r4"]


def test_retention_of_nothing_keeps_old_runs_and_the_audit(make_host):
    host = make_host(limits=BrokerLimits(retention=0))
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    kernel.append("r1", 3, COMPLETED)
    look(host, 100 * MONTH)
    assert known(host) == ["r1"]
    assert len(host.tables.records["audit"]) == 1


def test_more_runs_than_one_look_takes_go_with_the_next(host, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for number in range(5):
        ended(host, f"r{number}")
        host.tick(1)
    look(host, MONTH)
    assert known(host) == ["r2", "r3", "r4"]
    look(host)
    assert known(host) == ["r4"]


def test_reader_by_name_is_told_and_one_of_all_runs_is_not(host):
    ended(host)
    named, broad = host.client(), host.client()
    named.send(type="subscribe", topics=["all"], run_id="r1")
    broad.send(type="subscribe", topics=["all"])
    named.take(), broad.take()
    look(host, MONTH)
    (told,) = named.take("error")
    assert told["code"] == "no_such_run"
    assert "no longer kept" in told["message"]
    assert broad.take("error") == []
    assert named.ask(type="unsubscribe", run_id="r1", id="1")["topics"] == []


def test_log_that_fails_keeps_the_run_for_after_a_restart(host, make_host):
    ended(host)
    host.is_failing = True
    look(host, MONTH)
    assert known(host) == []
    again = make_host(tables=host.tables, now=host.now)
    assert known(again) == ["r1"]
    look(again)
    assert known(again) == []
    assert stored(again) == []


def test_row_of_an_older_log_counts_as_ended_when_it_is_first_seen(host, make_host):
    ended(host)
    row = host.tables.rows["run/r1"]
    told = json.loads(row.value)
    del told["over_at"]
    host.tables.put("run/r1", json.dumps(told).encode())
    again = make_host(tables=host.tables, now=host.now + 2 * MONTH)
    look(again)
    assert known(again) == ["r1"]
    look(again, MONTH)
    assert known(again) == []


# What hangs on runs


@pytest.fixture
def chat(host):
    kernel = host.kernel()
    workflow = {"name": "chat", "published_at": 1.0, "input": "messages"}
    kernel.send(type="publish", n=1, workflows=[workflow])
    return kernel


def say(host, kernel, number):
    """A run of a session that its message starts, and that ends."""
    client = host.client()
    client.send(type="message", content="hi", session_id="s", id=f"m{number}")
    (start,) = kernel.take("start")
    run_id = start["run_id"]
    kernel.append(
        run_id, 1, {"type": "workflow_started", "workflow": "chat", "session_id": "s"}
    )
    kernel.append(run_id, 2, COMPLETED | {"workflow": "chat"})
    return run_id


def test_session_goes_with_the_last_run_of_it(host, chat):
    say(host, chat, 1)
    host.tick(DAY)
    second = say(host, chat, 2)
    look(host, MONTH - 1)
    assert known(host) == [second]
    assert [key for key in host.tables.rows if key.startswith("session/")]
    look(host, DAY)
    assert known(host) == []
    assert not [key for key in host.tables.rows if key.startswith("session/")]


def test_command_of_a_run_that_is_gone_starts_another_one(host, chat):
    first = say(host, chat, 1)
    look(host, MONTH)
    assert say(host, chat, 1) != first


# The audit


def test_audit_loses_what_is_too_old_and_keeps_the_rest(make_host):
    host = make_host(limits=BrokerLimits(read_page=2))
    kernel = host.kernel()
    for number in range(5):
        run_id = f"r{number}"
        kernel.start(run_id, kernel.request(host, f"a{number}"))
        kernel.append(run_id, 3, COMPLETED)
        host.tick(DAY)
    entries = host.tables.read("audit", 0, 10)
    assert [record.seq for record in entries] == [1, 2, 3, 4, 5]
    look(host, MONTH - 3 * DAY)
    left = host.tables.read("audit", 0, 10)
    assert [record.seq for record in left] == [4, 5]
    host.is_failing = True
    look(host, MONTH)
    assert len(host.tables.records["audit"]) == 2
    host.is_failing = False
    look(host)
    assert host.tables.read("audit", 0, 10) == []


def test_audit_entry_that_cannot_be_read_holds_up_no_other(host):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    kernel.append("r1", 3, COMPLETED)
    entries = host.tables.records["audit"]
    entries[:0] = [b"\x00", b'{"at":"yesterday"}']
    state = host.tables.states["audit"]
    host.tables.set_state(StreamState("audit", state.seq + 2))
    look(host)
    assert len(host.tables.records["audit"]) == 1
    look(host, MONTH)
    assert host.tables.records["audit"] == []


def test_audit_time_is_the_brokers_whatever_the_kernel_says(host):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    kernel.append("r1", 3, COMPLETED | {"timestamp": "1970-01-01T00:00:00Z"})
    kernel.start("r2", kernel.request(host, "a2"))
    data = {"approval_id": "a2", "outcome": "cancelled"}
    withdrawn = {"type": "approval_resolved", "node_id": "A", "data": data}
    kernel.append("r2", 3, {**withdrawn, "timestamp": "1970-01-01T00:00:00Z"})
    times = [json.loads(entry)["at"] for entry in host.tables.records["audit"]]
    assert times == ["1970-01-12T13:46:40.000Z"] * 2


def durable(kernel, run_id, *events):
    """A durable run with a checkpoint for each of its events."""
    named = [
        {"run_id": run_id, "workflow": "w", **each}
        for each in ({"type": "workflow_started", "durable": True}, *events)
    ]
    records = [{"at": n, "record": {"n": n}} for n in range(len(named))]
    frame = {"run_id": run_id, "epoch": 1, "n": 1, "events": named}
    kernel.send(type="append", **frame, records=records)


def checkpoints(host):
    return sorted(n for n in host.tables.states if n.startswith("checkpoint/"))


def test_run_that_can_be_resumed_is_the_last_to_go_of_too_many(make_host):
    host = make_host(limits=BrokerLimits(max_finished_runs=1))
    kernel = host.kernel()
    durable(kernel, "lost", kernel.request(host))
    host.broker.kernels.gone("k1", "killed", host.now)
    host.perform()
    host.tick(1)
    for number in range(3):
        ended(host, f"r{number}")
    look(host)
    assert known(host) == ["lost"]
    assert checkpoints(host) == ["checkpoint/lost"]
    assert [row.approval_id for row in host.broker.approvals.open_rows()] == ["a1"]
    look(host, MONTH)
    assert known(host) == stored(host) == checkpoints(host) == []


def test_checkpoints_go_in_steps_with_their_run(host, monkeypatch):
    monkeypatch.setattr(retention, "STEP", 4)
    kernel = host.kernel()
    durable(kernel, "r1", *[LOG] * 9, COMPLETED)
    kept = "checkpoint/r1"
    assert host.tables.states[kept].seq == 11
    host.is_held = True
    look(host, MONTH)
    left = []
    while host.work:
        host.step()
        left.append(len(host.read(kept, 0, 100)))
    assert sorted(set(left), reverse=True) == [7, 3, 0]
    assert checkpoints(host) == []
