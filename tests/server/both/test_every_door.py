"""Every route and every socket, and all who have no business there."""

import asyncio
import re

import pytest
from canaries import heard
from http_harness import RUN, Kernel, begun, question
from routes_harness import example
from server_harness import BASE, TOKEN
from strangers import BAD_CREDENTIALS, BAD_QUERIES, FOREIGN, origin_header

from kgnb.server.calls.table import ROUTES
from kgnb.server.sockets import GatedSocket

SOCKETS = {
    "kgnb/ws": 4001,
    "kgnb/ws/": 4001,
    "kgnb/ws/workflow": 4001,
    "kgnb/ws/letter": 4001,
    "kgnb/ws/letter/key": 4001,
    "kgnb/link": 403,
}
"""Each with what a stranger is told: a browser reads no status, a kernel does."""

AT_ONCE = 20
"""Sockets that are tried at the same time."""


class KeptOpen:
    """Calls on one connection, of bytes that no client would send."""

    def __init__(self, port):
        self.port = port
        self.writer = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.leave()

    async def leave(self):
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()
            await writer.wait_closed()

    async def ask(self, method, path, headers=(), body=b""):
        """The status, and the body."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.port
            )
        lines = [f"{method} {BASE}{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [*headers, f"Content-Length: {len(body)}", "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            assert length, f"{method} {path}: a stream was begun"
            found = await self.reader.readexactly(int(length[1]))
        heard(found.decode(errors="replace"))
        if "connection: close" in head:
            await self.leave()
        return int(head.split()[1]), found


def doors():
    """Every call that is not for everybody, with its path."""
    return [(route, example(route)) for route in ROUTES if route.needs is not None]


def test_strangers_are_many():
    assert len(BAD_CREDENTIALS) >= 30
    assert len(FOREIGN) >= 30
    assert len(doors()) >= 15


def test_every_socket_is_tried(app):
    """A new one of Jupyter's table has to be named above; ASGI's are matched by name."""
    for pattern, handler, *_ in app.handlers:
        if issubclass(handler, GatedSocket):
            assert any(re.fullmatch(pattern, path) for path in SOCKETS), pattern


async def test_no_call_is_served_for_a_bad_credential(site):
    tried = 0
    async with KeptOpen(site.port) as connection:
        for route, path in doors():
            refused = (401, 403) if route.form == "api" else (302, 401, 403)
            for name, headers in BAD_CREDENTIALS.items():
                status, body = await connection.ask(route.method, path, headers)
                assert status in refused, (route.template, name)
                is_told = b'"code":"' in body or route.form == "page"
                assert is_told, (route.template, name)
                tried += 1
            for name, query in BAD_QUERIES.items():
                status, _ = await connection.ask(route.method, path + query)
                assert status in refused, (route.template, name)
    assert tried >= 30 * len(doors())
    assert site.host.driver.statistics().total_messages == 0


async def test_no_call_is_served_for_a_foreign_page(site):
    own = f"Authorization: token {TOKEN}"
    async with KeptOpen(site.port) as connection:
        for route in ROUTES:
            if route.form != "api":
                continue
            path = example(route)
            for pattern in FOREIGN:
                headers = [own, origin_header(pattern, site.port)]
                status, body = await connection.ask(route.method, path, headers)
                assert status == 403, (path, pattern)
                assert b'"code":"forbidden"' in body
    assert site.host.driver.statistics().total_messages == 0


async def refusal(raw, path, headers):
    """The close code, or the status where nothing was accepted."""
    client = await raw(path, headers=headers)
    if client.status != 101:
        return client.status
    code, reason = await client.closing()
    assert reason == "Unauthorized"
    return code


async def in_turns(raw, tries):
    """The refusals of (path, headers), some at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(path, headers):
        async with free:
            return await refusal(raw, path, headers)

    return await asyncio.gather(*(one(*each) for each in tries))


@pytest.mark.parametrize("path", SOCKETS)
async def test_no_socket_is_opened_for_a_bad_credential(site, raw, path):
    tries = [(path, headers) for headers in BAD_CREDENTIALS.values()]
    tries += [(path + query, []) for query in BAD_QUERIES.values()]
    told = await in_turns(raw, tries)
    wrong = [each for each, code in zip(tries, told, strict=True)
             if code != SOCKETS[path]]  # fmt: skip
    assert not wrong
    assert site.host.driver.statistics().total_messages == 0


@pytest.mark.parametrize("path", SOCKETS)
async def test_no_socket_is_opened_for_a_foreign_page(site, raw, path):
    scheme, secret = "token", TOKEN
    if path == "kgnb/link":
        scheme, secret = "kgnb-link", site.secret
    own = f"Authorization: {scheme} {secret}"
    tries = [(path, [own, origin_header(each, site.port)]) for each in FOREIGN]
    assert set(await in_turns(raw, tries)) == {403}
    assert site.host.driver.statistics().total_messages == 0


async def test_socket_without_an_upgrade_and_no_route_at_all_serve_nobody(site):
    async with KeptOpen(site.port) as connection:
        for path in (*SOCKETS, "kgnb/nothing/here"):
            for name, headers in BAD_CREDENTIALS.items():
                status, _ = await connection.ask("GET", path, headers)
                assert status in (302, 401, 403, 404), (path, name)


TRICKS = [
    "kgnb/../kgnb/api/runs",
    "kgnb/./api/runs",
    "kgnb//api/runs",
    "kgnb/api//runs",
    "kgnb/api/runs/",
    "kgnb/API/runs",
    "kgnb/%61pi/runs",
    "kgnb/api%2fruns",
    "kgnb/%2e%2e/kgnb/api/runs",
    "kgnb/static/../api/runs",
    "kgnb/static/..%2fapi%2fruns",
    "kgnb/health/../api/runs",
    "kgnb/health/api/runs",
    "kgnb/health;/../api/runs",
    "kgnb/api/runs;token=x",
    "kgnb/api/runs%00",
    "kgnb/api/runs%0d%0aX:y",
    "kgnb/api/runs%23",
    "kgnb/api/runs/../../health",
    "kgnb\\api\\runs",
    "kgnb/ws/../api/runs",
    "kgnb/link/../api/runs",
    f"kgnb/api/runs/{RUN}%2fevents",
    f"kgnb/api/runs/..%2f{RUN}",
]


async def test_tricks_with_the_path_lead_nowhere_that_the_gate_is_not(site):
    async with KeptOpen(site.port) as connection:
        for path in TRICKS:
            status, body = await connection.ask("GET", path)
            assert status in (301, 302, 400, 401, 403, 404), path
            assert b'"runs":' not in body, path


FILES = ["../server/app.py", "..%2fserver%2fapp.py", "%2e%2e/%2e%2e/pyproject.toml",
         "/etc/passwd", "%2fetc%2fpasswd", "kgnb.js%00.css", "....//kgnb.js",
         "src/page.js", ".npmrc", "package.json"]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
async def test_no_file_is_read_but_those_that_pages_need(site, name):
    own = [f"Authorization: token {TOKEN}"]
    async with KeptOpen(site.port) as connection:
        status, body = await connection.ask("GET", f"kgnb/static/{name}", own)
        assert status in (400, 404), name
        for secret in (b"import ", b"root:", b"registry", b"dependencies"):
            assert secret not in body


async def test_reads_change_nothing(site, call):
    """What a page can make a browser send without asking is a GET."""
    assert {route.method for route in ROUTES} == {"GET", "POST", "DELETE"}
    driver = site.host.driver
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        before = driver.statistics()
        sent = before.total_messages
        for route, path in doors():
            if route.method == "GET" and not path.endswith("/events"):
                assert (await call(path)).status in (200, 302, 404), path
        after = driver.statistics()
        assert (after.runs_stored, after.open_approvals) == (1, 1)
        assert after.total_messages == sent, "a kernel was told something"
