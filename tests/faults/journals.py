"""What was promised and what was kept, written down outside of kgnb.

Nodes and clients each append to a file of their own, a line by a single write, so
that no death of theirs takes back what they did. The log itself is copied in at the
end. :func:`violations` compares: it reads nothing but these lines.

    emitted   run, life, n            a node is about to send its n-th note
    ran       run, life, node         a node's code begins
    given     approval, value         a node has an answer
    ended     run, life               a run's kernel has its result
    stored_to run, seq                the log has acknowledged a run to its kernel
    posted    life, n                 a message to the group was confirmed
    joined    client                  a client is a member of the group
    heard     client, life, n         and has got a message
    read      reader, run, seq, fact  and an event
    gave_up   reader, run             it waits no longer
    accepted  client, approval, value its answer counts
    told      client, approval, value another one does
    unknown   client, approval        the question that it was shown is not known
    holds     run, seq, fact          the log, when all is over
    fault     kind, hold              what was done to them; for those who search

A *life* is a process of the kernel, counted from 1. A *fact* is what matters of an
event: see :func:`fact_of`.
"""

import json
import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise


class Journal:
    """Appends to ``folder/<who>.jsonl``."""

    def __init__(self, folder, who):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(f"{folder}/{who}.jsonl", flags, 0o600)

    def note(self, what, **facts):
        """Write down what has just happened, or is just about to."""
        line = json.dumps({"what": what, "at": time.monotonic(), **facts}) + "\n"
        os.write(self._file, line.encode())

    def close(self):
        os.close(self._file)


class Tail:
    """What has been added to the journals of some, since it was asked last."""

    def __init__(self, folder, pattern="*.jsonl"):
        self._folder, self._pattern = folder, pattern
        self._read = Counter()

    def new(self):
        for path in sorted(self._folder.glob(self._pattern)):
            with path.open("rb") as file:
                file.seek(self._read[path])
                lines = file.read()
            lines = lines[: lines.rfind(b"\n") + 1]
            self._read[path] += len(lines)
            yield from map(json.loads, lines.splitlines())


def entries_of(folder):
    """Every line of every journal; those of one file in their order."""
    return list(Tail(folder).new())


def fact_of(event):
    """What must be the same whenever and to whomever an event is shown."""
    data = event.get("data")
    match event["type"]:
        case "note":
            return ["note", data["life"], data["n"], data["node"]]
        case "node_update" as kind:
            return [kind, event["node_id"], event["status"]]
        case "approval_resolved" as kind:
            return [kind, data["approval_id"], data["outcome"], data.get("value")]
        case kind:
            return [kind]


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept."""

    where: str
    text: str

    def __str__(self):
        return f"{type(self).__name__}: {self.where}: {self.text}"


class Lost(Violation):
    """What was acknowledged or shown is not in the log, or never came."""


class Hole(Violation):
    """A seq is left out."""


class Duplicate(Violation):
    """Something came, or is stored, more than once."""


class Reordered(Violation):
    """Something came, or is stored, before what was sent before it."""


class DecidedTwice(Violation):
    """A question has two decisions."""


class AcceptedThenLost(Violation):
    """An answer or a message was accepted, and did not have its effect."""


class TooEarly(Violation):
    """A deadline passed that is half an hour away."""


class RanAgain(Violation):
    """A node whose end was stored was run by a later process."""


class Told:
    """The lines, by what they say."""

    def __init__(self, entries):
        self._by_kind = defaultdict(list)
        for entry in entries:
            self._by_kind[entry["what"]].append(entry)
        self.log = self.grouped("holds", "run", lambda e: (e["seq"], e["fact"]))

    def all(self, what):
        return self._by_kind[what]

    def grouped(self, what, keys, value):
        """Values by key, or by several keys; in the order of the lines."""
        found = defaultdict(list)
        for entry in self.all(what):
            many = isinstance(keys, tuple)
            key = tuple(entry[k] for k in keys) if many else entry[keys]
            found[key].append(value(entry))
        return found

    def facts(self, run):
        return [fact for _, fact in self.log[run]]


def violations(entries):
    """Every promise that was not kept, as far as the journals know."""
    told = Told(entries)
    return [violation for rule in RULES for violation in rule(told)]


class BrokenPromisesError(AssertionError):
    """Some were not kept. A test that raises it is not tried again."""


def check_kept(found):
    """Fail where promises were not kept; those that :func:`violations` gave."""
    if found:
        raise BrokenPromisesError("\n".join(["", *map(str, found)]))


def figures(entries):
    """How much was promised, and so was checked."""
    count = Counter(entry["what"] for entry in entries)
    return {
        "events stored": count["holds"],
        "events shown": count["read"],
        "answers accepted": count["accepted"],
        "messages confirmed": count["posted"],
        "messages heard": count["heard"],
        "nodes run": count["ran"],
        "runs": len({e["run"] for e in entries if e["what"] == "ran"}),
    }


def log_counts_on(told):
    """The log numbers each run's events 1, 2, 3 …"""
    for run, stored in told.log.items():
        yield from _counts_on([seq for seq, _ in stored], f"log of {run}")


def notes_are_stored_once_in_order(told):
    """Of a process that lived on: all. Of one that died: the first so many."""
    ended = {(e["run"], e["life"]) for e in told.all("ended")}
    sent = told.grouped("emitted", ("run", "life"), lambda e: e["n"])
    for (run, life), numbers in sent.items():
        where = f"notes of {run} in life {life}"
        stored = [f[2] for f in told.facts(run) if f[:2] == ["note", life]]
        again = [n for n, count in Counter(stored).items() if count > 1]
        if again:
            yield Duplicate(where, f"stored again: {_some(again)}")
        firsts = list(dict.fromkeys(stored))
        if firsts != sorted(firsts):
            yield Reordered(where, f"stored as {_some(firsts)}")
        due = numbers if (run, life) in ended else range(1, max(stored, default=0) + 1)
        if missing := sorted(set(due) - set(stored)):
            yield Lost(where, f"not stored: {_some(missing)} of {len(numbers)}")


def acknowledged_is_stored(told):
    """What a kernel was told is stored, the log has."""
    reached = told.grouped("stored_to", "run", lambda e: e["seq"])
    for run, seqs in reached.items():
        last = max((seq for seq, _ in told.log[run]), default=0)
        if last < max(seqs):
            yield Lost(run, f"acknowledged up to {max(seqs)}, the log ends at {last}")


def readers_get_the_log(told):
    """Each event once and in order, and as the log has it; and all of them."""
    readings = told.grouped("read", ("reader", "run"), lambda e: (e["seq"], e["fact"]))
    for (reader, run), read in readings.items():
        where = f"{reader} of {run}"
        yield from _counts_on([seq for seq, _ in read], where)
        stored = dict(told.log[run])
        wrong = [seq for seq, fact in read if stored.get(seq) != fact]
        if wrong:
            yield Lost(where, f"shown, and not what the log has: seq {_some(wrong)}")
    due = {(entry["reader"], entry["run"]) for entry in told.all("gave_up")}
    readers = {entry["client"] for entry in told.all("joined")}
    due |= {(reader, e["run"]) for e in told.all("ended") for reader in readers}
    for reader, run in sorted(due):
        last = max((seq for seq, _ in readings.get((reader, run), [])), default=0)
        stored = max((seq for seq, _ in told.log[run]), default=0)
        if last < stored:
            yield Lost(f"{reader} of {run}", f"was shown seq 1 to {last} of {stored}")


def _counts_on(seqs, where):
    again = [seq for seq, count in Counter(seqs).items() if count > 1]
    if again:
        yield Duplicate(where, f"seq {_some(again)}")
    firsts = list(dict.fromkeys(seqs))
    if any(b < a for a, b in pairwise(firsts)):
        yield Reordered(where, f"seq {_some(firsts)}")
    missing = sorted(set(range(1, max(seqs, default=0) + 1)) - set(seqs))
    if missing:
        yield Hole(where, f"no seq {_some(missing)}")


def questions_are_decided_once(told):
    """The log has one decision, and one client's answer was accepted."""
    decisions = _decisions(told)
    accepted = told.grouped("accepted", "approval", lambda e: e["client"])
    for approval in decisions.keys() | accepted.keys():
        # Asked again after a resume, it is told its answer again: the same one.
        values = sorted(set(map(str, decisions.get(approval, []))))
        if len(values) > 1:
            yield DecidedTwice(approval, f"the log has {values}")
        winners = sorted(set(accepted.get(approval, [])))
        if len(winners) > 1:
            yield DecidedTwice(approval, f"the answers of {winners} were accepted")


def answers_have_their_effect(told):
    """Whoever hears of a decision, hears of the one that the log has."""
    decisions = _decisions(told)
    for what in ("accepted", "told", "given"):
        for entry in told.all(what):
            decided = decisions.get(entry["approval"], [])
            if entry["value"] not in decided:
                text = f"{what} {entry['value']!r}, the log has {decided}"
                yield AcceptedThenLost(entry["approval"], text)
    for entry in told.all("unknown"):
        yield Lost(entry["approval"], f"{entry['client']} was shown it; it is no more")


def deadlines_hold(told):
    """No test lasts as long as its questions may."""
    for run in told.log:
        for fact in told.facts(run):
            if fact[0] == "approval_resolved" and fact[2] == "timed_out":
                yield TooEarly(fact[1], f"decided by its deadline: {fact[3]!r}")


def _decisions(told):
    found = defaultdict(list)
    for run in told.log:
        for fact in told.facts(run):
            if fact[0] == "approval_resolved" and fact[2] != "cancelled":
                found[fact[1]].append(fact[3])
    return found


def finished_nodes_run_once(told):
    """No life runs the code of a node whose end an earlier one has stored."""
    begun = told.grouped("ran", ("run", "node"), lambda e: e["life"])
    for (run, node), lives in begun.items():
        if finished := _finished_in(told.facts(run), node):
            again = [life for life in lives if life > finished]
            if again or lives.count(finished) > 1:
                text = f"ended in life {finished}, ran in {lives}"
                yield RanAgain(f"{node} of {run}", text)


def _finished_in(facts, node):
    """The life whose end of a node the log has; 0 if none.

    An item, such as ``Items#2``, has ended where a later one of its batch has begun.
    """
    batch, is_item, number = node.partition("#")
    life = 0
    for fact in facts:
        if fact[0] == "note" and is_item:
            other, _, later = fact[3].partition("#")
            if other == batch and int(later) > int(number):
                return fact[1]
        elif fact[0] == "note" and fact[3] == node:
            life = fact[1]
        elif fact == ["node_update", node, "completed"]:
            return life
    return 0


def messages_are_heard_once_in_order(told):
    """By every member of the group, for it was one before the first."""
    confirmed = [(e["life"], e["n"]) for e in told.all("posted")]
    heard = told.grouped("heard", "client", lambda e: (e["life"], e["n"]))
    for client in sorted({e["client"] for e in told.all("joined")}):
        got = heard[client]
        again = [each for each, count in Counter(got).items() if count > 1]
        if again:
            yield Duplicate(client, f"messages {_some(again)}")
        firsts = list(dict.fromkeys(got))
        if firsts != sorted(firsts):
            yield Reordered(client, f"messages {_some(firsts)}")
        missing = sorted(set(confirmed) - set(got))
        if missing:
            yield AcceptedThenLost(client, f"no messages {_some(missing)}")


RULES = [
    log_counts_on,
    notes_are_stored_once_in_order,
    acknowledged_is_stored,
    readers_get_the_log,
    questions_are_decided_once,
    answers_have_their_effect,
    deadlines_hold,
    finished_nodes_run_once,
    messages_are_heard_once_in_order,
]


def _some(numbers):
    shown = ", ".join(map(str, numbers[:8]))
    return shown + (f" … ({len(numbers)})" if len(numbers) > 8 else "")
