"""A server that points elsewhere gets nobody's token there (as CVE-2024-22421 did)."""

import asyncio
import contextlib
import http.server
import threading

import pytest

from kgnb import errors
from kgnb.clients import addresses, calls, connect, probing
from kgnb.runtime import link as links

TOKEN = "for-one-server-only"


class Noting(http.server.BaseHTTPRequestHandler):
    """Notes who comes; whoever shows a credential is sent on, if there is a place."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        credential = self.headers.get("Authorization")
        self.server.came.append(credential)
        if credential and self.server.leads_to:
            scheme = "ws" if self.headers.get("Upgrade") else "http"
            place = f"{scheme}://{self.server.leads_to}{self.path}"
            self.send_response(302)
            self.send_header("Location", place)
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def noting(leads_to=""):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    server.came, server.leads_to = [], leads_to
    server.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def elsewhere():
    with noting() as server:
        yield server


@pytest.fixture
def named(elsewhere):
    """The server that somebody trusts with a token."""
    with noting(elsewhere.host) as server:
        yield server


async def _connected(url):
    async with connect(url, token=TOKEN):
        pass


def test_client_follows_no_redirect(named, elsewhere):
    with pytest.raises(errors.Unavailable, match="302"):
        asyncio.run(_connected(f"http://{named.host}/"))
    assert named.came == [f"token {TOKEN}"]
    assert elsewhere.came == []


@pytest.mark.parametrize("body", [None, {"workflow": "letter"}])
def test_call_follows_no_redirect(named, elsewhere, body):
    with pytest.raises(errors.Unavailable, match="302"):
        calls.call(f"http://{named.host}/", "api/runs", TOKEN, body=body, timeout=5)
    assert named.came == [f"token {TOKEN}"]
    assert elsewhere.came == []


def test_doctor_shows_the_token_to_the_named_server_alone(
    named, elsewhere, monkeypatch
):
    server = addresses.Server(f"http://{named.host}/", TOKEN)
    monkeypatch.setattr(addresses, "running", lambda: [server])
    told = dict(probing.servers())
    assert False in told  # it is no server of ours
    assert f"token {TOKEN}" in named.came
    assert not any(elsewhere.came)  # websockets 17 comes, and leaves the token behind


def test_doctor_in_a_kernel_follows_no_redirect(named, elsewhere):
    environ = {links.URL: f"ws://{named.host}/kgnb/link", links.SECRET: TOKEN}
    ((is_well, told),) = probing.link_of_kernel(environ)
    assert not is_well
    assert "302" in told
    assert named.came == [f"kgnb-link {TOKEN}"]
    assert elsewhere.came == []


async def _linked(server):
    address = links.Address(f"ws://{server.host}/kgnb/link", TOKEN)
    link = links.LinkPort(address, "k1", None)
    await link.start()
    async with asyncio.timeout(5):  # by its second try it would have followed
        while len(server.came) < 2:
            await asyncio.sleep(0.01)
    await link.aclose()


def test_link_of_a_kernel_follows_no_redirect(named, elsewhere):
    asyncio.run(_linked(named))
    assert set(named.came) == {f"kgnb-link {TOKEN}"}
    assert elsewhere.came == []
