"""The world around a broker under test: its log, its clock, and everybody's sockets.

Nothing here waits and nothing is random: the log does its work, well or badly, when
it is told to. Reads and commits overtake each other as under the driver, and a
socket's queue is the real ``Outbox``. What must hold at the moment at which a frame
leaves the broker is checked here, whatever is modelled on top.
"""

from collections import deque

import msgspec

from kgnb.broker import Broker, Outbox, Voters
from kgnb.broker.effects import Close, Commit, Get, Read, Send
from kgnb.broker.loading import load
from kgnb.storage.base import Committed, Transaction, Trim
from kgnb.storage.memory import MemoryLog

VOTERS = Voters(are_known=True, key=b"secret")
START = 1_800_000_000.0
"""Seconds since the epoch."""


def run_now(coroutine):
    """The result of a coroutine that never waits: the log in memory does not."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value
    raise AssertionError("expected a coroutine that does not wait")


class Socket:
    """One connection's end at the host: a bounded queue on its way to the peer."""

    def __init__(self, conn, *, is_link, high_water, limit):
        self.conn = conn
        self.is_link = is_link
        self.closed = None
        """Code and reason, once it is."""
        self.outbox = Outbox(high_water=high_water, limit=limit)
        self.largest = 0
        """Of its frames, in bytes."""

    def take(self, count=None):
        """The next frames, decoded; all without a count."""
        count = len(self.outbox) if count is None else min(count, len(self.outbox))
        return [msgspec.json.decode(self.outbox.pop()) for _ in range(count)]


class _Stored:
    """A commit that the log was given."""

    def __init__(self, commit):
        self.transaction, self.done = commit.transaction, commit.done
        self.doubt = commit.doubt
        self.outcome = None


class World:
    """A broker, or after a restart the next one, on one log.

    Args:
        limits: Of the broker.
        tokens: Signs share links.
        high_water: Bytes past which a client's frames are merged.
        limit: Bytes past which a client is cut off.
    """

    def __init__(self, limits, *, tokens=None, high_water=1_200, limit=3_000):
        self.limits = limits
        self.now = START
        self.history = {}
        """Every record that was ever stored, by stream; those that were let go too."""
        self.trimmed = set()
        """Streams of which some records were let go."""
        self._tokens = tokens
        self._bounds = {"high_water": high_water, "limit": limit}
        self.log = MemoryLog()
        run_now(self.log.open())
        self._start()

    def _start(self):
        self.sockets = {}
        self.untold = deque()
        """Commits carried out, or not, of which the broker has not heard."""
        self.commits = deque()
        self.reads = deque()
        self.broker = Broker(
            self.log.log_id,
            self.now,
            limits=self.limits,
            voters=VOTERS,
            tokens=self._tokens,
        )
        kept = self.limits.offline_queue
        run_now(load(self.broker, self.log, self.now, kept=kept))
        self.perform()

    def restart(self):
        """The process is killed: what was on its way is lost, and every connection."""
        for socket in self.sockets.values():
            socket.closed = (1006, "")
        self._start()

    # What the broker is given

    def connect(self, peer):
        return self._socket(self.broker.connect(peer, self.now))

    def connect_link(self, peer):
        return self._socket(self.broker.connect_link(peer), is_link=True)

    def _socket(self, conn, *, is_link=False):
        bounds = {"high_water": 10**9, "limit": 10**9} if is_link else self._bounds
        socket = Socket(conn, is_link=is_link, **bounds)
        self.sockets[conn] = socket
        self.perform()
        return socket

    def send(self, socket, frame):
        """A frame of a peer; to a socket that is closed it goes nowhere."""
        if socket.closed is None:
            self.broker.receive(socket.conn, msgspec.json.encode(frame), self.now)
            self.perform()

    def drop(self, socket):
        """A peer is gone, and the host notices."""
        if self.sockets.pop(socket.conn, None) is not None:
            socket.closed = socket.closed or (1006, "")
            self.broker.disconnect(socket.conn, self.now)
            self.perform()

    def tick(self, seconds=0.0):
        self.now += seconds
        self.broker.tick(self.now)
        self.perform()

    # What the broker wants done

    def perform(self):
        while effects := self.broker.effects.take():
            for effect in effects:
                match effect:
                    case Send(conn, frame):
                        self._deliver(conn, frame)
                    case Close(conn, code, reason):
                        self._close(conn, code, reason)
                    case Commit():
                        self.commits.append(_Stored(effect))
                    case Read() | Get():
                        self.reads.append(effect)

    def _deliver(self, conn, frame):
        socket = self.sockets.get(conn)
        if socket is None:
            return
        self.check_frame(socket, frame)
        socket.largest = max(socket.largest, len(frame.payload))
        if not socket.outbox.put(frame):
            self._close(conn, 4009, "too slow")

    def _close(self, conn, code, reason):
        socket = self.sockets.pop(conn, None)
        if socket is not None:
            socket.closed = (code, reason)
        self.broker.disconnect(conn, self.now)

    def check_frame(self, socket, frame):
        """Nothing is shown or acknowledged before it is stored."""
        if frame.seq:
            history = self.history.get(f"run/{frame.run_id}", [])
            assert frame.seq <= len(history), "shown before it was stored"
            # Delivery puts the seq and the run in front of what is stored.
            stored = history[frame.seq - 1]
            assert frame.payload.endswith(stored[1:]), "shown otherwise than stored"
        elif socket.is_link and frame.topic == "appended":
            told = msgspec.json.decode(frame.payload)
            state = self.log._tables.state(f"run/{told['run_id']}")
            assert told.get("n", 0) <= state.n, "acknowledged before it was stored"
        elif frame.topic == "ack":
            self.check_ack(msgspec.json.decode(frame.payload))

    def check_ack(self, frame):
        """A command is said to have taken effect."""

    # The log

    def store(self, count=1):
        """Carry out commits; the broker hears of them with ``tell``."""
        for _ in range(min(count, len(self.commits))):
            stored = self.commits.popleft()
            (stored.outcome,) = run_now(self.log.commit([stored.transaction]))
            self._note(stored)
            self.untold.append(stored)

    def _note(self, stored):
        if not isinstance(stored.outcome, Committed):
            return
        transaction, places = stored.transaction, stored.outcome.appended
        for append, place in zip(transaction.appends, places, strict=True):
            history = self.history.setdefault(append.stream, [])
            assert place.first_seq == len(history) + 1
            history.extend(append.payloads)
        self.trimmed.update(trim.stream for trim in transaction.trims)
        self.trimmed.update(transaction.drops)
        for stream in transaction.drops:
            if stream.startswith("mail/"):  # it may begin anew; a run does not
                before = self.history.pop(stream, [])
                self.history[f"{stream} {len(self.history)}"] = before

    def refuse(self):
        """The log fails at the next commit."""
        if self.commits:
            self.untold.append(self.commits.popleft())

    def fall_silent(self):
        """What it was given last may be stored or not; all behind that is refused."""
        for stored in self.untold:
            doubt, stored.doubt = stored.doubt, None
            if doubt is not None:
                doubt(self.now)
        behind, self.commits = self.commits, deque()
        for stored in behind:
            stored.done(None, self.now)
        self.perform()

    def tell(self, count=1):
        """Let the broker hear of commits, in their order."""
        for _ in range(min(count, len(self.untold))):
            stored = self.untold.popleft()
            stored.done(stored.outcome, self.now)
            self.perform()

    def read(self, count=1, *, is_failing=False):
        """Carry out reads, but for those whose connection takes nothing just now."""
        for _ in range(count):
            effect = self._next_read()
            if effect is None:
                return
            found = None
            if not is_failing and isinstance(effect, Read):
                pages = self.log.read(effect.stream, effect.after, effect.limit)
                found = run_now(pages)
            elif not is_failing:
                row = run_now(self.log.get(effect.key))
                found = [] if row is None else [row]
            effect.done(found, self.now)
            self.perform()

    def _next_read(self):
        for _ in range(len(self.reads)):
            effect = self.reads.popleft()
            if isinstance(effect, Get) or effect.conn is None:
                return effect
            socket = self.sockets.get(self.broker.carrier_of(effect.conn))
            if socket is None:
                continue
            if not socket.outbox.is_congested:
                return effect
            self.reads.append(effect)
        return None

    def trim(self, stream, through):
        """Somebody else lets go of a stream's oldest records."""
        if through > 0:
            run_now(self.log.commit([Transaction(trims=(Trim(stream, through),))]))
            self.trimmed.add(stream)

    def work(self):
        """Let the log do all that it was given."""
        while self.commits or self.untold:
            self.store(len(self.commits))
            self.tell(len(self.untold))
        self.read(len(self.reads))

    def check_bounds(self):
        """What waits for anybody is bounded, and no connection is forgotten."""
        for socket in self.sockets.values():
            outbox = socket.outbox
            assert outbox.size <= max(
                outbox.limit, outbox.high_water + socket.largest + 64
            )
        assert len(self.broker._connections) == len(self.sockets)
