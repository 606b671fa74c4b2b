"""Messages of kernels' managers to clients: to whom, and what is refused."""

import json

import pytest
from mail_harness import ALERT, Manager, joined, named, texts

from kgnb.broker import BrokerLimits
from kgnb.protocol.codec import Limits


@pytest.fixture
def manager(host):
    return Manager(host.kernel())


# ---- to whom


def test_broadcast_reaches_every_client_but_the_excluded(host, manager):
    alice, bob, anonymous = (
        host.client(named("a")), host.client(named("b")), host.client(),
    )  # fmt: skip
    for client in (alice, bob, anonymous):
        client.take()
    assert manager.post("all", exclude=["b"])["count"] == 2
    (frame,) = alice.take()
    assert frame == {**ALERT, "timestamp": frame["timestamp"]}
    assert anonymous.take() == [frame]
    assert bob.take() == []


def test_group_message_goes_flat_to_its_members_and_names_the_group(host, manager):
    member = joined(host, named(), "admins")
    other = joined(host, named("other"), "users")
    assert manager.post("group", name="admins") == {
        "type": "handled", "n": 1, "count": 1,
    }  # fmt: skip
    (frame,) = member.take()
    assert frame.pop("position") > 0
    assert frame.pop("timestamp").endswith("Z")
    assert frame == {**ALERT, "group": "admins"}
    assert other.take() == []


def test_message_keeps_the_timestamp_that_it_has(host, manager):
    client = joined(host, named())
    manager.post("all", {"type": "x", "timestamp": "2024-01-15T10:30:00Z"})
    assert client.take("x")[0]["timestamp"] == "2024-01-15T10:30:00Z"


def test_document_client_gets_data_and_no_ack(host, manager):
    peer = named(protocol="document")
    client = host.client(peer)
    client.send(type="join_group", group="admins")
    client.send(type="subscribe", topics=["news"])
    assert client.take() == []
    manager.post("group", name="admins")
    (frame,) = client.take()
    assert frame["data"] == {"message": ALERT["message"]}
    manager.post("topic", {"type": "x", "data": 3}, name="news")
    (frame,) = client.take()
    assert (frame["data"], frame["topic"]) == (3, "news")


def test_topic_reaches_subscribers_and_no_event_of_any_run(host, manager):
    reader = host.client(named())
    reader.take()
    reply = reader.ask(type="subscribe", topics=["news", "sport"], id=1)
    assert reply == {"type": "subscribed", "topics": ["news", "sport"], "id": 1}
    manager.kernel.start("r1", {"type": "workflow_completed", "data": 0})
    assert reader.take() == []
    assert manager.post("topic", name="news")["count"] == 1
    assert [f["topic"] for f in reader.take()] == ["news"]
    reply = reader.ask(type="unsubscribe", topics=["news"], id=2)
    assert reply["topics"] == ["sport"]
    assert "count" not in manager.post("topic", name="news")


def test_subscription_to_both_kinds_of_topic_holds_both(host, manager):
    reader = host.client(named())
    reply = reader.ask(type="subscribe", topics=["results", "news"], id=1)
    assert reply["topics"] == ["news", "results"]
    manager.kernel.start("r1")
    assert reader.take("workflow_started")
    reply = reader.ask(type="unsubscribe", id=2)
    assert reply["topics"] == []
    assert "count" not in manager.post("topic", name="news")


def test_client_that_left_before_its_topic_was_stored_reads_nothing(host):
    reader = host.client(named())
    host.is_held = True
    reader.send(type="subscribe", topics=["results", "news"], id=1)
    reader.drop()
    host.is_held = False
    host.settle()
    assert not host.broker.subscriptions._broad


def test_personal_message_reaches_every_socket_of_that_client_alone(host, manager):
    first, second = host.client(named("tab")), host.client(named("tab"))
    other = host.client(named("other"))
    for client in (first, second, other):
        client.take()
    assert manager.post("client", name="tab")["count"] == 1
    assert first.take() == second.take() != []
    assert other.take() == []


def test_personal_message_to_nobody_counts_nobody(manager):
    assert manager.post("client", name="ghost") == {"type": "handled", "n": 1}


def test_unnamed_client_is_reached_by_the_id_that_hello_tells(host, manager):
    client = host.client()
    (hello,) = client.take()
    assert manager.post("client", name=hello["identity"]["client_id"])["count"] == 1
    assert client.take("system_alert")


def test_name_of_two_identities_is_a_conflict_until_the_user_is_named(host, manager):
    alice, mallory = host.client(named()), host.client(named(user="mallory"))
    alice.take(), mallory.take()
    answer = manager.post("client", name="phone")
    assert answer["code"] == "conflict"
    assert "user=" in answer["message"]
    assert manager.post("client", name="phone", user="alice")["count"] == 1
    assert alice.take()
    assert mallory.take() == []


def test_foreign_identity_with_the_same_client_id_gets_its_own(host, manager):
    joined(host, named(), "admins").drop()
    manager.group("admins", "secret")
    mallory = host.client(named(user="mallory"))
    assert mallory.take("note", "error") == []
    assert texts(host.client(named())) == ["secret"]


def test_share_link_hears_broadcasts_of_its_own_kernel_only(host, manager):
    manager.kernel.start("r1")
    stranger = Manager(host.kernel("k2", "p2"))
    guest = host.client(named("guest", run_scope="r1", may_join=False))
    guest.take()
    assert "count" not in stranger.post("all")
    assert manager.post("all")["count"] == 1
    assert len(guest.take()) == 1
    for frame in ({"type": "join_group", "group": "admins"},
                  {"type": "subscribe", "topics": ["news"]}):  # fmt: skip
        guest.send(**frame)
        assert guest.take()[-1]["code"] == "forbidden"
    assert manager.enrol("guest", "admins")["count"] == 1


def test_view_behind_a_kernel_is_a_client_of_that_kernel_alone(host, manager):
    kernel = manager.kernel
    kernel.send(type="open", channel="c", via="comm")
    stranger = Manager(host.kernel("k2", "p2"))
    frame = {"type": "join_group", "group": "admins"}
    kernel.send(type="frame", channel="c", frame=frame)
    kernel.take()
    assert "count" not in stranger.post("all")
    assert "count" not in stranger.post("client", name="k1/c")
    kernel.send(type="post", n=1, to="group", name="admins", message=ALERT)
    (wrapped,) = kernel.take("frame")
    assert wrapped["frame"]["group"] == "admins"


def test_channel_of_the_kernel_itself_is_nobodys_client(host, manager):
    kernel = manager.kernel
    kernel.send(type="open", channel="own", via="kernel")
    kernel.take()
    frame = {"type": "join_group", "group": "admins", "id": 1}
    kernel.send(type="frame", channel="own", frame=frame)
    assert kernel.take("frame")[0]["frame"]["code"] == "invalid"
    assert manager.post("all") == {"type": "handled", "n": 1}


# ---- who may join


def test_manager_lets_a_client_in_and_out_of_groups_and_topics(host, manager):
    client = host.client(
        named(),
    )
    client.take()
    for kind in ("group", "topic"):
        assert manager.enrol("phone", "vip", kind)["count"] == 1
        assert manager.enrol("phone", "vip", kind)["count"] == 1
        assert manager.post(kind, name="vip")["count"] == 1
        assert manager.enrol("phone", "vip", kind, is_member=False)["count"] == 1
        assert "count" not in manager.post(kind, name="vip")
    assert "count" not in manager.enrol("ghost", "vip")
    assert len(client.take("system_alert")) == 2


def test_group_without_a_right_is_forbidden_unless_it_is_open(make_host):
    host = make_host(limits=BrokerLimits(groups_open=("lobby",)))
    client = host.client()
    client.take()
    client.send(type="join_group", group="lobby", id=1)
    client.send(type="join_group", group="admins", id=2)
    assert [(f["type"], f.get("code")) for f in client.take()] == [
        ("joined_group", None),
        ("error", "forbidden"),
    ]


def test_client_past_its_128_groups_and_topics_is_refused(host, manager):
    client = joined(host, named(), *(f"g{n}" for n in range(64)))
    client.send(type="subscribe", topics=[f"t{n}" for n in range(64)])
    assert client.take("error") == []
    client.send(type="join_group", group="one more")
    assert client.take()[0]["code"] == "invalid"
    assert manager.enrol("phone", "one more")["code"] == "invalid"


# ---- what is refused


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "all", "message": {"type": "workflow_completed"}}, "invalid"),
        ({"to": "all", "message": {"type": "ack"}}, "invalid"),
        ({"to": "all", "message": {"type": "approval_request"}}, "invalid"),
        ({"to": "all", "message": {"type": "x", "run_id": "r1"}}, "invalid"),
        ({"to": "all", "message": {"text": "no type"}}, "invalid"),
        ({"to": "all", "message": "a text"}, "invalid"),
        ({"to": "topic", "name": "results"}, "invalid"),
        ({"to": "group", "name": ""}, "invalid"),
        ({"to": "group", "name": "a\u202eb"}, "invalid"),
        ({"to": "group", "name": "x" * 129}, "invalid"),
    ],
)
def test_post_that_cannot_be_is_refused_and_the_next_goes_on(manager, fields, code):
    assert manager.order(type="post", **{"message": ALERT} | fields)["code"] == code
    assert "code" not in manager.post("all")


def test_message_may_be_as_large_as_the_limit_and_no_larger(make_host):
    host = make_host(limits=BrokerLimits(frame=Limits(max_size=1000)))
    manager = Manager(host.kernel())
    rest = len(json.dumps({"type": "x", "text": ""}))
    assert "code" not in manager.post("all", {"type": "x", "text": "a" * (1000 - rest)})
    too_large = manager.post("all", {"type": "x", "text": "a" * (1001 - rest)})
    assert too_large["code"] == "too_large"


# ---- what kernels are told


def test_kernel_is_told_of_every_client_that_comes_changes_and_goes(host, manager):
    kernel = manager.kernel
    first = joined(host, named(), "a")
    second = host.client(named())
    first.drop()
    second.send(type="subscribe", topics=["t"])
    second.send(type="leave_group", group="a")
    second.drop()
    told = kernel.take("client")
    assert [(f.get("change"), f.get("name")) for f in told] == [
        ("connected", None), ("joined", "a"), (None, None), (None, None),
        ("subscribed", "t"), ("left", "a"), ("disconnected", None),
    ]  # fmt: skip
    assert [f["client"]["connections"] for f in told] == [1, 1, 2, 1, 1, 1, 1]
    assert told[1]["client"] | {"connected_at": ""} == {
        "client_id": "phone", "user": "alice", "name": "Alice", "via": "page",
        "connected_at": "", "connections": 1, "groups": ["a"], "subscriptions": [],
    }  # fmt: skip


def test_welcome_lists_who_is_there(host):
    joined(host, named(), "a")
    host.client(named("gone")).drop()
    host.now += 5
    link = host.bare_link()
    link.send(type="hello", kernel_id="k", process_id="p", pid=1)
    (welcome,) = link.take("welcome")
    assert [c["client_id"] for c in welcome["clients"]] == ["phone"]
    assert welcome["uptime"] == 5.0
