"""Readers as a model has them: each says what it must not be sent, and what it lacks."""

import itertools
from functools import lru_cache

import msgspec

from kgnb.broker import Identity, Peer
from kgnb.protocol import RunView, decode_event, fold
from kgnb.protocol.codec import with_seq
from kgnb.protocol.topics import wants

FOREIGN = "another log"
ALL = frozenset({"all"})


@lru_cache(maxsize=4096)
def facts(payload):
    """An event's type, and whether a slow reader may be spared it."""
    event = msgspec.json.decode(payload)
    is_report = event["type"] == "node_update" and "progress" in event
    return event["type"], event["type"] in ("token", "progress") or is_report


def folded(run_id, history):
    """The view that the log gives."""
    view = RunView(run_id=run_id)
    for seq, payload in enumerate(history, 1):
        fold(view, decode_event(with_seq(payload, seq, run_id)))
    return view


class Reading:
    """What one reader has of one run, over all its sockets."""

    def __init__(self, run_id):
        self.run_id = run_id
        self.cursor = 0
        self.lengths = {}
        """Characters of each text that it has."""
        self.view = RunView(run_id=run_id)
        self.is_whole = True
        """Whether it was told of no gap."""

    def move(self, seq, history):
        """Ask for all behind ``seq`` again."""
        if seq != self.cursor:
            self.cursor = seq
            self.view = folded(self.run_id, history[:seq])
            self.lengths = {each.stream: each.length for each in self.view.streams}
            self.is_whole = True

    def take(self, event, history, topics, *, may_merge):
        """The next event that came."""
        seq = event["seq"]
        assert seq > self.cursor, "sent twice, or out of order"
        for payload in history[self.cursor : seq - 1]:
            kind, is_mergeable = facts(payload)
            assert not wants(topics, kind) or (is_mergeable and may_merge), "left out"
        self.cursor = seq
        if event["type"] == "token":
            self._read_on(event)
        if topics == ALL:
            fold(self.view, decode_event(msgspec.json.encode(event)))

    def _read_on(self, event):
        length = self.lengths.get(event["stream"], 0)
        index = event.get("index", 0)
        assert index <= length or not self.is_whole, "text left out"
        end = index + len(event["data"])
        self.lengths[event["stream"]] = max(length, end)

    def pass_over(self, seq, history, topics):
        """It is told that there was nothing for it up to ``seq``."""
        for payload in history[self.cursor : seq]:
            assert not wants(topics, facts(payload)[0]), "left out, and told otherwise"
        self.cursor = max(self.cursor, seq)

    def take_snapshot(self, frame, history):
        """A gap, and it is told."""
        assert frame["recovered"] is False
        self.is_whole = False
        self.cursor = frame["view"]["seq"]
        assert self.cursor <= len(history)
        self.view = msgspec.convert(frame["view"], RunView)
        for stream in self.view.streams:
            self.lengths[stream.stream] = stream.length


class Viewer:
    """Somebody who reads runs, on one socket after the other."""

    def __init__(self, world, name, topics, *, peer=None):
        self.world = world
        self.topics = frozenset(topics)
        self.peer = peer or Peer(
            identity=Identity(user=name, name=name), role="start", client_id=name
        )
        self.socket = None
        self.readings = {}
        self.wanted = set()
        """Runs that it asks for when it comes back; None: all."""
        self.scopes = set()
        """The same, as this socket was told."""
        self.asked = {}
        """Commands without a reply, by id."""
        self.may_snapshot = set()
        """Runs that it asked for beyond their end."""
        self._ids = itertools.count(1)

    def come_back(self):
        """Connect, and ask for what it reads from where it was."""
        self.socket = self.world.connect(self.peer)
        self.scopes = set()
        self.asked = {}
        for run_id in sorted(self.wanted, key=str):
            if self.socket.closed is None:
                self.subscribe(run_id, "own")

    def leave(self):
        """The connection breaks, and what was on its way to it is lost."""
        socket, self.socket = self.socket, None
        return socket

    def _ask(self, kind, run_id, **fields):
        number = next(self._ids)
        self.asked[number] = (run_id, fields.get("since"))
        scope = {} if run_id is None else {"run_id": run_id}
        self.world.send(self.socket, {"type": kind, "id": number, **scope, **fields})

    def subscribe(self, run_id, how):
        """Ask for a run, or for all with None; ``how``: from where on."""
        self.wanted.add(run_id)
        topics = {"topics": sorted(self.topics)}
        if run_id is None:
            self._ask("subscribe", None, **topics)
            return
        reading = self.readings.get(run_id)
        own = 0 if reading is None else reading.cursor
        seq = {"own": own, "old": own // 2, "foreign": own, "beyond": own + 1_000}[how]
        log_id = FOREIGN if how == "foreign" else self.world.log.log_id
        since = {"seq": seq, "log_id": log_id}
        self._ask("subscribe", run_id, since=since, **topics)

    def unsubscribe(self, run_id):
        self.wanted.discard(run_id)
        self._ask("unsubscribe", run_id)

    def read(self, count=None):
        """Take frames from the socket, and judge each."""
        if self.socket is None:
            return
        for frame in self.socket.take(count):
            if self.replied(frame):
                continue
            match frame["type"]:
                case "subscribed":
                    self._subscribed(frame)
                case "unsubscribed":
                    self._unsubscribed(frame)
                case "error":
                    self._refused(frame)
                case "snapshot" | "cursor":
                    self._placed(frame)
                case _ if "seq" in frame and "workflow_id" in frame:
                    self._event(frame)
        if self.socket.closed is not None and not len(self.socket.outbox):
            self.socket = None

    def replied(self, frame):
        """Whether it is the answer to a command of another kind."""
        return False

    def _subscribed(self, frame):
        run_id, since = self.asked.pop(frame["id"])
        if run_id is None:
            # Its own subscriptions go on as they were; all else begins anew.
            kept = self.readings.items() if None in self.scopes else self._own()
            self.readings = dict(kept)
            self.scopes.add(None)
            return
        assert self.peer.run_scope in (None, run_id)
        self.scopes.add(run_id)
        reading = self.readings.setdefault(run_id, Reading(run_id))
        if since["log_id"] == FOREIGN:
            reading.move(0, [])
        elif since["seq"] > len(self._history(run_id)):
            self.may_snapshot.add(run_id)
        else:
            reading.move(since["seq"], self._history(run_id))

    def _own(self):
        return [
            (key, each) for key, each in self.readings.items() if key in self.scopes
        ]

    def _unsubscribed(self, frame):
        run_id, _ = self.asked.pop(frame["id"])
        self.scopes.discard(run_id)

    def _refused(self, frame):
        if "id" in frame:
            self.asked.pop(frame["id"])
        else:  # a run that it reads is kept no longer
            assert frame["code"] == "no_such_run", frame
            self.scopes -= {key for key in self.scopes if repr(key) in frame["message"]}

    def _history(self, run_id):
        return self.world.history.get(f"run/{run_id}", [])

    def _reading(self, run_id):
        assert run_id in self.scopes or None in self.scopes, "not asked for"
        return self.readings.setdefault(run_id, Reading(run_id))

    def _placed(self, frame):
        run_id = frame["run_id"]
        reading, history = self._reading(run_id), self._history(run_id)
        if frame["type"] == "cursor":
            reading.pass_over(frame["seq"], history, self.topics)
            return
        is_trimmed = f"run/{run_id}" in self.world.trimmed
        assert is_trimmed or run_id in self.may_snapshot, "a gap that is none"
        reading.take_snapshot(frame, history)

    def _event(self, frame):
        run_id = frame["run_id"]
        reading, history = self._reading(run_id), self._history(run_id)
        may_merge = self.socket.outbox.merged > 0
        reading.take(frame, history, self.topics, may_merge=may_merge)

    def check_complete(self, kept, unfinished):
        """When all is quiet, it has all of what it reads.

        Who subscribes to all runs is sent those that are unfinished, from then on.
        """
        broad = {*self.readings, *unfinished} if None in self.scopes else set()
        for run_id in (self.scopes | broad) & set(kept):
            history = self._history(run_id)
            reading = self.readings.get(run_id) or Reading(run_id)
            for payload in history[reading.cursor :]:
                assert not wants(self.topics, facts(payload)[0]), (
                    f"{run_id} never sent to {self.peer.identity.user}"
                )
            if self.topics == ALL and reading.is_whole:
                assert reading.view == folded(run_id, history), "another view"
