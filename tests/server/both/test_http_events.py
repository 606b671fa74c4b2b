"""Server-Sent Events of a run: once each, resumed after a cut, bounded when slow."""

import asyncio
import json

import pytest
from http_harness import RUN, Events, Kernel, begun, completed, token
from server_harness import until

from kgnb.server.calls.events import Reader

PATH = f"kgnb/api/runs/{RUN}/events"


async def test_events_are_the_frames_of_a_socket_and_end_with_the_run(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), token(0, "a\nb"))
        async with Events(site, PATH) as reader:
            assert reader.status == 200
            assert "text/event-stream" in reader.head
            assert "x-accel-buffering: no" in reader.head
            assert (await reader.next())["type"] == "workflow_started"
            assert (await reader.next())["data"] == "a\nb"
            await kernel.append(completed())
            assert (await reader.next())["type"] == "workflow_completed"
            assert await reader.next() is None
    assert [event["seq"] for event in reader.heard] == [1, 2, 3]
    log_id, _, seq = reader.last.rpartition(":")
    assert (len(log_id) > 0, seq) == (True, "3")
    whole = await call(PATH, headers={"Last-Event-ID": reader.last})
    assert (whole.status, whole.raw) == (204, b"")


async def test_cut_readers_get_each_event_exactly_once(call, site):
    total = 300
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())

        async def tell():
            for n in range(total):
                await kernel.append({"type": "custom", "node_id": "Draft", "data": n})
            await kernel.append(completed())

        async def read(cut_after, *, in_header):
            seqs, last = [], None
            while True:
                query = "" if in_header or last is None else f"?since={last}"
                reader = Events(site, PATH + query, last=last if in_header else None)
                async with reader:
                    for _ in range(cut_after):
                        event = await reader.next()
                        if event is None:
                            return seqs
                        seqs.append(event["seq"])
                last = reader.last

        tasks = [
            read(cut, in_header=is_header)
            for cut, is_header in ((7, True), (31, False), (100, True), (13, False))
        ]
        _, *heard = await asyncio.gather(tell(), *tasks)
    for seqs in heard:
        assert seqs == list(range(1, total + 3))


async def test_topics_leave_the_rest_out_and_never_the_end(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(
            begun(),
            token(0, "x"),
            {"type": "result", "node_id": "Draft", "data": 1},
            completed(),
        )
        async with Events(site, f"{PATH}?topics=results") as reader:
            kinds = [event["type"] for event in await reader.rest()]
    assert kinds == ["workflow_started", "result", "workflow_completed"]


async def test_position_of_another_log_begins_anew(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), completed())
        async with Events(site, PATH, last="another:1") as reader:
            assert [event["seq"] for event in await reader.rest()] == [1, 2]


async def test_position_that_the_log_has_not_is_answered_by_a_snapshot(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        welcome = await kernel.greet()
        await kernel.append(begun(), completed())
        async with Events(site, PATH, last=f"{welcome['log_id']}:9") as reader:
            (snapshot,) = await reader.rest()
    assert (snapshot["type"], snapshot["recovered"]) == ("snapshot", False)
    assert snapshot["view"]["status"] == "completed"
    assert reader.last == f"{welcome['log_id']}:2"


@pytest.mark.parametrize("since", ["x", "x:", ":1", "x:-1", "x:1.5", "x:" + "9" * 20])
async def test_malformed_position_is_400(call, since):
    answer = await call(f"{PATH}?since={since}")
    assert (answer.status, answer.json["code"]) == (400, "invalid")


async def test_unknown_run_is_404_as_json(call):
    answer = await call(PATH)
    assert (answer.status, answer.json["code"]) == (404, "no_such_run")


async def test_too_many_topics_are_refused(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        topics = ",".join(f"t{n}" for n in range(200))
        answer = await call(f"{PATH}?topics={topics}")
    assert (answer.status, answer.json["code"]) == (400, "invalid")


async def test_quiet_run_is_kept_alive_by_comments(call, site, monkeypatch):
    monkeypatch.setattr("kgnb.server.calls.events.BEAT", 0.02)
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        async with Events(site, PATH) as reader:
            await reader.next()
            waiting = asyncio.ensure_future(reader.next())
            await until(lambda: reader.comments > 3)
            await kernel.append(completed())
            assert (await waiting)["type"] == "workflow_completed"


async def test_reader_counts_as_a_connection_until_it_leaves(call, site, host):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        async with Events(site, PATH) as reader:
            await reader.next()
            assert host.driver.statistics().connections == 1
        await until(lambda: host.driver.statistics().connections == 0)
        await until(lambda: not any(isinstance(s, Reader) for s in host.sockets))


async def test_reader_that_stands_still_is_cut_off_and_comes_back(
    call, site, host, monkeypatch
):
    """2,000 results of 20 kB are 40 MB; a reader may have 1 MiB of them queued."""
    text = "x" * 20_000
    most = 0
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        async with Events(site, PATH) as reader:
            first = await reader.next()
            for _ in range(100):
                event = {"type": "result", "node_id": "Draft", "data": text}
                await kernel.append(*[event] * 20)
                queued = [s.queued_bytes for s in host.sockets]
                most = max(most, *queued)
            await until(lambda: host.driver.statistics().connections == 0)
        assert most <= 1_048_576 + 30_000
        await kernel.append(completed(None))
        async with Events(site, PATH, last=reader.last) as again:
            seqs = [event["seq"] for event in await again.rest()]
    assert seqs == list(range(first["seq"] + 1, 2003))


async def test_stopping_server_ends_readers(site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        async with Events(site, PATH) as reader:
            await reader.next()
            await site.stop()
            assert await reader.next() is None


async def test_reader_past_the_limit_of_connections_is_503(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
    readers = [Events(site, PATH) for _ in range(100)]
    try:
        for reader in readers:
            await reader.__aenter__()
        answer = await call(PATH)
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert "identity" in json.dumps(answer.json)
    finally:
        for reader in readers:
            await reader.__aexit__()
