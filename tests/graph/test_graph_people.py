"""The node ``Vote``, with a script in the people's place; see tests/runtime too."""

import pytest

import kgnb
from kgnb.errors import InvalidValue, OutsideRun, Undecided
from kgnb.graph import Graph, Node, Vote
from kgnb.graph.context import current_context
from kgnb.runtime import home

RULES = {"need": 2, "approvers": ["ada", "grace"], "veto": "hold"}


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    home.shutdown()


class Reached(Node):
    def prep(self, shared):
        shared["reached"] = self.node_id


def voting(**options):
    vote = Vote("Ship it?", **{"options": ["ship", "hold"], **RULES, **options})
    vote - "ship" >> Reached(node_id="deploy")
    vote - "hold" >> Reached(node_id="report")
    return Graph(vote, name="release")


@pytest.mark.parametrize(
    ("option", "reached"), [("ship", "deploy"), ("hold", "report")]
)
def test_vote_follows_the_winning_option_and_keeps_it(option, reached):
    shared = {}
    kgnb.run(voting(), shared, answers=[option]).result(10)
    assert shared == {"vote": option, "reached": reached}


def test_vote_asks_with_its_rules():
    result = kgnb.run(voting(name="gate"), {}, answers={"gate": "ship"}).result(10)
    (approval,) = result.approvals
    assert (approval.need, approval.approvers, approval.veto) == (
        2,
        ["ada", "grace"],
        ["hold"],
    )
    assert (approval.name, approval.by.kind) == ("gate", "script")


def test_vote_makes_message_and_payload_of_shared():
    vote = Vote(
        lambda shared: f"Ship {shared['version']}?",
        options=["ship", "hold"],
        payload=lambda shared: shared["notes"],
        writes="choice",
    )
    shared = {"version": "2.1", "notes": "all green"}
    handle = kgnb.run(Graph(vote), shared, answers={"Ship 2.1?": "hold"})
    (approval,) = handle.result(10).approvals
    assert (approval.payload, shared["choice"]) == ("all green", "hold")


def test_vote_without_writes_leaves_shared_alone():
    shared = {}
    kgnb.run(
        Graph(Vote("?", options=["a"], writes=None)), shared, answers=["a"]
    ).result(10)
    assert shared == {}


def test_vote_in_a_loop_is_held_anew_each_time():
    vote = Vote("Good?", options=["again", "done"], need=2)
    vote - "again" >> vote
    vote - "done" >> Reached(node_id="end")
    result = kgnb.run(Graph(vote), {}, answers=["again", "again", "done"]).result(10)
    assert [a.value for a in result.approvals] == ["again", "again", "done"]


class SplitVote:
    """A context in which every vote is split."""

    def ask(self, message, **_):
        raise Undecided(f"ask({message!r}) was not decided", votes=[])


@pytest.fixture
def split():
    token = current_context.set(SplitVote())
    yield
    current_context.reset(token)


def test_vote_that_is_split_takes_the_way_undecided(split):
    shared = {}
    vote = Vote("?", options=["ship", "hold"], undecided="hold")
    assert (vote.run(shared), shared) == ("hold", {"vote": "hold"})


def test_vote_that_is_split_raises_where_there_is_no_such_way(split):
    with pytest.raises(Undecided):
        Vote("?", options=["ship", "hold"]).run({})


def test_vote_outside_a_run_says_that_there_is_nobody():
    with pytest.raises(OutsideRun, match=r"Vote.*kgnb\.run"):
        Vote("?", options=["a", "b"]).run({})


@pytest.mark.parametrize("options", ["ship", [], [1, 2], None])
def test_vote_whose_options_are_no_actions_is_refused(options):
    with pytest.raises(InvalidValue, match="expected a list of str"):
        Vote("?", options=options)
