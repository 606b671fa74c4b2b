"""Who gets in under Jupyter, and what the refused can do."""

import asyncio
import time

import pytest
from routes_harness import PUBLIC, example
from server_harness import TOKEN, text_frame, until
from tornado.httpclient import HTTPClientError

PATHS = {
    r"kgnb/ws/?": "kgnb/ws",
    r"kgnb/ws/workflow": "kgnb/ws/workflow",
    r"kgnb/ws/([^/]+)(?:/([^/]+))?": "kgnb/ws/chat/key",
    r"kgnb/link": "kgnb/link",
    r"kgnb/.*": "kgnb/nothing/here",
}
"""Of what is not in the table of calls."""


def routes(app):
    """Path and handler of every route, found by walking the table."""
    for pattern, handler, *_ in app.handlers:
        calls = getattr(handler, "routes", {}).values()
        assert calls or pattern in PATHS, f"say in this test how {pattern} is called"
        path = example(next(iter(calls))) if calls else PATHS[pattern]
        yield path, handler


async def test_every_route_but_the_public_ones_is_guarded_if_jupyter_demands_it(
    app, driver, raw, jp_serverapp
):
    jp_serverapp.web_app.settings["allow_unauthenticated_access"] = False
    for path, handler in routes(app):
        client = await raw(path, upgrade=False)
        if handler.__name__ in PUBLIC:
            assert client.status in (200, 404), path
        else:
            assert client.status in (302, 401, 403, 405), path


async def test_socket_signs_nobody_in(driver, raw):
    """Or a page that has the token would be somebody else when it comes back."""
    client = await raw(f"kgnb/ws?token={TOKEN}")
    assert client.status == 101
    assert "Set-Cookie" not in client.headers


async def test_expired_cookie_is_refused(driver, raw, jp_serverapp, monkeypatch):
    now = time.time()
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now - 40 * 86_400)
        cookie = await _login_cookie(jp_serverapp, raw)
    origin = f"Origin: http://127.0.0.1:{raw.port}"
    client = await raw(headers=[f"Cookie: {cookie}", origin])
    assert await client.closing() == (4001, "Unauthorized")
    assert driver.clients == []


async def _login_cookie(serverapp, raw):
    """The cookie that Jupyter gives for a right token."""
    client = await raw(
        "api/me", headers=[f"Authorization: token {TOKEN}"], upgrade=False
    )
    assert client.status == 200
    return client.headers["Set-Cookie"].partition(";")[0]


async def test_cookie_with_the_own_origin_gets_in(driver, raw, jp_serverapp):
    cookie = await _login_cookie(jp_serverapp, raw)
    origin = f"Origin: http://127.0.0.1:{raw.port}"
    client = await raw(headers=[f"Cookie: {cookie}", origin])
    assert client.status == 101
    await until(lambda: driver.clients)
    identity = driver.clients[0].peer.identity
    assert identity.kind == "anonymous"
    assert identity.shown is None


async def test_cookie_without_an_origin_is_refused(driver, raw, jp_serverapp):
    cookie = await _login_cookie(jp_serverapp, raw)
    client = await raw(headers=[f"Cookie: {cookie}"])
    assert await client.closing() == (4001, "Unauthorized")
    assert driver.clients == []


async def test_host_header_of_another_name_is_403(raw, driver):
    headers = ["Host: evil.example:80", f"Authorization: token {TOKEN}"]
    assert (await raw(headers=headers)).status == 403
    assert driver.clients == []


async def test_link_secret_opens_nothing_else(raw, site, app, driver):
    headers = [f"Authorization: kgnb-link {site.secret}"]
    client = await raw(headers=headers)
    assert (await client.closing())[0] == 4001
    assert (await raw("api/kernels", headers=headers, upgrade=False)).status == 403
    headers = [f"Authorization: token {site.secret}"]
    assert (await raw("api/kernels", headers=headers, upgrade=False)).status == 403


async def test_upgrade_by_plain_http_is_refused_without_a_word(jp_fetch, driver):
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "ws")
    assert error.value.code == 400
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "ws", headers={"Authorization": "token wrong"})
    assert error.value.code == 403


async def test_refused_socket_gets_one_frame_and_is_gone_soon(driver, raw):
    client = await raw()
    began = time.monotonic()
    assert await client.frame() == (8, b"\x0f\xa1Unauthorized")
    await client.wait_gone()
    assert time.monotonic() - began < 10


async def test_frames_that_trickle_in_after_the_refusal_reach_nobody(driver, raw):
    client = await raw()
    assert await client.closing() == (4001, "Unauthorized")
    sent = 0
    try:
        for _ in range(40):
            client.writer.write(text_frame('{"type":"ping"}'))
            await client.writer.drain()
            sent += 1
            await asyncio.sleep(0.05)
    except ConnectionError:
        pass
    assert sent < 40, "the socket was still open two seconds later"
    assert driver.frames == driver.clients == []
