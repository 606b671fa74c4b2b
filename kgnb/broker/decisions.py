"""What a decision is made of: the row after it, its event, its transaction.

Pure functions; :mod:`kgnb.broker.approvals` puts their results before the log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.broker import rows
from kgnb.broker.rows import ApprovalRow, Vote
from kgnb.errors import (
    AlreadyAnswered,
    Conflict,
    Expired,
    Forbidden,
    InvalidValue,
    KgnbError,
)
from kgnb.protocol import codec, events, ids
from kgnb.storage import base

if TYPE_CHECKING:
    from kgnb.broker.peer import Peer
    from kgnb.protocol.commands import AnswerApproval

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


def cancelled(row: ApprovalRow, reason: str | None, at: str) -> events.ResolvedData:
    """A decision that is none: nobody's answer counts any more."""
    return events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="cancelled",
        by=events.By(at=at, kind="policy"),
        reason=reason,
    )


def resolved_event(
    row: ApprovalRow, resolved: events.ResolvedData, at: str
) -> events.ApprovalResolved:
    """The event that tells a decision to every reader."""
    return events.ApprovalResolved(
        run_id=row.run_id,
        workflow=row.workflow,
        timestamp=at,
        node_id=row.node_id,
        task_id=row.task_id,
        attempt=row.attempt,
        path=row.path,
        data=resolved,
    )


def transaction_of(row: ApprovalRow, revision: int, at: str) -> base.Transaction:
    """The row as it will be; with its event, if that is a decision."""
    key = rows.APPROVAL + row.approval_id
    appends: tuple[base.Append, ...] = ()
    if row.resolved is not None:
        payload = codec.encode(resolved_event(row, row.resolved, at))
        appends = (base.Append(rows.STREAM + row.run_id, (payload,)),)
    return base.Transaction(
        checks=(base.RowIs(key, revision),),
        puts=(base.Put(key, rows.encode(row)),),
        appends=appends,
        durable=True,
    )


def check_voter(row: ApprovalRow, peer: Peer) -> None:
    """Refuse who is not asked, or cannot be told apart where votes are counted.

    Raises:
        Forbidden: The identity does not count here.
        Conflict: It has been counted.
    """
    data = row.data
    identity = peer.identity
    if data.approvers is not None and not (
        identity.kind == "user" and {identity.user, identity.name} & {*data.approvers}
    ):
        raise Forbidden(f"approval {data.message!r}: you are not among its approvers")
    if data.need > 1:
        if identity.kind != "user":
            raise Forbidden(
                f"approval {data.message!r} needs {data.need} people: sign in with an "
                f"identity of your own to be counted"
            )
        if any(vote.user == identity.user for vote in row.votes):
            raise Conflict(f"approval {data.message!r}: you have voted already")


def voted(
    row: ApprovalRow, peer: Peer, command: AnswerApproval, now: float
) -> ApprovalRow:
    """The row after this answer: decided, or one vote nearer to it."""
    at = ids.timestamp(now)
    votes: list[dict[str, Any]] | None = None
    if row.data.need > 1:
        vote = Vote(
            user=peer.identity.user,
            value=command.value,
            at=at,
            reason=command.reason,
            command=fingerprint(peer, command),
        )
        row = msgspec.structs.replace(row, votes=[*row.votes, vote])
        agreeing = sum(other.value == vote.value for other in row.votes)
        if agreeing < row.data.need:
            return row
        votes = [
            {"user": other.user, "value": other.value, "at": other.at}
            for other in row.votes
        ]
    resolved = events.ResolvedData(
        approval_id=row.approval_id,
        args_hash=row.data.args_hash,
        outcome="answered",
        value=command.value,
        by=events.By(
            user=peer.identity.shown,
            via=peer.via,
            at=at,
            kind="script" if peer.via == "script" else "human",
        ),
        votes=votes,
        reason=command.reason,
    )
    return closed(row, resolved, fingerprint(peer, command))


def fingerprint(peer: Peer, command: AnswerApproval) -> str | None:
    """Names a command for its repetitions: sender, id and content."""
    if command.id is None:
        return None
    content = [peer.identity.user, msgspec.to_builtins(command)]
    encoded = msgspec.json.encode(content, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]


def has_counted(row: ApprovalRow, peer: Peer, command: AnswerApproval) -> bool:
    """Whether this very command, with its ``id``, has had its effect before."""
    sent = fingerprint(peer, command)
    counted = (row.command, *(vote.command for vote in row.votes))
    return sent is not None and sent in counted


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
