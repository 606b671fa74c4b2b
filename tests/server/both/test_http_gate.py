"""Every HTTP call has a gate: who may not, is told so in JSON and changes nothing."""

import dataclasses

import pytest
from http_harness import RUN, Kernel, begun, question
from routes_harness import PUBLIC, example
from server_harness import TOKEN

from kgnb.errors import Forbidden
from kgnb.server.calls.call import ANSWER, CONTROL, START
from kgnb.server.calls.table import ROUTES

POSTS = {
    "kgnb/api/runs": {"workflow": "letter"},
    f"kgnb/api/runs/{RUN}/cancel": {},
    f"kgnb/api/runs/{RUN}/pause": {},
    f"kgnb/api/runs/{RUN}/resume": {},
    "kgnb/api/approvals": {"approval_id": "a1", "value": "yes"},
    "kgnb/api/approvals/a1": {"value": "yes"},
}
NEEDED = {"kgnb/api/runs": START, "kgnb/api/approvals": ANSWER}


def calls():
    """Each route of the API with a path that it matches."""
    return [(route, example(route)) for route in ROUTES if route.form == "api"]


def test_every_route_names_its_gate():
    assert len(ROUTES) >= 17
    for route in ROUTES:
        is_public = route.template in PUBLIC
        assert (route.needs is None) == is_public, f"{route.template} has no gate"
        assert route.summary.endswith("."), f"{route.template} has no docstring"


async def test_only_the_gate_leads_to_a_call(site, monkeypatch, call):
    """Whatever a host does, who is not served is not answered."""
    judged = []

    async def refuse(route, call):
        judged.append(route)
        raise Forbidden("not today")

    monkeypatch.setattr(f"{site.calls}.serve", refuse)
    for route in ROUTES:
        answer = await call(example(route), method=route.method)
        assert answer.status == 403, route.template
    assert judged == list(ROUTES)


@pytest.mark.parametrize("given", [None, "", "wrong", TOKEN[:-1], TOKEN.upper()])
async def test_every_call_without_a_credential_is_401(call, given):
    for route, path in calls():
        if route.needs is not None:
            answer = await call(path, method=route.method, token=given)
            assert answer.status == 401, path
            assert answer.json["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", POSTS)
async def test_every_order_needs_its_own_right(call, site, path):
    token = site.without(NEEDED.get(path.removesuffix("/a1"), CONTROL))
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter"})
        await kernel.append(begun(), question())
        answer = await call(path, method="POST", body=POSTS[path], token=token)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        assert (await call("kgnb/api/approvals/a1")).json["state"] == "open"
        assert len((await call("kgnb/api/runs")).json["runs"]) == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
async def test_foreign_page_is_403_with_the_right_token_too(call, origin):
    for route, path in calls():
        answer = await call(path, method=route.method, headers={"Origin": origin})
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), path


async def test_own_page_may_call_and_counts_as_a_page(call, site):
    answer = await call("kgnb/api/runs", headers={"Origin": site.origin})
    assert answer.status == 200


async def test_listed_page_may_call_and_read(call, host, monkeypatch):
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
