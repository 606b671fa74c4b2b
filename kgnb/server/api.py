"""What can be read over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from kgnb.broker.voting import shown as shown_votes
from kgnb.server.discreet import Discreet

if TYPE_CHECKING:
    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.rows import ApprovalRow, RunRow
    from kgnb.protocol import RunId


class Api(Discreet, APIHandler):
    """JSON in, JSON out; errors are JSON too."""

    @property
    def driver(self) -> BrokerDriver:
        """The broker.

        Raises:
            HTTPError: 503 before the start and after the stop.
        """
        if self.host.driver is None:
            raise HTTPError(503, "kgnb is starting or stopping; try again")
        return self.host.driver

    def reply(self, body: Any) -> None:
        """Finish with a JSON body."""
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.encode(body))


class Runs(Api):
    """``kgnb/api/runs``."""

    @authenticated
    @authorized(action="read", resource="kgnb")  # type: ignore[untyped-decorator]  # typed loosely upstream
    async def get(self) -> None:
        """Every run of the log, the newest first."""
        waiting = {row.run_id for row in self.driver.open_approvals()}
        rows = sorted(self.driver.runs(), key=lambda r: r.started_at, reverse=True)
        self.reply({"runs": [_summary(row, waiting) for row in rows]})


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


class Approvals(Api):
    """``kgnb/api/approvals``."""

    @authenticated
    @authorized(action="read", resource="kgnb")  # type: ignore[untyped-decorator]  # typed loosely upstream
    async def get(self) -> None:
        """The open approvals of all runs, the oldest first.

        Raises:
            HTTPError: 400 for a ``state`` other than ``open``.
        """
        if self.get_query_argument("state", "open") != "open":
            raise HTTPError(400, "state: expected open")
        rows = sorted(self.driver.open_approvals(), key=lambda row: row.opened_at)
        self.reply({"approvals": [_question(row) for row in rows]})


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


class Health(Api):
    """``kgnb/health``: for a monitor, so without ids or names."""

    _track_activity = False

    @allow_unauthenticated  # a monitor has no credential
    async def get(self) -> None:
        """How things are; 503 when the log cannot be written, which is tried."""
        driver = self.host.driver
        body = {
            "status": "healthy",
            "connections": driver.statistics().connections if driver else 0,
            "max_connections": self.host.settings.max_connections,
        }
        if driver is None or not await driver.probe():
            self.set_status(503)
            body["status"] = "unhealthy"
        elif self.host.trouble is not None:
            body["status"] = "degraded"
        self.reply(body)


class NotFound(Discreet):
    """Any other path under ``kgnb/``: found by no one, logged by no one in full."""

    hidden_after = "/kgnb/"

    @authenticated
    def get(self, *_args: str) -> None:
        """Say 404, to those who may know."""
        raise HTTPError(404)
