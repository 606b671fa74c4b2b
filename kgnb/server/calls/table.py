"""The table of HTTP endpoints: every host builds its routes of it, tests walk it."""

from __future__ import annotations

from kgnb.server.calls import approvals, events, monitoring, pages, runs
from kgnb.server.calls.call import ANSWER, CONTROL, READ, START, Route

_RUN = "kgnb/api/runs/([0-9A-Za-z_.-]{1,128})"
_APPROVAL = "kgnb/api/approvals/([^/]{1,400})"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=r"kgnb/(?:ws/)?health",
        template="kgnb/health",
        call=monitoring.health,
        needs=None,
        is_activity=False,
    ),
    Route(
        method="GET",
        path=r"kgnb/(?:ws/)?metrics",
        template="kgnb/metrics",
        call=monitoring.metrics,
        needs=READ,
        is_activity=False,
    ),
    Route(
        method="GET",
        path=r"kgnb/api/workflows",
        template="kgnb/api/workflows",
        call=runs.workflows,
        needs=READ,
    ),
    Route(
        method="GET",
        path=r"kgnb/api/runs",
        template="kgnb/api/runs",
        call=runs.listed,
        needs=READ,
    ),
    Route(
        method="POST",
        path=r"kgnb/api/runs",
        template="kgnb/api/runs",
        call=runs.start,
        needs=START,
    ),
    Route(
        method="GET",
        path=_RUN,
        template="kgnb/api/runs/{id}",
        call=runs.one,
        needs=READ,
    ),
    Route(
        method="GET",
        path=rf"{_RUN}/graph\.svg",
        template="kgnb/api/runs/{id}/graph.svg",
        call=runs.picture,
        needs=READ,
    ),
    Route(
        method="GET",
        path=rf"{_RUN}/report\.html",
        template="kgnb/api/runs/{id}/report.html",
        call=runs.report,
        needs=READ,
    ),
    Route(
        method="GET",
        path=rf"{_RUN}/trace\.jsonl",
        template="kgnb/api/runs/{id}/trace.jsonl",
        call=runs.trace,
        needs=READ,
    ),
    Route(
        method="GET",
        path=rf"{_RUN}/events",
        template="kgnb/api/runs/{id}/events",
        call=events.events,
        needs=READ,
        is_activity=False,  # a page left open is no reason to keep a server
    ),
    Route(
        method="POST",
        path=rf"{_RUN}/(cancel|pause|resume)",
        template="kgnb/api/runs/{id}/{order}",
        call=runs.order,
        needs=CONTROL,
    ),
    Route(
        method="GET",
        path=r"kgnb/api/approvals",
        template="kgnb/api/approvals",
        call=approvals.listed,
        needs=READ,
    ),
    Route(
        method="POST",
        path=r"kgnb/api/approvals",
        template="kgnb/api/approvals",
        call=approvals.answer,
        needs=ANSWER,
    ),
    Route(
        method="GET",
        path=_APPROVAL,
        template="kgnb/api/approvals/{id}",
        call=approvals.one,
        needs=READ,
    ),
    Route(
        method="POST",
        path=_APPROVAL,
        template="kgnb/api/approvals/{id}",
        call=approvals.answer,
        needs=ANSWER,
    ),
    Route(
        method="GET",
        path=r"kgnb/runs/([0-9a-f]{32})",
        template="kgnb/runs/{id}",
        call=pages.run_page,
        needs=READ,
        form="page",
    ),
    Route(
        method="GET",
        path=r"kgnb/static/([a-z.]+)",
        template="kgnb/static/{name}",
        call=pages.web_file,
        needs=None,
        form="file",
    ),
)


def by_path(routes: tuple[Route, ...] = ROUTES) -> dict[str, dict[str, Route]]:
    """The methods of each path, in the table's order: {path: {method: route}}."""
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = route
    return paths
