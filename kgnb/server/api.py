"""What can be read over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from kgnb.server.discreet import Discreet

if TYPE_CHECKING:
    from kgnb.broker.driver import BrokerDriver


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
        self.reply({"runs": self.driver.runs()})


class Health(Api):
    """``kgnb/health``: for a monitor, so without ids or names."""

    _track_activity = False

    @allow_unauthenticated  # a monitor has no credential
    async def get(self) -> None:
        """How things are; 503 when the log cannot be written."""
        settings = self.host.settings
        driver = self.host.driver
        body = {
            "status": "healthy",
            "connections": len(self.host.sockets),
            "max_connections": settings.max_connections,
        }
        if driver is None or not driver.is_log_writable:
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
