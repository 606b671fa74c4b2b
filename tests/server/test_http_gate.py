"""Every HTTP call has a gate: who may not, is told so in JSON and changes nothing."""

import pytest
from http_harness import RUN, Caller, Kernel, begun, question
from server_harness import TOKEN
from test_gate import PATHS, PUBLIC

from kgnb.server.api import Api

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
    """Handler, path and methods of every HTTP call in the route table."""
    for pattern, handler, *_ in app.handlers:
        if issubclass(handler, Api):
            methods = [m for m in ("get", "post") if m in _written(handler)]
            yield handler, PATHS[pattern], methods


def _written(handler):
    return {name for cls in handler.__mro__ for name in vars(cls)
            if cls.__module__.startswith("kgnb.")}  # fmt: skip


def test_every_method_of_every_call_names_its_gate(app):
    seen = 0
    for handler, path, methods in calls(app):
        assert methods, path
        for name in methods:
            method = getattr(handler, name)
            is_public = getattr(method, "__allow_unauthenticated", False)
            assert is_public == (handler.__name__ in PUBLIC), path
            # ``needs`` wraps twice: a credential outside, the authorizer within.
            is_gated = hasattr(getattr(method, "__wrapped__", None), "__wrapped__")
            assert is_public or is_gated, f"{path}: {name} has no gate"
            seen += 1
    assert seen >= 15


@pytest.mark.parametrize("given", [None, "", "wrong", TOKEN[:-1], TOKEN.upper()])
async def test_every_call_without_a_credential_is_401(app, call, given):
    for handler, path, methods in calls(app):
        if handler.__name__ in PUBLIC:
            continue
        for name in methods:
            answer = await call(path, method=name.upper(), token=given)
            assert answer.status == 401, path
            assert answer.json["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_every_call_without_the_right_to_read_is_403(app, call, jp_serverapp):
    jp_serverapp.web_app.settings["authorizer"] = Deny(("read", "kgnb"))
    for handler, path, methods in calls(app):
        if handler.__name__ in PUBLIC or "get" not in methods:
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
    for _, path, methods in calls(app):
        for name in methods:
            answer = await call(path, method=name.upper(), headers={"Origin": origin})
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
