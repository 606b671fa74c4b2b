"""Workflows and runs over HTTP: list, read, start, steer."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from kgnb.errors import BadFrame, NoSuchRun
from kgnb.panel.report import page_html
from kgnb.panel.static import record_svg
from kgnb.protocol import RunId, commands
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunStatus
from kgnb.server.calls import shapes
from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kgnb.broker.frames import StoredEvent
    from kgnb.broker.rows import RunRow
    from kgnb.broker.workflows import Offer
    from kgnb.server.calls.call import Call

_PAGE = 1000
"""Runs of one reply."""
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def workflows(call: Call) -> Reply:
    """What is published, the newest first."""
    offers = call.driver.workflows(await call.peer())
    return Reply.json(shapes.Workflows(workflows=[_offered(each) for each in offers]))


def _offered(offer: Offer) -> shapes.Offer:
    return shapes.Offer(
        name=offer.workflow.name,
        kernel_id=offer.kernel_id,
        params=offer.workflow.params,
        keeps_messages=offer.workflow.input is not None,
        default=offer.workflow.is_default,
        published_at=offer.workflow.published_at,
    )


async def listed(call: Call) -> Reply:
    """Runs, the newest first; ``next`` is the ``before`` of the page after it.

    Raises:
        BadFrame: An argument is wrong.
    """
    peer = await call.peer()
    status, workflow = call.query.get("status"), call.query.get("workflow")
    if status is not None and status not in get_args(RunStatus):
        known = ", ".join(get_args(RunStatus))
        raise BadFrame(f"status: expected one of {known}, got {status[:40]!r}")
    most = call.number("limit", default=_PAGE, least=1, most=_PAGE)
    waiting = {row.run_id for row in call.driver.open_approvals(peer)}
    rows = sorted(call.driver.runs(peer), key=_age, reverse=True)
    before = call.query.get("before")
    if before is not None:
        first = _age(call.row(before, peer))
        rows = [row for row in rows if _age(row) < first]
    session = call.query.get("session_id")
    if session is not None:
        # Another identity's session of the same id is another session.
        mine = peer.identity.user
        rows = [r for r in rows if r.session_id == session and r.owner == mine]
    told = [summary(row, waiting) for row in rows]
    told = [
        each
        for each in told
        if status in (None, each.status) and workflow in (None, each.workflow)
    ]
    page = told[:most]
    is_last = len(page) == len(told)
    return Reply.json(shapes.Runs(runs=page, next=None if is_last else page[-1].run_id))


class StartBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/runs``: the fields of a ``start_workflow``."""

    workflow: commands.Name
    params: dict[str, Any] = {}
    session_id: str | None = None
    id: commands.CommandId | None = None


async def start(call: Call) -> Reply:
    """Start a published workflow; 201 when its kernel has begun it."""
    body = call.body_as(StartBody)
    return await _started(
        call,
        commands.StartWorkflow(
            workflow=body.workflow,
            params=body.params,
            session_id=body.session_id,
            id=body.id,
        ),
    )


class ForkBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/runs/{id}/fork``."""

    at: int | str | msgspec.UnsetType | None = msgspec.UNSET
    """Where in the past of a run that keeps its state: the number of a step, a
    checkpoint's id, a node or a visit; null for its latest checkpoint."""
    shared: dict[str, Any] = {}
    """Entries that differ from what the run began with, or had there."""
    id: commands.CommandId | None = None


async def fork(call: Call) -> Reply:
    """Start a run's workflow anew with what it began with, but for what is given.

    With ``at`` it begins in the run's past instead, in the run's own kernel. The new
    run has an id, a log and, where it chats, a session of its own.

    Raises:
        NoSuchWorkflow: It is not published, as a run that a cell began.
        Unavailable: It keeps no state, or its kernel is gone.
        Forbidden: A share link begins runs, and edits none.
    """
    body = call.body_as(ForkBody)
    if body.at is not msgspec.UNSET:
        forked = commands.Fork(
            run_id=RunId(call.arg()), at=body.at, shared=body.shared, id=body.id
        )
        return await _started(call, forked)
    view = await call.driver.view(call.arg(), await call.peer())
    return await _started(
        call,
        commands.StartWorkflow(
            workflow=view.workflow, params=view.params | body.shared, id=body.id
        ),
    )


async def _started(
    call: Call, command: commands.StartWorkflow | commands.Fork
) -> Reply:
    ack = await call.order(command)
    reply = Reply.json({"run_id": ack.run_id, **(ack.data or {})}, status=201)
    reply.headers["Location"] = f"{call.base_url}kgnb/api/runs/{ack.run_id}"
    return reply


def _age(row: RunRow) -> tuple[str, str]:
    return row.started_at, row.run_id


def summary(row: RunRow, waiting: set[RunId]) -> shapes.RunSummary:
    """A run as lists show it; ``waiting`` are those with an open question."""
    is_waiting = row.status == "running" and row.run_id in waiting
    return shapes.RunSummary(
        run_id=row.run_id,
        workflow=row.workflow,
        status="waiting" if is_waiting else row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        kernel_id=row.kernel_id,
        resumable=row.can_go_on,
    )


async def one(call: Call) -> Reply:
    """The run as in the list, with its view: what its events so far make of it."""
    peer = await call.peer()
    row = call.row(call.arg(), peer)
    view = await call.driver.view(row.run_id, peer)
    waiting = {each.run_id for each in call.driver.open_approvals(peer)}
    told = msgspec.structs.asdict(summary(row, waiting))
    return Reply.json(shapes.RunDetail(**told, seq=view.seq, view=view))


async def picture(call: Call) -> Reply:
    """The graph, with the states of its nodes.

    Raises:
        NoSuchRun: There is a run but no picture of it.
    """
    run_id = call.arg()
    view = await call.driver.view(run_id, await call.peer())
    svg = record_svg(static_record(view))
    if svg is None:
        raise NoSuchRun(f"run {run_id!r} has no picture; its kernel could draw none")
    reply = Reply.text(svg, kind="image/svg+xml; charset=utf-8")
    reply.headers["Content-Security-Policy"] = _REPORT_POLICY
    return reply


async def report(call: Call) -> Reply:
    """The run so far as one page that loads nothing and runs nothing."""
    view = await call.driver.view(call.arg(), await call.peer())
    return Reply.html(page_html(view), policy=_REPORT_POLICY)


async def trace(call: Call) -> Reply:
    """Every event so far, one a line, as a socket would be sent it.

    A slow reader holds up nobody: the next page is read when it has the last.
    """
    pages = call.driver.events(call.arg(), await call.peer())
    none: list[StoredEvent] = []
    first = await anext(pages, none)  # so that a refusal is one, and no broken file
    headers = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"}
    return Reply(headers=headers, body=_lines(first, pages))


async def _lines(
    page: list[StoredEvent], rest: AsyncGenerator[list[StoredEvent], None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield b"".join(one_line(event.frame.payload) + b"\n" for event in page)
        async for following in rest:
            yield b"".join(one_line(event.frame.payload) + b"\n" for event in following)


def one_line(payload: bytes) -> bytes:
    """JSON on one line: a line break in it can only stand between its tokens."""
    return payload.replace(b"\n", b" ").replace(b"\r", b" ")


class OrderBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/runs/{id}/cancel`` and its like."""

    id: commands.CommandId | None = None


_ORDERS: dict[str, Any] = {
    "cancel": commands.Cancel,
    "pause": commands.Pause,
    "resume": commands.Resume,
}


async def order(call: Call) -> Reply:
    """Cancel, pause or resume; the reply comes when the run's kernel has done it."""
    kind = _ORDERS[call.arg(1)]
    ack = await call.order(kind(run_id=call.arg(), id=call.body_as(OrderBody).id))
    return Reply.json({"run_id": ack.run_id})
