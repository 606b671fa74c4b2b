"""Questions and their answers: one decision each, whoever races, repeats or is cut."""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from model_faults import Faults
from model_kernels import Kernel, Run, Stamps
from model_readers import Viewer
from model_world import World

from kgnb.broker import BrokerLimits
from kgnb.broker.rows import ApprovalRow, decode
from kgnb.protocol import ids
from kgnb.protocol.ids import timestamp

LIMITS = BrokerLimits(
    read_page=4,
    rate_limit_messages=10**6,
    rate_limit_light=10**6,
    max_wrong_ids=10**6,
)
PEOPLE = ("ada", "bob", "eve")
ASKED = ("a0", "a1")
OPTIONS = ["yes", "no", "stop"]
REFUSALS = {
    "already_answered",
    "conflict",
    "expired",
    "forbidden",
    "no_such_approval",
    "unavailable",
}
QUESTIONS = [
    {"message": "Publish?"},
    {"message": "Publish?", "timeout": 9},
    {"message": "Publish now?"},
    {"message": "All?", "need": 2},
    {"message": "All?", "need": 2, "approvers": ["ada", "bob", "eve"]},
    {"message": "Both?", "need": 2, "veto": ["stop"], "timeout": 9},
]


class Person(Viewer):
    """Reads the run and answers; keeps what each command was answered."""

    def __init__(self, world, name):
        super().__init__(world, name, {"all"})
        self.commands = {}
        """By id, the command as it was first sent."""
        self.replies = {}
        """By id, all that it was answered."""

    def answer(self, number, approval_id, value, args_hash):
        """Send a command, or the one that had this id again."""
        command = {
            "type": "answer",
            "id": f"c{number}",
            "approval_id": approval_id,
            "value": value,
        }
        if args_hash is not None:
            command["args_hash"] = args_hash
        sent = self.commands.setdefault(f"c{number}", command)
        self.world.send(self.socket, sent)

    def replied(self, frame):
        if str(frame.get("id", "")).startswith("c"):
            assert frame["type"] == "ack" or frame["code"] in REFUSALS, frame
            self.replies.setdefault(frame["id"], []).append(frame)
            return True
        return False


class Approvals(Faults):
    """At most one decision for a question, durable before anybody hears of it, and the
    same for all; a command that is repeated has no second effect."""

    @initialize(how=st.sampled_from(QUESTIONS), durable=st.booleans())
    def begin(self, how, durable):
        self.world = World(LIMITS)
        self.world.check_ack = self._check_ack
        self.stamp = Stamps()
        self.kernel = Kernel(self.world, "k1")
        self.kernels = [self.kernel]
        self.kernel.begin_process()
        self.run = Run("r0")
        self.kept = {"durable": True} if durable else {}
        """A durable run's questions stay open when its process has died."""
        self.kernel.begin(self.run, 1, self.stamp, **self.kept)
        self.people = [Person(self.world, name) for name in PEOPLE]
        for person in self.people:
            person.wanted = {"r0"}
        self.all_goes_well()
        for which in ASKED:
            self._ask(which, how)
        self.all_goes_well()

    @property
    def producer(self):
        found = self.kernel.producing.get("r0")
        return None if found is None or found.is_over else found

    # The kernel

    @rule(which=st.sampled_from(ASKED), how=st.sampled_from(QUESTIONS))
    def kernel_asks(self, which, how):
        if self.producer is None:
            self._go_on()
        if self.producer is not None:
            self._ask(which, how)

    def _ask(self, which, how):
        shown = {"options": OPTIONS, **how}
        timeout = shown.pop("timeout", None)
        if timeout is not None:
            shown["expires_at"] = timestamp(self.world.now + timeout)
        shown["args_hash"] = ids.args_hash(shown["message"], OPTIONS, None, None)
        event = {
            "type": "approval_request",
            "node_id": "A",
            "task_id": "A:1",
            "data": {"approval_id": which, **shown},
        }
        self._emit(event)

    def _emit(self, event):
        # A deadline is judged by the time at which the kernel says that it asked.
        event["timestamp"] = timestamp(self.world.now)
        self.kernel.emit(self.producer, [event], self.stamp)

    @rule(which=st.sampled_from(ASKED))
    def kernel_withdraws(self, which):
        if self.producer is not None:
            data = {"approval_id": which, "args_hash": "", "outcome": "cancelled"}
            self._emit({"type": "approval_resolved", "node_id": "A", "data": data})

    @rule(dies=st.booleans())
    def run_ends(self, dies):
        self.kernel.hear()
        if dies:
            self.kernel.begin_process()
            self.kernel.link = None
            self.world.broker.kernels.gone("k1", "killed", self.world.now)
            self.world.perform()
        elif self.producer is not None:
            self._emit({"type": "workflow_completed", "data": 1})
            self.producer.has_ended = True

    def _go_on(self):
        run = self.world.broker.runs.by_id.get("r0")
        is_known = self.kernel.producing.get("r0") is not None
        if run is not None and run.is_over and not is_known:
            epoch = run.row.epoch + 1
            kept = {"resumed_from": "r0", **self.kept}
            self.kernel.begin(self.run, epoch, self.stamp, **kept)

    # People

    @rule(
        who=st.integers(0, 2),
        which=st.sampled_from(ASKED),
        value=st.sampled_from(["yes", "yes", "no", "stop"]),
        back=st.sampled_from([0, 0, 0, 1, 2]),
        is_hashed=st.booleans(),
    )
    def somebody_answers(self, who, which, value, back, is_hashed):
        person = self.people[who]
        if person.socket is None:
            person.come_back()
        args_hash = None
        if is_hashed and "r0" in person.readings:
            seen = person.readings["r0"].view.approvals
            hashes = [each.args_hash for each in seen if each.approval_id == which]
            args_hash = hashes[-1] if hashes else None
        number = max(0, len(person.commands) - back)
        person.answer(number, which, value, args_hash)

    @rule(who=st.integers(0, 3), is_noticed=st.booleans())
    def connection_is_cut(self, who, is_noticed):
        end = self.people[who] if who < len(self.people) else self.kernel
        socket = end.socket if who < len(self.people) else end.link
        if socket is not None:
            end.leave()
            if is_noticed:
                self.world.drop(socket)

    @rule(who=st.integers(0, 2))
    def somebody_reads(self, who):
        self.people[who].read()

    def restarted(self):
        for end in (self.kernel, *self.people):
            end.leave()

    # What holds

    def check(self):
        self.kernel.hear()

    def _check_ack(self, frame):
        """What is acknowledged is stored by then."""
        data = frame["data"]
        if "approval_id" not in data:
            return  # a vote; the log's order of them is judged at the end
        row = self.world.log._tables.row(f"approval/{data['approval_id']}")
        stored = decode(row.value, ApprovalRow)
        decided = [asked.resolved for asked in (stored, *stored.before)]
        assert data in msgspec.to_builtins(decided), "acknowledged before it was stored"

    def teardown(self):
        if self.world is None:
            return
        for _ in range(4):
            self.world.tick(2.0)
            self.all_goes_well()
        self.world.tick(20.0)
        for _ in range(20):
            self.all_goes_well()
        decisions = self._check_log()
        for person in self.people:
            person.check_complete({"r0"}, set())
            self._check_replies(person, decisions)

    def _check_log(self):
        """Read the log with a finger: what is asked, voted and decided, in turn."""
        asked, votes, decisions = {}, {}, []
        for payload in self.world.history.get("run/r0", []):
            event = msgspec.json.decode(payload)
            data = event.get("data")
            match event["type"]:
                case "approval_request":
                    key = data["approval_id"]
                    known = asked.get(key)
                    is_same = known and known["args_hash"] == data["args_hash"]
                    if (
                        not is_same
                        or (known["resolved"] or {}).get("outcome") == "cancelled"
                    ):
                        assert not known or known["resolved"], "asked over an open one"
                        asked[key] = {**data, "resolved": None}
                        votes[key] = []
                    else:
                        asked[key] = {**data, "resolved": known["resolved"]}
                case "approval_vote":
                    key = data["approval_id"]
                    assert not asked[key]["resolved"], "a vote after the decision"
                    assert data["votes"][:-1] == votes[key], "a vote left out"
                    users = [vote["voter"] for vote in data["votes"]]
                    assert len(set(users)) == len(users), "one person, two votes"
                    votes[key] = data["votes"]
                case "approval_resolved":
                    question = asked[data["approval_id"]]
                    known = question["resolved"]
                    assert known in (None, data), "decided twice"
                    if known is None:
                        decisions.append(data)
                        question["resolved"] = data
                        self._check_decision(question, votes, data)
        return decisions

    def _check_decision(self, question, votes, data):
        if data["outcome"] == "answered" and question.get("need", 1) > 1:
            values = [vote["value"] for vote in votes[data["approval_id"]]]
            is_veto = data["value"] in question.get("veto", [])
            assert is_veto or values.count(data["value"]) >= question["need"]
        if data["outcome"] == "timed_out":
            assert "expires_at" in question

    def _check_replies(self, person, decisions):
        mine = [
            d for d in decisions if d["by"].get("user") == person.peer.identity.user
        ]
        for number, replies in person.replies.items():
            won = [f["data"] for f in replies if f["type"] == "ack"]
            final = [data for data in won if "approval_id" in data]
            for data in final:
                assert data in decisions, "told a decision that is none"
                assert data == final[0], "a repeated command was answered otherwise"
            if won:
                value = person.commands[number]["value"]
                assert all(d["value"] == value for d in final if d in mine)
            for reply in replies:
                if reply["type"] == "error" and reply["code"] == "already_answered":
                    assert reply["data"] in decisions, "told a winner that is none"
