"""Named clients that were away: what they get when they are back, and what not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_harness import ALERT, Manager, joined, named, texts

from kgnb.broker import BrokerLimits


@pytest.fixture
def manager(host):
    return Manager(host.kernel())


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


def test_client_learns_by_what_position_to_come_back_before_any_message(host, manager):
    joined(host, named(), "a").drop()
    manager.group("a", "had")
    host.client(named()).drop()
    manager.group("a", "backlog")
    dead = host.client(named())
    manager.group("a", "live")
    hello, *_ = dead.take("hello")
    hello_again, *notes = host.client(named(position=hello["position"])).take()
    assert hello_again["position"] == hello["position"]
    assert [note["text"] for note in notes] == ["backlog", "live"]


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


def test_stream_that_nobody_can_come_back_for_is_gone_after_a_restart(
    make_host, host, manager
):
    phone = joined(host, named(), "g")
    manager.group("g", "early")
    phone.send(type="leave_group", group="g", id="1")
    phone.drop()
    host.tick(2)
    assert "mail/group/g" in host.tables.states
    again = make_host(tables=host.tables, now=host.now)
    again.perform()
    assert "mail/group/g" not in host.tables.states
    later = Manager(again.kernel("k2", "p2"))
    phone = joined(again, named(), "g")
    assert later.group("g", "now")["count"] == 1
    assert texts(phone) == ["now"]
    phone.drop()
    later.group("g", "missed")
    assert texts(again.client(named())) == ["missed"]


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


# ---- whatever happens


class Life:
    """A client's life in steps, and what it should have got in the end."""

    LIMITS = BrokerLimits(offline_queue=10_000, read_page=3)

    def __init__(self, make_host):
        self.make_host = make_host
        self.host = make_host(limits=self.LIMITS)
        self.manager = Manager(self.host.kernel())
        self.client = joined(self.host, named(), "a")
        self.in_b = False
        self.position = None
        self.sent, self.got = [], []

    @property
    def is_there(self):
        return self.host.broker.carrier_of(self.client.conn) is not None

    def gather(self):
        for frame in self.client.take("note"):
            self.got.append(frame["text"])
            self.position = frame["position"]

    def post(self, group):
        number = len(self.sent)
        self.manager.group(group, number)
        if group == "a" or self.in_b:
            self.sent.append(number)

    def me(self):
        text = len(self.sent)
        self.manager.post("client", {"type": "note", "text": text}, name="phone")
        self.sent.append(text)

    def drop(self):
        self.client.drop()

    def back(self):
        if not self.is_there:
            self.client = self.host.client(named())

    def tick(self):
        self.host.tick(1.0)

    def b(self, verb):
        if self.is_there:
            self.client.send(type=f"{verb}_group", group="b")
            self.in_b = verb == "join"

    def restart(self):
        """As after a kill: nobody was told, nothing is written."""
        now = self.host.now + 1
        self.host = self.make_host(limits=self.LIMITS, tables=self.host.tables, now=now)
        self.manager.kernel = self.host.kernel("k2", f"p{now}")
        self.client = self.host.client(named(position=self.position))


# The fixture gives a class, of which every example makes its own.
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.sampled_from(
            ["post a", "post b", "me", "drop", "back", "b join", "b leave", "restart",
             "tick"]
        ),
        max_size=60,
    )
)  # fmt: skip
def test_member_gets_each_message_exactly_once_in_order(make_host, steps):
    life = Life(make_host)
    for step in [*steps, "back"]:
        name, *arguments = step.split()
        getattr(life, name)(*arguments)
        life.gather()
    assert life.got == life.sent
