"""Messages to clients: stored once for those who may come back, then delivered.

A group, a topic and a named client are each a stream of the log, which is written
only while it has a named member. Every message that is stored has a *position*, in
one order over all streams. A connection is *live*, or it *catches up*: it is sent
what its client has not had, oldest first, then turns live. Who comes back after more
than the offline queue holds is told how much is missing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from kgnb.broker import rows
from kgnb.broker.letters import Letter
from kgnb.broker.members import is_visible
from kgnb.errors import Gap
from kgnb.storage.base import Append, Transaction, Trim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kgnb.broker.audience import Audience
    from kgnb.broker.connections import Connection
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.members import Client, Stream
    from kgnb.broker.peer import Peer
    from kgnb.broker.runs import Runs
    from kgnb.storage.base import Put, Record

MICROSECONDS = 1_000_000


class Reached(NamedTuple):
    """How many clients a message went to."""

    now: int = 0
    later: int = 0
    """Those that are away, and get it when they are back."""


class _Missed(NamedTuple):
    """One stored message that a client has not had."""

    position: int
    stream: str
    seq: int


class _CatchUp:
    """One connection on its way to being live."""

    def __init__(self, conn: Connection, client: Client, had: dict[str, int]) -> None:
        self.conn = conn
        self.client = client
        self.had = had
        """By stream, the last seq that this connection need not be sent."""
        self.plan: deque[_Missed] = deque()
        self.lost = 0
        """Messages that cannot be delivered any more, and of which it is not told."""
        self.is_reading = False


class Mail:
    """Posts and delivers."""

    def __init__(
        self, effects: Effects, limits: BrokerLimits, runs: Runs, audience: Audience
    ) -> None:
        self._effects = effects
        self._limits = limits
        self._runs = runs
        self._audience = audience
        self._position = 0
        self._catching_up: dict[int, _CatchUp] = {}
        """By connection."""

    def next_position(self, now: float) -> int:
        """Microseconds since the epoch, but never the same or less than before."""
        self._position = max(self._position + 1, int(now * MICROSECONDS))
        return self._position

    def loaded(self, positions: Iterable[int]) -> None:
        """Positions that the log has: the next is higher."""
        self._position = max(self._position, *positions, 0)

    # Delivery

    def is_kept(self, name: str) -> bool:
        """Whether a stream has members that may come back for its messages."""
        stream = self._audience.streams.get(name)
        return stream is not None and stream.named > 0

    def storing(self, name: str, letter: Letter, put: Put) -> Transaction:
        """What has to be stored: the message where it is kept, and ``put``.

        Now and then, when enough has gathered, it drops what the stream need not
        keep.
        """
        if not letter.position:
            return Transaction(puts=(put,))
        append = Append(rows.MAIL + name, (letter.numbered.payload,))
        ended, kept = self._audience.streams[name].seq, self._limits.offline_queue
        is_due = ended and ended % kept == 0
        trims = (Trim(rows.MAIL + name, ended - kept),) if is_due else ()
        return Transaction(puts=(put,), appends=(append,), trims=trims)

    def deliver(self, name: str, letter: Letter, seq: int | None) -> Reached:
        """Send a message to the members of a stream.

        Args:
            name: The stream's.
            letter: The message.
            seq: Its place in the stream, None where it was not stored.
        """
        stream = self._audience.streams.get(name)
        if stream is None:
            return Reached()
        if seq is not None:
            self._note(stream, seq, letter)
        count = queued = 0
        for client in list(stream.members.values()):
            if client.sockets:
                count += 1
                is_live = self.send(client, letter)
                if is_live and seq is not None and client.is_named:
                    client.places[name].had = seq
                    client.is_changed = True
            elif seq is not None:
                queued += 1
        return Reached(count, queued)

    @staticmethod
    def _note(stream: Stream, seq: int, letter: Letter) -> None:
        stream.seq = seq
        if stream.named:
            stream.marks.append(letter.position)

    def send(self, client: Client, letter: Letter) -> bool:
        """Send to those of its connections that are live; whether any is.

        The others read it from the log in its turn, if it was stored.
        """
        live = [
            conn
            for conn in client.sockets.values()
            if not letter.position or conn.id not in self._catching_up
        ]
        for conn in live:
            send(conn, client, letter)
        return bool(live)

    def broadcast(
        self, letter: Letter, exclude: Collection[str], kernel_id: str
    ) -> Reached:
        """Send a message to whoever is connected and may hear that kernel."""
        count = 0
        for client in list(self._audience.clients.values()):
            if client.client_id in exclude or not is_visible(client, kernel_id):
                continue
            hearing = [
                conn
                for conn in client.sockets.values()
                if self._may_hear(conn.peer, kernel_id)
            ]
            for conn in hearing:
                send(conn, client, letter)
            count += bool(hearing)
        return Reached(count)

    def _may_hear(self, peer: Peer, kernel_id: str) -> bool:
        """Whether it sees all, or a run of that kernel; a share link sees one thing."""
        if peer.run_scope is None and peer.workflow_scope is None:
            return True
        return any(
            run.row.kernel_id == kernel_id
            and peer.run_scope in (None, run.id)
            and peer.workflow_scope in (None, run.row.workflow)
            for run in self._runs.by_id.values()
        )

    # Catching up

    def position_of(self, conn: Connection, client: Client) -> int:
        """Of the last message that a named client has had, as far as anybody knows.

        A client that is told knows by what to come back, though the first message
        never reaches it.
        """
        if conn.peer.position is not None:
            return conn.peer.position
        places = client.places.items()
        return max(self._audience.streams[n].mark(p.had) for n, p in places)

    def returned(self, conn: Connection, client: Client, now: float) -> None:
        """A named client's connection was greeted: send it what it has not had."""
        position = conn.peer.position
        had = {
            name: place.had
            if position is None
            else self._had(self._audience.streams[name], place, position)
            for name, place in client.places.items()
        }
        job = _CatchUp(conn, client, had)
        self._catching_up[conn.id] = job
        self._go_on(job, now)

    @staticmethod
    def _had(stream: Stream, place: rows.Place, position: int) -> int:
        """The last seq in a stream of a client that has had all up to ``position``."""
        before = stream.first - 1
        found = bisect_right(list(stream.marks), position)
        if not found and before > place.joined:
            # What was dropped may be older than what it had; told rather than not.
            before = min(place.had, before - 1)
        return max(place.joined, before + found)

    def _go_on(self, job: _CatchUp, now: float) -> None:
        if not job.plan:
            self._plan(job, now)
        if job.lost:
            lost, job.lost = job.lost, 0
            job.conn.refuse(
                Gap(
                    f"{lost} messages to you are no longer kept: they were more than "
                    f"{self._limits.offline_queue}, or older than "
                    f"{self._limits.offline_ttl:g} s"
                ),
                data={"dropped": lost},
            )
        if job.plan:
            self._read(job)
        else:
            del self._catching_up[job.conn.id]

    def _plan(self, job: _CatchUp, now: float) -> None:
        """Decide what is sent: the newest that were missed, oldest first."""
        oldest = (now - self._limits.offline_ttl) * MICROSECONDS
        missed: list[_Missed] = []
        total = 0
        for name, place in job.client.places.items():
            stream = self._audience.streams[name]
            # A stream that it entered since it began to catch up is new to it.
            had = job.had.get(name, place.joined)
            start = max(stream.first, had + 1)
            total += stream.seq - had
            marks = list(stream.marks)[start - stream.first :]
            missed += [
                _Missed(mark, name, seq)
                for seq, mark in enumerate(marks, start)
                if mark >= oldest
            ]
            job.had[name] = stream.seq
        missed.sort()
        job.plan = deque(missed[-self._limits.offline_queue :])
        job.lost += total - len(job.plan)
        for entry in reversed(job.plan):
            job.had[entry.stream] = entry.seq - 1
        for name in job.client.places:
            self._advance(job, name)

    @staticmethod
    def _advance(job: _CatchUp, name: str) -> None:
        place = job.client.places.get(name)
        if place is not None and place.had < job.had[name]:
            place.had = job.had[name]
            job.client.is_changed = True

    def _read(self, job: _CatchUp) -> None:
        """Read the next messages of the plan that are in one stream."""
        if job.is_reading:
            return
        first = job.plan[0]
        size = 0
        for entry in job.plan:
            if entry.stream != first.stream or size == self._limits.read_page:
                break
            size += 1
        job.is_reading = True

        def done(records: list[Record] | None, now: float) -> None:
            job.is_reading = False
            if self._catching_up.get(job.conn.id) is not job or records is None:
                return  # it has gone, or the log failed and the next tick tries again
            self._page(job, size, {record.seq: record for record in records})
            self._go_on(job, now)

        stream = rows.MAIL + first.stream
        self._effects.read(job.conn.id, stream, first.seq - 1, size, done)

    def _page(self, job: _CatchUp, size: int, found: dict[int, Record]) -> None:
        sent = 0
        for _ in range(size):
            entry = job.plan[0]
            record = found.get(entry.seq)
            length = len(record.payload) if record else 0
            if sent and sent + length > self._limits.read_bytes:
                return  # the rest is read again when the client has taken this
            job.plan.popleft()
            job.had[entry.stream] = entry.seq
            if entry.stream in job.client.places:  # it may have left meanwhile
                self._advance(job, entry.stream)
                sent += length
                if record is None:
                    job.lost += 1
                else:
                    send(job.conn, job.client, Letter.read(record.payload))

    def drop(self, conn: Connection) -> None:
        """The connection is gone."""
        self._catching_up.pop(conn.id, None)

    def tick(self, now: float) -> None:
        """Read on where the log had failed."""
        for job in list(self._catching_up.values()):
            if not job.is_reading:
                self._go_on(job, now)


def send(conn: Connection, client: Client, letter: Letter) -> None:
    """Send a message in the client's own way of speaking."""
    if conn.is_document:
        conn.send(letter.document)
    else:
        conn.send(letter.numbered if client.is_named else letter.plain)
