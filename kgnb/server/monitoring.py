"""``kgnb/health`` and ``kgnb/metrics``: for monitors, load balancers and people."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from prometheus_client import CONTENT_TYPE_LATEST

from kgnb.errors import BadFrame
from kgnb.server import access, callers
from kgnb.server.api import Api, may_read
from kgnb.server.figures import Series, figures, prometheus_text
from kgnb.version import __version__


class Health(Api):
    """``kgnb/health``: to anybody without ids, names or counts of runs."""

    _track_activity = False

    @allow_unauthenticated  # a monitor has no credential
    async def get(self) -> None:
        """How things are; 503 when the log cannot be written, which is tried."""
        driver = self.host.driver
        body: dict[str, Any] = {
            "status": "healthy",
            "connections": driver.statistics().connections if driver else 0,
            "max_connections": self.host.settings.max_connections,
        }
        is_down = driver is None or not await driver.probe()
        if is_down:
            body["status"] = "unhealthy"
        elif self.host.trouble is not None:
            body["status"] = "degraded"
        if self.host.driver is not None and await self._is_trusted():
            counts = self.host.driver.statistics()
            body |= {
                "runs": counts.runs,
                "uptime": round(counts.uptime, 3),
                "version": __version__,
            }
        self.reply(body, status=503 if is_down else 200)

    async def _is_trusted(self) -> bool:
        may = callers.rights(self)
        return bool(self.current_user) and await access.role_of(may) is not None


class Metrics(Api):
    """``kgnb/metrics``."""

    _track_activity = False

    @may_read
    async def get(self) -> None:
        """The figures, as JSON or as Prometheus' text."""
        if self._wants_text():
            text = prometheus_text(Series(self.host))
            self.set_header("Cache-Control", "no-store")
            self.finish(text, set_content_type=CONTENT_TYPE_LATEST)
        else:
            self.reply(figures(self.host, self.driver))

    def _wants_text(self) -> bool:
        asked = self._query("format")
        if asked not in (None, "json", "prometheus"):
            raise BadFrame("format: expected json or prometheus")
        accepted = self.request.headers.get("Accept", "")
        is_text = "text/plain" in accepted and "application/json" not in accepted
        return asked == "prometheus" or (asked is None and is_text)
