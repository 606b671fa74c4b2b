"""Every HTTP call has a gate: who may not, is told so in JSON and changes nothing."""

import pytest
from http_harness import RUN, Caller, Kernel, begun, question
from server_harness import TOKEN
from test_gate import PATHS, PUBLIC

from kgnb.errors import Forbidden
from kgnb.server.calls.table import ROUTES
from kgnb.server.http import Calling, NotFound
from kgnb.server.sockets import GatedSocket

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

POSTS = {
    "kgnb/api/runs": {"workflow": "letter"},
    f"kgnb/api/runs/{RUN}/cancel": {},
    f"kgnb/api/runs/{RUN}/pause": {},
    f"kgnb/api/runs/{RUN}/resume": {},
    "kgnb/api/approvals": {"approval_id": "a1", "value": "yes"},
    "kgnb/api/approvals/a1": {"value": "yes"},
}
NEEDED = {
    "kgnb/api/runs": ("execute", "kgnb:workflows"),
    "kgnb/api/approvals": ("write", "kgnb:approvals"),
}


class Deny:
    def __init__(self, *denied):
        self.denied = denied

    def is_authorized(self, handler, user, action, resource):
        return (action, resource) not in self.denied


@pytest.fixture(autouse=True)
def no_watch(monkeypatch):
    """The kernels of these tests are unknown to Jupyter: nobody must look."""
    from kgnb.server.kernels import KernelWatcher

    async def look(self):
        pass

    monkeypatch.setattr(KernelWatcher, "look", look)


@pytest.fixture
def call(started, site):
    return Caller(site)


def calls(app):
    """Each route of the API with a path that it matches, found in the real handlers."""
    for pattern, handler, *_ in app.handlers:
        for route in getattr(handler, "routes", {}).values():
            if route.form == "api":
                yield route, PATHS[pattern]


def test_every_route_names_its_gate():
    assert len(ROUTES) >= 17
    for route in ROUTES:
        is_public = route.template in PUBLIC
        assert (route.needs is None) == is_public, f"{route.template} has no gate"


def test_handlers_of_jupyter_are_the_table_sockets_and_nothing_else(app):
    served = []
    for _, handler, *_ in app.handlers:
        if issubclass(handler, GatedSocket) or handler is NotFound:
            continue
        assert issubclass(handler, Calling), handler
        methods = {name for name in METHODS if name.lower() in vars(handler)}
        assert methods == set(handler.routes), "a method beside its routes"
        served += handler.routes.values()
    assert served == list(ROUTES)


async def test_only_the_gate_leads_to_a_call(app, monkeypatch, call):
    """Whatever the handlers do, who is not served is not answered."""
    judged = []

    async def judge(route, call):
        judged.append(route)
        raise Forbidden("not today")

    monkeypatch.setattr("kgnb.server.http.serve", judge)
    asked = list(calls(app))
    for route, path in asked:
        assert (await call(path, method=route.method)).status == 403, path
    assert judged == [route for route, _ in asked]


@pytest.mark.parametrize("given", [None, "", "wrong", TOKEN[:-1], TOKEN.upper()])
async def test_every_call_without_a_credential_is_401(app, call, given):
    for route, path in calls(app):
        if route.needs is not None:
            answer = await call(path, method=route.method, token=given)
            assert answer.status == 401, path
            assert answer.json["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_every_call_without_the_right_to_read_is_403(app, call, jp_serverapp):
    jp_serverapp.web_app.settings["authorizer"] = Deny(("read", "kgnb"))
    for route, path in calls(app):
        if route.needs is None or route.method != "GET":
            continue
        answer = await call(path)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), path
    body = (await call("kgnb/health")).json
    assert set(body) == {"status", "connections", "max_connections"}


@pytest.mark.parametrize("path", POSTS)
async def test_every_order_needs_its_own_right(call, site, jp_serverapp, path):
    needed = NEEDED.get(path.removesuffix("/a1"), ("write", "kgnb:runs"))
    jp_serverapp.web_app.settings["authorizer"] = Deny(needed)
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter"})
        await kernel.append(begun(), question())
        answer = await call(path, method="POST", body=POSTS[path])
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        assert (await call("kgnb/api/approvals/a1")).json["state"] == "open"
        assert len((await call("kgnb/api/runs")).json["runs"]) == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
async def test_foreign_page_is_403_with_the_right_token_too(app, call, origin):
    for route, path in calls(app):
        answer = await call(path, method=route.method, headers={"Origin": origin})
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), path


async def test_own_page_may_call_and_counts_as_a_page(call, site):
    answer = await call("kgnb/api/runs", headers={"Origin": site.origin})
    assert answer.status == 200


async def test_listed_page_may_call_and_read(call, host, monkeypatch):
    import dataclasses

    page = "https://example.org"
    host.settings = dataclasses.replace(host.settings, allow_origins=(page,))
    answer = await call("kgnb/api/runs", headers={"Origin": page})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == page
    asked = await call(
        "kgnb/api/runs",
        method="OPTIONS",
        token=None,
        headers={"Origin": page, "Access-Control-Request-Headers": "authorization"},
    )
    assert asked.status < 300
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"]


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
