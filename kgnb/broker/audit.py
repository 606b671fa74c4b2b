"""Who decided what: rows that are only ever added, one stream for the whole log.

A decision's row is written in the decision's own transaction, so there is neither
without the other. It names people and hashes; what was shown and answered stands in
the run's events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.protocol.ids import timestamp
from kgnb.storage.base import Append, Transaction

if TYPE_CHECKING:
    from kgnb.broker.effects import Effects
    from kgnb.broker.peer import Peer
    from kgnb.broker.rows import ApprovalRow
    from kgnb.protocol.events import By, ResolvedData

STREAM = "audit"

Action = Literal[
    "answer",
    "deadline",
    "withdraw",
    "start",
    "cancel",
    "pause",
    "resume",
    "fork",
    "share",
    "revoke",
]
Outcome = Literal["answered", "voted", "timed_out", "cancelled", "done", "refused"]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision, or one attempt at it that was refused."""

    at: str
    """RFC 3339, by the broker's clock."""
    action: Action
    outcome: Outcome
    user: str | None = None
    """The identity's key; None where a rule decided, or the kernel."""
    name: str | None = None
    """What people are shown of it."""
    via: str = ""
    kind: Literal["human", "policy", "script"] = "human"
    client_id: str | None = None
    by_link: str | None = None
    """The share link by which whoever did it came."""
    run_id: str | None = None
    workflow: str | None = None
    node_id: str | None = None
    approval_id: str | None = None
    args_hash: str | None = None
    """Of what was asked, or of what a refused answer says that it was shown."""
    link_id: str | None = None
    """Of the share link that was made or revoked."""
    role: str | None = None
    """That the share link gives."""
    code: str | None = None
    """Why it was refused."""


class Numbered(msgspec.Struct, frozen=True):
    """An entry with its place in the table."""

    seq: int
    entry: AuditEntry


def append_of(*entries: AuditEntry) -> Append:
    """The entries for the end of the table."""
    return Append(STREAM, tuple(msgspec.json.encode(entry) for entry in entries))


def write(effects: Effects, entry: AuditEntry) -> None:
    """Add an entry that belongs to no transaction.

    If the log fails it is lost, like everything else then: nothing was decided by it.
    """
    transaction = Transaction(appends=(append_of(entry),))
    effects.commit(transaction, lambda _outcome, _at: None)


def entry_by(
    peer: Peer, now: float, action: Action, outcome: Outcome, **facts: Any
) -> AuditEntry:
    """What somebody did; ``facts`` are further fields."""
    return AuditEntry(
        at=timestamp(now),
        action=action,
        outcome=outcome,
        user=peer.identity.user,
        name=peer.identity.shown,
        via=peer.via,
        kind="script" if peer.via == "script" else "human",
        client_id=peer.client_id,
        by_link=peer.share_id,
        **facts,
    )


def entry_of(
    row: ApprovalRow, resolved: ResolvedData, action: Action, at: str
) -> AuditEntry:
    """What became of an approval without anybody's command at that moment."""
    by: By | None = resolved.by
    return AuditEntry(
        at=at,
        action=action,
        outcome=resolved.outcome,
        name=by.user if by is not None else None,
        via=by.via if by is not None else "",
        kind=by.kind if by is not None else "policy",
        **facts_of(row),
    )


def facts_of(row: ApprovalRow) -> dict[str, Any]:
    """Which approval an entry is about."""
    return {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "node_id": row.node_id,
        "approval_id": row.approval_id,
        "args_hash": row.data.args_hash,
    }
