"""The page of a run and the files it loads."""

import pytest
from server_harness import BASE, RUN
from tornado.httpclient import HTTPClientError

from kgnb.server.calls import pages


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A small copy of kgnb/web, so that these tests need no build."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "run.html").write_text(
        '<body data-base-url="{{ base_url }}" data-run-id="{{run_id}}">{{ other }}</body>'
    )
    (tmp_path / "kgnb.js").write_text("export const x = 1;\n")
    (tmp_path / "secret.txt").write_text("no\n")
    monkeypatch.setattr(pages, "WEB", tmp_path)
    return tmp_path


async def test_run_page_is_filled_in(jp_fetch, driver, web):
    reply = await jp_fetch("kgnb", "runs", RUN)
    body = reply.body.decode()
    assert body == f'<body data-base-url="{BASE}" data-run-id="{RUN}"></body>'
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Referrer-Policy"] == "no-referrer"


async def test_run_page_fills_in_escaped_text_only(jp_fetch, driver, web, jp_serverapp):
    jp_serverapp.web_app.settings["base_url"] = '/"><script>alert(1)</script>/'
    reply = await jp_fetch("kgnb", "runs", RUN)
    assert b"<script>" not in reply.body


async def test_run_page_has_a_strict_policy_besides_jupyters(jp_fetch, driver, web):
    reply = await jp_fetch("kgnb", "runs", RUN)
    jupyters, ours = reply.headers.get_list("Content-Security-Policy")
    assert "frame-ancestors 'self'" in jupyters
    rules = dict(rule.split(" ", 1) for rule in ours.split("; "))
    assert rules["default-src"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["img-src"] == "'self' data:"
    host = f"127.0.0.1:{jp_fetch_port(reply)}"
    assert rules["connect-src"] == f"'self' ws://{host} wss://{host}"


def jp_fetch_port(reply):
    return reply.effective_url.split("/")[2].partition(":")[2]


@pytest.mark.parametrize("host", ["evil; script-src *", "a b", "x'", "", "*"])
def test_policy_names_no_strange_host(host):
    assert f"{host} wss" not in pages.page_policy(host)
    assert pages.page_policy(host).count("connect-src 'self';") == 1


@pytest.mark.parametrize(
    "run_id", ["x", RUN[:-1], RUN + "0", RUN.upper() + "x", "..", "%2e%2e", "%00"]
)
async def test_run_page_of_no_id_is_404(jp_fetch, driver, web, run_id):
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "runs", run_id)
    assert error.value.code == 404


@pytest.mark.parametrize("path", ["", f"runs/{RUN}", "chat/letter"])
async def test_page_is_the_same_for_a_stranger_and_holds_nothing(raw, driver, path):
    client = await raw(f"kgnb/{path}", headers=["Cookie: none=1"], upgrade=False)
    assert client.status == 200


@pytest.mark.parametrize("path", ["", f"runs/{RUN}", "chat/letter"])
async def test_sign_in_leads_through_the_login_and_back(raw, jp_fetch, driver, path):
    client = await raw(f"kgnb/login/{path}?token=wrong", upgrade=False)
    assert client.status == 302
    location = client.headers["Location"]
    assert location.startswith(f"{BASE}login?next=")
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch(f"kgnb/login/{path}", follow_redirects=False)
    assert error.value.code == 302
    assert error.value.response.headers["Location"] == f"{BASE}kgnb/{path}"


async def test_chat_page_is_filled_in_with_escaped_text(jp_fetch, driver):
    reply = await jp_fetch("kgnb", "chat", '"><b>')
    assert b'data-workflow="&quot;&gt;&lt;b&gt;"' in reply.body
    assert b"<b>" not in reply.body


async def test_file_may_be_imported_by_pages_of_other_origins(jp_fetch, driver):
    reply = await jp_fetch("kgnb", "static", "client.js")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_file_has_type_and_etag_and_is_not_sent_twice(jp_fetch, driver, web):
    reply = await jp_fetch("kgnb", "static", "kgnb.js")
    assert reply.body == b"export const x = 1;\n"
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    headers = {"If-None-Match": reply.headers["Etag"]}
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "static", "kgnb.js", headers=headers)
    assert error.value.code == 304
    (web / "kgnb.js").write_text("export const x = 2;\n")
    again = await jp_fetch("kgnb", "static", "kgnb.js", headers=headers)
    assert again.body == b"export const x = 2;\n"


@pytest.mark.parametrize(
    "name", ["secret.txt", "pages", "pages/run.html", "..", "../errors.py", "kgnb.css"]
)
async def test_file_that_is_not_listed_or_not_there_is_404(jp_fetch, driver, web, name):
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "static", name)
    assert error.value.code == 404
