"""What the HTTP calls have of Jupyter: its authorizer, XSRF tokens, and /metrics."""

import socket

import pytest
from hosts_harness import Deny, JupyterSite
from http_harness import RUN, Caller, Kernel, begun, question, series_of

from kgnb.server.calls.table import ROUTES
from kgnb.server.http import Calling, NotFound
from kgnb.server.sockets import GatedSocket

pytestmark = pytest.mark.usefixtures("no_watch")

METHODS = ("get", "head", "post", "put", "patch", "delete")
READS = ["workflows", "runs", f"runs/{RUN}", f"runs/{RUN}/events", "approvals/a1"]
POSTS = {
    "kgnb/api/runs": {"workflow": "letter"},
    f"kgnb/api/runs/{RUN}/cancel": {},
    "kgnb/api/approvals": {"approval_id": "a1", "value": "yes"},
    "kgnb/api/approvals/a1": {"value": "yes"},
}


@pytest.fixture
def site(started, jp_serverapp, jp_http_port):
    return JupyterSite(started, jp_serverapp, jp_http_port)


@pytest.fixture
def call(site):
    return Caller(site)


def test_handlers_are_the_table_the_sockets_and_nothing_else(app):
    served = []
    for _, handler, *_ in app.handlers:
        if issubclass(handler, GatedSocket) or handler is NotFound:
            continue
        assert issubclass(handler, Calling), handler
        own = {name.upper() for name in METHODS if name in vars(handler)}
        told = set(handler.routes)
        head = {"HEAD"} if "GET" in told else set()
        assert own == told | head, "a method beside its routes"
        served += handler.routes.values()
    assert served == list(ROUTES)


@pytest.mark.parametrize("path", READS)
async def test_read_that_the_authorizer_refuses_is_403(call, jp_serverapp, path):
    jp_serverapp.web_app.settings["authorizer"] = Deny(("read", "kgnb"))
    answer = await call(f"kgnb/api/{path}")
    assert (answer.status, answer.json["code"]) == (403, "forbidden"), path
    body = (await call("kgnb/health")).json
    assert set(body) == {"status", "connections", "max_connections"}


async def test_jupyters_metrics_show_our_series_while_we_run(call, app):
    ours = series_of(await call("kgnb/metrics?format=prometheus"))
    assert ours["kgnb_links", ()] == 0
    assert series_of(await call("metrics")).keys() == ours.keys()
    await app.stop_extension()
    assert series_of(await call("metrics")) == {}
    assert (await call("kgnb/metrics")).status == 503


async def test_events_are_not_held_back_by_the_system(call, site, monkeypatch):
    options = []

    async def pour(stream, send, *_):
        raw = send.__self__.request.connection.stream.socket
        options.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await stream.aclose()
        return True

    monkeypatch.setattr("kgnb.server.http.pour", pour)
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        assert (await call(f"kgnb/api/runs/{RUN}/events")).status == 200
    assert options == [1]


async def cookies(call):
    """Those that Jupyter gives a browser for a right token."""
    answer = await call("api/me")
    given = [c.partition(";")[0] for c in answer.headers.get_list("Set-Cookie")]
    page = await call("login", token=None)
    given += [c.partition(";")[0] for c in page.headers.get_list("Set-Cookie")]
    return dict(c.split("=", 1) for c in given)


@pytest.mark.parametrize("path", POSTS)
async def test_cookie_alone_changes_nothing_without_the_xsrf_token(call, site, path):
    jar = await cookies(call)
    header = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())}
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        read = await call("kgnb/api/approvals/a1", token=None, headers=header)
        assert read.status == 200
        answer = await call(
            path, method="POST", body=POSTS[path], token=None, headers=header
        )
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        assert (await call("kgnb/api/approvals/a1")).json["state"] == "open"


async def test_cookie_with_the_xsrf_token_answers(call, site):
    jar = await cookies(call)
    header = {
        "Cookie": "; ".join(f"{k}={v}" for k, v in jar.items()),
        "X-XSRFToken": jar["_xsrf"],
        "Origin": site.origin,
    }
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        path = "kgnb/api/approvals/a1"
        body = {"value": "yes"}
        answer = await call(path, method="POST", body=body, token=None, headers=header)
        assert answer.status == 200, answer.raw
        by = answer.json["data"]["by"]
    assert (by.get("user"), by["via"]) == (None, "page")
