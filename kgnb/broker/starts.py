"""Starts of published workflows: a run is allotted and stored, then its kernel told.

The run's row is written first, with all that its kernel needs to know, so that a
start whose answer was lost has one effect: a repetition finds the row, and a kernel
that comes back is told again. A kernel begins a run once.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker import audit, rows
from kgnb.broker.doubts import refused, unsure
from kgnb.broker.fitting import problems_of
from kgnb.broker.rows import RunRow, SessionRow
from kgnb.broker.run import Run
from kgnb.errors import (
    Forbidden,
    FrameTooLarge,
    InvalidValue,
    KgnbError,
    Unavailable,
    from_code,
)
from kgnb.protocol import link, replies
from kgnb.protocol.ids import RunId, timestamp
from kgnb.storage.base import Committed, Conflict, Put, RowIs, Transaction

if TYPE_CHECKING:
    from kgnb.broker.audit import AuditEntry
    from kgnb.broker.connections import Connection, Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.runs import LinkOf, Runs
    from kgnb.broker.sessions import Sessions
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.broker.workflows import Offer, Workflows
    from kgnb.protocol.commands import CommandId
    from kgnb.storage.base import Outcome, Row


class Request(msgspec.Struct, kw_only=True):
    """What a client wants to be started."""

    workflow: str
    params: dict[str, Any] = {}
    session_id: str | None = None
    said: Any = msgspec.UNSET
    """The message that starts it; absent: a ``start_workflow``."""
    is_bare: bool = False
    owner: str
    """The identity whose session it is."""
    id: CommandId | None = None
    fingerprint: str | None = None


class _Pending(msgspec.Struct):
    """A run that has not begun, and who waits for it."""

    waiting: list[tuple[Connection, CommandId | None]]
    until: float


class Starts:
    """Runs between the wish for them and their first event."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        runs: Runs,
        workflows: Workflows,
        link_of: LinkOf,
    ) -> None:
        self.sessions: Sessions
        self.subscriptions: Subscriptions
        self._effects = effects
        self._limits = limits
        self._runs = runs
        self._workflows = workflows
        self._link_of = link_of
        self._by_command: dict[str, RunId] = {}
        self._pending: dict[RunId, _Pending] = {}
        self._unsure: set[RunId] = set()
        """Runs of before a restart whose kernel is not known to have begun them."""

    def load(self) -> None:
        """Take in by which commands the known runs were started."""
        for run in self._runs.by_id.values():
            if run.row.command is not None:
                self._by_command[run.row.command] = run.id
            if run.row.start is not None and not run.row.has_ended:
                self._unsure.add(run.id)

    # What clients want. A KgnbError out of ``begin`` means that nothing was begun.

    def repeat(
        self,
        conn: Connection,
        fingerprint: str | None,
        command_id: CommandId | None,
        now: float,
    ) -> bool:
        """Answer a command that has had its effect before; False where it has not."""
        run = self._runs.by_id.get(self._by_command.get(fingerprint or "", ""))
        if run is None:
            return False
        pending = self._pending.get(run.id)
        if pending is None and not run.revision:
            conn.refuse_start(unsure("the start", self._limits), command_id)
            return True
        conn.started.add(run.id)
        if pending is None and run.id in self._unsure and not run.row.has_ended:
            # Its kernel is told again, or is found to be dead.
            pending = _Pending([], now + self._limits.order_timeout)
            self._pending[run.id] = pending
        if pending is not None:
            pending.waiting.append((conn, command_id))
        else:
            self._greet(conn, run, command_id)
        return True

    def begin(self, conn: Connection, request: Request, now: float) -> Run:
        """Allot a run and have it started; the reply follows.

        Raises:
            Forbidden: The role does not include it.
            NoSuchWorkflow: Nothing of that name is published.
            InvalidValue: The params do not fit its schema.
            Unavailable: Its kernel cannot be reached.
        """
        if not conn.peer.may("start"):
            raise Forbidden(f"this needs the role 'start'; yours is {conn.peer.role!r}")
        offer = self._workflows.named(request.workflow, conn.peer)
        if self._link_of(offer.process_id) is None:
            raise Unavailable(
                f"workflow {request.workflow!r}: its kernel cannot be reached now",
                retry_after=self._limits.retry_after,
            )
        params = _params(conn, request, offer)
        _check_params(offer, params)
        run = self._allot(request, offer, params)
        pending = _Pending([(conn, request.id)], now + self._limits.order_timeout)
        self._pending[run.id] = pending
        conn.started.add(run.id)
        entry = audit.entry_by(
            conn.peer, now, "start", "done", run_id=run.id, workflow=run.row.workflow
        )
        if run.row.keeps_messages:
            self._fetch_session(run, request, entry)
        else:
            self._store(run, request, entry)
        return run

    def _allot(self, request: Request, offer: Offer, params: dict[str, Any]) -> Run:
        run_id = RunId(uuid.uuid4().hex)
        keeps = request.session_id is not None and offer.workflow.input is not None
        start = link.Start(
            run_id=run_id,
            workflow=offer.workflow.name,
            params=params,
            session_id=request.session_id,
            owner=request.owner,
            message=None if request.said is msgspec.UNSET else request.said,
            steps=keeps or request.is_bare,
        )
        row = RunRow(
            run_id=run_id,
            workflow=offer.workflow.name,
            kernel_id=offer.kernel_id,
            process_id=offer.process_id,
            owner=request.owner,
            session_id=request.session_id,
            keeps_messages=keeps,
            is_bare=request.is_bare,
            command=request.fingerprint,
            start=start,
        )
        run = Run(row)
        start.steps = start.steps or self.subscriptions.reads_steps(run)
        run.is_committing = True  # until its row is stored
        self._runs.by_id[run_id] = run
        if request.fingerprint is not None:
            self._by_command[request.fingerprint] = run_id
        return run

    # The session's messages, which the run is given.

    def _fetch_session(self, run: Run, request: Request, entry: AuditEntry) -> None:
        key = rows.session_key(run.row.owner, run.row.session_id or "")

        def done(found: list[Row] | None, now: float) -> None:
            if found is None:
                self._fail(run, refused("nothing was started", self._limits), now)
                return
            stored = found[0] if found else None
            session = SessionRow(
                user=run.row.owner, session_id=run.row.session_id or ""
            )
            if stored is not None:
                session = rows.decode(stored.value, SessionRow)
            session.messages = self.sessions.messages_of(session)
            session.run_id, session.heard = run.id, 0
            try:
                self._say(run, session, request, now)
            except FrameTooLarge as error:
                self._fail(run, error, now)
                return
            put = Put(key, rows.encode(session))
            revision = 0 if stored is None else stored.revision
            self._store(run, request, entry, put, revision)

        self._effects.get(key, done)

    def _say(self, run: Run, session: SessionRow, request: Request, now: float) -> None:
        """Add the message to the session, and hand both to the run."""
        if request.said is not msgspec.UNSET:
            said = {"role": "user", "content": request.said}
            session.messages = [*session.messages, said]
        size = len(msgspec.json.encode(session.messages))
        if size > self._limits.max_session:
            raise FrameTooLarge(
                f"session {session.session_id!r}: its messages would have {size} "
                f"bytes, and may have {self._limits.max_session}; begin another one",
                size=size,
                limit=self._limits.max_session,
            )
        session.changed_at = timestamp(now)
        if run.row.start is not None:
            run.row.start.messages = session.messages

    def _store(
        self,
        run: Run,
        request: Request,
        entry: AuditEntry,
        session: Put | None = None,
        revision: int = 0,
    ) -> None:
        """Store the run's row, its session's and who starts it; then tell."""
        key = rows.RUN + run.id
        checks = [RowIs(key, 0)]
        puts = [Put(key, rows.encode(run.row))]
        if session is not None:
            checks.append(RowIs(session.key, revision))
            puts.append(session)

        def done(outcome: Outcome | None, now: float) -> None:
            match outcome:
                case Committed():
                    run.revision = outcome.revisions[0]
                    run.is_committing = False
                    self._tell(run)
                    self._runs.submit(run, now)
                case Conflict() if session is not None:
                    # Another run of the session spoke meanwhile.
                    self._fetch_session(run, request, entry)
                case _:
                    error = refused("nothing was started", self._limits)
                    self._fail(run, error, now)

        def doubt(_at: float) -> None:
            self._refuse_waiting(run, unsure("the start", self._limits))

        # Durable: who is told of a run must find it again.
        transaction = Transaction(
            checks=tuple(checks),
            puts=tuple(puts),
            appends=(audit.append_of(entry),),
            durable=True,
        )
        self._effects.commit(transaction, done, doubt)

    # The kernel.

    def _tell(self, run: Run) -> None:
        target = self._link_of(run.row.process_id)
        if target is not None and run.row.start is not None:
            target.reply(run.row.start)

    def tell_steps(self, run: Run) -> bool:
        """See ``Subscriptions.tell_steps``."""
        target = self._link_of(run.row.process_id)
        if target is not None:
            target.reply(link.TellSteps(run_id=run.id))
        return target is not None

    def link_up(self, process_id: str) -> None:
        """A kernel is back: it may not have heard of some starts."""
        for run in self._runs.unfinished():
            is_stored = run.revision > 0 and run.row.start is not None
            if is_stored and run.row.process_id == process_id:
                self._tell(run)

    def answered(self, source: Link, reply: link.Started, now: float) -> None:
        """The kernel has begun the run, or says why not."""
        run = self._runs.by_id.get(reply.run_id)
        if run is None or run.row.process_id != source.process_id:
            return
        if reply.code is None:
            self.began(run)
        elif run.row.start is not None:
            facts: Any = {"problems": reply.problems} if reply.problems else {}
            if reply.code == "invalid":  # a value of the client's, no frame of ours
                error: KgnbError = InvalidValue(reply.message, **facts)
            else:
                error = from_code(reply.code, reply.message, **facts)
            self._fail(run, error, now)

    def began(self, run: Run) -> None:
        """Tell who waits for it: before its first event, or with the kernel's word."""
        self._unsure.discard(run.id)
        pending = self._pending.pop(run.id, None)
        if pending is not None:
            for conn, command_id in pending.waiting:
                self._greet(conn, run, command_id)

    def _greet(self, conn: Connection, run: Run, command_id: CommandId | None) -> None:
        session = run.row.session_id
        # Who was let into another's session goes on by its token, not by its name.
        is_own = run.row.owner == conn.peer.identity.user
        data = {"session_id": session} if session is not None and is_own else None
        conn.reply(replies.Ack(id=command_id, run_id=run.id, data=data))
        self.subscriptions.follow(conn, run)

    def _fail(self, run: Run, error: KgnbError, now: float) -> None:
        """The run will not be: nothing of it is kept."""
        self._runs.forget(run)
        self.forget(run)
        if run.revision:
            put = Put(rows.RUN + run.id, None)
            self._effects.commit(Transaction(puts=(put,)), lambda _outcome, _at: None)
        self.subscriptions.run_vanished(run)
        self._refuse_waiting(run, error)
        self.take_back(run, now)

    def take_back(self, run: Run, now: float) -> None:
        """Nobody heard what was said to start a run: it may be said again.

        Then the session's next message has its turn.
        """
        self.forget(run)
        start = run.row.start
        is_said = start is not None and start.message is not None
        if not (is_said and run.row.keeps_messages and run.revision):
            self.sessions.run_changed(run, now, is_gone=True)
            return
        key = rows.session_key(run.row.owner, run.row.session_id or "")

        def found(stored: list[Row] | None, at: float) -> None:
            session = rows.decode(stored[0].value, SessionRow) if stored else None
            if not stored or session is None or session.run_id != run.id:
                self.sessions.run_changed(run, at, is_gone=True)
                return
            session.messages, session.run_id = session.messages[:-1], ""
            unsaid = Transaction(
                checks=(RowIs(key, stored[0].revision),),
                puts=(Put(key, rows.encode(session)),),
            )
            self._effects.commit(unsaid, done)

        def done(_outcome: Outcome | None, at: float) -> None:
            # If the log failed it stays said, as does what another run went on from.
            self.sessions.run_changed(run, at, is_gone=True)

        self._effects.get(key, found)

    def forget(self, run: Run) -> None:
        """Its command may be sent again now, and starts another run."""
        self._unsure.discard(run.id)
        if run.row.command is not None:
            self._by_command.pop(run.row.command, None)

    def _refuse_waiting(self, run: Run, error: KgnbError) -> None:
        pending = self._pending.pop(run.id, None)
        for conn, command_id in pending.waiting if pending is not None else ():
            conn.started.discard(run.id)
            conn.refuse_start(error, command_id)

    def tick(self, now: float) -> None:
        """Give up on kernels that say nothing, and on those that are gone."""
        for run_id, pending in list(self._pending.items()):
            run = self._runs.by_id[run_id]
            if run.row.has_ended:
                text = f"workflow {run.row.workflow!r}: its kernel is gone"
                self._refuse_waiting(run, Unavailable(text))
            elif pending.until <= now:
                text = (
                    f"workflow {run.row.workflow!r}: its kernel did not answer within "
                    f"{self._limits.order_timeout:g} s"
                )
                self._refuse_waiting(run, Unavailable(text))


def _params(conn: Connection, request: Request, offer: Offer) -> dict[str, Any]:
    params = dict(request.params)
    is_bound = conn.peer.workflow == request.workflow
    if conn.peer.key is not None and is_bound:
        params["key"] = conn.peer.key
    if request.said is not msgspec.UNSET and offer.workflow.input is None:
        params["message"] = request.said
    return params


def _check_params(offer: Offer, params: dict[str, Any]) -> None:
    schema = offer.workflow.params
    problems = [] if schema is None else problems_of(schema, params)
    if problems:
        told = "; ".join(
            f"{'.'.join(map(str, each.path)) or 'params'}: {each.message}"
            for each in problems
        )
        raise InvalidValue(
            f"workflow {offer.workflow.name!r}: {told[:1000]}",
            problems=[msgspec.to_builtins(each) for each in problems],
        )
