"""Messages of kernels' managers to clients: who gets what, now and when back."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgnb.broker import BrokerLimits, Identity, Peer
from kgnb.protocol.codec import Limits

ALERT = {"type": "system_alert", "message": "High CPU usage detected"}


def named(client_id="phone", user="alice", *, may_join=True, **fields):
    return Peer(
        identity=Identity(user=user, name=user.title()),
        role="start",
        client_id=client_id,
        may_join=may_join,
        **fields,
    )


class Manager:
    """A kernel's connection manager, made of its frames."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.numbers = itertools.count(1)

    def order(self, **frame):
        n = frame.setdefault("n", next(self.numbers))
        self.kernel.send(**frame)
        answers = [f for f in self.kernel.take("handled") if f["n"] == n]
        return answers[0] if answers else None

    def post(self, to, message=ALERT, **fields):
        return self.order(type="post", to=to, message=message, **fields)

    def group(self, name, text="hi", **fields):
        return self.post("group", {"type": "note", "text": text}, name=name, **fields)

    def enrol(self, client_id, name, kind="group", *, is_member=True, **fields):
        return self.order(
            type="enrol", kind=kind, name=name, client_id=client_id,
            is_member=is_member, **fields,
        )  # fmt: skip


@pytest.fixture
def manager(host):
    return Manager(host.kernel())


def texts(client):
    return [f["text"] for f in client.take("note")]


def joined(host, peer, *groups):
    client = host.client(peer)
    for group in groups:
        client.send(type="join_group", group=group)
    client.take()
    return client


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


# ---- back from away


def test_client_that_was_away_gets_what_it_missed_once_and_in_order(host, manager):
    client = joined(host, named(), "a", "b")
    client.send(type="subscribe", topics=["t"])
    manager.group("a", "while there")
    client.drop()
    for n, kind in enumerate(["a", "b", "a"]):
        assert manager.group(kind, n) == {
            "type": "handled", "n": 2 + n, "queued": 1,
        }  # fmt: skip
    manager.post("topic", {"type": "note", "text": 3}, name="t")
    manager.post("client", {"type": "note", "text": 4}, name="phone")
    manager.post("all", {"type": "note", "text": "a broadcast is for who is there"})
    back = host.client(named())
    assert texts(back) == [0, 1, 2, 3, 4]
    manager.group("a", 5)
    assert texts(back) == [5]
    back.drop()
    assert texts(host.client(named())) == []


@pytest.mark.parametrize(("missed", "dropped"), [(9, 0), (10, 0), (11, 1), (35, 25)])
def test_offline_queue_is_exact_and_what_it_drops_is_said(make_host, missed, dropped):
    host = make_host(limits=BrokerLimits(offline_queue=10))
    manager = Manager(host.kernel())
    joined(host, named(), "a", "b").drop()
    for n in range(missed):
        manager.group("ab"[n % 2], n)
    back = host.client(named())
    frames = back.take("note", "error")
    if dropped:
        gap = frames.pop(0)
        assert (gap["code"], gap["data"]) == ("gap", {"dropped": dropped})
    assert [f["text"] for f in frames] == list(range(dropped, missed))
    back.drop()
    assert host.client(named()).take("note", "error") == []


@pytest.mark.parametrize(("later", "kept"), [(0.0, True), (0.001, False)])
def test_offline_ttl_is_exact_and_what_it_drops_is_said(make_host, later, kept):
    host = make_host(limits=BrokerLimits(offline_ttl=3600))
    manager = Manager(host.kernel())
    joined(host, named(), "a").drop()
    manager.group("a", "old")
    host.now += 3600 + later
    frames = host.client(named()).take("note", "error")
    assert [f["type"] for f in frames] == (["note"] if kept else ["error"])


def test_what_came_before_a_client_joined_is_not_its(host, manager):
    joined(host, named("witness"), "a").drop()
    manager.group("a", "before")
    client = joined(host, named(), "a")
    assert texts(client) == []
    client.drop()
    manager.group("a", "after")
    assert texts(host.client(named(position=0))) == ["after"]


def test_group_left_by_its_last_named_member_is_stored_no_more(host, manager):
    client = joined(host, named(), "a")
    manager.group("a", 1)
    client.send(type="leave_group", group="a")
    manager.group("a", 2)
    assert host.tables.read("mail/group/a", 0, 10) == []
    client.send(type="join_group", group="a")
    client.drop()
    manager.group("a", 3)
    assert texts(host.client(named())) == [3]


def test_client_that_names_its_position_gets_exactly_the_rest(host, manager):
    dead = joined(host, named(), "a")  # still open for us: nobody noticed the break
    for n in range(5):
        manager.group("a", n)
    position = dead.take("note")[2]["position"]
    back = host.client(named(position=position))
    assert texts(back) == [3, 4]
    manager.group("a", 5)
    assert texts(back) == [5]


def test_position_older_than_what_is_kept_is_told_as_a_gap(make_host):
    host = make_host(limits=BrokerLimits(offline_queue=2))
    manager = Manager(host.kernel())
    client = joined(host, named(), "a")
    for n in range(5):
        manager.group("a", n)
    position = client.take("note")[0]["position"]
    frames = host.client(named(position=position)).take("note", "error")
    assert [f.get("text", f.get("code")) for f in frames] == ["gap", 3, 4]


def test_restart_keeps_groups_cursors_and_the_queue(make_host, host, manager):
    client = joined(host, named(), "a")
    manager.group("a", 0)
    assert texts(client) == [0]
    client.drop()
    manager.group("a", 1)
    again = make_host(tables=host.tables, now=host.now)
    after = Manager(again.kernel("k2", "p2"))
    after.group("a", 2)
    back = again.client(named())
    assert texts(back) == [1, 2]
    after.group("a", 3)
    assert texts(back) == [3]


def test_restart_of_a_killed_server_repeats_at_most_what_one_second_held(
    make_host, host, manager
):
    client = joined(host, named(), "a")
    manager.group("a", 0)
    host.tick(1.0)
    manager.group("a", 1)
    position = client.take("note")[-1]["position"]
    again = make_host(tables=host.tables, now=host.now)
    # Who says what it has is told nothing twice, whatever was written last.
    assert texts(again.client(named(position=position))) == []


def test_repeated_order_has_no_second_effect_after_a_restart_either(
    make_host, host, manager
):
    client = joined(host, named(), "a")
    answer = manager.group("a", 1)
    assert manager.group("a", 1, n=1) == answer
    assert texts(client) == [1]
    client.drop()
    again = make_host(tables=host.tables, now=host.now)
    repeated = Manager(again.kernel())
    assert repeated.group("a", 1, n=1) == {"type": "handled", "n": 1}
    assert "code" not in repeated.group("a", 2, n=2)
    assert texts(again.client(named())) == [2]


def test_order_whose_link_broke_is_answered_on_the_next_one(host, manager):
    host.is_held = True
    manager.kernel.send(type="post", n=1, to="all", message=ALERT)
    manager.kernel.drop()
    host.settle()
    host.is_held = False
    kernel = host.kernel()
    kernel.send(type="post", n=1, to="all", message=ALERT)
    assert kernel.take("handled") == [{"type": "handled", "n": 1}]


def test_log_that_fails_is_an_error_and_nothing_is_sent(host, manager):
    client = joined(host, named(), "a")
    host.is_failing = True
    assert manager.group("a", 1)["code"] == "unavailable"
    client.send(type="join_group", group="b", id=1)
    assert client.take()[0]["code"] == "unavailable"
    host.is_failing = False
    assert "code" not in manager.group("a", 2)
    assert texts(client) == [2]


def test_reading_that_failed_goes_on_with_the_next_tick(host, manager):
    joined(host, named(), "a").drop()
    manager.group("a", 1)
    host.is_failing = True
    back = host.client(named())
    assert texts(back) == []
    host.is_failing = False
    host.tick()
    assert texts(back) == [1]


def test_second_socket_during_the_catch_up_gets_the_rest(host, manager):
    joined(host, named(), "a").drop()
    manager.group("a", 1)
    host.is_held = True
    first = host.client(named())
    second = host.client(named())
    first.drop()
    manager.kernel.send(
        type="post", n=9, to="group", name="a", message={"type": "note", "text": 2}
    )
    host.settle()
    assert texts(second) == [1, 2]


def test_large_backlog_is_read_in_pieces_that_a_socket_takes(make_host):
    host = make_host(limits=BrokerLimits(read_bytes=1000, read_page=4))
    manager = Manager(host.kernel())
    joined(host, named(), "a").drop()
    for n in range(10):
        manager.group("a", f"{n}" + "x" * 600)
    host.is_held = True
    back = host.client(named())
    sizes = []
    while host.work:
        host.step()
        sizes.append(len(texts(back)))
    assert sum(sizes) == 10
    assert max(sizes) <= 2


def test_streams_are_trimmed_to_what_can_be_asked_for(make_host):
    host = make_host(limits=BrokerLimits(offline_queue=10))
    manager = Manager(host.kernel())
    joined(host, named(), "a").drop()
    for n in range(100):
        manager.group("a", n)
    assert 10 <= len(host.tables.records["mail/group/a"]) <= 20


def test_client_that_stays_away_for_a_month_is_forgotten(host, manager):
    joined(host, named(), "a").drop()
    host.tick(31 * 86_400)
    assert "queued" not in manager.group("a")
    assert not [key for key in host.tables.rows if key.startswith("client/")]


def test_identity_has_a_bounded_number_of_remembered_clients(host):
    for n in range(1_002):
        host.now += 1
        host.client(named(f"c{n}")).drop()
    known = [key for key in host.tables.rows if key.startswith("client/")]
    assert len(known) == 1_000


def test_kernel_that_is_gone_leaves_no_row_behind(host, manager):
    manager.post("all")
    assert "manager/k1" in host.tables.rows
    host.broker.kernels.gone("k1", "shut down", host.now)
    host.perform()
    assert "manager/k1" not in host.tables.rows


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


# ---- whatever happens


# The fixture gives a class, of which every example makes its own.
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.sampled_from(
            ["post a", "post b", "me", "drop", "back", "join b", "leave b",
             "restart", "tick"]
        ),
        max_size=60,
    )
)  # fmt: skip
def test_member_gets_each_message_exactly_once_in_order(make_host, steps):
    limits = BrokerLimits(offline_queue=10_000, read_page=3)
    host = make_host(limits=limits)
    manager = Manager(host.kernel())
    client = joined(host, named(), "a")
    in_b, sent, got, last = False, [], [], None

    def gather():
        nonlocal last
        for frame in client.take("note"):
            got.append(frame["text"])
            last = frame["position"]

    for number, step in enumerate(steps):
        match step.split():
            case ["post", group]:
                manager.group(group, number)
                if group == "a" or in_b:
                    sent.append(number)
            case ["me"]:
                manager.post("client", {"type": "note", "text": number}, name="phone")
                sent.append(number)
            case ["drop"]:
                client.drop()
            case ["back"] if client.conn not in host.broker._connections:
                client = host.client(named())
            case [verb, "b"] if client.conn in host.broker._connections:
                client.send(type=f"{verb}_group", group="b")
                in_b = verb == "join"
            case ["restart"]:
                gather()
                host = make_host(limits=limits, tables=host.tables, now=host.now + 1)
                manager.kernel = host.kernel("k2", f"p{number}")
                client = host.client(named(position=last))
            case ["tick"]:
                host.tick(1.0)
        gather()
    if client.conn not in host.broker._connections:
        client = host.client(named())
        gather()
    assert got == sent
