"""Checkpoints of durable runs: stored with their events, shown to nobody, given back."""

import json

import pytest

from kgnb.broker import checkpoints, retention
from kgnb.protocol.ids import seconds

STARTED = {"type": "workflow_started", "durable": True}
COMPLETED = {"type": "workflow_completed", "data": None}
UPDATE = {"type": "node_update", "node_id": "A", "task_id": "A:1"}


@pytest.fixture
def kernel(host):
    return host.kernel()


def keep(kernel, n, *events, records, epoch=1, run_id="r1", **frame):
    kernel.send(
        type="append",
        run_id=run_id,
        epoch=epoch,
        n=n,
        events=[{"run_id": run_id, "workflow": "w", **event} for event in events],
        records=[{"at": at, "record": record} for at, record in records],
        **frame,
    )


def start(kernel, run_id="r1", key="cell"):
    keep(kernel, 1, STARTED, records=[(0, {"kind": "start"})], run_id=run_id, key=key)


def die(host, kernel_id="k1"):
    host.broker.kernels.gone(kernel_id, "killed", host.now)
    host.perform()


def recall(kernel, **asked):
    kernel.take()
    kernel.send(type="recall", n=7, **asked)
    (answer,) = kernel.take("recalled")
    return answer


def kept(host, run_id="r1"):
    found = host.tables.records.get(f"checkpoint/{run_id}", [])
    return [json.loads(record) for record in found]


def test_a_checkpoint_is_stored_with_its_event_and_shown_to_nobody(host, kernel):
    client = host.client()
    client.send(type="subscribe", topics=["all"])
    start(kernel)
    keep(kernel, 2, UPDATE | {"status": "completed"}, records=[(0, {"x": "secret"})])
    assert kept(host) == [{"kind": "start"}, {"x": "secret"}]
    shown = json.dumps(client.take())
    assert "node_update" in shown
    assert "secret" not in shown


def test_a_repeated_frame_stores_its_checkpoints_once(host, kernel):
    start(kernel)
    start(kernel)
    assert kept(host) == [{"kind": "start"}]
    # The first event of this frame is known, the second is not.
    keep(kernel, 1, STARTED, UPDATE | {"status": "completed"}, records=[(0, 1), (1, 2)])
    assert kept(host) == [{"kind": "start"}, 2]


def test_a_log_that_fails_stores_neither(host, kernel):
    start(kernel)
    host.is_failing = True
    keep(kernel, 2, UPDATE | {"status": "completed"}, records=[(0, 2)])
    assert kept(host) == [{"kind": "start"}]
    assert [event["type"] for event in host.events()] == ["workflow_started"]


def test_the_checkpoints_of_an_epoch_that_is_over_are_refused(host, kernel):
    start(kernel)
    die(host)
    keep(kernel, 2, UPDATE | {"status": "completed"}, records=[(0, 2)])
    assert kept(host) == [{"kind": "start"}]


def test_a_lost_run_says_that_it_can_be_resumed_if_it_can(host, kernel):
    start(kernel)
    kernel.start("r2")
    die(host)
    assert host.events("r1")[-1]["resumable"] is True
    assert "resumable" not in host.events("r2")[-1]


# Recalling.


def test_a_run_is_recalled_by_its_id(host, kernel):
    start(kernel)
    die(host)
    heir = host.kernel("k2", "p2")
    answer = recall(heir, run_id="r1")
    assert answer == {
        "type": "recalled",
        "n": 7,
        "run_id": "r1",
        "workflow": "w",
        "status": "lost",
        "epoch": 2,
        "seq": 2,
        "kernel_id": "k1",
        "is_durable": True,
        "records": [{"seq": 1, "record": {"kind": "start"}}],
    }


def test_a_run_that_is_not_known_is_refused(host, kernel):
    answer = recall(kernel, run_id="nobody")
    assert answer["code"] == "no_such_run"


def test_a_key_finds_the_newest_lost_run_alone(host, kernel):
    for run_id in ("r1", "r2", "r3"):
        start(kernel, run_id)
    keep(kernel, 2, COMPLETED, records=[], run_id="r3")
    start(kernel, "r4", key="another cell")
    heir = host.kernel("k2", "p2")
    assert "run_id" not in recall(heir, key="cell")
    die(host)
    host.broker.runs.by_id["r2"].row.started_at = "2126-01-01T00:00:00.000Z"
    assert recall(heir, key="cell")["run_id"] == "r2"
    assert recall(heir, key="another cell")["run_id"] == "r4"
    assert "run_id" not in recall(heir, key="a third")


def test_a_run_that_goes_on_is_found_by_no_key(host, kernel):
    start(kernel)
    die(host)
    heir = host.kernel("k2", "p2")
    keep(heir, 1, STARTED | {"resumed_from": "r1"}, records=[(0, 2)], epoch=3)
    assert "run_id" not in recall(heir, key="cell")
    assert recall(heir, run_id="r1")["is_here"] is True


def test_the_key_of_a_run_that_goes_on_finds_it_again(host, kernel):
    start(kernel)
    die(host)
    heir = host.kernel("k2", "p2")
    keep(heir, 1, STARTED | {"resumed_from": "r1"}, records=[(0, 2)], epoch=3)
    die(host, "k2")
    assert recall(host.kernel("k3", "p3"), key="cell")["run_id"] == "r1"


def test_two_that_go_on_at_once_leave_one(host, kernel):
    start(kernel)
    die(host)
    first, second = host.kernel("k2", "p2"), host.kernel("k3", "p3")
    for heir in (first, second):
        assert recall(heir, run_id="r1")["epoch"] == 2
    for heir in (first, second):
        keep(heir, 1, STARTED | {"resumed_from": "r1"}, records=[(0, 2)], epoch=3)
    assert [frame["type"] for frame in first.take()] == ["appended"]
    (refused,) = second.take()
    assert (refused["type"], refused["code"]) == ("refused", "conflict")


def test_what_is_declared_meanwhile_is_waited_for(host, kernel):
    start(kernel)
    heir = host.kernel("k2", "p2")
    heir.take()
    host.is_held = True
    host.broker.kernels.gone("k1", "killed", host.now)
    host.perform()
    heir.send(type="recall", n=1, run_id="r1")
    assert heir.take("recalled") == []
    host.is_held = False
    host.settle()
    assert heir.take("recalled")[0]["status"] == "lost"


def test_many_checkpoints_come_page_by_page(host, make_host, limits, monkeypatch):
    host = make_host(limits=limits(read_page=4))
    kernel = host.kernel()
    start(kernel)
    for n in range(2, 7):
        keep(kernel, n, UPDATE | {"status": "completed"}, records=[(0, n)])
    first = recall(kernel, run_id="r1")
    assert [each["seq"] for each in first["records"]] == [1, 2, 3, 4]
    assert first["more"] is True
    rest = recall(kernel, run_id="r1", after=4)
    assert [each["record"] for each in rest["records"]] == [5, 6]
    assert "more" not in rest
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 1)
    assert len(recall(kernel, run_id="r1")["records"]) == 1


def test_a_log_that_fails_is_told_as_one(host, kernel):
    start(kernel)
    host.is_failing = True
    assert recall(kernel, run_id="r1")["code"] == "unavailable"


def test_checkpoints_go_with_their_run(make_host):
    host = make_host()
    kernel = host.kernel()
    start(kernel)
    keep(kernel, 2, COMPLETED, records=[])
    assert kept(host)
    host.tick(retention.LOOK_INTERVAL + host.broker.limits.retention)
    host.tick(retention.LOOK_INTERVAL)
    assert "r1" not in host.broker.runs.by_id
    assert kept(host) == []


def test_a_restarted_broker_knows_what_was_kept(host, kernel, make_host):
    start(kernel)
    die(host)
    again = make_host(tables=host.tables)
    answer = recall(again.kernel("k2", "p2"), key="cell")
    assert answer["run_id"] == "r1"
    assert len(answer["records"]) == 1


# Questions of a run that was lost.


def ask_and_die(host, kernel, **asked):
    start(kernel)
    keep(kernel, 2, kernel.request(host, **asked), records=[])
    die(host)


def go_on(host, *events):
    heir = host.kernel("k2", "p2")
    heir.take()
    started = STARTED | {"resumed_from": "r1"}
    keep(heir, 1, started, *events, records=[(0, 2)], epoch=3)
    return heir


def outcomes(host):
    found = [e["data"] for e in host.events() if e["type"] == "approval_resolved"]
    return [(data["outcome"], data.get("value")) for data in found]


def test_a_question_stays_open_and_is_answered_while_nobody_runs(host, kernel):
    ask_and_die(host, kernel)
    assert outcomes(host) == []
    client = host.client()
    reply = client.ask(type="answer", approval_id="a1", value="yes", id="1")
    assert reply["type"] == "ack"
    heir = go_on(host, kernel.request(host))
    assert heir.take("refused") == []
    # Told again to the process that asks again.
    assert outcomes(host) == [("answered", "yes"), ("answered", "yes")]


def test_an_open_question_asked_again_is_the_same_one(host, kernel):
    ask_and_die(host, kernel)
    go_on(host, kernel.request(host))
    assert outcomes(host) == []
    client = host.client()
    client.ask(type="answer", approval_id="a1", value="no", id="1")
    assert outcomes(host) == [("answered", "no")]


def test_the_deadline_of_a_question_stands(host, kernel):
    ask_and_die(host, kernel, timeout=100)
    host.tick(60)
    go_on(host, kernel.request(host, timeout=100))
    again = [e for e in host.events() if e["type"] == "approval_request"][-1]
    assert seconds(again["data"]["expires_at"]) == pytest.approx(host.now + 40, abs=1)
    host.tick(41)
    assert outcomes(host) == [("timed_out", None)]


def test_a_deadline_passes_while_nobody_runs(host, kernel):
    ask_and_die(host, kernel, timeout=100)
    host.tick(101)
    assert outcomes(host) == [("timed_out", None)]
    go_on(host, kernel.request(host, timeout=100))
    assert outcomes(host) == [("timed_out", None)] * 2


def test_another_question_in_its_place_supersedes_it(host, kernel):
    ask_and_die(host, kernel)
    go_on(host, kernel.request(host, message="Publish it all?"))
    assert outcomes(host) == [("cancelled", None)]


# Giving a lost run up.


def give_up(client, run_id="r1"):
    return client.ask(type="cancel", run_id=run_id, id="c1")


def test_a_lost_run_is_given_up_and_its_questions_closed(host, kernel):
    ask_and_die(host, kernel)
    client = host.client()
    assert give_up(client)["type"] == "ack"
    last, before = host.events()[-1], host.events()[-2]
    assert (last["type"], last["by"]["user"]) == ("workflow_cancelled", "Alice")
    assert before["type"] == "approval_resolved"
    assert outcomes(host) == [("cancelled", None)]
    noted = [json.loads(record.payload) for record in host.read("audit", 0, 100)]
    assert [(entry["action"], entry.get("name")) for entry in noted][-1] == (
        "cancel",
        "Alice",
    )
    late = client.ask(type="answer", approval_id="a1", value="yes", id="1")
    assert late["type"] == "error"
    assert recall(host.kernel("k2", "p2"), key="cell").get("run_id") is None


def test_giving_up_again_is_answered_like_the_first_time(host, kernel):
    start(kernel)
    die(host)
    client = host.client()
    assert give_up(client) == give_up(client)
    other = client.ask(type="cancel", run_id="r1", id="c2")
    assert other["code"] == "conflict"
    ends = [e for e in host.events() if e["type"] == "workflow_cancelled"]
    assert len(ends) == 1


def test_a_run_that_was_given_up_can_be_resumed_by_its_id(host, kernel):
    start(kernel)
    die(host)
    give_up(host.client())
    heir = go_on(host)
    assert heir.take("refused") == []
    assert host.events()[-1]["resumed_from"] == "r1"


def test_a_run_that_goes_on_is_not_given_up(host, kernel):
    start(kernel)
    die(host)
    heir, client = host.kernel("k2", "p2"), host.client()
    host.is_held = True
    keep(heir, 1, STARTED | {"resumed_from": "r1"}, records=[(0, 2)], epoch=3)
    client.take()
    client.send(type="cancel", run_id="r1", id="c1")
    host.is_held = False
    host.settle()
    (refusal,) = client.take("error")
    assert refusal["code"] == "conflict"


def test_whoever_was_told_of_a_doubt_is_told_no_more(host, kernel):
    start(kernel)
    die(host)
    client = host.client()
    host.is_held = True
    client.take()
    client.send(type="cancel", run_id="r1", id="c1")
    host.doubt()
    assert "not known" in client.take("error")[0]["message"]
    host.is_held = False
    host.settle()
    assert client.take("ack", "error") == []
    assert give_up(client)["code"] == "conflict"
    assert host.events()[-1]["type"] == "workflow_cancelled"


def test_a_log_that_fails_gives_nothing_up(host, kernel):
    start(kernel)
    die(host)
    host.is_failing = True
    refusal = give_up(host.client())
    assert refusal["code"] == "unavailable"
    host.is_failing = False
    host.tick(10)
    assert host.events()[-1]["type"] == "workflow_lost"


def test_the_questions_of_a_run_that_failed_are_closed(host, kernel):
    start(kernel)
    failed = {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
    keep(kernel, 2, kernel.request(host), failed, records=[])
    assert outcomes(host) == [("cancelled", None)]
