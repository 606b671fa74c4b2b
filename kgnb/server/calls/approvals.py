"""The inbox over HTTP: open approvals, and answers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.voting import shown as shown_votes
from kgnb.errors import BadFrame, NoSuchApproval
from kgnb.protocol import commands
from kgnb.protocol.ids import ApprovalId, ArgsHash, RunId
from kgnb.server.calls import shapes
from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from kgnb.broker.rows import ApprovalRow
    from kgnb.server.calls.call import Call


class AnswerBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/approvals/{id}``: the fields of an ``answer``."""

    value: Any = None
    edited_payload: Any = None
    args_hash: ArgsHash | None = None
    reason: str | None = None
    approval_id: ApprovalId | None = None
    """Where the path does not say it."""
    id: commands.CommandId | None = None


async def listed(call: Call) -> Reply:
    """The open approvals of all runs, the oldest first.

    Raises:
        BadFrame: A ``state`` other than ``open``.
    """
    if call.query.get("state") not in (None, "open"):
        raise BadFrame("state: expected open")
    peer = await call.peer()
    rows = sorted(call.driver.open_approvals(peer), key=lambda row: row.opened_at)
    told = [shapes.Question(**_question(row)) for row in rows]
    return Reply.json(shapes.Questions(approvals=told))


async def one(call: Call) -> Reply:
    """The approval, also once it is decided.

    Raises:
        NoSuchApproval: There is none.
    """
    approval_id = call.arg()
    row = call.driver.approval(approval_id, await call.peer())
    if row is None:
        raise NoSuchApproval(f"no approval {approval_id!r}")
    return Reply.json(shapes.Settled(**_question(row), resolved=row.resolved))


async def answer(call: Call) -> Reply:
    """Answer the approval that the path or the body names.

    Raises:
        BadFrame: They name none, or two.
    """
    body = call.body_as(AnswerBody)
    named = {each for each in (*call.args, body.approval_id) if each is not None}
    if len(named) != 1:
        raise BadFrame("body: expected the 'approval_id' of one approval")
    chosen = ApprovalId(named.pop())
    ack = await call.order(
        commands.AnswerApproval(
            approval_id=chosen,
            value=body.value,
            edited_payload=body.edited_payload,
            args_hash=body.args_hash,
            reason=body.reason,
            id=body.id,
        )
    )
    run_id = ack.run_id or RunId("")
    return Reply.json(shapes.Answered(approval_id=chosen, run_id=run_id, data=ack.data))


def _question(row: ApprovalRow) -> dict[str, Any]:
    return msgspec.structs.asdict(row.data) | {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "node_id": row.node_id,
        "task_id": row.task_id,
        "state": row.state,
        "opened_at": row.opened_at,
        "votes": shown_votes(row.votes) or [],
    }
