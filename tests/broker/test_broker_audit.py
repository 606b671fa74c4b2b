"""The audit: one entry for each decision, in the decision's own transaction."""

import msgspec
import pytest

from kgnb.broker import BrokerLimits, Identity, Peer
from kgnb.broker.audit import AuditEntry


@pytest.fixture
def kernel(host):
    return host.kernel()


def entries(host, *names):
    """The table; of each entry the fields that are named."""
    found = [
        msgspec.json.decode(payload, type=AuditEntry)
        for payload in host.tables.records.get("audit", [])
    ]
    return [tuple(getattr(e, name) for name in names) for e in found]


def bob(**more):
    identity = Identity(user="bob", name="Bob")
    return Peer(identity=identity, role="start", via="http", **more)


def test_audit_of_an_answer_says_who_when_what_and_how(host, kernel):
    kernel.start("r1", kernel.request(host))
    client = host.client(bob(client_id="b"))
    client.send(type="answer", approval_id="a1", value="yes")
    (entry,) = [
        msgspec.json.decode(raw, type=AuditEntry)
        for raw in host.tables.records["audit"]
    ]
    (asked,) = [e for e in host.events() if e["type"] == "approval_request"]
    assert entry == AuditEntry(
        at="1970-01-12T13:46:40.000Z",
        action="answer",
        outcome="answered",
        user="bob",
        name="Bob",
        via="http",
        client_id="b",
        run_id="r1",
        workflow="w",
        node_id="A",
        approval_id="a1",
        args_hash=asked["data"]["args_hash"],
    )


def test_audit_of_an_answer_holds_no_value(host, kernel):
    kernel.start("r1", kernel.request(host, options=None, kind="text"))
    host.client().send(type="answer", approval_id="a1", value="a-secret-value")
    assert b"a-secret-value" not in host.tables.records["audit"][0]


def test_audit_of_a_race_has_one_answer_and_the_losers_refused(host, kernel):
    kernel.start("r1", kernel.request(host))
    clients = [
        host.client(Peer(identity=Identity(user=f"u{n}"), role="answer"))
        for n in range(3)
    ]
    host.is_held = True
    for client in clients:
        client.send(type="answer", approval_id="a1", value="yes")
    host.settle()
    assert entries(host, "user", "outcome", "code") == [
        ("u0", "answered", None),
        ("u1", "refused", "already_answered"),
        ("u2", "refused", "already_answered"),
    ]


def test_audit_of_a_repeated_command_has_one_entry(host, kernel):
    kernel.start("r1", kernel.request(host))
    for _ in range(2):
        host.client().send(type="answer", approval_id="a1", value="yes", id="x")
    assert entries(host, "outcome") == [("answered",)]


def test_audit_and_decision_are_stored_together_or_not_at_all(host, kernel):
    kernel.start("r1", kernel.request(host))
    client = host.client()
    host.is_failing = True
    client.send(type="answer", approval_id="a1", value="yes")
    host.is_failing = False
    assert entries(host) == []
    assert not [e for e in host.events() if e["type"] == "approval_resolved"]


def test_audit_has_the_deadline(host, kernel):
    kernel.start("r1", kernel.request(host, timeout=5, on_timeout="no"))
    host.tick(6)
    assert entries(host, "action", "outcome", "kind", "via", "user") == [
        ("deadline", "timed_out", "policy", "deadline", None)
    ]


def test_audit_has_what_the_kernel_and_the_runs_end_cancelled(host, kernel):
    kernel.start("r1", kernel.request(host, "a1"), kernel.request(host, "a2"))
    kernel.append(
        "r1",
        4,
        {
            "type": "approval_resolved",
            "node_id": "A",
            "data": {"approval_id": "a1", "outcome": "cancelled"},
        },
        {"type": "workflow_completed", "data": 1},
    )
    assert entries(host, "approval_id", "action", "outcome") == [
        ("a1", "withdraw", "cancelled"),
        ("a2", "withdraw", "cancelled"),
    ]


def test_audit_has_each_vote_and_what_it_came_to(host, kernel):
    kernel.start("r1", kernel.request(host, need=2))
    for user in ("u1", "u2"):
        peer = Peer(identity=Identity(user=user), role="answer")
        host.client(peer).send(type="answer", approval_id="a1", value="yes")
    assert entries(host, "user", "outcome") == [("u1", "voted"), ("u2", "answered")]


def test_audit_has_refused_attempts_with_their_reason(host, kernel):
    kernel.start("r1", kernel.request(host))
    viewer = Peer(identity=Identity(user="v"), role="view")
    host.client(viewer).send(type="answer", approval_id="a1", value="yes")
    client = host.client()
    client.send(type="answer", approval_id="a1", value="yes", args_hash="other")
    client.send(type="answer", approval_id="a1", value="maybe")
    client.send(type="answer", approval_id="nothing", value="yes")
    assert entries(host, "user", "code", "args_hash")[:2] == [
        ("v", "forbidden", entries(host, "args_hash")[2][0]),
        ("alice", "conflict", "other"),
    ]
    assert [code for (code,) in entries(host, "code")] == [
        "forbidden",
        "conflict",
        "invalid",
        "no_such_approval",
    ]


@pytest.mark.parametrize("code", [None, "conflict"])
@pytest.mark.parametrize("order", ["cancel", "pause", "resume"])
def test_audit_has_orders_and_what_the_kernel_said(host, kernel, order, code):
    kernel.start("r1")
    kernel.take()
    host.client(bob()).send(type=order, run_id="r1")
    (told,) = kernel.take("order")
    kernel.send(
        type="order_reply",
        order_id=told["order_id"],
        **({"code": code, "message": "no"} if code else {}),
    )
    outcome = "refused" if code else "done"
    assert entries(host, "user", "action", "outcome", "run_id", "code") == [
        ("bob", order, outcome, "r1", code)
    ]


def test_audit_has_an_order_that_no_kernel_answered(host, kernel):
    kernel.start("r1")
    host.client().send(type="cancel", run_id="r1")
    host.tick(11)
    assert entries(host, "action", "outcome", "code") == [
        ("cancel", "refused", "unavailable")
    ]


def test_audit_has_the_start_of_a_workflow_with_its_row(host, kernel):
    published = [{"name": "w", "published_at": 1.0}]
    kernel.send(type="publish", n=1, workflows=published)
    host.client(bob()).send(type="start_workflow", workflow="w")
    (order,) = kernel.take("start")
    assert entries(host, "user", "action", "run_id", "workflow") == [
        ("bob", "start", order["run_id"], "w")
    ]


def test_wrong_approval_ids_are_limited_and_right_ones_are_not(make_host):
    host = make_host(limits=BrokerLimits(rate_limit_messages=20_000))
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    client = host.client()
    codes = []
    for n in range(10_000):
        frame = {"type": "answer", "approval_id": f"guess-{n}", "value": "yes"}
        if n % 2:
            frame = {"type": "node_input", "node_id": "A", "approval_id": f"g-{n}"}
        client.send(**frame)
        (error,) = client.take("error")
        codes.append(error["code"])
    assert codes == ["no_such_approval"] * 20 + ["rate_limited"] * 9_980
    assert error["retry_after"] > 0
    assert len(entries(host)) == 20
    ack = client.ask(type="answer", approval_id="a1", value="yes")
    assert ack["type"] == "ack"
    host.tick(61)
    reply = client.ask(type="answer", approval_id="guess", value="yes")
    assert reply["code"] == "no_such_approval"


def test_wrong_approval_ids_of_one_identity_count_together_over_sockets(host, kernel):
    kernel.start("r1")
    codes = []
    for n in range(25):
        reply = host.client().ask(type="answer", approval_id=f"g{n}", value=1)
        codes.append(reply["code"])
    assert codes == ["no_such_approval"] * 20 + ["rate_limited"] * 5
