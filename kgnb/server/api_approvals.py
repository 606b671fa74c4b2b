"""The inbox over HTTP: open approvals, and answers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.voting import shown as shown_votes
from kgnb.errors import BadFrame, NoSuchApproval
from kgnb.protocol import commands
from kgnb.protocol.ids import ApprovalId, ArgsHash
from kgnb.server.api import Api, may_answer, may_read

if TYPE_CHECKING:
    from kgnb.broker.rows import ApprovalRow


class AnswerBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/approvals/{id}``: the fields of an ``answer``."""

    value: Any = None
    edited_payload: Any = None
    args_hash: ArgsHash | None = None
    reason: str | None = None
    approval_id: ApprovalId | None = None
    """Where the path does not say it."""
    id: commands.CommandId | None = None


class Answering(Api):
    """What both paths have in common."""

    async def answer(self, approval_id: str | None) -> None:
        """Give the answer in the body.

        Raises:
            BadFrame: Body and path name no approval, or two.
        """
        body = self.body(AnswerBody)
        named = {each for each in (approval_id, body.approval_id) if each is not None}
        if len(named) != 1:
            raise BadFrame("body: expected the 'approval_id' of one approval")
        chosen = ApprovalId(named.pop())
        ack = await self.order(
            commands.AnswerApproval(
                approval_id=chosen,
                value=body.value,
                edited_payload=body.edited_payload,
                args_hash=body.args_hash,
                reason=body.reason,
                id=body.id,
            )
        )
        self.reply({"approval_id": chosen, "run_id": ack.run_id, "data": ack.data})


class Approvals(Answering):
    """``kgnb/api/approvals``."""

    @may_read
    async def get(self) -> None:
        """The open approvals of all runs, the oldest first.

        Raises:
            BadFrame: A ``state`` other than ``open``.
        """
        if self._query("state") not in (None, "open"):
            raise BadFrame("state: expected open")
        peer = await self.peer()
        rows = sorted(self.driver.open_approvals(peer), key=lambda row: row.opened_at)
        self.reply({"approvals": [_question(row) for row in rows]})

    @may_answer
    async def post(self) -> None:
        """Answer the approval that the body names."""
        await self.answer(None)


class OneApproval(Answering):
    """``kgnb/api/approvals/{id}``."""

    @may_read
    async def get(self, approval_id: str) -> None:
        """The approval, also once it is decided.

        Raises:
            NoSuchApproval: There is none.
        """
        row = self.driver.approval(approval_id, await self.peer())
        if row is None:
            raise NoSuchApproval(f"no approval {approval_id!r}")
        self.reply(_question(row) | {"resolved": msgspec.to_builtins(row.resolved)})

    @may_answer
    async def post(self, approval_id: str) -> None:
        """Answer it."""
        await self.answer(approval_id)


def _question(row: ApprovalRow) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(row.data)
    return data | {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "node_id": row.node_id,
        "task_id": row.task_id,
        "state": row.state,
        "opened_at": row.opened_at,
        "votes": msgspec.to_builtins(shown_votes(row.votes) or []),
    }
