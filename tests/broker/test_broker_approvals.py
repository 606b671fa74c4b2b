import pytest

from kgnb.broker import Identity, Peer


@pytest.fixture
def kernel(host):
    return host.kernel()


def opened(host, kernel, **data):
    kernel.start("r1", kernel.request(host, **data))
    return host.client()


def test_answer_first_valid_one_wins_and_everybody_hears_it(host, kernel):
    alice = opened(host, kernel)
    bob = host.client(Peer(identity=Identity(user="bob"), role="answer", via="page"))
    alice.send(type="subscribe", run_id="r1")
    alice.take()
    ack = bob.ask(type="answer", approval_id="a1", value="yes", id=7)
    assert (ack["type"], ack["id"], ack["run_id"]) == ("ack", 7, "r1")
    assert ack["data"]["value"] == "yes"
    assert ack["data"]["by"]["user"] == "bob"
    (event,) = alice.take()
    assert event["type"] == "approval_resolved"
    assert event["seq"] == 3
    assert event["data"] == ack["data"]
    late = alice.ask(type="answer", approval_id="a1", value="no")
    assert late["code"] == "already_answered"
    assert (late["data"]["value"], late["data"]["by"]["user"]) == ("yes", "bob")


def test_answer_racing_in_the_log_exactly_one_is_decided(host, kernel):
    opened(host, kernel)
    clients = [
        host.client(Peer(identity=Identity(user=f"u{n}"), role="answer"))
        for n in range(8)
    ]
    host.is_held = True
    for n, client in enumerate(clients):
        client.take()
        client.send(type="answer", approval_id="a1", value=["yes", "no"][n % 2], id=1)
    assert len(host.work) == 8
    host.settle()
    replies = [client.take()[0] for client in clients]
    assert [r["type"] for r in replies] == ["ack"] + ["error"] * 7
    assert {r["code"] for r in replies[1:]} == {"already_answered"}
    assert {r["data"]["value"] for r in replies[1:]} == {"yes"}
    resolved = [e for e in host.events() if e["type"] == "approval_resolved"]
    assert len(resolved) == 1


def test_answer_sent_again_by_another_socket_gets_the_same_reply(host, kernel):
    alice = opened(host, kernel)
    command = {"type": "answer", "approval_id": "a1", "value": "yes", "id": "x-1"}
    first = alice.ask(**command)
    assert host.client().ask(**command) == first
    assert sum(e["type"] == "approval_resolved" for e in host.events()) == 1


def test_answer_sent_again_after_a_restart_gets_the_same_reply(host, kernel, make_host):
    command = {"type": "answer", "approval_id": "a1", "value": "yes", "id": "x-1"}
    first = opened(host, kernel).ask(**command)
    again = make_host(tables=host.tables, now=host.now + 5)
    assert again.client().ask(**command) == first


def test_answer_with_the_same_id_and_another_value_is_late(host, kernel):
    alice = opened(host, kernel)
    alice.ask(type="answer", approval_id="a1", value="yes", id=1)
    other = host.client().ask(type="answer", approval_id="a1", value="no", id=1)
    assert other["code"] == "already_answered"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"value": "maybe"}, "invalid"),
        ({"value": "yes", "args_hash": "0" * 32}, "conflict"),
        ({"approval_id": "other", "value": "yes"}, "no_such_approval"),
    ],
)
def test_answer_refused_leaves_the_question_open(host, kernel, answer, code):
    alice = opened(host, kernel)
    before = len(host.events())
    reply = alice.ask(**{"type": "answer", "approval_id": "a1", "id": 3, **answer})
    assert (reply["type"], reply["code"], reply["id"]) == ("error", code, 3)
    assert len(host.events()) == before
    assert host.broker.statistics(host.now).open_approvals == 1


def test_answer_by_a_viewer_is_forbidden(host, kernel):
    opened(host, kernel)
    viewer = host.client(Peer(identity=Identity(user="v"), role="view"))
    reply = viewer.ask(type="answer", approval_id="a1", value="yes")
    assert reply["code"] == "forbidden"


@pytest.mark.parametrize(
    "scope", [{"run_scope": "r2"}, {"workflow_scope": "v"}, {"kernel_id": "k2"}]
)
def test_answer_out_of_scope_reads_like_a_missing_approval(host, kernel, scope):
    opened(host, kernel)
    stranger = host.client(Peer(identity=Identity(user="s"), role="owner", **scope))
    seen = stranger.ask(type="answer", approval_id="a1", value="yes")
    missing = stranger.ask(type="answer", approval_id="a2", value="yes")
    assert seen["code"] == missing["code"] == "no_such_approval"
    assert seen["message"].replace("a1", "a2") == missing["message"]


@pytest.mark.parametrize(
    ("asked", "good", "bad"),
    [
        ({"options": [1, True]}, True, 0),
        ({"options": [1]}, 1, True),
        ({"options": None, "kind": "text"}, "words", 3),
        ({"options": None, "kind": "confirm"}, False, "yes"),
        (
            {
                "options": None,
                "kind": "form",
                "schema": {"type": "object", "required": ["a"]},
            },
            {"a": 1},
            {},
        ),
    ],
)
def test_answer_value_is_held_to_what_was_asked(host, kernel, asked, good, bad):
    alice = opened(host, kernel, **asked)
    reply = alice.ask(type="answer", approval_id="a1", value=bad)
    assert reply["code"] == "invalid"
    assert alice.ask(type="answer", approval_id="a1", value=good)["type"] == "ack"


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "http://example.invalid/x.json"}, {"type": "nonsense"}, {"minimum": "a"}],
)
def test_answer_against_a_broken_schema_fetches_nothing_and_says_so(
    host, kernel, schema
):
    alice = opened(host, kernel, options=None, kind="form", schema=schema)
    assert alice.ask(type="answer", approval_id="a1", value=1)["code"] == "invalid"


def test_deadline_takes_the_value_named_for_it(host, kernel):
    alice = opened(host, kernel, timeout=30, on_timeout="no")
    alice.send(type="subscribe", run_id="r1")
    alice.take()
    host.tick(29.9)
    assert alice.take("approval_resolved") == []
    host.tick(0.2)
    (event,) = alice.take("approval_resolved")
    assert event["data"]["outcome"] == "timed_out"
    assert event["data"]["value"] == "no"
    assert event["data"]["by"]["kind"] == "policy"
    late = alice.ask(type="answer", approval_id="a1", value="yes")
    assert (late["code"], late["data"]["value"]) == ("expired", "no")


def test_deadline_passed_but_not_yet_ticked_refuses_an_answer(host, kernel):
    alice = opened(host, kernel, timeout=30)
    host.now += 31
    assert alice.ask(type="answer", approval_id="a1", value="yes")["code"] == "expired"
    assert host.events()[-1]["data"]["outcome"] == "timed_out"


def test_deadline_is_kept_over_a_restart(host, kernel, make_host):
    opened(host, kernel, timeout=30)
    again = make_host(tables=host.tables, now=host.now + 20)
    again.tick(9)
    assert [e["type"] for e in again.events()].count("approval_resolved") == 0
    again.tick(2)
    assert [e["type"] for e in again.events()].count("approval_resolved") == 1


def test_deadline_by_a_kernel_whose_clock_is_a_day_off_is_a_duration(host, kernel):
    request = kernel.request(host, timeout=30)
    host.now += 86_400
    kernel.start("r1", request)
    host.tick(29)
    assert host.events()[-1]["type"] == "approval_request"
    host.tick(2)
    assert host.events()[-1]["type"] == "approval_resolved"


def test_deadline_while_the_log_fails_waits_and_is_decided_once(host, kernel):
    opened(host, kernel, timeout=30)
    host.is_failing = True
    host.tick(31)
    host.tick(0.5)
    assert host.events()[-1]["type"] == "approval_request"
    host.is_failing = False
    host.tick(2)
    host.tick(2)
    assert [e["type"] for e in host.events()].count("approval_resolved") == 1


def test_deadline_racing_an_answer_only_one_is_decided(host, kernel):
    alice = opened(host, kernel, timeout=30)
    alice.take()
    host.is_held = True
    alice.send(type="answer", approval_id="a1", value="yes")
    host.tick(31)
    assert len(host.work) == 2
    host.settle()
    assert alice.take()[0]["type"] == "ack"
    assert [e["type"] for e in host.events()].count("approval_resolved") == 1


def test_answer_while_the_log_fails_is_unavailable_and_not_taken(host, kernel):
    alice = opened(host, kernel)
    host.is_failing = True
    reply = alice.ask(type="answer", approval_id="a1", value="yes", id=1)
    assert (reply["code"], reply["retry_after"]) == ("unavailable", 1.0)
    host.is_failing = False
    assert alice.ask(type="answer", approval_id="a1", value="no", id=2)["type"] == "ack"


def test_question_asked_again_alike_is_the_same_one(host, kernel):
    alice = opened(host, kernel)
    kernel.append("r1", 3, kernel.request(host))
    assert host.broker.statistics(host.now).open_approvals == 1
    alice.ask(type="answer", approval_id="a1", value="yes")
    kernel.append("r1", 4, kernel.request(host))
    types = [(e["type"], e.get("data", {}).get("outcome")) for e in host.events()]
    assert types[1:] == [
        ("approval_request", None),
        ("approval_request", None),
        ("approval_resolved", "answered"),
        ("approval_request", None),
        ("approval_resolved", "answered"),
    ]
    assert host.broker.statistics(host.now).open_approvals == 0


def test_question_asked_again_otherwise_supersedes_the_old_one(host, kernel):
    alice = opened(host, kernel)
    shown = host.events()[-1]["data"]["args_hash"]
    kernel.append("r1", 3, kernel.request(host, payload="new text"))
    old, new = host.events()[-2:]
    assert old["data"]["outcome"] == "cancelled"
    assert old["data"]["reason"] == "superseded"
    assert old["data"]["args_hash"] == shown
    assert new["data"]["payload"] == "new text"
    stale = alice.ask(type="answer", approval_id="a1", value="yes", args_hash=shown)
    assert stale["code"] == "conflict"
    fresh = alice.ask(
        type="answer",
        approval_id="a1",
        value="yes",
        args_hash=new["data"]["args_hash"],
    )
    assert fresh["type"] == "ack"


def test_answer_sent_again_does_not_answer_the_question_that_followed(
    host, kernel, make_host
):
    alice = opened(host, kernel)
    answer = {"type": "answer", "approval_id": "a1", "value": "yes", "id": "1"}
    first = alice.ask(**answer)
    for n in range(3, 6):
        kernel.append("r1", n, kernel.request(host, payload=f"text {n}"))
        assert alice.ask(**answer) == first
    again = make_host(tables=host.tables, now=host.now)
    assert again.client().ask(**answer) == first
    assert again.broker.statistics(again.now).open_approvals == 1
    assert again.client().ask(**answer | {"id": "2"})["type"] == "ack"
    assert again.broker.statistics(again.now).open_approvals == 0


def test_question_asked_again_while_its_answer_is_under_way_keeps_the_answer(
    host, kernel
):
    alice = opened(host, kernel)
    alice.take()
    host.is_held = True
    alice.send(type="answer", approval_id="a1", value="yes")
    kernel.append("r1", 3, kernel.request(host))
    host.settle()
    assert alice.take()[0]["type"] == "ack"
    assert [e["type"] for e in host.events()[-3:]] == [
        "approval_resolved",
        "approval_request",
        "approval_resolved",
    ]


def test_run_end_closes_what_is_open_in_the_same_transaction(host, kernel):
    alice = opened(host, kernel)
    host.is_held = True
    kernel.append("r1", 3, {"type": "workflow_completed", "data": 1})
    assert len(host.work) == 1
    transaction = host.work[0].transaction
    assert len(transaction.appends[0].payloads) == 2
    host.settle()
    host.is_held = False
    assert [e["type"] for e in host.events()[-2:]] == [
        "approval_resolved",
        "workflow_completed",
    ]
    assert host.events()[-2]["data"]["outcome"] == "cancelled"
    late = alice.ask(type="answer", approval_id="a1", value="yes")
    assert late["code"] == "conflict"


def test_run_end_racing_an_answer_that_wins_is_stored_all_the_same(host, kernel):
    alice = opened(host, kernel)
    alice.take()
    host.is_held = True
    alice.send(type="answer", approval_id="a1", value="yes")
    kernel.append("r1", 3, {"type": "workflow_completed", "data": 1})
    host.settle()
    assert [e["type"] for e in host.events()[-2:]] == [
        "approval_resolved",
        "workflow_completed",
    ]
    assert host.events()[-2]["data"]["outcome"] == "answered"


def test_kernel_may_cancel_its_own_question_but_not_answer_it(host, kernel):
    opened(host, kernel)
    resolved = {
        "type": "approval_resolved",
        "node_id": "A",
        "data": {"approval_id": "a1", "outcome": "answered", "value": "yes"},
    }
    kernel.take()
    kernel.append("r1", 3, resolved)
    assert kernel.take()[0]["code"] == "invalid"
    resolved["data"] = {"approval_id": "a1", "outcome": "cancelled", "reason": "unread"}
    kernel.append("r1", 3, resolved)
    assert host.events()[-1]["data"]["reason"] == "unread"
    kernel.append("r1", 4, resolved)
    assert len(host.events()) == 3
    assert kernel.take()[-1] == {"type": "appended", "run_id": "r1", "n": 4, "seq": 3}


def test_kernel_naming_another_runs_approval_is_refused(host, kernel):
    opened(host, kernel)
    kernel.take()
    kernel.start("r2", kernel.request(host))
    assert kernel.take()[0]["code"] == "invalid"


@pytest.mark.parametrize("data", ["yes", {"action": "yes"}, {"value": "yes"}])
def test_node_input_answers_the_only_question_of_its_node(host, kernel, data):
    alice = opened(host, kernel)
    reply = alice.ask(type="node_input", run_id="r1", node_id="A", data=data)
    assert reply["data"]["value"] == "yes"


def test_node_input_sent_again_does_not_answer_the_next_question(host, kernel):
    alice = opened(host, kernel)
    command = {"type": "node_input", "run_id": "r1", "node_id": "A", "data": "no"}
    first = alice.ask(**command, id=7)
    kernel.append("r1", 3, kernel.request(host, "a2"))
    assert alice.ask(**command, id=7) == first
    assert host.broker.statistics(host.now).open_approvals == 1
    assert alice.ask(**command, id=8)["data"]["approval_id"] == "a2"


def test_node_input_with_two_questions_at_the_node_needs_an_id(host, kernel):
    kernel.start("r1", kernel.request(host), kernel.request(host, "a2", payload=1))
    alice = host.client()
    command = {"type": "node_input", "run_id": "r1", "node_id": "A", "data": "yes"}
    assert alice.ask(**command)["code"] == "conflict"
    assert alice.ask(**command, approval_id="a2")["type"] == "ack"


def test_script_answers_are_marked_as_a_scripts(host, kernel):
    opened(host, kernel)
    kernel.take()
    kernel.send(type="open", channel="c", via="script")
    kernel.send(
        type="frame",
        channel="c",
        frame={"type": "answer", "approval_id": "a1", "value": "yes"},
    )
    hello, ack = [f["frame"] for f in kernel.take("frame")]
    assert hello["type"] == "hello"
    assert ack["data"]["by"]["kind"] == "script"


def test_row_written_by_somebody_else_is_taken_over(host, kernel, make_host):
    """What a second broker on the log decides, the first one accepts."""
    alice = opened(host, kernel)
    other = make_host(tables=host.tables, now=host.now)
    bob = other.client(Peer(identity=Identity(user="bob"), role="answer"))
    assert bob.ask(type="answer", approval_id="a1", value="no")["type"] == "ack"
    late = alice.ask(type="answer", approval_id="a1", value="yes")
    assert (late["code"], late["data"]["value"]) == ("already_answered", "no")
