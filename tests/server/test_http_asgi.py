"""What the HTTP calls do in an ASGI application that Jupyter does for itself."""

import asyncio

import pytest
from hosts_harness import FastApiSite
from http_harness import RUN, Caller
from server_harness import TOKEN

from kgnb.server.asgi import create_app
from kgnb.server.calls.table import ROUTES, by_path

PAGE = f"kgnb/runs/{RUN}"


@pytest.fixture
def site(jp_asyncio_loop):
    site = FastApiSite()
    jp_asyncio_loop.run_until_complete(site.start())
    yield site
    jp_asyncio_loop.run_until_complete(site.stop())


@pytest.fixture
def call(site):
    return Caller(site)


async def request(site, head, body=b""):
    """What comes back of raw bytes: (status, all of it)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    host = f"Host: 127.0.0.1:{site.port}\r\nConnection: close\r\n\r\n"
    writer.write(f"{head}\r\n{host}".encode() + body)
    async with asyncio.timeout(5):
        told = await reader.read()
    writer.close()
    return int(told.split()[1]), told


def test_application_serves_the_table_and_nothing_else():
    calls = create_app(auth={}.get, log_url="memory://", secret="s")._calls
    assert [(p.pattern, m) for p, m in calls.paths] == list(by_path().items())
    assert sum(len(methods) for _, methods in calls.paths) == len(ROUTES)


async def test_path_that_is_not_in_the_table_is_404_as_json(call):
    for path in ("kgnb/nothing", "kgnb/api", "kgnb/ws", "kgnb/static/secret.txt"):
        answer = await call(path)
        assert (answer.status, answer.json["code"]) == (404, "invalid"), path


async def test_page_opened_with_a_token_leaves_it_in_a_cookie(call):
    answer = await call(f"{PAGE}?a=b&token={TOKEN}", token=None)
    assert answer.status == 303
    assert answer.headers["Location"] == f"/a%40b/{PAGE}?a=b"
    _cookie, *rules = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/a%40b/"} == set(rules)
    answer = await call(f"{PAGE}?token=wrong", token=None)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("page", ["", f"runs/{RUN}", "chat/a%20b"])
async def test_login_asks_for_a_token_and_leads_back_with_a_cookie(call, page):
    place = f"kgnb/login/{page}"
    for token in (None, "wrong"):
        asked = await call(place, token=token)
        assert asked.status == 401
        assert asked.headers["WWW-Authenticate"] == "Bearer"
        assert asked.headers["Content-Type"].startswith("text/html")
        assert b'data-page="login"' in asked.raw
        assert "Set-Cookie" not in asked.headers
    entered = await call(place)
    assert entered.status == 302
    assert entered.headers["Location"] == f"/a%40b/kgnb/{page}"
    assert f"kgnb-token={TOKEN}" in entered.headers["Set-Cookie"]


async def test_cookie_counts_where_one_of_our_pages_sent_it(call, site):
    cookie = {"Cookie": f"kgnb-token={TOKEN}"}
    for origin, status in (
        ({"Origin": site.origin}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({}, 401),
    ):
        answer = await call("kgnb/api/runs", token=None, headers=cookie | origin)
        assert answer.status == status, origin


@pytest.mark.parametrize("path", ["kgnb/health", "kgnb/api/runs", PAGE])
async def test_every_reply_forbids_what_a_browser_would_guess(call, path):
    answer = await call(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


async def test_allowed_methods_are_told(call):
    for method, status in (("OPTIONS", 204), ("DELETE", 405)):
        answer = await call("kgnb/api/runs", method=method, token=None)
        assert answer.status == status
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_body_is_read_from_nobody_who_may_not_send_it(site):
    """The server says no before the client has sent what it announced."""
    head = "POST /a%40b/kgnb/api/runs HTTP/1.1\r\nContent-Length: 1000000"
    status, told = await request(site, head)
    assert status == 401
    assert b"unauthorized" in told


async def test_body_far_past_the_limit_is_not_read_to_its_end(site):
    head = (
        "POST /a%40b/kgnb/api/runs HTTP/1.1\r\nContent-Length: 1000000000\r\n"
        f"Authorization: token {TOKEN}"
    )
    status, _ = await request(site, head, b"x" * 4_200_000)
    assert status == 413


async def test_path_that_is_no_utf8_is_400(call):
    answer = await call("kgnb/api/approvals/%ff")
    assert (answer.status, answer.json["code"]) == (400, "invalid")


async def test_broken_call_tells_no_details(call, site, monkeypatch, caplog):
    async def broken(route, call):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(f"{site.calls}.serve", broken)
    answer = await call("kgnb/api/runs")
    assert answer.status == 500
    assert answer.json == {"code": "internal", "message": "Internal Server Error"}
    assert "broken on purpose" in caplog.text
    assert TOKEN not in caplog.text
