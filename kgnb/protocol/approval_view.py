"""Questions to people, as a panel shows them: open, voted on, decided.

A part of the fold in ``view.py``; ``kgnb/web/src/reduce-approvals.js`` is its twin.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kgnb.protocol import events as e


class ApprovalView(msgspec.Struct, kw_only=True):
    """A question, and its answer once there is one."""

    approval_id: str
    node_id: str
    task_id: str | None
    args_hash: str
    message: str
    options: list[Any] | None
    payload: Any
    schema: dict[str, Any] | None
    kind: str
    name: str | None
    expires_at: str | None
    on_timeout: Any
    need: int
    approvers: list[str] | None
    opened_at: str
    veto: list[Any] | None = None
    correction: e.Correction | None = None
    votes: list[e.CastVote] = []
    state: Literal["open", "answered", "timed_out", "cancelled"] = "open"
    value: Any = None
    """Of a file, what it is without its content: a view is sent whole."""
    edited_payload: Any = None
    by: e.By | None = None
    reason: str | None = None


def show_question(approvals: list[ApprovalView], event: e.ApprovalRequest) -> None:
    """Open a question, in the place that it had if it was asked before."""
    data = event.data
    entry = ApprovalView(
        approval_id=data.approval_id,
        node_id=event.node_id,
        task_id=event.task_id,
        args_hash=data.args_hash,
        message=data.message,
        options=data.options,
        payload=data.payload,
        schema=data.schema,
        kind=data.kind,
        name=data.name,
        expires_at=data.expires_at,
        on_timeout=None if data.on_timeout is msgspec.UNSET else data.on_timeout,
        need=data.need,
        approvers=data.approvers,
        veto=data.veto,
        opened_at=event.timestamp,
        correction=data.correction,
    )
    for index, known in enumerate(approvals):
        if known.approval_id == entry.approval_id:
            # Asked again alike while it is open, it keeps the votes it has.
            if known.state == "open" and known.args_hash == entry.args_hash:
                entry.votes = known.votes
            approvals[index] = entry
            return
    approvals.append(entry)


def show_votes(approvals: list[ApprovalView], event: e.ApprovalVote) -> None:
    """Show who has voted for what."""
    data = event.data
    for approval in approvals:
        key = (approval.approval_id, approval.args_hash)
        if key == (data.approval_id, data.args_hash):
            approval.votes = data.votes


def show_decision(approvals: list[ApprovalView], event: e.ApprovalResolved) -> None:
    """Close a question."""
    data = event.data
    for approval in approvals:
        if approval.approval_id == data.approval_id:
            approval.state = data.outcome
            approval.value = _shown(approval.kind, data.value)
            approval.edited_payload = data.edited_payload
            approval.by = data.by
            approval.reason = data.reason
            if data.votes is not None:
                approval.votes = data.votes


def _shown(kind: str, value: Any) -> Any:
    if kind != "file" or not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if name != "content"}
