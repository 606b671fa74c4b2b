"""Who reads which runs, and how far each reader is.

A reader is one connection on one run, with one cursor. It either *catches up*,
page by page from the log, or is *live* and gets what is published; it turns
live when a page ends at the last event that was published. Both ways move the
same cursor and pass over what is behind it, so nothing is sent twice or left
out.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from kgnb.broker import rows
from kgnb.broker.frames import StoredEvent
from kgnb.broker.members import TOPIC
from kgnb.broker.run import may_see
from kgnb.errors import BadFrame, InvalidValue, KgnbError, NoSuchRun
from kgnb.protocol import codec, replies
from kgnb.protocol.commands import Subscribe, Unsubscribe
from kgnb.protocol.events import TERMINAL
from kgnb.protocol.mail import check_name
from kgnb.protocol.topics import TOPICS, wants
from kgnb.protocol.view import RunView, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kgnb.broker.connections import Connection
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.protocol.commands import Since
    from kgnb.storage.base import Record


STEP, STEPS = "step", "steps"
"""The event, and the topic that makes a run tell it."""
_EACH = TOPICS - {"all"}


class Scope(NamedTuple):
    """What a subscription covers: one run, a workflow's runs, or all."""

    run_id: str | None = None
    workflow: str | None = None

    def covers(self, run: Run) -> bool:
        """Whether ``run`` is within it."""
        return self.run_id in (None, run.id) and self.workflow in (
            None,
            run.row.workflow,
        )


class Reader:
    """One connection on one run."""

    def __init__(self, conn: Connection, run: Run, seq: int) -> None:
        self.conn = conn
        self.run = run
        self.topics: frozenset[str] = frozenset()
        self.seq = seq
        """The last event that it was sent or that its topics left out."""
        self.told = seq
        """The last seq that the client can know of."""
        self.is_live = False
        self.view: RunView | None = None
        """Folded instead of sent, where events are missing: for a snapshot."""
        self.reason = ""

    def send(self, events: Iterable[StoredEvent]) -> None:
        """Send or pass over the next events."""
        wanted: list[StoredEvent] = []
        for event in events:
            self.seq = event.seq
            if self._wants(event.type):
                self.told = event.seq
                wanted.append(event)
            if event.type in TERMINAL:
                self.conn.send_events(wanted)
                wanted = []
                self.conn.run_ended(self.run.id, event.type)
        self.conn.send_events(wanted)

    def _wants(self, event_type: str) -> bool:
        if event_type == STEP and not self.reads_steps:
            return False  # told for the session's sake, or for somebody else's
        return wants(self.topics, event_type)

    @property
    def reads_steps(self) -> bool:
        """Whether it is told the run's steps."""
        is_bare = self.run.row.is_bare or self.conn.is_bare
        return is_bare or STEPS in self.topics


class _Parked(NamedTuple):
    conn: Connection
    command: Subscribe
    until: float


class Subscriptions:
    """All readers, of all connections."""

    def __init__(
        self, log_id: str, effects: Effects, limits: BrokerLimits, runs: Runs
    ) -> None:
        self._log_id = log_id
        self._effects = effects
        self._limits = limits
        self._runs = runs
        self._readers: dict[str, dict[int, Reader]] = {}
        """By run id, then by connection."""
        self._broad: dict[int, Connection] = {}
        """Connections with a subscription to more than one run."""
        self._parked: dict[str, list[_Parked]] = {}
        """By the id of a run that is not there yet."""
        self._next_cursors = 0.0
        self.tell_steps: Callable[[Run], bool] = lambda _run: False
        """Asks a run's kernel for its steps; whether it was told."""

    # Commands

    def subscribe(self, conn: Connection, command: Subscribe, now: float) -> None:
        """Add topics; replay what the client has not had."""
        scope = Scope(command.run_id, command.workflow)
        try:
            self._check(conn, command, scope)
        except KgnbError as error:
            conn.refuse(error, command.id)
            return
        if scope.run_id is not None:
            run = self._runs.visible(conn.peer, scope.run_id)
            if run is None:
                # The panel may be faster than its kernel's first frame. What may
                # not be seen is answered like what is not there, as late.
                parked = _Parked(conn, command, now + self._limits.unknown_run_wait)
                self._parked.setdefault(scope.run_id, []).append(parked)
                return
        self._begin(conn, command, scope)

    def _check(self, conn: Connection, command: Subscribe, scope: Scope) -> None:
        parked = sum(p.conn is conn for ps in self._parked.values() for p in ps)
        held = len(conn.subscriptions) + parked
        if scope not in conn.subscriptions and held >= self._limits.max_subscriptions:
            raise InvalidValue(
                f"subscribe: expected at most {self._limits.max_subscriptions} "
                f"subscriptions on one socket"
            )
        for name in command.topics:
            check_name(name, self._limits.max_name)
        topics = conn.subscriptions.get(scope, frozenset()) | {*command.topics}
        if len(topics) > self._limits.max_subscriptions:
            raise InvalidValue(
                f"subscribe: expected at most {self._limits.max_subscriptions} topics"
            )
        if command.since is not None and scope.run_id is None:
            raise InvalidValue("subscribe: 'since' needs a 'run_id'")
        if command.since is not None and command.since.seq < 0:
            raise InvalidValue("subscribe: expected since.seq >= 0")

    def _begin(self, conn: Connection, command: Subscribe, scope: Scope) -> None:
        topics = conn.subscriptions.get(scope, frozenset()) | {*command.topics}
        conn.subscriptions[scope] = topics
        run = self._runs.by_id.get(scope.run_id or "")
        conn.reply(
            replies.Subscribed(
                topics=_held(conn, scope, topics),
                run_id=run.id if run else None,
                seq=run.seq if run else None,
                id=command.id,
            )
        )
        if run is not None:
            self._attach(conn, run, command.since)
            return
        self._broad[conn.id] = conn
        for present in self._runs.awaited():
            if scope.covers(present) and may_see(conn.peer, present.row):
                self._attach(conn, present, None)

    def unsubscribe(self, conn: Connection, command: Unsubscribe) -> None:
        """Drop topics, or without any named the whole subscription."""
        scope = Scope(command.run_id, command.workflow)
        held = conn.subscriptions.get(scope, frozenset())
        if not held and self._reads_unasked(conn, scope):
            held = _EACH
        left = held - {*command.topics} if command.topics is not None else frozenset()
        if left:
            conn.subscriptions[scope] = left
        else:
            conn.subscriptions.pop(scope, None)
            conn.started -= {
                run_id for run_id in conn.started if self._is_in(run_id, scope)
            }
            self._unpark(conn, scope.run_id)
        if all(scope.run_id is not None for scope in conn.subscriptions):
            self._broad.pop(conn.id, None)
        for reader in list(conn.readers.values()):
            self._narrow(reader)
        run = self._runs.visible(conn.peer, command.run_id)
        conn.reply(
            replies.Unsubscribed(
                topics=_held(conn, scope, left),
                run_id=run.id if run else None,
                id=command.id,
            )
        )

    def tell_held(self, conn: Connection, command: Subscribe | Unsubscribe) -> None:
        """Reply to a command that was about an application's topics alone."""
        scope = Scope()
        kind = (
            replies.Subscribed
            if isinstance(command, Subscribe)
            else replies.Unsubscribed
        )
        topics = conn.subscriptions.get(scope, frozenset())
        conn.reply(kind(topics=_held(conn, scope, topics), id=command.id))

    def _narrow(self, reader: Reader) -> None:
        reader.topics = self._topics(reader.conn, reader.run)
        if not reader.topics:
            self._detach(reader)

    def _is_in(self, run_id: str, scope: Scope) -> bool:
        run = self._runs.by_id.get(run_id)
        return run is not None and scope.covers(run)

    def _reads_unasked(self, conn: Connection, scope: Scope) -> bool:
        """Whether it reads all of a run within ``scope``, having started it."""
        return any(self._is_in(run_id, scope) for run_id in conn.started)

    def _topics(self, conn: Connection, run: Run) -> frozenset[str]:
        asked = frozenset[str]().union(
            *(
                topics
                for scope, topics in conn.subscriptions.items()
                if scope.covers(run)
            )
        )
        return asked or frozenset({"all"} if run.id in conn.started else ())

    # Readers

    def follow(self, conn: Connection, run: Run) -> None:
        """Let a connection read a run that it started or spoke to."""
        if conn.is_open:
            if not run.row.has_ended:
                conn.started.add(run.id)
            self._attach(conn, run, None)

    def reads_steps(self, run: Run) -> bool:
        """Whether anybody will read the steps of a run that is to be."""
        return any(
            STEPS in self._topics(conn, run) and may_see(conn.peer, run.row)
            for conn in self._broad.values()
        )

    def _attach(self, conn: Connection, run: Run, since: Since | None) -> None:
        self._attach_reader(conn, run, since)
        if conn.readers[run.id].reads_steps and not run.tells_steps:
            run.tells_steps = self.tell_steps(run)

    def _attach_reader(self, conn: Connection, run: Run, since: Since | None) -> None:
        reader = conn.readers.get(run.id)
        if reader is None:
            reader = Reader(conn, run, 0)
            conn.readers[run.id] = reader
            self._readers.setdefault(run.id, {})[conn.id] = reader
        elif since is None:
            # It has read on; only new events come under the new topics.
            reader.topics = self._topics(conn, run)
            return
        reader.topics = self._topics(conn, run)
        self._place(reader, since)

    def _place(self, reader: Reader, since: Since | None) -> None:
        reader.view, reader.reason = None, ""
        reader.seq = 0
        if since is not None and since.log_id in (None, self._log_id):
            reader.seq = since.seq
            if since.seq > reader.run.seq:
                # It saw what a power cut took from the log again.
                self._expect_snapshot(reader, "the log ends before that event")
        reader.told = reader.seq
        reader.is_live = reader.view is None and reader.seq == reader.run.seq
        if not reader.is_live and reader not in reader.conn.catching_up:
            reader.conn.catching_up.append(reader)
            self._read(reader.conn)

    def _expect_snapshot(self, reader: Reader, reason: str) -> None:
        reader.view, reader.reason = RunView(run_id=reader.run.id), reason
        reader.seq = 0

    def _detach(self, reader: Reader) -> None:
        conn, run = reader.conn, reader.run
        conn.readers.pop(run.id, None)
        readers = self._readers.get(run.id, {})
        readers.pop(conn.id, None)
        if not readers:
            self._readers.pop(run.id, None)
        if reader in conn.catching_up:
            conn.catching_up.remove(reader)

    def run_appeared(self, run: Run, now: float) -> None:
        """A new run: attach who waited for it, and who reads all of its kind."""
        for conn in self._broad.values():
            if may_see(conn.peer, run.row) and self._topics(conn, run):
                self._attach(conn, run, None)
        for parked in self._parked.pop(run.id, []):
            if parked.conn.is_open:
                self.subscribe(parked.conn, parked.command, now)

    def run_vanished(self, run: Run) -> None:
        """A run that was to be will not be."""
        for reader in list(self._readers.get(run.id, {}).values()):
            self._detach(reader)

    def run_forgotten(self, run: Run) -> None:
        """A run that is over is kept no longer; who reads it by its name is told."""
        scope = Scope(run.id)
        for reader in list(self._readers.get(run.id, {}).values()):
            self._detach(reader)
            if reader.conn.subscriptions.pop(scope, None) is not None:
                reader.conn.refuse(NoSuchRun(f"run {run.id!r} is no longer kept"))

    def drop(self, conn: Connection) -> None:
        """The connection is gone."""
        for reader in list(conn.readers.values()):
            self._detach(reader)
        self._broad.pop(conn.id, None)
        for run_id in list(self._parked):
            self._unpark(conn, run_id)

    def _unpark(self, conn: Connection, run_id: str | None) -> None:
        left = [p for p in self._parked.get(run_id or "", []) if p.conn is not conn]
        self._parked[run_id or ""] = left
        if not left:
            del self._parked[run_id or ""]

    def publish(self, run: Run, first_seq: int, payloads: list[bytes]) -> None:
        """Send what was just stored to the readers that are up to date."""
        live = [r for r in self._readers.get(run.id, {}).values() if r.is_live]
        if not live:
            return
        stored = [
            StoredEvent(run.id, seq, payload)
            for seq, payload in enumerate(payloads, first_seq)
        ]
        for reader in live:
            reader.send(event for event in stored if event.seq > reader.seq)

    # Catching up

    def _read(self, conn: Connection) -> None:
        if conn.is_reading or not conn.catching_up or not conn.is_open:
            return
        reader = conn.catching_up[0]
        conn.is_reading = True
        after, known = reader.seq, reader.run.seq

        def done(records: list[Record] | None, now: float) -> None:
            del now
            conn.is_reading = False
            if records is None:
                return  # the log failed: the next tick tries again
            if reader in conn.catching_up and reader.seq == after:
                self._page(reader, records, known)
            self._read(conn)

        self._effects.read(
            conn.id, rows.STREAM + reader.run.id, after, self._limits.read_page, done
        )

    def _page(self, reader: Reader, records: list[Record], known: int) -> None:
        """Take in a page that was read when ``known`` was the last seq."""
        # What the log has, but has not said so yet, comes when it does: a reader that
        # knew more than we would come back from a future that we take for lost.
        records = [record for record in records if record.seq <= reader.run.seq]
        first = records[0].seq if records else known + 1
        if reader.view is None and first > reader.seq + 1:
            self._expect_snapshot(reader, "older events are no longer in the log")
        sent = 0
        page: list[StoredEvent] = []
        for record in records:
            if reader.view is not None:
                _fold(reader, reader.view, record)
                continue
            size = len(record.payload)
            if sent and sent + size > self._limits.read_bytes:
                break  # the rest is read again when the client has taken this
            sent += size
            try:
                page.append(StoredEvent(reader.run.id, record.seq, record.payload))
            except msgspec.MsgspecError:
                # Somebody wrote over the log.
                reader.send(page)
                self._expect_snapshot(reader, "an event in the log cannot be read")
                return  # to read it all again
        reader.send(page)
        if not records:
            reader.seq = max(reader.seq, known)
        if reader.seq >= reader.run.seq:
            reader.conn.catching_up.remove(reader)
            reader.is_live = True
            self._finish_snapshot(reader)

    def _finish_snapshot(self, reader: Reader) -> None:
        if reader.view is not None:
            reader.view.seq = reader.seq
            reader.told = reader.seq
            reader.conn.reply(
                replies.Snapshot(
                    run_id=reader.run.id,
                    view=msgspec.to_builtins(reader.view),
                    reason=reader.reason,
                )
            )
            reader.view = None

    # Time

    def tick(self, now: float, connections: list[Connection]) -> None:
        """Refuse what waited too long, resume reading, tell cursors."""
        for run_id, waiting in list(self._parked.items()):
            late = [p for p in waiting if p.until <= now]
            if late:
                self._parked[run_id] = [p for p in waiting if p.until > now]
            if not self._parked[run_id]:
                del self._parked[run_id]
            for parked in late:
                error = NoSuchRun(f"no run {run_id!r}")
                parked.conn.refuse(error, parked.command.id)
        for conn in connections:
            self._read(conn)
        if now >= self._next_cursors:
            self._next_cursors = now + self._limits.cursor_interval
            for conn in connections:
                if not conn.is_document:
                    _tell_cursors(conn)


def _fold(reader: Reader, view: RunView, record: Record) -> None:
    """Take an event into a snapshot, which says why it is one; or pass over it."""
    reader.seq = record.seq
    full = codec.with_seq(record.payload, record.seq, reader.run.id)
    with suppress(BadFrame):
        fold(view, codec.decode_event(full))


def _held(conn: Connection, scope: Scope, topics: frozenset[str]) -> list[str]:
    """All topics under a scope; without one, the application's too."""
    own = conn.member.names(TOPIC) if conn.member and scope == Scope() else []
    return sorted({*topics, *own})


def _tell_cursors(conn: Connection) -> None:
    for reader in conn.readers.values():
        if reader.is_live and reader.told < reader.seq:
            reader.told = reader.seq
            conn.reply(replies.Cursor(run_id=reader.run.id, seq=reader.seq))
