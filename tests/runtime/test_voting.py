"""Votes as the asking side sees them; the counting has its tests with the broker."""

import functools
import json

import pytest

from kgnb.broker import BrokerDriver, Identity, Peer, Voters
from kgnb.errors import ApprovalCancelled, InvalidValue, Unanswerable, Undecided
from kgnb.protocol import codec
from kgnb.runtime import ask, home, ports, run


class Sink:
    is_congested = False

    def __init__(self):
        self.frames = []

    def send_nowait(self, frame):
        self.frames.append(json.loads(frame.payload))

    def close_nowait(self, code, reason):
        pass


@pytest.fixture
def people(monkeypatch, eventually):
    """The kernel's own broker as a server that knows people; call it to vote."""
    voters = Voters(are_known=True, key=b"secret")
    knowing = functools.partial(BrokerDriver, voters=voters)
    monkeypatch.setattr(ports, "BrokerDriver", knowing)

    def vote(handle, user, value, **fields):
        (approval,) = eventually(
            lambda: [a for a in handle.approvals if a.state == "open"]
        )
        sink, at_home = Sink(), home.current()
        peer = Peer(identity=Identity(user=user, name=user.title()), role="answer")
        command = {
            "type": "answer",
            "approval_id": approval.approval_id,
            "value": value,
            "id": 1,
            **fields,
        }

        def send():
            attachment = at_home._local._driver.connect(peer, sink)
            attachment.receive(codec.encode(command))

        at_home.on_link(send)
        return eventually(
            lambda: next((f for f in sink.frames if f["type"] != "hello"), None)
        )

    return vote


def ballot(**options):
    """A run's function that asks for a vote and gives the answer."""
    answers = []

    def question():
        options.setdefault("options", ["ship", "hold"])
        answers.append(ask("Ship it?", **options).result())
        return answers[0].value

    question.answers = answers
    return question


def test_vote_of_two_gives_the_answer_with_its_votes(people, eventually):
    question = ballot(need=2, approvers=["ada", "grace", "linus"])
    handle = run(question)
    people(handle, "ada", "ship", reason="tested")
    # The acknowledgement may be here before the kernel has read the vote.
    eventually(lambda: handle.approvals[0].votes)
    (approval,) = handle.approvals
    assert (approval.need, approval.state) == (2, "open")
    assert [(v.user, v.value) for v in approval.votes] == [("Ada", "ship")]
    people(handle, "grace", "ship")
    assert handle.result(10).value == "ship"
    (answer,) = question.answers
    assert [(v.user, v.value, v.reason) for v in answer.votes] == [
        ("Ada", "ship", "tested"),
        ("Grace", "ship", None),
    ]
    assert all(vote.at for vote in answer.votes)
    assert (answer.by.user, answer.by.kind) == ("Grace", "human")


def test_veto_gives_the_answer_of_one(people):
    question = ballot(need=3, veto="hold")
    handle = run(question)
    people(handle, "ada", "ship")
    people(handle, "linus", "hold", reason="red tests")
    assert handle.result(10).value == "hold"
    (answer,) = question.answers
    assert (answer.by.user, answer.reason, len(answer.votes)) == (
        "Linus",
        "red tests",
        2,
    )


def test_split_vote_raises_undecided_with_the_votes(people):
    handle = run(ballot(need=2, approvers=["ada", "grace"]))
    people(handle, "ada", "ship")
    people(handle, "grace", "hold")
    with pytest.raises(Undecided, match="no majority is possible") as caught:
        handle.result(10)
    assert isinstance(caught.value, ApprovalCancelled)
    assert [(v.user, v.value) for v in caught.value.votes] == [
        ("Ada", "ship"),
        ("Grace", "hold"),
    ]


def test_split_vote_may_be_put_again(people, eventually):
    def question():
        while True:
            try:
                answer = ask(
                    "Ship?", options=["yes", "no"], need=2, approvers=["ada", "grace"]
                ).result()
            except Undecided:
                continue
            return answer.value

    handle = run(question)
    people(handle, "ada", "yes")
    people(handle, "grace", "no")
    eventually(lambda: [a.state for a in handle.approvals] == ["cancelled", "open"])
    people(handle, "ada", "no")
    people(handle, "grace", "no")
    result = handle.result(10)
    assert result.value == "no"
    assert [a.state for a in result.approvals] == ["cancelled", "answered"]


def test_named_approver_alone_is_asked_without_a_vote(people):
    question = ballot(approvers=["grace"])
    handle = run(question)
    refused = people(handle, "ada", "ship")
    assert refused["code"] == "forbidden"
    people(handle, "grace", "hold")
    assert handle.result(10).value == "hold"
    assert question.answers[0].votes == ()


def test_deadline_of_a_vote_gives_on_timeout_and_the_votes_so_far(people):
    question = ballot(need=2, timeout=0.3, on_timeout="hold")
    handle = run(question)
    people(handle, "ada", "ship")
    assert handle.result(10).value == "hold"
    (answer,) = question.answers
    assert (answer.outcome, [v.user for v in answer.votes]) == ("timed_out", ["Ada"])


def test_vote_is_not_the_kernels_to_decide(people, eventually):
    handle = run(ballot(need=2))
    (approval,) = eventually(lambda: handle.approvals)
    with pytest.raises(Exception, match="nobody signs in to a kernel") as caught:
        handle.answer(approval.approval_id, "ship")
    assert caught.value.code == "forbidden"
    handle.cancel()


@pytest.mark.parametrize("mode", ["ci", "live"])
def test_script_decides_a_vote_alone_and_needs_no_people(mode):
    question = ballot(need=2, approvers=["ada", "grace"], veto="hold")
    result = run(question, answers={"Ship it?": "ship"}, mode=mode).result(10)
    assert result.value == "ship"
    (answer,) = question.answers
    assert (answer.by.kind, answer.votes) == ("script", ())


@pytest.mark.parametrize("options", [{"need": 2}, {"approvers": ["ada"]}])
def test_vote_where_nobody_can_be_told_apart_says_how_to_get_there(options):
    with pytest.raises(Unanswerable) as caught:
        run(ballot(**options)).result(10)
    text = str(caught.value)
    assert f"{next(iter(options))}=" in text
    assert "JupyterHub" in text
    assert "answers=" in text


def test_vote_that_cannot_be_held_cannot_be_held_when_asked_again():
    def question():
        for _ in range(2):
            with pytest.raises(Unanswerable):
                ask("?", options=[1, 2], need=2)
        return "both refused"

    assert run(question).result(10).value == "both refused"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"need": 0}, "need=0: expected a number of people from 1"),
        ({"need": 1.5}, "need=1.5"),
        ({"need": True}, "need=True"),
        ({"need": 2, "options": None}, "people agree by choosing the same option"),
        ({"need": 2, "options": None, "kind": "edit", "payload": "x"}, "same option"),
        ({"need": 2, "approvers": ["ada"]}, "too few"),
        ({"need": 2, "approvers": ["ada", "ada"]}, "too few"),
        ({"approvers": []}, "too few"),
        ({"approvers": "ada"}, "expected a list of user names"),
        ({"approvers": ["ada", ""]}, "expected a list of user names"),
        ({"need": 2, "veto": "stop"}, "expected one or some of 'ship', 'hold'"),
        ({"need": 2, "veto": []}, "expected one or some of"),
        ({"veto": "hold"}, "every answer decides by itself"),
        ({"need": 2, "options": None, "kind": "confirm", "veto": 0}, "True, False"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused_at_the_call(people, options, match):
    with pytest.raises(InvalidValue, match=match):
        run(ballot(**options)).result(10)


def test_yes_or_no_question_can_be_voted_on(people):
    handle = run(ballot(options=None, kind="confirm", need=2, veto=False))
    people(handle, "ada", value=True)
    people(handle, "grace", value=True)
    assert handle.result(10).value is True


def test_rules_are_part_of_what_was_shown(people, eventually):
    hashes = []
    for options in ({"need": 2}, {"need": 3}, {"need": 2, "veto": "hold"}, {}):
        handle = run(ballot(**options))
        (approval,) = eventually(lambda handle=handle: handle.approvals)
        hashes.append(approval.args_hash)
        handle.cancel()
    assert len(set(hashes)) == 4
