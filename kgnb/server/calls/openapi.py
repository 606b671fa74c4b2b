"""The OpenAPI 3.1 document: the table of endpoints, and the structs of its bodies."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from kgnb.protocol.schemas import REFERENCE, Schema, components
from kgnb.protocol.view import RunStatus
from kgnb.server.calls import approvals, links, runs, shapes
from kgnb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from kgnb.server.calls.call import Route

_TEXT: Schema = {"type": "string"}
_JSON = "application/json"


class Content(NamedTuple):
    """What a call reads and replies."""

    reply: Any = None
    """A struct; None where no struct describes it."""
    body: Any = None
    kinds: tuple[str, ...] = ()
    """Media types beside, or in place of, JSON."""
    status: int = 200
    query: dict[str, Schema] = {}  # noqa: RUF012  # never changed
    other: tuple[int, ...] = ()
    """Further statuses, without a body."""


def _number(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


CONTENTS: dict[str, Content] = {
    "monitoring.health": Content(shapes.Health, other=(503,)),
    "monitoring.metrics": Content(
        shapes.Metrics,
        kinds=("text/plain",),
        query={"format": {"enum": ["json", "prometheus"]}},
    ),
    "runs.workflows": Content(shapes.Workflows),
    "runs.listed": Content(
        shapes.Runs,
        query={
            "status": {"enum": sorted(get_args(RunStatus))},
            "workflow": _TEXT,
            "session_id": _TEXT,
            "limit": _number(1, 1000),
            "before": _TEXT,
        },
    ),
    "runs.start": Content(shapes.Started, runs.StartBody, status=201),
    "runs.fork": Content(shapes.Started, runs.ForkBody, status=201),
    "runs.one": Content(shapes.RunDetail),
    "runs.picture": Content(kinds=("image/svg+xml",)),
    "runs.report": Content(kinds=("text/html",)),
    "runs.trace": Content(kinds=("application/x-ndjson",)),
    "runs.order": Content(shapes.Ordered, runs.OrderBody),
    "sessions.one": Content(shapes.Session),
    "events.events": Content(
        kinds=("text/event-stream",),
        query={"since": _TEXT, "topics": _TEXT},
        other=(204,),
    ),
    "approvals.listed": Content(shapes.Questions, query={"state": {"enum": ["open"]}}),
    "approvals.one": Content(shapes.Settled),
    "approvals.answer": Content(shapes.Answered, approvals.AnswerBody),
    "links.make": Content(shapes.MadeLink, links.LinkBody, status=201),
    "links.listed": Content(shapes.ShareLinks),
    "links.revoke": Content(shapes.ShareLink, links.RevokeBody),
    "audits.audit": Content(
        shapes.Audit,
        query={
            "after": _number(0, 999_999_999),
            "limit": _number(1, 1000),
            "run_id": _TEXT,
            "approval_id": _TEXT,
            "action": _TEXT,
            "outcome": _TEXT,
        },
    ),
    "pages.runs_page": Content(kinds=("text/html",)),
    "pages.run_page": Content(kinds=("text/html",)),
    "pages.chat_page": Content(kinds=("text/html",)),
    "pages.sign_in": Content(status=302),
    "pages.web_file": Content(kinds=("text/javascript", "text/css"), other=(304,)),
    "schemas.asyncapi": Content(kinds=(_JSON,)),
    "schemas.openapi": Content(kinds=(_JSON,)),
}
"""By module and name of the call. What is missing here fails a test."""

ALIASES = {
    "kgnb/health": "kgnb/ws/health",
    "kgnb/metrics": "kgnb/ws/metrics",
}
"""Paths of the documents, by the ones that they stand for."""

_PARAMETERS: dict[str, Schema] = {
    "order": {"enum": ["cancel", "pause", "resume"]},
    "page": {"type": "string", "description": "Of ours, such as `runs/…`, or none."},
}
_SECURITY: dict[str, Schema] = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`token …` or `Bearer …`: of the server, or of a share link.",
    },
    "query": {"type": "apiKey", "in": "query", "name": "token"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "username-…",
        "description": "Jupyter's; other methods than GET then need `X-XSRFToken`.",
    },
}


def content_of(route: Route) -> Content:
    """What a route's call reads and replies."""
    module = route.call.__module__.rpartition(".")[2]
    return CONTENTS[f"{module}.{route.call.__name__}"]


def document(
    routes: Iterable[Route],
    *,
    origin: str = "http://localhost:8888",
    base_url: str = "/",
) -> Schema:
    """The whole document.

    Args:
        routes: The table.
        origin: Of the server.
        base_url: Ends with a slash.
    """
    paths: dict[str, Schema] = {}
    structs: list[type[msgspec.Struct]] = [shapes.Refusal]
    for route in routes:
        content = content_of(route)
        structs += [each for each in (content.reply, content.body) if each is not None]
        for template in (route.template, ALIASES.get(route.template)):
            if template is not None:
                methods = paths.setdefault(f"/{template}", {})
                methods[route.method.lower()] = _operation(route, template, content)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kgnb",
            "version": __version__,
            "description": "Runs of graphs: list, start, steer, follow and answer"
            " them. The sockets are described in `kgnb/asyncapi.json`.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": origin + base_url.rstrip("/")}],
        "paths": paths,
        "components": {
            "schemas": components(dict.fromkeys(structs)),
            "securitySchemes": _SECURITY,
        },
    }


def _operation(route: Route, template: str, content: Content) -> Schema:
    words = re.findall(r"\w+", template.removeprefix("kgnb/"))
    name = "".join(word.capitalize() for word in words)
    found: Schema = {
        "operationId": route.method.lower() + (name or "Index"),
        "summary": route.summary,
        "description": inspect.cleandoc(route.call.__doc__ or ""),
        "parameters": [*_parameters(template, content)],
        "responses": _responses(content),
        "security": [{each: []} for each in _SECURITY] if route.needs else [],
    }
    if route.needs is not None:
        found["x-needs"] = route.needs._asdict()
    if content.body is not None:
        found["requestBody"] = {"content": _json(content.body)}
    return found


def _parameters(template: str, content: Content) -> Iterable[Schema]:
    for name in re.findall(r"{(\w+)}", template):
        schema = _PARAMETERS.get(name, _TEXT)
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in content.query.items():
        yield {"name": name, "in": "query", "schema": schema}


def _responses(content: Content) -> Schema:
    kinds: Schema = {} if content.reply is None else _json(content.reply)
    kinds |= {kind: {} for kind in content.kinds}
    done: Schema = {"description": "Done."}
    if kinds:
        done["content"] = kinds
    others = {
        str(status): {"description": "See the protocol's page."}
        for status in content.other
    }
    refused = {"description": "Refused.", "content": _json(shapes.Refusal)}
    return {str(content.status): done, **others, "default": refused}


def _json(struct: Any) -> Schema:
    """JSON that is a struct's."""
    return {_JSON: {"schema": {"$ref": REFERENCE + struct.__name__}}}
