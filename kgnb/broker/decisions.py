"""What a decision is made of: the row after it, its event, its transaction.

Pure functions; :mod:`kgnb.broker.approvals` puts their results before the log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.broker import audit, rows, voting
from kgnb.errors import (
    AlreadyAnswered,
    Conflict,
    Expired,
    InvalidValue,
    KgnbError,
)
from kgnb.protocol import events, ids
from kgnb.storage import base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.broker.audit import AuditEntry
    from kgnb.broker.peer import Peer, Voters
    from kgnb.broker.rows import ApprovalRow, EarlyInput
    from kgnb.protocol.commands import AnswerApproval, Command

MOST_BEFORE = 8
"""Earlier questions under one id whose commands are remembered."""
_SANE_SKEW = 60.0
"""Seconds by which a kernel's clock may differ before its deadlines are taken
as durations."""


def deadline_of(event: events.ApprovalRequest, now: float) -> float | None:
    """When it expires by our clock, even if the kernel's is wrong."""
    if event.data.expires_at is None:
        return None
    expires_at = ids.seconds(event.data.expires_at)
    if not event.timestamp:
        return expires_at
    asked_at = ids.seconds(event.timestamp)
    if abs(asked_at - now) <= _SANE_SKEW:
        return expires_at
    return now + (expires_at - asked_at)


def closed(
    row: ApprovalRow, resolved: events.ResolvedData, command: str | None = None
) -> ApprovalRow:
    """The row once it is decided."""
    state: Literal["answered", "timed_out", "cancelled"] = resolved.outcome
    return msgspec.structs.replace(
        row,
        state=state,
        resolved=resolved,
        command=command,
        data=msgspec.structs.replace(row.data, payload=None, schema=None),
    )


def cancelled(
    row: ApprovalRow, reason: str | None, at: str, *, via: str = ""
) -> events.ResolvedData:
    """A decision that is none: nobody's answer counts any more."""
    return events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="cancelled",
        by=events.By(via=via, at=at, kind="policy"),
        votes=voting.shown(row.votes),
        reason=reason,
    )


def timed_out(row: ApprovalRow, at: str) -> events.ResolvedData:
    """The decision of the deadline."""
    value = row.data.on_timeout
    return events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="timed_out",
        value=None if value is msgspec.UNSET else value,
        by=events.By(via="deadline", at=at, kind="policy"),
        votes=voting.shown(row.votes),
    )


def given_early(row: ApprovalRow, early: EarlyInput) -> events.ResolvedData:
    """A wait gets what was kept for its node."""
    return events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="answered",
        value=early.data,
        by=early.by,
    )


def resolved_event(
    row: ApprovalRow, resolved: events.ResolvedData, at: str
) -> events.ApprovalResolved:
    """The event that tells a decision to every reader."""
    return events.ApprovalResolved(**_place(row, at), data=resolved)


def events_of(
    before: ApprovalRow, row: ApprovalRow, at: str
) -> list[events.ApprovalVote | events.ApprovalResolved]:
    """What readers are told of a change: the vote, the decision, or both."""
    told: list[events.ApprovalVote | events.ApprovalResolved] = []
    if len(row.votes) > len(before.votes):
        data = events.VoteData(
            approval_id=row.approval_id,
            args_hash=row.data.args_hash,
            votes=voting.shown(row.votes) or [],
            need=row.data.need,
        )
        told.append(events.ApprovalVote(**_place(row, at), data=data))
    if row.resolved is not None:
        told.append(resolved_event(row, row.resolved, at))
    return told


def _place(row: ApprovalRow, at: str) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "timestamp": at,
        "node_id": row.node_id,
        "task_id": row.task_id,
        "attempt": row.attempt,
        "path": row.path,
    }


def transaction_of(
    row: ApprovalRow, revision: int, payloads: Sequence[bytes], entry: AuditEntry
) -> base.Transaction:
    """The row as it will be, the events that tell it, and who decided."""
    key = rows.APPROVAL + row.approval_id
    return base.Transaction(
        checks=(base.RowIs(key, revision),),
        puts=(base.Put(key, rows.encode(row)),),
        appends=(
            base.Append(rows.STREAM + row.run_id, tuple(payloads)),
            audit.append_of(entry),
        ),
        durable=True,
    )


def answered(
    row: ApprovalRow, peer: Peer, command: AnswerApproval, voters: Voters, now: float
) -> ApprovalRow:
    """The row after this answer: decided, or one vote nearer to it.

    A script decides alone where people vote: nobody else is there.

    Raises:
        InvalidValue: It is a vote with too long a reason.
    """
    at, sent = ids.timestamp(now), fingerprint(peer, command)
    if row.data.need > 1 and not peer.is_script:
        vote = voting.cast(row, peer, command, voters, at=at, fingerprint=sent)
        row = msgspec.structs.replace(row, votes=[*row.votes, vote])
        match voting.verdict(row.data, row.votes):
            case None:
                return row
            case "split":
                reason = voting.split_reason(row.data, row.votes)
                return closed(row, cancelled(row, reason, at, via="votes"), sent)
    resolved = events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="answered",
        value=command.value,
        edited_payload=command.edited_payload,
        by=events.By(
            user=peer.identity.shown,
            via=peer.via,
            at=at,
            kind="script" if peer.via == "script" else "human",
        ),
        votes=voting.shown(row.votes),
        reason=command.reason,
    )
    return closed(row, resolved, sent)


def fingerprint(peer: Peer, command: Command) -> str | None:
    """Names a command for its repetitions: sender, id and content."""
    if command.id is None:
        return None
    content = [peer.identity.user, msgspec.to_builtins(command)]
    encoded = msgspec.json.encode(content, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]


def counted(
    row: ApprovalRow, peer: Peer, command: AnswerApproval
) -> ApprovalRow | None:
    """The question on which this very command, with its ``id``, has had its effect."""
    sent = fingerprint(peer, command)
    if sent is not None:
        for asked in (row, *reversed(row.before)):
            if sent in _commands(asked):
                return asked
    return None


def has_counted(row: ApprovalRow, peer: Peer, command: AnswerApproval) -> bool:
    """Whether this very command, with its ``id``, has had its effect before."""
    return counted(row, peer, command) is not None


def _commands(row: ApprovalRow) -> list[str]:
    """The fingerprints of those that had an effect on a question."""
    found = (row.command, *(vote.command for vote in row.votes))
    return [command for command in found if command is not None]


def past_of(known: ApprovalRow) -> list[ApprovalRow]:
    """What the question that takes the place of a decided one is to remember."""
    if not _commands(known):
        return known.before
    return [*known.before, msgspec.structs.replace(known, before=[])][-MOST_BEFORE:]


def late_error(row: ApprovalRow) -> KgnbError:
    """Why an answer comes too late, with the decision as its data."""
    resolved = row.resolved
    if resolved is None:
        return InvalidValue(f"approval {row.data.message!r} is not open")
    facts: dict[str, Any] = msgspec.to_builtins(resolved)
    facts.setdefault("value", None)
    facts.setdefault("by", None)
    text = f"approval {row.data.message!r}"
    if resolved.outcome == "answered":
        return AlreadyAnswered(
            f"{text} was answered before: {resolved.value!r}", **facts
        )
    if resolved.outcome == "timed_out":
        return Expired(f"{text}: its deadline has passed", **facts)
    return Conflict(f"{text} was cancelled: {resolved.reason or 'no reason'}", **facts)
