"""The runs of this process, as the magic lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.magic.rows import Question, RunRow
from kgnb.protocol.view import ENDED
from kgnb.runtime import home as homes
from kgnb.runtime.run import Run

if TYPE_CHECKING:
    from kgnb.runtime.execution import Execution

_AT_WORK = frozenset({"running", "waiting", "retrying"})


def runs() -> list[RunRow]:
    """Those that go on, and those that ended and are held by a name; oldest first."""
    return [_run(execution) for execution in homes.current().all_known()]


def questions() -> list[Question]:
    """What is open, in the order of the runs and of asking."""
    return [
        _question(execution, approval)
        for execution in homes.current().all_known()
        for approval in Run(execution).approvals
        if approval.state == "open" and execution.reader.status not in ENDED
    ]


def is_busy() -> bool:
    """Whether a run may yet ask something."""
    return bool(homes.current().unfinished())


def _run(execution: Execution) -> RunRow:
    run = Run(execution)
    nodes = run.view.nodes
    return RunRow(
        run_id=run.id,
        workflow=run.workflow,
        status=run.status,
        at=tuple(name for name in nodes if nodes[name].status in _AT_WORK),
        url=run.url,
        resumable=run.status == "lost" and execution.durable is not None,
        resume=run.resume,
    )


def _question(execution: Execution, approval: Any) -> Question:
    run = Run(execution)

    def answer(value: Any, reason: str | None) -> None:
        run.answer(approval.approval_id, value, reason=reason)

    return Question(
        approval_id=approval.approval_id,
        workflow=run.workflow,
        message=approval.message,
        options=approval.options,
        answer=answer,
    )
