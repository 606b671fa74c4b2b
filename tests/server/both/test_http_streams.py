"""Replies that are made while they are sent: cut, broken, never begun."""

import asyncio

import pytest
from http_harness import RUN, Events, Kernel, begun, completed, token
from server_harness import TOKEN, until

from kgnb.broker.known import Known
from kgnb.errors import Gap
from kgnb.server.calls.events import Reader

TRACE = f"kgnb/api/runs/{RUN}/trace.jsonl"


def readers(site):
    return [socket for socket in site.host.sockets if isinstance(socket, Reader)]


async def started(kernel, *events):
    await kernel.greet()
    await kernel.append(begun(), *events)


async def get(site, path):
    """A connection that has asked for something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=2**16)
    url = site.url(path, "http").partition(str(site.port))[2]
    head = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
    writer.write(f"{head}Authorization: token {TOKEN}\r\n\r\n".encode())
    return reader, writer


async def test_head_has_the_headers_and_leaves_no_reader_behind(site, call):
    async with site.link() as link:
        await started(Kernel(link))
        for path, kind in (
            (f"kgnb/api/runs/{RUN}/events", "text/event-stream"),
            (TRACE, "application/x-ndjson"),
            ("kgnb/api/runs", "application/json"),
        ):
            answer = await call(path, method="HEAD")
            assert (answer.status, answer.raw) == (200, b"")
            assert answer.headers["Content-Type"] == kind
            assert readers(site) == []
    assert (await call("kgnb/api/runs", method="HEAD", token=None)).status == 401


async def test_reader_that_leaves_a_quiet_run_is_let_go(site):
    async with site.link() as link:
        await started(Kernel(link))
        async with Events(site, f"kgnb/api/runs/{RUN}/events") as reader:
            await reader.next()
            assert len(readers(site)) == 1
        await until(lambda: readers(site) == [])


@pytest.fixture
def torn_log(monkeypatch):
    """Runs whose second page of events has gone."""
    events = Known.events

    async def torn(self, run_id, peer=None):
        async for page in events(self, run_id, peer):
            yield page[:1]
            raise Gap("its events after 1 are not kept")

    monkeypatch.setattr(Known, "events", torn)


async def test_trace_that_breaks_does_not_look_whole(site, torn_log):
    async with site.link() as link:
        await started(Kernel(link), token(0, "x"))
        reader, writer = await get(site, TRACE)
        async with asyncio.timeout(5):
            told = await reader.read()
        writer.close()
    assert b"200 OK" in told
    assert b"workflow_started" in told
    assert not told.endswith(b"\r\n0\r\n\r\n"), "a whole reply"


async def test_trace_is_read_from_the_log_as_fast_as_its_reader_reads(
    site, monkeypatch
):
    """40 MB of events; a reader that takes none has them read for it no further."""
    pages = 0
    events = Known.events

    async def counted(self, run_id, peer=None):
        nonlocal pages
        async for page in events(self, run_id, peer):
            pages += 1
            yield page

    monkeypatch.setattr(Known, "events", counted)
    event = {"type": "result", "node_id": "Draft", "data": "x" * 20_000}
    async with site.link() as link:
        kernel = Kernel(link)
        await started(kernel)
        for _ in range(100):
            await kernel.append(*[event] * 20)
        reader, writer = await get(site, TRACE)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        taken = pages
        await asyncio.sleep(0.3)
        assert pages == taken
        writer.close()
        await kernel.append(completed(None))
    assert taken < 10
