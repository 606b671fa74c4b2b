"""What is said to a run's nodes from its own process: answers and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.errors import Conflict, KgnbError, NoSuchApproval, Unavailable
from kgnb.protocol import commands, ids
from kgnb.runtime.questions import closed_error
from kgnb.runtime.shapes import plain_of
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from kgnb.protocol.approval_view import ApprovalView
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.result import Answer

REPLY_WAIT = 10.0
"""Seconds that an answer waits for the log."""


def answer(execution: Execution, approval_id: str, answer: Answer) -> None:
    """Answer an approval; blocks until the log has judged, at most 10 s.

    Raises:
        KgnbError: What the log, or the type that was asked for, says against it.
    """
    given = execution.questions.encode(approval_id, answer)
    shown = _shown(execution, approval_id)
    if shown is not None and shown.state != "open":
        raise closed_error(shown)
    command = commands.AnswerApproval(
        approval_id=ids.ApprovalId(approval_id),
        value=given.value,
        edited_payload=given.edited_payload,
        args_hash=None if shown is None else ids.ArgsHash(shown.args_hash),
        reason=given.reason,
    )
    _put_before_log(execution, command)


def send_input(execution: Execution, node_id: str, data: Any) -> None:
    """Give a node an input; blocks until the log has judged, at most 10 s.

    Raises:
        KgnbError: What the log says against it.
    """
    if execution.reader.ended.done():
        raise Conflict(f"run {execution.options.workflow!r}: it has ended")
    _put_before_log(
        execution,
        commands.NodeInput(
            run_id=execution.id, node_id=ids.NodeId(node_id), data=plain_of(data)
        ),
    )


def _put_before_log(execution: Execution, command: commands.AnyCommand) -> None:
    reply = execution.home.on_link(lambda: execution.reader.commander.ask(command))
    try:
        wait_blocking(reply, REPLY_WAIT)
    except TimeoutError as error:
        if isinstance(error, KgnbError):
            raise
        raise Unavailable("the log did not take the answer in time") from None


def _shown(execution: Execution, approval_id: str) -> ApprovalView | None:
    known = (a for a in execution.reader.view.approvals if a.approval_id == approval_id)
    found = next(known, None)
    if found is None and execution.reader.ended.done():
        text = f"run {execution.options.workflow!r} has no approval {approval_id!r}"
        raise NoSuchApproval(text)
    return found
