import json

import pytest

from kgnb.broker import BrokerLimits, Identity, Outbox, Peer

DOCUMENT = Peer(identity=Identity(user="d"), role="start", protocol="document")


@pytest.fixture
def kernel(host):
    return host.kernel()


def filled(kernel, count=5):
    kernel.start()
    for n in range(2, count + 1):
        kernel.log("r1", n)


def test_hello_comes_first_and_names_the_log(host):
    (hello,) = host.client().take()
    assert (hello["type"], hello["log_id"]) == ("hello", "log-1")
    voter = hello["identity"].pop("voter")
    assert hello["identity"].pop("client_id").startswith("socket ")
    assert hello["identity"] == {
        "user": "alice",
        "name": "Alice",
        "kind": "user",
        "role": "start",
    }
    assert len(voter) == 16


def test_subscribe_replays_all_then_goes_on_live(host, kernel):
    filled(kernel)
    client = host.client()
    client.take()
    client.send(type="subscribe", run_id="r1", id=1)
    frames = client.take()
    assert frames[0] == {
        "type": "subscribed",
        "topics": ["all"],
        "run_id": "r1",
        "seq": 5,
        "id": 1,
    }
    assert [f["seq"] for f in frames[1:]] == [1, 2, 3, 4, 5]
    kernel.log("r1", 6)
    assert client.seqs() == [6]


def test_subscribe_since_gets_only_what_followed(host, kernel):
    filled(kernel)
    client = host.client()
    client.send(type="subscribe", run_id="r1", since={"seq": 3, "log_id": "log-1"})
    assert client.seqs() == [5 - 1, 5]


def test_subscribe_since_of_another_log_replays_from_the_start(host, kernel):
    filled(kernel)
    client = host.client()
    client.send(type="subscribe", run_id="r1", since={"seq": 3, "log_id": "old"})
    assert client.seqs() == [1, 2, 3, 4, 5]


def test_subscribe_since_beyond_the_log_gets_a_snapshot(host, kernel):
    filled(kernel)
    client = host.client()
    client.take()
    client.send(type="subscribe", run_id="r1", since={"seq": 9, "log_id": "log-1"})
    _, snapshot = client.take()
    assert snapshot["type"] == "snapshot"
    assert snapshot["recovered"] is False
    assert snapshot["view"]["seq"] == 5
    assert len(snapshot["view"]["logs"]) == 4
    kernel.log("r1", 6)
    assert client.seqs() == [6]


def test_subscribe_while_a_commit_is_under_way_gets_each_event_once(host, kernel):
    filled(kernel)
    client = host.client()
    client.take()
    host.is_held = True
    kernel.log("r1", 6)
    client.send(type="subscribe", run_id="r1")
    kernel.log("r1", 7)
    host.settle()
    assert client.seqs() == [1, 2, 3, 4, 5, 6, 7]


def test_subscribe_with_more_than_a_page_reads_on(make_host):
    host = make_host(limits=BrokerLimits(read_page=3))
    filled(host.kernel(), 11)
    client = host.client()
    client.send(type="subscribe", run_id="r1")
    assert client.seqs() == list(range(1, 12))


def test_subscribe_to_a_run_of_large_events_gets_them_in_small_parts(host, kernel):
    kernel.start()
    for n in range(2, 42):
        kernel.log("r1", n, "x" * 30_000)
    alice = host.client()
    host.is_held = True
    alice.send(type="subscribe", run_id="r1")
    seqs, parts = [], 0
    while host.work:
        host.step()
        part = alice.seqs()
        assert len(part) * 30_000 < 300_000
        seqs += part
        parts += 1
    assert seqs == list(range(1, 42))
    assert parts > 3


def test_subscribe_by_topics_leaves_out_the_rest_and_tells_the_cursor(host, kernel):
    filled(kernel)
    client = host.client()
    client.send(type="subscribe", run_id="r1", topics=["approvals"])
    assert client.seqs() == [1]
    kernel.append("r1", 6, kernel.request(host))
    kernel.log("r1", 7)
    assert client.seqs() == [6]
    host.tick(10)
    assert client.take() == [{"type": "cursor", "run_id": "r1", "seq": 7}]
    host.tick(10)
    assert client.take() == []


def test_subscribe_to_more_topics_goes_on_from_where_it_is(host, kernel):
    filled(kernel)
    client = host.client()
    client.send(type="subscribe", run_id="r1", topics=["approvals"])
    client.take()
    reply = client.ask(type="subscribe", run_id="r1", topics=["logs"])
    assert reply["topics"] == ["approvals", "logs"]
    assert client.take() == []
    kernel.log("r1", 6)
    assert client.seqs() == [6]


def test_subscribe_to_all_covers_present_and_future_runs(host, kernel):
    filled(kernel, 2)
    kernel.start("old", {"type": "workflow_completed", "data": 0})
    client = host.client()
    client.take()
    client.send(type="subscribe", topics=["approvals"])
    assert [(f["type"], f.get("run_id")) for f in client.take()] == [
        ("subscribed", None),
        ("workflow_started", "r1"),
    ]
    kernel.start("r2", kernel.request(host))
    assert [(f["run_id"], f["seq"]) for f in client.take()] == [("r2", 1), ("r2", 2)]


def test_subscribe_to_all_covers_lost_runs_that_still_ask(host, kernel):
    asked = kernel.request(host)
    kernel.append("r1", 1, {"type": "workflow_started", "durable": True}, asked)
    kernel.append("r2", 1, {"type": "workflow_started", "durable": True})
    kernel.start("r3", kernel.request(host, "a3"))
    host.broker.kernels.gone("k1", "the kernel died", host.now)
    host.perform()
    assert host.broker.statistics(host.now).open_approvals == 1
    client = host.client()
    client.take()
    client.send(type="subscribe", topics=["approvals"])
    assert [(f["type"], f.get("run_id")) for f in client.take()] == [
        ("subscribed", None),
        ("workflow_started", "r1"),
        ("approval_request", "r1"),
        ("workflow_lost", "r1"),
    ]


def test_subscribe_to_a_workflow_covers_its_runs_only(host, kernel):
    client = host.client()
    client.send(type="subscribe", workflow="w")
    client.take()
    kernel.append("r1", 1, {"type": "workflow_started", "workflow": "v"})
    kernel.append("r2", 1, {"type": "workflow_started", "workflow": "w"})
    assert [f["run_id"] for f in client.take()] == ["r2"]


def test_subscribe_to_all_sees_no_run_out_of_scope(host, kernel):
    filled(kernel, 2)
    stranger = host.client(
        Peer(identity=Identity(user="s"), role="owner", kernel_id="k2")
    )
    stranger.take()
    stranger.send(type="subscribe")
    host.kernel("k2", "p2").start("r2")
    assert [f["run_id"] for f in stranger.take() if "workflow_id" in f] == ["r2"]


def test_subscribe_before_the_run_exists_waits_for_it(host, kernel):
    client = host.client()
    client.take()
    client.send(type="subscribe", run_id="r1", id=4)
    assert client.take() == []
    filled(kernel, 2)
    frames = client.take()
    assert (frames[0]["type"], frames[0]["id"]) == ("subscribed", 4)
    assert [f["seq"] for f in frames[1:]] == [1, 2]


def test_subscribe_to_what_is_missing_or_hidden_is_refused_alike(host, kernel):
    filled(kernel, 1)
    stranger = host.client(
        Peer(identity=Identity(user="s"), role="owner", run_scope="r7")
    )
    stranger.take()
    stranger.send(type="subscribe", run_id="r1", id=1)
    stranger.send(type="subscribe", run_id="r5", id=2)
    host.tick(1.9)
    assert stranger.take() == []
    host.tick(0.2)
    hidden, missing = stranger.take()
    assert hidden["code"] == missing["code"] == "no_such_run"
    assert hidden["message"].replace("r1", "r5") == missing["message"]


@pytest.mark.parametrize(
    "command",
    [
        {"since": {"seq": 1}},
        {"run_id": "r1", "since": {"seq": -1}},
        {"topics": ["x" * 200]},
        {"topics": ["a\u202eb"]},
        {"topics": [str(n) for n in range(200)]},
    ],
)
def test_subscribe_badly_is_refused(host, kernel, command):
    filled(kernel, 1)
    assert host.client().ask(type="subscribe", **command)["code"] == "invalid"


def test_subscribe_past_the_limit_is_refused(make_host):
    host = make_host(limits=BrokerLimits(max_subscriptions=3))
    kernel = host.kernel()
    kernel.start()
    client = host.client()
    client.send(type="subscribe", run_id="r1")
    client.send(type="subscribe", workflow="a")
    client.send(type="subscribe", run_id="not there yet")
    assert client.ask(type="subscribe", workflow="b")["code"] == "invalid"
    assert client.ask(type="subscribe", run_id="r1")["type"] == "subscribed"


def test_unsubscribe_ends_it_and_keeps_what_others_cover(host, kernel):
    filled(kernel, 1)
    client = host.client()
    client.send(type="subscribe", run_id="r1")
    client.send(type="subscribe", workflow="w", topics=["approvals"])
    client.take()
    reply = client.ask(type="unsubscribe", run_id="r1", id=2)
    assert reply == {"type": "unsubscribed", "topics": [], "run_id": "r1", "id": 2}
    kernel.log("r1", 2)
    kernel.append("r1", 3, kernel.request(host))
    assert client.seqs() == [3]
    client.ask(type="unsubscribe", workflow="w")
    kernel.append("r1", 4, {"type": "workflow_completed", "data": 0})
    assert client.take() == []


def test_unsubscribe_from_some_topics_keeps_the_others(host, kernel):
    filled(kernel, 1)
    client = host.client()
    client.send(type="subscribe", run_id="r1", topics=["logs", "approvals"])
    reply = client.ask(type="unsubscribe", run_id="r1", topics=["logs"])
    assert reply["topics"] == ["approvals"]
    kernel.log("r1", 2)
    assert client.take() == []


def test_replay_while_the_log_fails_goes_on_with_the_next_tick(host, kernel):
    filled(kernel)
    client = host.client()
    client.take()
    host.is_failing = True
    client.send(type="subscribe", run_id="r1")
    assert client.seqs() == []
    host.is_failing = False
    host.tick(0.2)
    assert client.seqs() == [1, 2, 3, 4, 5]


def test_document_client_gets_no_replies_but_data_in_every_event(host, kernel):
    kernel.start("r1", {"type": "node_update", "node_id": "A", "status": "running"})
    client = host.client(DOCUMENT)
    client.send(type="subscribe", topics=["progress"])
    frames = client.take()
    assert [f["type"] for f in frames] == ["workflow_started", "node_update"]
    assert frames[1]["data"] == {"status": "running"}
    assert frames[1]["workflow_id"] == "r1"
    client.send(type="subscribe", topics=["progress"], id="x")
    assert client.take()[0]["type"] == "subscribed"


def test_dropped_client_leaves_nothing_behind(host, kernel):
    filled(kernel)
    client = host.client()
    host.is_held = True
    client.send(type="subscribe", run_id="r1")
    client.send(type="subscribe", run_id="later")
    client.send(type="subscribe", workflow="w")
    client.drop()
    host.settle()
    subscriptions = host.broker.subscriptions
    assert not subscriptions._readers
    assert not subscriptions._broad
    assert not subscriptions._parked


def test_text_is_never_merged_to_before_a_snapshot_without_it(host, kernel):
    outbox = Outbox(high_water=0)

    def token(n, text, index):
        event = {"type": "token", "node_id": "A", "stream": "s", "index": index}
        kernel.append("r1", n, {**event, "data": text})

    kernel.start()
    token(2, "ab", 0)
    alice = host.client()
    alice.send(type="subscribe", run_id="r1")
    alice.send(type="subscribe", run_id="r1", since={"log_id": "log-1", "seq": 99})
    token(3, "cd", 2)
    for frame in host.out_frames[alice.conn]:
        outbox.put(frame)
    sent = [json.loads(outbox.pop()) for _ in range(len(outbox))]
    assert [f["type"] for f in sent[-2:]] == ["snapshot", "token"]
    assert sent[-1]["data"] == "cd"
