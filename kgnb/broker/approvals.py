"""Approvals: the judge.

Opening one is part of the run's own transaction. A decision (an answer, a
deadline, the end of the run) is a compare-and-set on the row together with its
event: the log lets exactly one through, whoever else is under way.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import audit, decisions, doubts, rows, voting
from kgnb.broker.guesses import Guesses
from kgnb.broker.rows import ApprovalRow
from kgnb.broker.values import check_value
from kgnb.errors import (
    BadFrame,
    Conflict,
    Expired,
    Forbidden,
    KgnbError,
    NoSuchApproval,
    RateLimited,
)
from kgnb.protocol import codec, events, ids, replies
from kgnb.storage import base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgnb.broker.connections import Connection
    from kgnb.broker.draft import Draft
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.peer import Peer, Voters
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.protocol.commands import AnswerApproval


class Held(msgspec.Struct):
    """A row in memory; the log may already have a newer one."""

    row: ApprovalRow
    revision: int


class Approvals:
    """All approvals, by id."""

    def __init__(
        self, effects: Effects, limits: BrokerLimits, runs: Runs, voters: Voters
    ) -> None:
        self._effects = effects
        self._voters = voters
        self._limits = limits
        self._runs = runs
        self._held: dict[str, Held] = {}
        self._of_run: dict[str, dict[str, Held]] = {}
        """The same by run id, for what is asked for with every message."""
        self._deadlines: list[tuple[float, str]] = []
        self._closing: set[str] = set()
        """Those whose deadline is under way to the log."""
        self._unsure: set[str] = set()
        """Those of which it is not known whether an answer is stored."""
        self._guesses = Guesses(effects, limits)
        self.replayed: dict[str, str] = {}
        """What was asked once, in a run that is shown again: its run, by its id."""

    def load(self, found: Iterable[base.Row]) -> None:
        """Take in what the log holds, after the runs."""
        for stored in found:
            row = rows.decode(stored.value, ApprovalRow)
            self._hold(row, stored.revision)

    def open_rows(self, peer: Peer | None = None) -> list[ApprovalRow]:
        """Open approvals, of the runs that ``peer`` may know of."""
        return [
            self._held[key].row
            for run in self._runs.by_id.values()
            if peer is None or self._runs.visible(peer, run.id)
            for key in sorted(run.open_approvals)
        ]

    def find(self, peer: Peer, approval_id: str) -> ApprovalRow | None:
        """The approval, if there is one that ``peer`` may know of."""
        held = self._held.get(approval_id)
        if held is None or self._runs.visible(peer, held.row.run_id) is None:
            return None
        return held.row

    def asked_in(self, run: Run, kind: events.ApprovalKind) -> list[ApprovalRow]:
        """The questions of one kind that a run asks or has asked, oldest first."""
        return [row for row in self._rows_of(run) if row.data.kind == kind]

    def asked_at(self, run: Run, node_id: str) -> list[ApprovalRow]:
        """The questions that one node of a run asks or has asked."""
        return [row for row in self._rows_of(run) if row.node_id == node_id]

    def _rows_of(self, run: Run) -> list[ApprovalRow]:
        return [held.row for held in self._of_run.get(run.id, {}).values()]

    def forget(self, run: Run) -> list[str]:
        """Let go of a run's questions; their ids."""
        self.replayed = {k: r for k, r in self.replayed.items() if r != run.id}
        ids_of_run = list(self._of_run.pop(run.id, {}))
        for key in ids_of_run:
            del self._held[key]
        return ids_of_run

    def _hold(self, row: ApprovalRow, revision: int) -> None:
        held = self._held[row.approval_id] = Held(row, revision)
        self._of_run.setdefault(row.run_id, {})[row.approval_id] = held
        run = self._runs.by_id.get(row.run_id)
        if row.state == "open":
            if run is not None:
                run.open_approvals.add(row.approval_id)
            if row.deadline is not None:
                heapq.heappush(self._deadlines, (row.deadline, row.approval_id))
        elif run is not None:
            run.open_approvals.discard(row.approval_id)

    def refresh(self, key: str, stored: base.Row | None) -> None:
        """Take over a row that the log had and we had not."""
        if stored is not None:
            self._hold(rows.decode(stored.value, ApprovalRow), stored.revision)
            return
        held = self._held.pop(key.removeprefix(rows.APPROVAL), None)
        if held is None:
            return
        del self._of_run[held.row.run_id][held.row.approval_id]
        run = self._runs.by_id.get(held.row.run_id)
        if run is not None:
            run.open_approvals.discard(held.row.approval_id)

    # Within the transactions of a run

    def check(self, event: events.AnyEvent) -> None:
        """Refuse a kernel's event that could not be written.

        Raises:
            BadFrame: What is wrong with it.
        """
        if isinstance(event, events.ApprovalVote):
            raise BadFrame("approval_vote: a kernel has no vote")
        if isinstance(event, events.ApprovalResolved):
            if event.data.outcome != "cancelled":
                raise BadFrame("approval_resolved: a kernel may only cancel")
            return
        if not isinstance(event, events.ApprovalRequest):
            return
        data = event.data
        held = self._held.get(data.approval_id)
        if held is not None and held.row.run_id != event.run_id:
            raise BadFrame("approval_request: expected an approval_id of its own run")
        if not 1 <= len(data.approval_id) <= self._limits.max_name or data.need < 1:
            raise BadFrame("approval_request: expected an approval_id and need >= 1")
        try:
            for stamp in filter(None, (data.expires_at, event.timestamp)):
                ids.seconds(stamp)
        except ValueError:
            raise BadFrame("approval_request: expected RFC 3339 times") from None

    def _current(self, draft: Draft, key: str) -> tuple[ApprovalRow | None, int]:
        held = self._held.get(key)
        revision = held.revision if held else 0
        return draft.approvals.get(key) or (held.row if held else None), revision

    def open(self, draft: Draft, event: events.ApprovalRequest, now: float) -> None:
        """Write a question, which may have been asked before."""
        data = event.data
        known, revision = self._current(draft, data.approval_id)
        votes: list[rows.Vote] = []
        before = [] if known is None else decisions.past_of(known)
        if known is not None and known.state == "open":
            if known.data.args_hash == data.args_hash:
                votes, before = known.votes, known.before
                if known.epoch < draft.row.epoch:
                    # Asked again after a resume: it is due when it was to be due.
                    self._ask_again(draft, event, known, revision)
                    return
            else:
                resolved = decisions.cancelled(known, "superseded", event.timestamp)
                draft.decide(known, resolved, "withdraw", event.timestamp)
                before = decisions.past_of(decisions.closed(known, resolved))
        elif (
            known is not None
            and known.state != "cancelled"
            and known.data.args_hash == data.args_hash
            and known.resolved is not None
        ):
            # Asked again after a resume: it has its answer.
            draft.add(event)
            draft.add(decisions.resolved_event(known, known.resolved, event.timestamp))
            return
        row = ApprovalRow(
            approval_id=data.approval_id,
            run_id=event.run_id,
            workflow=event.workflow,
            node_id=event.node_id,
            task_id=event.task_id,
            attempt=event.attempt,
            path=event.path,
            data=data,
            opened_at=event.timestamp or ids.timestamp(now),
            deadline=decisions.deadline_of(event, now),
            epoch=draft.row.epoch,
            votes=votes,
            before=before,
        )
        draft.add(event)
        early = draft.take_early(row.node_id) if data.kind == "input" else None
        if early is not None:
            resolved = decisions.given_early(row, early)
            draft.decide(row, resolved, "answer", event.timestamp)
            row = decisions.closed(row, resolved, early.command)
        draft.stage(row, revision)

    @staticmethod
    def _ask_again(
        draft: Draft, event: events.ApprovalRequest, known: ApprovalRow, revision: int
    ) -> None:
        """Show an open question of an earlier process again, as it was opened."""
        event.data.expires_at = known.data.expires_at
        event.data.on_timeout = known.data.on_timeout
        draft.add(event)
        row = msgspec.structs.replace(known, epoch=draft.row.epoch)
        draft.stage(row, revision)

    def withdraw(self, draft: Draft, event: events.ApprovalResolved) -> None:
        """Write the kernel's cancellation, unless it was decided before."""
        known, revision = self._current(draft, event.data.approval_id)
        if known is None or known.state != "open" or known.run_id != event.run_id:
            return
        reason = event.data.reason
        resolved = decisions.cancelled(known, reason, event.timestamp)
        draft.stage(decisions.closed(known, resolved), revision)
        draft.decide(known, resolved, "withdraw", event.timestamp)

    def close_all(self, draft: Draft, reason: str, now: float) -> None:
        """Write the end of every open question, for the run ends."""
        run = self._runs.by_id[draft.row.run_id]
        for key in sorted(run.open_approvals | draft.approvals.keys()):
            known, revision = self._current(draft, key)
            if known is not None and known.state == "open":
                at = ids.timestamp(now)
                resolved = decisions.cancelled(known, reason, at)
                draft.stage(decisions.closed(known, resolved), revision)
                draft.decide(known, resolved, "withdraw", at)

    def stored(
        self, run: Run, staged: dict[str, ApprovalRow], revisions: list[int]
    ) -> None:
        """What a draft staged is in the log now."""
        for row, revision in zip(staged.values(), revisions, strict=True):
            run.open_approvals.discard(row.approval_id)
            self._hold(row, revision)

    # Decisions

    def answer(self, conn: Connection, command: AnswerApproval, now: float) -> None:
        """Put an answer before the log; the reply follows its judgement."""
        try:
            held = self._answerable(conn, command, now)
            if held is None:
                return
            row = decisions.answered(held.row, conn.peer, command, self._voters, now)
        except KgnbError as error:
            if not isinstance(error, NoSuchApproval | RateLimited):
                self._note_refusal(conn, command, error, now)
            facts = {k: v for k, v in error.data.items() if k != "retry_after"}
            conn.refuse(error, command.id, data=facts or None)
            return
        self._propose(conn, command, held, row, now)

    def _answerable(
        self, conn: Connection, command: AnswerApproval, now: float
    ) -> Held | None:
        """The open approval, or None if the reply has been given already."""
        self.named(conn, command.approval_id, now)
        held = self._held[command.approval_id]
        row = held.row
        if not conn.peer.may("answer"):
            raise Forbidden(f"the role {conn.peer.role!r} may not answer approvals")
        counted = decisions.counted(row, conn.peer, command)
        if counted is not None:
            _acknowledge(conn, command, counted)
            return None
        if row.approval_id in self._unsure:
            raise doubts.unsure("an answer to it", self._limits)
        if row.state != "open":
            raise decisions.late_error(row)
        if command.args_hash not in (None, row.data.args_hash):
            raise Conflict(
                f"approval {row.data.message!r}: it asks something else by now than "
                f"what you were shown; read it again"
            )
        if row.deadline is not None and row.deadline <= now:
            self._time_out(row.approval_id, now)
            raise Expired(f"approval {row.data.message!r}: its deadline has passed")
        voting.check_voter(row, conn.peer, self._voters)
        check_value(row.data, command.value, command.edited_payload)
        return held

    def named(self, conn: Connection, approval_id: str, now: float) -> ApprovalRow:
        """The approval that somebody means to answer.

        Raises:
            NoSuchApproval: There is none that he may know of, or a replay's.
            RateLimited: The same, after too many of these.
        """
        row = self.find(conn.peer, approval_id)
        if row is not None:
            return row
        if self._runs.visible(conn.peer, self.replayed.get(approval_id)):
            raise NoSuchApproval(
                "this run is a replay: it was answered when it was recorded"
            )
        raise self._guesses.wrong(conn.peer, approval_id, now)

    def _note_refusal(
        self, conn: Connection, command: AnswerApproval, error: KgnbError, now: float
    ) -> None:
        facts = audit.facts_of(self._held[command.approval_id].row)
        if command.args_hash is not None:
            facts["args_hash"] = command.args_hash[: self._limits.max_name]
        entry = audit.entry_by(
            conn.peer, now, "answer", "refused", code=error.code, **facts
        )
        audit.write(self._effects, entry)

    def _propose(
        self,
        conn: Connection,
        command: AnswerApproval,
        held: Held,
        row: ApprovalRow,
        now: float,
    ) -> None:
        told = decisions.events_of(held.row, row, ids.timestamp(now))
        payloads = [codec.encode(event) for event in told]
        is_told = False

        def doubt(_at: float) -> None:
            nonlocal is_told
            is_told = True
            self._unsure.add(row.approval_id)
            conn.refuse(doubts.unsure("the answer", self._limits), command.id)

        def done(outcome: base.Outcome | None, at: float) -> None:
            self._unsure.discard(row.approval_id)
            match outcome:
                case base.Committed():
                    self._written(row, outcome, payloads)
                    if not is_told:
                        _acknowledge(conn, command, row)
                case base.Conflict(key, stored):
                    self.refresh(key, stored)
                    if not is_told:
                        self.answer(conn, command, at)
                case _ if not is_told:
                    text = "the answer was not taken"
                    conn.refuse(doubts.refused(text, self._limits), command.id)

        outcome: audit.Outcome = row.resolved.outcome if row.resolved else "voted"
        entry = audit.entry_by(
            conn.peer, now, "answer", outcome, **audit.facts_of(held.row)
        )
        self._effects.commit(
            decisions.transaction_of(row, held.revision, payloads, entry), done, doubt
        )

    def _written(
        self, row: ApprovalRow, outcome: base.Committed, payloads: list[bytes]
    ) -> None:
        self._hold(row, outcome.revisions[0])
        run = self._runs.by_id[row.run_id]
        self._runs.publish(run, outcome.appended[0].first_seq, payloads)

    # Deadlines

    def tick(self, now: float) -> None:
        """Propose the time-out of every approval whose deadline has passed."""
        self._guesses.forget_idle(now)
        while self._deadlines and self._deadlines[0][0] <= now:
            _, key = heapq.heappop(self._deadlines)
            self._time_out(key, now)

    def _time_out(self, key: str, now: float) -> None:
        held = self._held.get(key)
        if held is None or held.row.state != "open" or key in self._closing:
            return
        if held.row.deadline is None or held.row.deadline > now:
            return  # asked again meanwhile, with a later deadline
        at = ids.timestamp(now)
        resolved = decisions.timed_out(held.row, at)
        row = decisions.closed(held.row, resolved)
        told = decisions.events_of(held.row, row, at)
        payloads = [codec.encode(event) for event in told]
        self._closing.add(key)

        def done(outcome: base.Outcome | None, later: float) -> None:
            self._closing.discard(key)
            match outcome:
                case base.Committed():
                    self._written(row, outcome, payloads)
                case base.Conflict(conflicting, stored):
                    self.refresh(conflicting, stored)
                case _:
                    again = later + self._limits.retry_after
                    heapq.heappush(self._deadlines, (again, key))

        entry = audit.entry_of(held.row, resolved, "deadline", at)
        self._effects.commit(
            decisions.transaction_of(row, held.revision, payloads, entry), done
        )


def _acknowledge(conn: Connection, command: AnswerApproval, row: ApprovalRow) -> None:
    if row.resolved is not None:
        data = msgspec.to_builtins(row.resolved)
    else:
        data = {"votes": len(row.votes), "need": row.data.need}
    conn.reply(replies.Ack(id=command.id, run_id=row.run_id, data=data))
