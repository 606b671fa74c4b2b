"""Sessions: whose messages start a run, and which run gets the next one.

A session belongs to an identity and a ``session_id``: another identity's of the same
name is another session, unless its owner gave the other a token for it. What is said
while its run is busy waits in order, until a node of the run waits for an input, or
until the run has ended and the next one is started by it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from kgnb.broker import decisions, rows
from kgnb.broker.inputs import END_CHAT, answer_to
from kgnb.broker.rows import SessionRow
from kgnb.broker.starts import Request
from kgnb.errors import Conflict, Forbidden, KgnbError, NoSuchWorkflow
from kgnb.protocol import commands, replies
from kgnb.protocol.ids import timestamp
from kgnb.protocol.workflows import split_name

if TYPE_CHECKING:
    from kgnb.broker.approvals import Approvals
    from kgnb.broker.connections import Connection
    from kgnb.broker.draft import Draft
    from kgnb.broker.inputs import Inputs
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.rows import ApprovalRow
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.broker.shares import Shares
    from kgnb.broker.starts import Starts
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.broker.workflows import Workflows
    from kgnb.protocol import events

    Saying = commands.SendMessage | commands.EndChat


class _Said(NamedTuple):
    """A message that waits for its turn."""

    conn: Connection
    command: Saying
    workflow: str
    """As it was named: with the kernel's id, perhaps."""

    @property
    def fingerprint(self) -> str | None:
        return command_fingerprint(self.conn, self.command)


class _Key(NamedTuple):
    user: str
    session_id: str
    workflow: str


class _Talk:
    """One session with one workflow, while a run of it is under way."""

    def __init__(self, run: Run | None = None) -> None:
        self.run = run
        self.waiting: deque[_Said] = deque()
        self.handed: tuple[str, float] = ("", 0.0)
        """The wait that the last message was handed to, and until when it is not
        handed another one."""
        self.handed_command: str | None = None
        """That message's fingerprint."""

    def has_in_hand(self, said: _Said, sent: str, now: float) -> bool:
        """Whether a message is on its way to the log, or waits for its turn.

        Then its reply goes to who said it last.
        """
        if self.handed_command == sent and now < self.handed[1]:
            return True
        is_waiting = any(other.fingerprint == sent for other in self.waiting)
        self.waiting = deque(
            said if other.fingerprint == sent else other for other in self.waiting
        )
        return is_waiting


class Sessions:
    """The commands ``message`` and ``end_chat``, and what sessions remember."""

    def __init__(
        self,
        limits: BrokerLimits,
        runs: Runs,
        approvals: Approvals,
        *,
        inputs: Inputs,
        starts: Starts,
        workflows: Workflows,
        shares: Shares,
    ) -> None:
        self.subscriptions: Subscriptions
        self._limits = limits
        self._runs = runs
        self._approvals = approvals
        self._inputs = inputs
        self._starts = starts
        self._workflows = workflows
        self._shares = shares
        self._talks: dict[_Key, _Talk] = {}

    def load(self) -> None:
        """Take in the runs of sessions that are under way."""
        for run in self._runs.unfinished():
            key = _key_of(run)
            if key is not None:
                self._talks[key] = _Talk(run)

    # What clients send. A KgnbError becomes the reply.

    def start(
        self, conn: Connection, command: commands.StartWorkflow, now: float
    ) -> None:
        """Start a workflow with params, in a session or in none."""
        owner, session_id = conn.peer.identity.user, command.session_id
        if session_id is not None:
            owner, session_id = self._shares.session_of(conn.peer, session_id, now)
        request = Request(
            workflow=command.workflow,
            params=command.params,
            session_id=session_id,
            owner=owner,
            id=command.id,
            fingerprint=command_fingerprint(conn, command),
        )
        if self._starts.repeat(conn, request.fingerprint, command.id, now):
            return
        try:
            run = self._starts.begin(conn, request, now)
        except KgnbError as error:
            conn.refuse_start(error, command.id)
            return
        key = _key_of(run)
        if key is not None:
            self._talks.setdefault(key, _Talk()).run = run

    def say(self, conn: Connection, command: Saying, now: float) -> None:
        """Hand a message to the session's run, keep it for it, or start one with it."""
        conn.is_bare = conn.is_bare or (
            isinstance(command, commands.SendMessage) and command.bare
        )
        workflow = conn.peer.workflow or self._workflows.default_name(conn.peer)
        if self._is_for_a_run(conn, command) or workflow is None:
            self._say_to_run(conn, command, now)
            return
        named = command.session_id or conn.own_session()
        owner, session_id = self._shares.session_of(conn.peer, named, now)
        key = _Key(owner, session_id, split_name(workflow)[0])
        said = _Said(conn, command, workflow)
        talk = self._talks.get(key)
        if self._was_said(key, said, talk, now):
            return
        if talk is None or talk.run is None:
            self._begin(key, said, now)
            return
        if len(talk.waiting) >= self._limits.max_waiting:
            raise Conflict(
                f"session {session_id!r}: {len(talk.waiting)} messages wait for its "
                f"run already",
                retry_after=self._limits.retry_after,
            )
        talk.waiting.append(said)
        self._hand_over(talk, now)

    def _say_to_run(self, conn: Connection, command: Saying, now: float) -> None:
        try:
            self._inputs.say(conn, command, now)
        except (NoSuchWorkflow, Forbidden) as error:
            conn.refuse_start(error, command.id)

    def _is_for_a_run(self, conn: Connection, command: Saying) -> bool:
        """Whether it is for the one run that the socket reads, which has no session."""
        if command.session_id is not None or conn.peer.workflow is not None:
            return False
        active = [r.run for r in conn.readers.values() if not r.run.row.has_ended]
        return len(active) == 1 and active[0].row.session_id is None

    def _was_said(self, key: _Key, said: _Said, talk: _Talk | None, now: float) -> bool:
        """Whether this very command has come before, and its reply was or will be."""
        sent = said.fingerprint
        if sent is None:
            return False
        if self._starts.repeat(said.conn, sent, said.command.id, now):
            return True
        return self._was_handed(key, said, now) or (
            talk is not None and talk.has_in_hand(said, sent, now)
        )

    def _was_handed(self, key: _Key, said: _Said, now: float) -> bool:
        """Whether a node got it before; then its reply is given again."""
        asked = [
            row
            for run in self._runs.by_id.values()
            if _key_of(run) == key
            for row in self._approvals.asked_in(run, "input")
            if row.command is not None
        ]
        for row in asked:
            given = _input_for(row, said.command)
            if decisions.has_counted(row, said.conn.peer, answer_to(row, given)):
                self._inputs.give(said.conn, given, now)
                return True
        return False

    def _begin(self, key: _Key, said: _Said, now: float) -> None:
        """Start a run with a message.

        Raises:
            Conflict: It ends a chat that is not.
        """
        conn, command = said.conn, said.command
        if isinstance(command, commands.EndChat):
            raise Conflict(f"session {key.session_id!r}: no chat is running")
        request = Request(
            workflow=said.workflow,
            session_id=key.session_id,
            owner=key.user,
            said=command.content,
            is_bare=command.bare,
            id=command.id,
            fingerprint=said.fingerprint,
        )
        try:
            run = self._starts.begin(conn, request, now)
        except KgnbError as error:
            conn.refuse_start(error, command.id)
            return
        self._talks.setdefault(key, _Talk()).run = run

    # Runs of sessions.

    def run_changed(self, run: Run, now: float, *, is_gone: bool = False) -> None:
        """Something of a run was stored: it may wait for an input, or have ended."""
        key = _key_of(run)
        talk = self._talks.get(key) if key is not None else None
        if key is None or talk is None or talk.run is not run:
            return
        if not (is_gone or run.row.has_ended):
            self._hand_over(talk, now)
            return
        if run.row.start is not None and not is_gone:
            self._starts.take_back(run, now)  # its kernel died before it began
            return
        talk.run = None
        while talk.run is None and talk.waiting:
            said = talk.waiting.popleft()
            if isinstance(said.command, commands.EndChat):
                said.conn.reply(replies.Ack(id=said.command.id, run_id=run.id))
            else:
                self._begin(key, said, now)
        if talk.run is None:
            del self._talks[key]

    def _hand_over(self, talk: _Talk, now: float) -> None:
        """Give the first message that waits to the node that waits for one."""
        run = talk.run
        if run is None or not talk.waiting:
            return
        asked = self._approvals.asked_in(run, "input")
        handed = talk.handed[0] if now < talk.handed[1] else ""
        free = [r for r in asked if r.state == "open" and r.approval_id != handed]
        if not free:
            return
        said, row = talk.waiting.popleft(), free[0]
        talk.handed_command = said.fingerprint
        # If the log fails the wait stays open, and may be given another message.
        talk.handed = (row.approval_id, now + self._limits.order_timeout)
        self.subscriptions.follow(said.conn, run)
        try:
            self._inputs.give(said.conn, _input_for(row, said.command), now)
        except KgnbError as error:
            said.conn.refuse(error, said.command.id)

    def write(self, draft: Draft, event: events.Step, now: float) -> None:
        """Keep a run's messages with the step that they are of."""
        row = draft.row
        if row.keeps_messages and row.session_id is not None:
            session = SessionRow(
                user=row.owner,
                session_id=row.session_id,
                messages=event.messages,
                changed_at=timestamp(now),
                run_id=row.run_id,
                heard=len(self._given_to(row.run_id)),
            )
            key = rows.session_key(row.owner, row.session_id)
            draft.put(key, rows.encode(session))

    def _given_to(self, run_id: str) -> list[ApprovalRow]:
        """The waits of a run that were given an input, in order."""
        run = self._runs.by_id.get(run_id)
        asked = [] if run is None else self._approvals.asked_in(run, "input")
        given = [row for row in asked if row.state == "answered"]
        return sorted(given, key=lambda row: row.opened_at)

    def messages_of(self, session: SessionRow) -> list[dict[str, Any]]:
        """What was said in a session, up to now.

        Its row is as of a run's last step; whatever the run was told after that has
        been stored as the answer to one of its waits. So nothing that was acknowledged
        is missing where the run broke off, and nothing stands twice.
        """
        since = self._given_to(session.run_id)[session.heard :]
        said = [_text_of(row.resolved.value) for row in since if row.resolved]
        told = [{"role": "user", "content": each} for each in said if each is not None]
        return [*session.messages, *told]


def _text_of(given: Any) -> Any:
    """What a person said by an input; None where that is no message."""
    match given:
        case {"type": "end_chat"}:
            return None
        case {"content": text} | {"message": text} | str(text):
            return text
    return None


def _key_of(run: Run) -> _Key | None:
    row = run.row
    if not row.owner or row.session_id is None:
        return None
    return _Key(row.owner, row.session_id, row.workflow)


def _input_for(row: ApprovalRow, command: Saying) -> commands.NodeInput:
    """The message as an input for the wait of a node."""
    return commands.NodeInput(
        id=command.id,
        run_id=row.run_id,
        node_id=row.node_id,
        approval_id=row.approval_id,
        data=END_CHAT if isinstance(command, commands.EndChat) else command.content,
    )


def command_fingerprint(conn: Connection, command: commands.Command) -> str | None:
    """Names a command that starts something: no other client's ``id`` is the same."""
    sent: Any = decisions.fingerprint(conn.peer, command)
    return None if sent is None else f"{conn.peer.client_id or ''} {sent}"
