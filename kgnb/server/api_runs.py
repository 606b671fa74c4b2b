"""Workflows and runs over HTTP: list, read, start, steer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import msgspec

from kgnb.errors import BadFrame, KgnbError, NoSuchRun
from kgnb.panel.result import page_html
from kgnb.panel.static import record_svg
from kgnb.protocol import commands
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunStatus
from kgnb.server.api import Api, may_control, may_read, may_start, whole_number

if TYPE_CHECKING:
    from kgnb.broker.rows import RunRow
    from kgnb.protocol import RunId
    from kgnb.server.host import Host

_PAGE = 1000
"""Runs of one reply."""
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class Workflows(Api):
    """``kgnb/api/workflows``."""

    @may_read
    async def get(self) -> None:
        """What is published, the newest first."""
        offers = self.driver.workflows(await self.peer())
        self.reply({"workflows": [_offered(offer) for offer in offers]})


def _offered(offer: Any) -> dict[str, Any]:
    return {
        "name": offer.workflow.name,
        "kernel_id": offer.kernel_id,
        "params": offer.workflow.params,
        "keeps_messages": offer.workflow.input is not None,
        "default": offer.workflow.is_default,
        "published_at": offer.workflow.published_at,
    }


class StartBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/runs``: the fields of a ``start_workflow``."""

    workflow: commands.Name
    params: dict[str, Any] = {}
    session_id: str | None = None
    id: commands.CommandId | None = None


class Runs(Api):
    """``kgnb/api/runs``."""

    @may_read
    async def get(self) -> None:
        """Runs, the newest first; ``next`` is the ``before`` of the page after it.

        Raises:
            BadFrame: An argument is wrong.
        """
        peer = await self.peer()
        status, workflow = self._query("status"), self._query("workflow")
        if status is not None and status not in get_args(RunStatus):
            known = ", ".join(get_args(RunStatus))
            raise BadFrame(f"status: expected one of {known}, got {status[:40]!r}")
        limit = self._query("limit") or str(_PAGE)
        most = whole_number(limit, "limit", least=1, most=_PAGE)
        waiting = {row.run_id for row in self.driver.open_approvals(peer)}
        rows = sorted(self.driver.runs(peer), key=_age, reverse=True)
        before = self._query("before")
        if before is not None:
            first = _age(self.row(before, peer))
            rows = [row for row in rows if _age(row) < first]
        told = [_summary(row, waiting) for row in rows]
        told = [
            each
            for each in told
            if status in (None, each["status"]) and workflow in (None, each["workflow"])
        ]
        page = told[:most]
        is_last = len(page) == len(told)
        self.reply({"runs": page, "next": None if is_last else page[-1]["run_id"]})

    @may_start
    async def post(self) -> None:
        """Start a published workflow; 201 when its kernel has begun it."""
        body = self.body(StartBody)
        ack = await self.order(
            commands.StartWorkflow(
                workflow=body.workflow,
                params=body.params,
                session_id=body.session_id,
                id=body.id,
            )
        )
        self.set_header("Location", f"{self.base_url}kgnb/api/runs/{ack.run_id}")
        self.reply({"run_id": ack.run_id, **(ack.data or {})}, status=201)


def _age(row: RunRow) -> tuple[str, str]:
    return row.started_at, row.run_id


def _summary(row: RunRow, waiting: set[RunId]) -> dict[str, Any]:
    is_waiting = row.status == "running" and row.run_id in waiting
    return {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "status": "waiting" if is_waiting else row.status,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "kernel_id": row.kernel_id,
    }


class OneRun(Api):
    """``kgnb/api/runs/{id}``."""

    @may_read
    async def get(self, run_id: str) -> None:
        """The run as in the list, with its view: what its events so far make of it."""
        peer = await self.peer()
        row = self.row(run_id, peer)
        view = await self.driver.view(run_id, peer)
        waiting = {each.run_id for each in self.driver.open_approvals(peer)}
        self.reply(_summary(row, waiting) | {"seq": view.seq, "view": view.to_dict()})


class Picture(Api):
    """``kgnb/api/runs/{id}/graph.svg``."""

    @may_read
    async def get(self, run_id: str) -> None:
        """The graph, with the states of its nodes.

        Raises:
            NoSuchRun: There is a run but no picture of it.
        """
        view = await self.driver.view(run_id, await self.peer())
        svg = record_svg(static_record(view))
        if svg is None:
            raise NoSuchRun(
                f"run {run_id!r} has no picture; its kernel could draw none"
            )
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", _REPORT_POLICY)
        self.finish(svg, set_content_type="image/svg+xml; charset=utf-8")


class Report(Api):
    """``kgnb/api/runs/{id}/report.html``."""

    @may_read
    async def get(self, run_id: str) -> None:
        """The run so far as one page that loads nothing and runs nothing."""
        view = await self.driver.view(run_id, await self.peer())
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", _REPORT_POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        page = page_html(view, sign=True)
        self.finish(page, set_content_type="text/html; charset=utf-8")


class Trace(Api):
    """``kgnb/api/runs/{id}/trace.jsonl``."""

    def initialize(self, *, host: Host) -> None:
        """Note when the reader leaves: tornado then forgets what it was writing."""
        super().initialize(host=host)
        self._gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """The reader has left."""
        super().on_connection_close()
        self._gone.set()

    @may_read
    async def get(self, run_id: str) -> None:
        """Every event so far, one a line, as a socket would be sent it.

        A slow reader holds up nobody: the next page is read when it has the last.
        """
        pages = self.driver.events(run_id, await self.peer())
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "application/x-ndjson")
        try:
            async for page in pages:
                lines = [one_line(event.frame.payload) + b"\n" for event in page]
                self.write(b"".join(lines))
                if not await self._is_read():
                    return
        except KgnbError:
            if not self._headers_written:
                raise
            # Half a file must not look like a whole one: the reader sees it cut.
            self.log.warning("Trace: the log could not be read to its end")
            self.detach().close()
            return
        self.finish(set_content_type="application/x-ndjson")

    async def _is_read(self) -> bool:
        """Wait until the page is out; whether anybody is there for the next."""
        flushed = asyncio.ensure_future(self.flush())
        gone = asyncio.ensure_future(self._gone.wait())
        await asyncio.wait((flushed, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        return flushed.done() and flushed.exception() is None


def one_line(payload: bytes) -> bytes:
    """JSON on one line: a line break in it can only stand between its tokens."""
    return payload.replace(b"\n", b" ").replace(b"\r", b" ")


class OrderBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/runs/{id}/cancel`` and its like."""

    id: commands.CommandId | None = None


class Order(Api):
    """``kgnb/api/runs/{id}/cancel``, ``…/pause``, ``…/resume``."""

    _KINDS: ClassVar[dict[str, Any]] = {
        "cancel": commands.Cancel,
        "pause": commands.Pause,
        "resume": commands.Resume,
    }

    @may_control
    async def post(self, run_id: str, verb: str) -> None:
        """Do it; the reply comes when the run's kernel has done it."""
        command = self._KINDS[verb](run_id=run_id, id=self.body(OrderBody).id)
        ack = await self.order(command)
        self.reply({"run_id": ack.run_id})
