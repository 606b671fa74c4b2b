"""The broker against a model: random connections, cuts, delays and failures."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from kgnb.broker import BrokerLimits, Identity, Peer

LIMITS = BrokerLimits(
    read_page=3, rate_limit_messages=10**6, max_connections_per_identity=1000
)


class Reader:
    """What one reader has seen over all its connections."""

    def __init__(self):
        self.seen = []
        self.client = None


class Delivery(RuleBasedStateMachine):
    """Delivered = a prefix of the log, without gap, repetition or disorder."""

    readers = Bundle("readers")

    make_host = None

    @initialize()
    def begin(self):
        self.host = self.make_host(limits=LIMITS)
        self.kernel = self.host.kernel()
        self.token = self.kernel.take("welcome")[0]["owner_token"]
        self.kernel.start()
        self.host.is_held = True
        self.sent = 1
        self.acknowledged = 1
        self.everybody = []

    def _collect(self):
        for frame in self.kernel.take("appended"):
            self.acknowledged = max(self.acknowledged, frame["n"])
        for reader in self.everybody:
            if reader.client is not None:
                reader.seen += [
                    (f["seq"], f["type"])
                    for f in reader.client.take()
                    if "workflow_id" in f
                ]

    @rule(count=st.integers(1, 5))
    def append(self, count):
        if self.kernel.closed is None:
            for _ in range(count):
                self.sent += 1
                self.kernel.log("r1", self.sent, self.sent)

    @rule(back=st.integers(1, 4))
    def append_again(self, back):
        if self.kernel.closed is None:
            for n in range(max(2, self.sent - back), self.sent + 1):
                self.kernel.log("r1", n, n)

    @rule(count=st.integers(1, 4))
    def let_the_log_work(self, count):
        for _ in range(count):
            if self.host.work:
                self.host.step()
        self._collect()

    @rule()
    def the_log_is_faster_than_its_word(self):
        self.host.store_silently()
        self.host.read_early()

    @rule()
    def fail_once(self):
        self.host.is_failing = True
        if self.host.work:
            self.host.step()
        self.host.is_failing = False
        self._collect()

    @rule()
    def time_passes(self):
        self.host.tick(2.0)

    @rule()
    def link_is_cut_and_dials_again(self):
        self._collect()
        self.kernel.drop()
        self.kernel = self.host.kernel(token=self.token)
        while not (welcome := self.kernel.take("welcome")):
            self.host.step()
        (known,) = welcome[0]["runs"]
        assert known["n"] >= self.acknowledged
        for n in range(known["n"] + 1, self.sent + 1):
            self.kernel.log("r1", n, n)

    @rule(target=readers)
    def connect(self):
        reader = Reader()
        self.everybody.append(reader)
        self._subscribe(reader)
        return reader

    def _subscribe(self, reader):
        reader.client = self.host.client(
            Peer(identity=Identity(user="u"), role="view", client_id="c")
        )
        last = reader.seen[-1][0] if reader.seen else 0
        reader.client.send(
            type="subscribe", run_id="r1", since={"seq": last, "log_id": "log-1"}
        )

    @rule(target=readers, reader=consumes(readers))
    def cut_and_come_back(self, reader):
        self._collect()
        reader.client.drop()
        self._subscribe(reader)
        return reader

    @rule(reader=consumes(readers))
    def cut_for_good(self, reader):
        self._collect()
        reader.client.drop()
        reader.client = None

    @invariant()
    def what_was_delivered_is_a_prefix_of_the_log(self):
        if not hasattr(self, "host"):
            return
        self._collect()
        log = [(n, e["type"]) for n, e in enumerate(self.host.events(), 1)]
        for reader in self.everybody:
            assert reader.seen == log[: len(reader.seen)]

    def teardown(self):
        if not hasattr(self, "host"):
            return
        if self.kernel.closed is not None:
            self.link_is_cut_and_dials_again()
        for _ in range(5):
            self.host.settle()
            self.host.tick(2.0)
        self.host.settle()
        self._collect()
        texts = [
            int(e["data"]["text"]) for e in self.host.events() if e["type"] == "log"
        ]
        if self.kernel.closed is None:
            assert texts == list(range(2, self.sent + 1))
        for reader in self.everybody:
            if reader.client is not None:
                assert len(reader.seen) == len(self.host.events())


class LogAndClock(RuleBasedStateMachine):
    """What may happen to any ``self.host``: its log works or fails, time passes."""

    @rule(count=st.integers(1, 4))
    def let_the_log_work(self, count):
        for _ in range(count):
            if self.host.work:
                self.host.step()

    @rule()
    def fail_once(self):
        self.host.is_failing = True
        if self.host.work:
            self.host.step()
        self.host.is_failing = False

    @rule()
    def time_passes(self):
        self.host.tick(2.0)


class Decisions(LogAndClock):
    """However answers, deadlines and the run's end race: one decision each."""

    make_host = None

    @initialize(count=st.integers(1, 3), limited=st.booleans())
    def begin(self, count, limited):
        self.host = self.make_host(limits=LIMITS)
        self.kernel = self.host.kernel()
        self.ids = [f"a{n}" for n in range(count)]
        timeout = 5 if limited else None
        self.kernel.start(
            "r1",
            *(self.kernel.request(self.host, key, timeout=timeout) for key in self.ids),
        )
        self.host.is_held = True
        self.clients = [
            self.host.client(Peer(identity=Identity(user=f"u{n}"), role="answer"))
            for n in range(3)
        ]
        self.replies = []
        self.asked = 0
        self.n = 1 + count
        self.has_ended = False

    @rule(
        who=st.integers(0, 2),
        which=st.integers(0, 2),
        value=st.sampled_from(["yes", "no"]),
    )
    def answer(self, who, which, value):
        self.asked += 1
        self.clients[who].send(
            type="answer",
            approval_id=self.ids[which % len(self.ids)],
            value=value,
            id=self.asked,
        )

    @rule(which=st.integers(0, 2))
    def ask_again(self, which):
        if not self.has_ended and self.kernel.closed is None:
            self.n += 1
            key = self.ids[which % len(self.ids)]
            self.kernel.append("r1", self.n, self.kernel.request(self.host, key))

    @rule()
    def run_ends(self):
        if not self.has_ended and self.kernel.closed is None:
            self.has_ended = True
            self.n += 1
            self.kernel.append("r1", self.n, {"type": "workflow_completed", "data": 0})

    def teardown(self):
        if not hasattr(self, "host"):
            return
        for _ in range(4):
            self.host.settle()
            self.host.tick(2.0)
        self.host.settle()
        replies = [f for client in self.clients for f in client.take("ack", "error")]
        assert len(replies) == self.asked
        for key in self.ids:
            resolved = [
                json.dumps(e["data"], sort_keys=True)
                for e in self.host.events()
                if e["type"] == "approval_resolved" and e["data"]["approval_id"] == key
            ]
            assert len(set(resolved)) <= 1
            winners = [
                f
                for f in replies
                if f["type"] == "ack" and f["data"]["approval_id"] == key
            ]
            assert len(winners) <= 1
            if winners:
                assert json.loads(resolved[0]) == winners[0]["data"]
        for reply in replies:
            if reply["type"] == "error":
                assert reply["code"] in {
                    "already_answered",
                    "expired",
                    "conflict",
                    "unavailable",
                }


class Votes(LogAndClock):
    """However votes race with each other, deadlines, cuts and restarts: one person has
    one vote, only the asked have one, and the first verdict stands."""

    make_host = None
    people = ("ada", "bob", "eve", "zoe")

    @initialize(
        need=st.integers(2, 3),
        named=st.booleans(),
        veto=st.sampled_from([None, ["stop"]]),
        limited=st.booleans(),
    )
    def begin(self, need, named, veto, limited):
        self.host = self.make_host(limits=LIMITS)
        self.rules = {"need": need, "options": ["yes", "no", "stop"]}
        self.approvers = ["ada", "bob", "eve"] if named else None
        self.veto = veto or []
        if named:
            self.rules["approvers"] = self.approvers
        if veto:
            self.rules["veto"] = veto
        self.kernel = self.host.kernel()
        timeout = 9 if limited else None
        asked = self.kernel.request(self.host, timeout=timeout, **self.rules)
        self.kernel.start("r1", asked)
        self.n = 2
        self.replies = []
        self._connect()
        self.host.is_held = True
        self.asked = 0

    def _connect(self):
        self.clients = {
            user: self.host.client(Peer(identity=Identity(user=user), role="answer"))
            for user in self.people
        }

    def _collect(self):
        for user, client in self.clients.items():
            self.replies += [(user, f) for f in client.take("ack", "error")]

    @rule(
        who=st.sampled_from(people),
        value=st.sampled_from(["yes", "yes", "no", "stop"]),
        number=st.none() | st.integers(1, 3),
    )
    def vote(self, who, value, number):
        command = {"type": "answer", "approval_id": "a1", "value": value}
        if number is not None:
            command["id"] = number
        self.asked += 1
        self.clients[who].send(**command)

    @rule()
    def the_log_is_faster_than_its_word(self):
        self.host.store_silently()

    @rule()
    def ask_again(self):
        if self.kernel is not None and self.kernel.closed is None:
            self.n += 1
            self.kernel.append(
                "r1", self.n, self.kernel.request(self.host, **self.rules)
            )

    @rule()
    def server_is_restarted(self):
        self._collect()
        self.host = self.make_host(
            limits=LIMITS, tables=self.host.tables, now=self.host.now
        )
        self.kernel = None
        self._connect()
        self.host.is_held = True

    def teardown(self):
        if not hasattr(self, "host"):
            return
        for _ in range(4):
            self.host.settle()
            self.host.tick(2.0)
        self.host.settle()
        self._collect()
        self._check_log()
        for _, reply in self.replies:
            if reply["type"] == "error":
                assert reply["code"] in {
                    "already_answered",
                    "expired",
                    "conflict",
                    "forbidden",
                    "unavailable",
                }

    def _check_log(self):
        known, verdict, counted = [], None, []
        for event in self.host.events():
            data = event.get("data") or {}
            if event["type"] == "approval_vote":
                assert verdict is None
                assert self._verdict(known) is None
                assert data["votes"][:-1] == known
                known = data["votes"]
                counted.append(known[-1]["user"])
            elif event["type"] == "approval_resolved":
                votes = data.get("votes") or []
                assert votes == known
                assert verdict in (None, data)  # asked again, it is told again
                verdict = data
        assert len(set(counted)) == len(counted)
        if self.approvers is not None:
            assert set(counted) <= set(self.approvers)
        expected = self._verdict(known)
        if verdict is None:
            assert expected is None
        elif verdict["outcome"] == "answered":
            assert expected == verdict["value"]
        elif verdict["by"].get("via") == "votes":
            assert expected == "split"
        accepted = {user for user, f in self.replies if f["type"] == "ack"}
        assert accepted <= set(counted)

    def _verdict(self, votes):
        """The rule once more, as plainly as it can be said."""
        values = [vote["value"] for vote in votes]
        for option in ("yes", "no", "stop"):
            if values.count(option) >= self.rules["need"]:
                return option
            if option in self.veto and option in values:
                return option
        if self.approvers is None:
            return None
        left = len(self.approvers) - len(values)
        if left and self.veto:
            return None
        most = max(values.count(option) for option in ("yes", "no", "stop"))
        return None if most + left >= self.rules["need"] else "split"


def test_delivery_under_any_schedule_is_exactly_once_in_order(make_host):
    Delivery.make_host = make_host
    machine = Delivery.TestCase
    machine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
    machine().runTest()


def test_decisions_under_any_schedule_are_made_once(make_host):
    Decisions.make_host = make_host
    machine = Decisions.TestCase
    machine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
    machine().runTest()


def test_votes_under_any_schedule_are_one_each_and_come_to_one_verdict(make_host):
    Votes.make_host = make_host
    machine = Votes.TestCase
    machine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
    machine().runTest()
