"""Inputs of nodes: who gets what a client gives a node, now or a little later.

An input goes to the node's open question. Where none is open it is kept, one for a
node, until the node waits for an input; an approval never takes what was sent before
anybody could read it. Keeping one is part of the run's own transactions, so that it
neither overtakes a question on its way to the log nor is lost with the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import decisions, doubts
from kgnb.broker.orders import by_of
from kgnb.broker.rows import EarlyInput
from kgnb.broker.run import Given, tell
from kgnb.broker.values import unwrap
from kgnb.errors import (
    Conflict,
    Forbidden,
    InvalidValue,
    KgnbError,
    NoSuchRun,
    NoSuchWorkflow,
)
from kgnb.protocol import commands, replies

if TYPE_CHECKING:
    from kgnb.broker.approvals import Approvals
    from kgnb.broker.connections import Connection
    from kgnb.broker.draft import Draft
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.rows import ApprovalRow
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs

RETRY_AFTER = 0.1
"""Seconds after which a node that keeps one early input may take another."""
END_CHAT = {"type": "end_chat"}
"""What a node gets that waits for an input when a client ends the chat."""


class Inputs:
    """The commands ``node_input``, ``message`` and ``end_chat``."""

    def __init__(self, limits: BrokerLimits, runs: Runs, approvals: Approvals) -> None:
        self._limits = limits
        self._runs = runs
        self._approvals = approvals

    # What clients send. A KgnbError becomes the reply.

    def give(self, conn: Connection, command: commands.NodeInput, now: float) -> None:
        """Answer the node's question, or keep the input for its next wait."""
        row: ApprovalRow | None
        if command.approval_id is not None:
            row = self._named(conn, command, now)
        else:
            run = self._run(conn, command.run_id)
            if not conn.peer.may("answer"):
                raise Forbidden(f"the role {conn.peer.role!r} may not give inputs")
            if self._was_taken(conn, command, run):
                return
            row = self._question(conn, command, run)
            if row is None:
                self._keep(conn, command, run, now)
                return
        self._approvals.answer(conn, answer_to(row, command), now)

    def say(
        self,
        conn: Connection,
        command: commands.SendMessage | commands.EndChat,
        now: float,
    ) -> None:
        """Hand a message to the node of the socket's run that waits for one."""
        try:
            run = self._run(conn, None)
        except InvalidValue:
            if not conn.peer.may("start"):
                raise Forbidden(
                    f"the role {conn.peer.role!r} may not start a workflow"
                ) from None
            raise NoSuchWorkflow(
                "no workflow that takes messages is published, and this socket has "
                "not one active run whose node waits for a message"
            ) from None
        waiting = self._approvals.asked_in(run, "input")
        if not waiting:
            raise Conflict(f"run {run.id!r}: none of its nodes waits for a message")
        data = END_CHAT if isinstance(command, commands.EndChat) else command.content
        inputs = {
            row.node_id: commands.NodeInput(
                id=command.id, run_id=run.id, node_id=row.node_id, data=data
            )
            for row in waiting
        }
        for given in inputs.values():
            if self._is_repeated(conn, given, run):
                self.give(conn, given, now)
                return
        open_at = {row.node_id for row in waiting if row.state == "open"}
        if len(open_at) > 1:
            names = ", ".join(repr(node) for node in sorted(open_at))
            raise Conflict(f"several nodes wait ({names}): send a node_input to one")
        node_id = open_at.pop() if open_at else waiting[-1].node_id
        self.give(conn, inputs[node_id], now)

    def _is_repeated(
        self, conn: Connection, command: commands.NodeInput, run: Run
    ) -> bool:
        """Whether this very input is kept, or was taken, at its node."""
        sent = decisions.fingerprint(conn.peer, command)
        if sent is None:
            return False
        kept = run.row.early.get(command.node_id)
        return (kept is not None and kept.command == sent) or any(
            row.command == sent
            or decisions.has_counted(row, conn.peer, answer_to(row, command))
            for row in self._approvals.asked_at(run, command.node_id)
        )

    def _named(
        self, conn: Connection, command: commands.NodeInput, now: float
    ) -> ApprovalRow:
        row = self._approvals.named(conn, command.approval_id or "", now)
        if row.node_id != command.node_id or command.run_id not in (None, row.run_id):
            raise Conflict(
                f"approval {command.approval_id!r} is asked by node {row.node_id!r} "
                f"of run {row.run_id!r}, not by {command.node_id!r}"
            )
        return row

    def _run(self, conn: Connection, run_id: str | None) -> Run:
        if run_id is not None:
            run = self._runs.visible(conn.peer, run_id)
            if run is None:
                raise NoSuchRun(f"no run {run_id!r}")
            return run
        active = [
            reader.run
            for reader in conn.readers.values()
            if not reader.run.row.has_ended
        ]
        if len(active) != 1:
            raise InvalidValue(
                f"node_input: expected a run_id, since this socket has "
                f"{len(active)} active runs"
            )
        return active[0]

    def _was_taken(
        self, conn: Connection, command: commands.NodeInput, run: Run
    ) -> bool:
        """Whether it was kept once and taken since; then it is acknowledged."""
        sent = decisions.fingerprint(conn.peer, command)
        for row in self._approvals.asked_at(run, command.node_id):
            if sent is not None and row.command == sent:
                data = msgspec.to_builtins(row.resolved)
                conn.reply(replies.Ack(id=command.id, run_id=run.id, data=data))
                return True
        return False

    def _question(
        self, conn: Connection, command: commands.NodeInput, run: Run
    ) -> ApprovalRow | None:
        """The open question of a node, or what this very input answered."""
        rows = self._approvals.asked_at(run, command.node_id)
        for row in rows:
            if decisions.has_counted(row, conn.peer, answer_to(row, command)):
                return row
        asked = [row for row in rows if row.state == "open"]
        # Waits for any input are one another's like: the oldest is served first.
        if len(asked) > 1 and any(row.data.kind != "input" for row in asked):
            raise Conflict(
                f"node {command.node_id!r} asks {len(asked)} questions: expected "
                f"an approval_id"
            )
        return asked[0] if asked else None

    def _keep(
        self, conn: Connection, command: commands.NodeInput, run: Run, now: float
    ) -> None:
        if run.is_in_doubt:
            raise doubts.unsure("what its node was given", self._limits)
        if now < run.retry_at:
            raise doubts.refused("the input was not taken", self._limits)
        early = EarlyInput(
            data=command.data,
            by=by_of(conn, now),
            command=decisions.fingerprint(conn.peer, command),
        )

        def done(error: KgnbError | None) -> None:
            if error is not None:
                conn.refuse(error, command.id)
            else:
                kept = {"kept": True}
                conn.reply(replies.Ack(id=command.id, run_id=run.id, data=kept))

        def again(at: float) -> None:
            try:
                self.give(conn, command, at)
            except KgnbError as error:
                conn.refuse(error, command.id)

        given = Given(node_id=command.node_id, early=early, done=done, again=again)
        run.inbox.append(given)
        self._runs.submit(run, now)

    # Within the transactions of a run.

    def write(self, run: Run, draft: Draft, item: Given, now: float) -> None:
        """Write an early input, unless its time has come or has gone by.

        Everything that reached the run before it is stored by now.
        """
        open_rows = [
            row
            for row in self._approvals.asked_at(run, item.node_id)
            if row.state == "open"
        ]
        if any(row.data.kind == "input" for row in open_rows):
            item.again(now)
            return
        try:
            self._check(draft, item, has_question=bool(open_rows))
        except KgnbError as error:
            tell([item], error)
            return
        kept = draft.row.early.get(item.node_id)
        if kept is None:
            draft.keep_early(item.node_id, item.early)
        else:
            tell([item])  # the same command, sent again

    def _check(self, draft: Draft, item: Given, *, has_question: bool) -> None:
        row, node_id = draft.row, item.node_id
        if row.has_ended:
            raise Conflict(f"run {row.run_id!r}: it is {row.status} already")
        if has_question:
            raise Conflict(
                f"node {node_id!r} asked its question after this input was sent; "
                f"read it and send the input again"
            )
        if row.nodes and node_id not in row.nodes:
            names = ", ".join(repr(name) for name in row.nodes[:10])
            raise InvalidValue(
                f"run {row.run_id!r} has no node {node_id!r}; it has {names}"
            )
        kept = row.early.get(node_id)
        if kept is not None:
            if item.early.command is None or kept.command != item.early.command:
                raise Conflict(
                    f"node {node_id!r} waits for no input yet, and keeps an early one "
                    f"already; send this when it waits",
                    retry_after=RETRY_AFTER,
                )
        elif len(row.early) >= self._limits.max_early_inputs:
            raise Conflict(
                f"run {row.run_id!r} keeps {len(row.early)} early inputs already; "
                f"send this when node {node_id!r} waits",
                retry_after=RETRY_AFTER,
            )


def answer_to(row: ApprovalRow, command: commands.NodeInput) -> commands.AnswerApproval:
    """A node's input as the answer to one of its questions."""
    value = unwrap(row.data, command.data)
    return commands.AnswerApproval(
        approval_id=row.approval_id, value=value, id=command.id
    )
