"""``kgnb/health`` and ``kgnb/metrics``: for monitors, load balancers and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST

from kgnb.errors import BadFrame, Unavailable
from kgnb.server import access
from kgnb.server.calls.call import Reply
from kgnb.server.figures import Series, of_server, prometheus_text
from kgnb.server.links import LinkCaller
from kgnb.version import __version__

if TYPE_CHECKING:
    from kgnb.server.calls.call import Call


async def health(call: Call) -> Reply:
    """How things are; 503 when the log cannot be written, which is tried.

    Of several servers each speaks for itself: 503 while there is none that leads.
    Without a credential no ids, names or counts of runs.
    """
    host = call.host
    driver, doors = host.driver, host.doors
    body: dict[str, Any] = {
        "status": "healthy",
        "connections": host.connections,
        "max_connections": host.settings.max_connections,
    }
    is_down = doors is None or not await doors.probe()
    is_short = driver is not None and driver.is_short_of_memory
    if is_down:
        body["status"] = "unhealthy"
    elif host.trouble is not None or is_short:
        body["status"] = "degraded"
    if host.doors is not None and await _is_trusted(call):
        body["version"] = __version__
        if host.role is not None:
            body["role"] = host.role
        if host.driver is not None:
            counts = host.driver.statistics()
            body |= {"runs": counts.runs, "uptime": round(counts.uptime, 3)}
    return Reply.json(body, status=503 if is_down else 200)


async def _is_trusted(call: Call) -> bool:
    caller = call.caller
    if isinstance(caller, LinkCaller):
        return False  # how many runs there are is none of its business
    is_known = await caller.identity() is not None
    return is_known and await access.role_of(caller.may) is not None


async def metrics(call: Call) -> Reply:
    """The figures, as JSON or as Prometheus' text."""
    if _wants_text(call):
        text = prometheus_text(Series(call.host))
        return Reply.text(text, kind=CONTENT_TYPE_LATEST)
    doors = call.host.doors
    if doors is None:
        raise Unavailable("kgnb is starting or stopping; try again")
    return Reply.json(await doors.figures() | of_server(call.host))


def _wants_text(call: Call) -> bool:
    asked = call.query.get("format")
    if asked not in (None, "json", "prometheus"):
        raise BadFrame("format: expected json or prometheus")
    accepted = call.headers.get("accept", "")
    is_text = "text/plain" in accepted and "application/json" not in accepted
    return asked == "prometheus" or (asked is None and is_text)
