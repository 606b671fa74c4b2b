import json

import pytest

from kgnb.broker import BrokerLimits


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    kernel.take()
    return kernel


def texts(host, run_id="r1"):
    return [e["data"]["text"] for e in host.events(run_id) if e["type"] == "log"]


def test_append_is_stored_then_acknowledged_with_its_seq(host, kernel):
    host.is_held = True
    kernel.start()
    assert kernel.take() == []
    host.settle()
    assert kernel.take() == [{"type": "appended", "run_id": "r1", "n": 1, "seq": 1}]


def test_append_stores_events_without_seq(host, kernel):
    kernel.append("r1", 1, {"type": "workflow_started", "seq": 9, "workflow_id": "x"})
    assert "seq" not in host.events()[0]
    assert "workflow_id" not in host.events()[0]


def test_append_frames_that_come_during_a_commit_share_the_next(host, kernel):
    host.is_held = True
    kernel.start()
    for n in range(2, 12):
        kernel.log("r1", n, n)
    assert len(host.work) == 1
    host.step()
    assert len(host.work) == 1
    assert len(host.work[0].transaction.appends[0].payloads) == 10
    host.settle()
    assert kernel.take()[-1] == {"type": "appended", "run_id": "r1", "n": 11, "seq": 11}


def test_append_repeated_is_dropped_and_acknowledged(host, kernel):
    kernel.start()
    kernel.log("r1", 2, "a")
    kernel.take()
    kernel.log("r1", 2, "a")
    assert kernel.take() == [{"type": "appended", "run_id": "r1", "n": 2, "seq": 2}]
    log = {"type": "log", "node_id": "A"}
    kernel.append(
        "r1",
        2,
        {**log, "data": {"stream": "stdout", "text": "a"}},
        {**log, "data": {"stream": "stdout", "text": "b"}},
    )
    assert texts(host) == ["a", "b"]


def test_append_repeated_while_the_first_is_under_way_is_stored_once(host, kernel):
    kernel.start()
    host.is_held = True
    kernel.log("r1", 2, "a")
    kernel.log("r1", 2, "a")
    host.settle()
    assert texts(host) == ["a"]


def test_append_with_a_gap_is_refused_with_what_is_expected(host, kernel):
    kernel.start()
    kernel.take()
    kernel.log("r1", 3)
    (refused,) = kernel.take()
    assert (refused["type"], refused["code"]) == ("refused", "gap")
    assert refused["expected"] == 2
    assert len(host.events()) == 1


def test_append_of_an_unknown_run_must_begin_it(host, kernel):
    kernel.log("r9", 4)
    (refused,) = kernel.take()
    assert (refused["code"], refused["expected"]) == ("gap", 1)
    kernel.log("r9", 1)
    assert kernel.take()[0]["code"] == "invalid"
    assert host.broker.statistics(host.now).runs_stored == 0


@pytest.mark.parametrize(
    "event",
    [
        {"type": "workflow_lost"},
        {"type": "workflow_stalled"},
        {"type": "node_update", "node_id": "A", "status": "dancing"},
        {"type": "log", "node_id": "A", "run_id": "r2", "data": {}},
        {"node_id": "A"},
        {
            "type": "approval_request",
            "node_id": "A",
            "data": {
                "approval_id": "a",
                "args_hash": "h",
                "message": "m",
                "expires_at": "soon",
            },
        },
    ],
)
def test_append_of_what_no_kernel_may_say_is_refused_whole(host, kernel, event):
    kernel.start()
    kernel.take()
    kernel.append("r1", 2, {"type": "workflow_paused"}, event)
    (refused,) = kernel.take()
    assert refused["code"] == "invalid"
    assert len(host.events()) == 1


def test_append_by_another_process_is_refused(host, kernel):
    kernel.start()
    other = host.kernel("k2", "p2")
    other.take()
    other.log("r1", 2)
    assert other.take()[0]["code"] == "conflict"
    assert len(host.events()) == 1


def test_append_behind_the_end_is_acknowledged_and_left_out(host, kernel):
    kernel.start("r1", {"type": "workflow_completed", "data": 1})
    kernel.log("r1", 3)
    assert kernel.take()[-1]["n"] == 3
    assert [e["type"] for e in host.events()] == [
        "workflow_started",
        "workflow_completed",
    ]


def test_append_while_the_log_fails_waits_unacknowledged(host, kernel):
    kernel.start()
    kernel.take()
    host.is_failing = True
    kernel.log("r1", 2, "a")
    kernel.log("r1", 3, "b")
    host.tick(2)
    assert kernel.take() == []
    assert texts(host) == []
    host.is_failing = False
    host.tick(2)
    assert [frame["n"] for frame in kernel.take()] == [3]
    assert kernel.closed is None
    assert texts(host) == ["a", "b"]


def test_append_after_a_failure_goes_on_where_the_log_is(host):
    kernel = host.kernel()
    token = kernel.take("welcome")[0]["owner_token"]
    kernel.start()
    host.is_held = True
    host.is_failing = True
    kernel.log("r1", 2, "a")
    kernel.log("r1", 3, "b")
    host.settle()
    host.is_held = host.is_failing = False
    again = host.kernel(token=token)
    (welcome,) = again.take("welcome")
    assert welcome["runs"] == [{"run_id": "r1", "epoch": 1, "n": 1}]
    again.log("r1", 2, "a")
    again.log("r1", 3, "b")
    host.tick(2)
    assert texts(host) == ["a", "b"]


def test_append_faster_than_the_log_for_long_closes_the_link(make_host):
    host = make_host(limits=BrokerLimits(max_queued=5))
    kernel = host.kernel()
    kernel.start()
    host.is_held = True
    for n in range(2, 9):
        kernel.log("r1", n)
    assert kernel.closed[0] == 4009


def test_run_goes_on_in_a_higher_epoch_after_it_was_lost(host, kernel):
    kernel.start()
    host.broker.kernels.gone("k1", "killed", host.now)
    host.perform()
    assert host.events()[-1] == {
        "type": "workflow_lost",
        "run_id": "r1",
        "workflow": "w",
        "timestamp": host.events()[-1]["timestamp"],
        "reason": "killed",
    }
    heir = host.kernel("k1", "p2")
    heir.take()
    heir.append("r1", 1, {"type": "workflow_started"}, epoch=2)
    assert heir.take()[0]["code"] == "conflict"
    heir.append("r1", 1, {"type": "workflow_started", "resumed_from": "r1"}, epoch=3)
    assert heir.take() == [{"type": "appended", "run_id": "r1", "n": 1, "seq": 3}]
    assert host.broker.runs.by_id["r1"].status == "running"
    heir.append("r1", 2, {"type": "workflow_completed", "data": 0}, epoch=3)
    assert host.broker.runs.by_id["r1"].status == "completed"


def test_run_is_read_back_after_a_restart(host, kernel, make_host):
    kernel.start("r1", kernel.request(host))
    kernel.start(
        "r2", {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
    )
    kernel.start("r3", {"type": "workflow_paused"})
    again = make_host(tables=host.tables)
    statuses = {key: run.status for key, run in again.broker.runs.by_id.items()}
    assert statuses == {"r1": "waiting", "r2": "failed", "r3": "paused"}
    assert again.broker.runs.by_id["r1"].seq == 2
    assert json.loads(host.tables.rows["run/r1"].value)["kernel_id"] == "k1"


def test_run_written_by_another_broker_is_not_written_over(host, kernel, make_host):
    kernel.start()
    other = make_host(tables=host.tables)
    other.broker.kernels.gone("k1", "killed", host.now)
    other.perform()
    kernel.take()
    kernel.log("r1", 2)
    assert kernel.take()[0]["code"] == "conflict"
    assert [e["type"] for e in host.events()] == ["workflow_started", "workflow_lost"]


def test_run_whose_row_is_gone_from_the_log_is_written_anew(host, kernel):
    kernel.start()
    del host.tables.rows["run/r1"]
    kernel.append("r1", 2, {"type": "workflow_completed", "data": None})
    assert "run/r1" in host.tables.rows


# A dead run goes on


def taken_up(kernel, n=1, run_id="r1"):
    kernel.append(
        run_id, n, {"type": "workflow_started", "resumed_from": run_id}, epoch=3
    )


def test_run_taken_up_again_takes_frames_behind_the_first_before_it_is_stored(host):
    host.kernel().start()
    after = host.kernel(process_id="p2")
    host.is_held = True
    taken_up(after)
    log = {"node_id": "A", "data": {"stream": "stdout", "text": "x"}}
    after.append("r1", 2, {"type": "log", **log}, epoch=3)
    host.is_held = False
    host.settle()
    assert after.take("refused") == []
    assert [e["type"] for e in host.events()][-2:] == ["workflow_started", "log"]


def test_run_taken_up_by_two_at_once_goes_on_with_the_first_alone(host):
    first = host.kernel()
    first.start(
        "r1", {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
    )
    other = host.kernel("k2", "p2")
    host.is_held = True
    taken_up(other)
    taken_up(first)
    host.is_held = False
    host.settle()
    assert [f["code"] for f in first.take("refused")] == ["conflict"]
    assert [e["type"] for e in host.events()].count("workflow_started") == 2
    first.log("r1", 2)
    assert [f["code"] for f in first.take("refused")] == ["conflict"]


def test_run_taken_up_again_is_read_by_who_reads_all_and_came_after_its_end(host):
    host.kernel().start()
    after = host.kernel(process_id="p2")
    client = host.client()
    client.ask(type="subscribe", topics=["all"])
    assert client.seqs() == []
    taken_up(after)
    assert client.seqs() == [1, 2, 3]


def test_run_that_is_no_longer_kept_cannot_be_taken_up_again(host):
    kernel = host.kernel()
    taken_up(kernel)
    (refusal,) = kernel.take("refused")
    assert (refusal["code"], refusal["message"]) == (
        "conflict",
        "run 'r1' is no longer kept: it cannot go on",
    )
    assert host.events() == []


def test_run_taken_up_again_is_not_acknowledged_by_what_was_stored_before(host):
    first = host.kernel()
    first.start(
        "r1", {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
    )
    first.take()
    host.is_held = True
    for _ in range(2):
        taken_up(first)
    assert first.take() == []


def test_run_taken_up_again_is_lost_with_its_process_before_that_is_stored(host):
    host.kernel().start()
    after = host.kernel("k2", "p2")
    host.broker.kernels.gone("k1", "killed", host.now)
    host.perform()
    host.is_held = True
    taken_up(after)
    host.broker.kernels.gone("k2", "killed", host.now)
    host.is_held = False
    host.settle()
    assert host.broker.runs.by_id["r1"].status == "lost"


def test_run_taken_up_again_is_read_by_who_comes_before_that_is_stored(host):
    host.kernel().start()
    after = host.kernel(process_id="p2")
    host.is_held = True
    taken_up(after)
    client = host.client()
    client.send(type="subscribe", topics=["all"])
    host.settle()
    assert client.seqs() == [1, 2, 3]
