import pytest

from kgnb.broker import Identity, Peer, Voters
from kgnb.protocol import RunView, decode_event, encode, fold


@pytest.fixture
def kernel(host):
    return host.kernel()


def opened(host, kernel, *, approval="a1", **data):
    kernel.start("r1", kernel.request(host, approval, **data))


def person(host, user, **identity):
    named = {"name": user.capitalize(), **identity}
    return host.client(Peer(identity=Identity(user=user, **named), role="answer"))


def vote(client, value, **fields):
    return client.ask(type="answer", approval_id="a1", value=value, **fields)


def told(host):
    """What the log says of the approval, without its questions."""
    types = ("approval_vote", "approval_resolved")
    return [e for e in host.events() if e["type"] in types]


def test_votes_the_needed_number_of_agreeing_people_decides(host, kernel):
    opened(host, kernel, need=2)
    ada, bob, eve = (person(host, name) for name in ("ada", "bob", "eve"))
    first = vote(ada, "yes", id=1)
    assert first["data"] == {"votes": 1, "need": 2}
    assert vote(ada, "yes", id=1) == first
    assert vote(bob, "no", id=1)["data"] == {"votes": 2, "need": 2}
    last = vote(eve, "yes", id=1)
    assert (last["data"]["value"], last["data"]["by"]["user"]) == ("yes", "Eve")
    assert [(v["user"], v["value"]) for v in last["data"]["votes"]] == [
        ("Ada", "yes"),
        ("Bob", "no"),
        ("Eve", "yes"),
    ]


def test_vote_is_told_at_once_with_those_before_it(host, kernel):
    opened(host, kernel, need=2)
    watcher = person(host, "wim")
    watcher.ask(type="subscribe", run_id="r1", topics=["approvals"])
    vote(person(host, "ada"), "yes", reason="tested")
    (event,) = watcher.take("approval_vote")
    assert event["seq"] == 3
    (cast,) = event["data"]["votes"]
    assert (cast["user"], cast["value"], cast["reason"]) == ("Ada", "yes", "tested")
    vote(person(host, "bob"), "yes")
    voted, resolved = watcher.take()
    assert [v["user"] for v in voted["data"]["votes"]] == ["Ada", "Bob"]
    assert (voted["seq"], resolved["seq"]) == (4, 5)
    assert resolved["data"]["votes"] == voted["data"]["votes"]


def test_vote_shows_the_name_and_never_the_identity(host, kernel):
    opened(host, kernel, need=2)
    ada = person(host, "ada-7f3e", name="Ada")
    (hello,) = ada.take("hello")
    vote(ada, "yes")
    (event,) = told(host)
    assert "ada-7f3e" not in str(event)
    (cast,) = event["data"]["votes"]
    assert cast["voter"] == hello["identity"]["voter"]
    assert hello["identity"]["user"] == "ada-7f3e"


def test_second_vote_of_a_person_is_a_conflict_on_any_socket(host, kernel):
    opened(host, kernel, need=2)
    vote(person(host, "ada"), "yes")
    for value in ("yes", "no"):
        again = vote(person(host, "ada"), value)
        assert again["code"] == "conflict"
        assert "voted already, for 'yes'" in again["message"]
    assert len(told(host)) == 1


def test_people_of_the_same_name_are_two_voters(host, kernel):
    opened(host, kernel, need=2)
    for user in ("alex1", "alex2"):
        reply = vote(person(host, user, name="Alex"), "yes")
        assert reply["type"] == "ack"
    first, second = told(host)[-1]["data"]["votes"]
    assert (first["user"], second["user"]) == ("Alex", "Alex")
    assert first["voter"] != second["voter"]


def test_votes_are_kept_when_the_question_is_asked_again_alike(host, kernel):
    opened(host, kernel, need=2)
    vote(person(host, "ada"), "yes")
    kernel.append("r1", 4 - 1, kernel.request(host, need=2))
    assert vote(person(host, "bob"), "yes")["data"]["outcome"] == "answered"


def test_votes_fall_away_when_something_else_is_asked(host, kernel):
    opened(host, kernel, need=2)
    vote(person(host, "ada"), "yes")
    kernel.append("r1", 3, kernel.request(host, need=2, message="Publish all?"))
    assert vote(person(host, "bob"), "yes")["data"] == {"votes": 1, "need": 2}
    superseded = told(host)[1]
    assert superseded["data"]["reason"] == "superseded"
    assert [v["user"] for v in superseded["data"]["votes"]] == ["Ada"]


def test_vote_sent_again_after_the_decision_gets_its_acknowledgement(host, kernel):
    opened(host, kernel, need=2)
    ada = person(host, "ada")
    vote(ada, "yes", id=1)
    vote(person(host, "bob"), "yes", id=1)
    again = vote(ada, "yes", id=1)
    assert (again["type"], again["data"]["outcome"]) == ("ack", "answered")


@pytest.mark.parametrize(
    "identity",
    [
        Identity(user="token", kind="token"),
        Identity(user="0f" * 16, kind="anonymous"),
        Identity(user="0f" * 16, name="Ada", is_self_named=True),
        Identity(user="link-1", name="Ada", kind="link"),
    ],
    ids=lambda identity: identity.kind,
)
def test_votes_of_nobody_in_particular_do_not_count(host, kernel, identity):
    opened(host, kernel, need=2)
    reply = vote(host.client(Peer(identity=identity, role="answer")), "yes")
    assert reply["code"] == "forbidden"
    assert "identity of your own" in reply["message"]
    assert told(host) == []


def test_votes_on_a_host_that_knows_no_people_do_not_count(make_host):
    host = make_host(voters=Voters())
    kernel = host.kernel()
    opened(host, kernel, need=2)
    assert kernel.take("welcome")[0].get("knows_people", False) is False
    ada = person(host, "ada")
    assert ada.take("hello")[0]["identity"]["voter"] is None
    assert vote(ada, "yes")["code"] == "forbidden"


def test_welcome_tells_a_kernel_that_votes_can_be_counted(host):
    assert host.kernel().take("welcome")[0]["knows_people"] is True


def test_approvers_others_are_forbidden(host, kernel):
    opened(host, kernel, approvers=["carol"])
    # Whoever may choose his shown name must not become carol by it.
    assert vote(person(host, "c-17", name="carol"), "yes")["code"] == "forbidden"
    reply = vote(person(host, "carol"), "yes")
    assert (reply["data"]["outcome"], reply["data"].get("votes")) == ("answered", None)


def test_approvers_of_a_vote_are_named_with_their_votes(host, kernel):
    opened(host, kernel, need=2, approvers=["ada", "bob", "eve"])
    assert vote(person(host, "zoe"), "yes")["code"] == "forbidden"
    vote(person(host, "ada", name="Ada Lovelace"), "yes")
    (cast,) = told(host)[0]["data"]["votes"]
    assert (cast["user"], cast["approver"]) == ("Ada Lovelace", "ada")


def test_veto_of_one_voter_decides(host, kernel):
    opened(host, kernel, need=3, veto=["no"])
    assert vote(person(host, "ada"), "yes")["data"] == {"votes": 1, "need": 3}
    ack = vote(person(host, "bob"), "no", reason="not tested")
    assert (ack["data"]["value"], ack["data"]["by"]["user"]) == ("no", "Bob")
    assert [v["value"] for v in ack["data"]["votes"]] == ["yes", "no"]
    assert ack["data"]["reason"] == "not tested"


def test_veto_of_one_who_is_no_approver_is_forbidden(host, kernel):
    opened(host, kernel, need=2, approvers=["ada", "bob"], veto=["no"])
    assert vote(person(host, "zoe"), "no")["code"] == "forbidden"
    assert told(host) == []


def test_vote_that_no_option_can_win_is_cancelled_at_once(host, kernel):
    opened(host, kernel, need=2, approvers=["ada", "bob"])
    vote(person(host, "ada"), "yes")
    ack = vote(person(host, "bob"), "no")
    data = ack["data"]
    assert (data["outcome"], data["by"]["via"]) == ("cancelled", "votes")
    assert data["reason"] == (
        "no majority is possible: it needs 2 for one option ('yes': 1, 'no': 1)"
    )
    assert [e["type"] for e in told(host)] == [
        "approval_vote",
        "approval_vote",
        "approval_resolved",
    ]
    late = vote(person(host, "ada"), "no")
    assert (late["code"], "no majority" in late["message"]) == ("conflict", True)


def test_split_vote_waits_while_a_veto_can_still_decide(host, kernel):
    opened(
        host,
        kernel,
        options=["yes", "no", "stop"],
        need=3,
        approvers=["ada", "bob", "eve"],
        veto=["stop"],
    )
    vote(person(host, "ada"), "yes")
    assert vote(person(host, "bob"), "no")["data"] == {"votes": 2, "need": 3}
    assert vote(person(host, "eve"), "stop")["data"]["value"] == "stop"


def test_vote_without_named_approvers_waits_for_more_people(host, kernel):
    opened(host, kernel, need=2, options=["a", "b", "c"])
    for name, value in (("ada", "a"), ("bob", "b"), ("eve", "c")):
        assert vote(person(host, name), value)["data"]["need"] == 2
    assert vote(person(host, "zoe"), "b")["data"]["value"] == "b"


def test_vote_for_true_is_none_for_one(host, kernel):
    opened(host, kernel, need=2, options=[1, True])
    vote(person(host, "ada"), 1)
    assert vote(person(host, "bob"), True)["data"] == {"votes": 2, "need": 2}


def test_deadline_of_a_vote_keeps_the_votes_it_had(host, kernel):
    opened(host, kernel, need=2, timeout=5, on_timeout="no")
    vote(person(host, "ada"), "yes")
    host.tick(6.0)
    data = told(host)[-1]["data"]
    assert (data["outcome"], data["value"]) == ("timed_out", "no")
    assert [v["user"] for v in data["votes"]] == ["Ada"]


def test_script_of_the_kernel_decides_a_vote_alone(host, kernel):
    opened(host, kernel, need=2, approvers=["ada", "bob"])
    kernel.send(type="open", channel="c1", via="script")
    answer = {"type": "answer", "approval_id": "a1", "value": "yes"}
    kernel.send(type="frame", channel="c1", frame=answer)
    data = told(host)[-1]["data"]
    assert (data["value"], data["by"]["kind"]) == ("yes", "script")
    assert "votes" not in data


@pytest.mark.parametrize("via", ["kernel", "control", "comm", "python"])
def test_view_behind_the_kernel_has_no_vote(host, kernel, via):
    opened(host, kernel, need=2)
    kernel.send(type="open", channel="c1", via=via)
    answer = {"type": "answer", "approval_id": "a1", "value": "yes"}
    kernel.send(type="frame", channel="c1", frame=answer)
    assert told(host) == []
    assert kernel.take("frame")[-1]["frame"]["code"] == "forbidden"


def test_client_that_calls_itself_a_script_has_one_vote(host, kernel):
    opened(host, kernel, need=2)
    peer = Peer(identity=Identity(user="ada"), role="answer", via="script")
    assert vote(host.client(peer), "yes")["data"] == {"votes": 1, "need": 2}


def test_kernel_that_sends_votes_is_refused(host, kernel):
    opened(host, kernel, need=2)
    kernel.take()
    data = {"approval_id": "a1", "args_hash": "x", "votes": []}
    kernel.append("r1", 3, {"type": "approval_vote", "node_id": "A", "data": data})
    assert kernel.take()[-1]["code"] == "invalid"


def test_reason_that_is_too_long_is_refused(host, kernel):
    opened(host, kernel, need=2)
    reply = vote(person(host, "ada"), "yes", reason="x" * 4001)
    assert (reply["code"], "4000" in reply["message"]) == ("invalid", True)


def test_votes_of_many_at_once_are_counted_once_each(host, kernel):
    opened(host, kernel, need=20)
    host.is_held = True
    people = [person(host, f"u{n}") for n in range(40)]
    for client in people:
        client.take()
        for number in range(2):
            client.send(type="answer", approval_id="a1", value="yes", id=number)
    host.settle()
    replies = [client.take("ack", "error") for client in people]
    assert all(len(pair) == 2 for pair in replies)
    assert sum(e["type"] == "approval_resolved" for e in host.events()) == 1
    votes = told(host)[-1]["data"]["votes"]
    assert len({v["voter"] for v in votes}) == len(votes) == 20


def test_votes_outlive_a_restart_of_the_server(host, kernel, make_host):
    opened(host, kernel, need=2, approvers=["ada", "bob", "eve"])
    vote(person(host, "ada"), "yes", id=1)
    again = make_host(tables=host.tables)
    assert vote(person(again, "ada"), "no")["code"] == "conflict"
    assert vote(person(again, "bob"), "yes")["data"]["value"] == "yes"
    resolved = told(again)[-1]["data"]
    assert [v["user"] for v in resolved["votes"]] == ["Ada", "Bob"]


def test_vote_that_the_log_does_not_take_is_no_vote(host, kernel):
    opened(host, kernel, need=2)
    host.is_failing = True
    ada = person(host, "ada")
    assert vote(ada, "yes")["code"] == "unavailable"
    host.is_failing = False
    assert told(host) == []
    assert vote(ada, "yes")["data"] == {"votes": 1, "need": 2}


def test_votes_are_in_the_view_of_a_late_reader(host, kernel):
    opened(host, kernel, need=3, veto=["no"])
    vote(person(host, "ada"), "yes")
    vote(person(host, "bob"), "yes")
    view = RunView()
    late = person(host, "eve")
    late.take()
    late.send(type="subscribe", run_id="r1")
    for frame in late.take():
        if "workflow_id" in frame:
            fold(view, decode_event(encode(frame)))
    (approval,) = view.approvals
    assert [(v.user, v.value) for v in approval.votes] == [
        ("Ada", "yes"),
        ("Bob", "yes"),
    ]
    assert (approval.state, approval.veto) == ("open", ["no"])
