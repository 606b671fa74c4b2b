"""The WebSocket nodes by themselves: what they hand on, and that no run is needed."""

import asyncio

import pytest

from kgnb.errors import InvalidValue, OutsideRun
from kgnb.graph import (
    AsyncGraph,
    BroadcastWebSocketNode,
    ChatWebSocketNode,
    CollaborativeWebSocketNode,
    InteractiveWebSocketNode,
    ProgressWebSocketNode,
    WebSocketNode,
)
from kgnb.graph.shared_nodes import Session, participant_of
from kgnb.protocol.events import By
from kgnb.runtime import Answer


class Keeps(WebSocketNode):
    """Returns what its exec was handed."""

    async def exec_async(self, topic):
        return topic

    async def post_async(self, shared, prep_res, exec_res):
        shared["got"] = exec_res


def run_alone(node, shared):
    return asyncio.run(AsyncGraph(node).run_async(shared))


def test_prep_hands_on_the_entry_named_like_the_parameter():
    shared = {"topic": "tides", "other": 1}
    run_alone(Keeps(), shared)
    assert shared["got"] == "tides"


def test_prep_without_such_an_entry_hands_on_shared_itself():
    shared = {"other": 1}
    run_alone(Keeps(), shared)
    assert shared["got"] is shared


def test_prep_of_several_parameters_hands_on_shared_itself():
    class Two(Keeps):
        async def exec_async(self, topic, more=None):
            return topic

    shared = {"topic": "tides"}
    run_alone(Two(), shared)
    assert shared["got"] is shared


def test_prep_hands_on_a_shared_state_that_is_no_dict():
    class Holder:
        topic = "tides"

    holder = Holder()
    assert asyncio.run(Keeps().prep_async(holder)) is holder


def test_first_argument_may_be_the_node_id():
    node = WebSocketNode("approval", client_id="c1")
    assert (node.node_id, node.max_retries, node.client_id) == ("approval", 1, "c1")


def test_update_outside_a_run_passes_silently():
    class Tells(WebSocketNode):
        async def exec_async(self, shared):
            for name in ("token", "progress", "approval_request", "mine"):
                await self.send_update(name, {"percent": 1}, client_id=None)
            return "done"

    assert asyncio.run(Tells().exec_async({})) == "done"


def test_wait_outside_a_run_says_how_to_start_one():
    with pytest.raises(OutsideRun, match=r"Keeps.*kgnb\.run\(graph, shared\)"):
        asyncio.run(Keeps().wait_for_input(timeout=1))


def test_chat_without_a_reply_says_what_to_override():
    messages = [{"role": "user", "content": "hello"}]
    with pytest.raises(NotImplementedError, match=r"override reply\(self, messages\)"):
        run_alone(ChatWebSocketNode(), {"messages": messages})
    assert messages == [{"role": "user", "content": "hello"}]


def test_progress_node_alone_works_through_its_items():
    class Squares(ProgressWebSocketNode):
        async def process(self, item):
            return item * item

    node = Squares()
    assert asyncio.run(node.exec_async([1, 2, 3])) == {
        "items_processed": 3,
        "results": [1, 4, 9],
    }


def test_progress_node_takes_a_plain_process():
    class Plain(ProgressWebSocketNode):
        def process(self, item):
            return -item

    assert asyncio.run(Plain().exec_async(range(2)))["results"] == [0, -1]


@pytest.mark.parametrize(
    ("node", "key"),
    [
        (ProgressWebSocketNode, "items"),
        (InteractiveWebSocketNode, "data"),
        (BroadcastWebSocketNode, "message"),
        (CollaborativeWebSocketNode, "proposal"),
    ],
)
def test_node_without_its_entry_says_which_it_expects(node, key):
    with pytest.raises(InvalidValue, match=f"expected shared\\['{key}'\\]"):
        run_alone(node(), {})


def test_form_has_a_field_for_each_plain_entry():
    data = {"name": "Ana", "age": 3, "ok": True, "rate": 0.5, "list": [1]}
    found = InteractiveWebSocketNode().fields(data)
    assert [(f["name"], f["type"], f["default"]) for f in found] == [
        ("name", "text", "Ana"),
        ("age", "integer", 3),
        ("ok", "boolean", True),
        ("rate", "number", 0.5),
    ]


def test_broadcast_outside_a_run_reaches_nobody():
    result = asyncio.run(BroadcastWebSocketNode(group="admins").exec_async("hi"))
    assert result == {"status": "broadcast_sent", "recipients": 0}


def test_broadcast_to_a_group_and_a_topic_at_once_is_refused():
    with pytest.raises(ValueError, match="a group or a topic, got both"):
        BroadcastWebSocketNode(group="a", topic="b")


@pytest.mark.parametrize("wrong", [{"options": "yes"}, {"options": []}, {"quorum": 0}])
def test_session_that_nobody_could_decide_is_refused(wrong):
    with pytest.raises(ValueError, match="expected some options and a quorum"):
        CollaborativeWebSocketNode(**wrong)


@pytest.fixture
def session():
    return Session(["yes", "no"], quorum=2)


def kinds(updates):
    return [kind for kind, _ in updates]


def test_session_ends_when_enough_votes_agree(session):
    assert kinds(session.take("ana", {"action": "join"})) == ["participant_joined"]
    assert kinds(session.take("ana", {"action": "vote", "value": "yes"})) == [
        "vote_counted"
    ]
    assert kinds(session.take("ben", "no")) == ["participant_joined", "vote_counted"]
    assert session.status is None
    assert kinds(session.take("cem", "yes"))[-1] == "decision"
    assert session.result() == {
        "status": "decided",
        "result": "yes",
        "votes": {"ana": "yes", "ben": "no", "cem": "yes"},
        "participants": ["ana", "ben", "cem"],
    }


def test_later_vote_replaces_the_earlier_one(session):
    session.take("ana", "yes")
    (_, told) = session.take("ana", "no")[0]
    assert told["votes"] == {"no": 1}


def test_vote_for_what_is_no_option_is_told_and_not_counted(session):
    updates = session.take("ana", {"action": "vote", "value": ["x"]})
    assert kinds(updates) == ["participant_joined", "vote_refused"]
    assert session.votes == {}


def test_session_that_all_have_left_ends_undecided(session):
    session.take("ana", "yes")
    session.take("ben", {"action": "join"})
    session.take("ana", {"action": "leave"})
    assert session.votes == {}
    session.take("ben", {"type": "leave_session"})
    assert (session.status, session.decision) == ("ended", None)


def test_word_of_a_participant_is_passed_on(session):
    updates = session.take("ana", {"text": "hm"})
    assert updates[-1] == (
        "collaborative_update",
        {"from": "ana", "data": {"text": "hm"}},
    )


@pytest.mark.parametrize(
    ("by", "data", "name"),
    [
        (By(user="Ana", via="page"), {"participant": "Ben"}, "Ana"),
        (By(via="page"), {"participant": "Ben"}, "Ben"),
        (By(via="page"), "yes", "page"),
        (By(via="page"), {"participant": ["x"]}, "['x']"),
        (None, "yes", "anonymous"),
    ],
)
def test_participant_is_who_signed_in_else_who_it_says(by, data, name):
    assert participant_of(Answer(data, by=by)) == name
