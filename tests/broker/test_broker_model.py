"""The broker against models: random connections, cuts, delays and failures.

CI runs 2,000 examples of up to 50 steps, the same each time: about 40 s of one core. By
``KGNB_EXAMPLES=20000 pytest tests/broker/test_broker_model.py`` (``scripts/models``) there
are as many, and new ones each time.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from model_approvals import Approvals
from model_delivery import Delivery
from model_mail import Mail

from kgnb.broker import BrokerLimits, Identity, Peer

EXAMPLES = int(os.environ.get("KGNB_EXAMPLES", "2000"))
IS_FULL = "KGNB_EXAMPLES" in os.environ
LIMITS = BrokerLimits(
    read_page=3, rate_limit_messages=10**6, max_connections_per_identity=1000
)


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


# Its work is bounded; how long that takes, where others share the cores, is not.
@pytest.mark.timeout(0 if IS_FULL else 900)
@pytest.mark.parametrize(
    ("machine", "share"), [(Delivery, 0.5), (Approvals, 0.25), (Mail, 0.25)]
)
def test_broker_under_any_schedule_does_as_its_model(machine, share):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=round(EXAMPLES * share),
            stateful_step_count=50,
            deadline=None,
            # CI neither keeps failures nor looks for new ones: the same each time.
            database=None,
            derandomize=not IS_FULL,
            # Fifty steps of a whole broker draw more than most properties do.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def test_votes_under_any_schedule_are_one_each_and_come_to_one_verdict(make_host):
    Votes.make_host = make_host
    machine = Votes.TestCase
    machine.settings = settings(
        max_examples=150,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=not IS_FULL,
    )
    machine().runTest()
