"""The blocking client, from threads that have no loop."""

import asyncio
import threading

import pytest
from scripted_server import RUN, ScriptedServer, run_of

from kgnb import errors
from kgnb.clients import BlockingClient, Client, blocking, connect_blocking


async def beside(work, **server):
    """What blocking work on a server comes to; the server needs this loop."""
    async with ScriptedServer(**server) as served:
        return await asyncio.to_thread(work, served)


async def test_methods_do_what_the_asynchronous_ones_do():
    def work(server):
        with connect_blocking(server.url, token="t") as client:
            assert client.identity == {"user": "ada"}
            assert client.log_id == "log 1"
            run = client.start("w", {"a": 1})
            events = list(client.events(run_id=run.run_id))
            client.answer("a", "yes", reason="good")
            client.cancel(RUN)
            client.pause(RUN)
            client.resume(RUN)
            client.fork(RUN, 3)
            client.send_input("n", 1, run_id=RUN)
            client.join_group("g")
            client.leave_group("g")
        return events, [frame["type"] for frame in server.received]

    events, sent = await beside(work, runs={RUN: run_of(50)})
    assert events == run_of(50)
    assert [kind for kind in sent if kind != "unsubscribe"] == [
        "start_workflow", "subscribe", "answer", "cancel", "pause", "resume",
        "fork",
        "node_input", "join_group", "leave_group",
    ]  # fmt: skip


def test_clients_have_the_same_methods():
    def public(cls):
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(BlockingClient) - {"session_id"} == public(Client)


async def test_events_that_are_left_early_leave_nothing_behind():
    def work(server):
        with connect_blocking(server.url) as client:
            for event in client.events(run_id=RUN):
                if event["seq"] == 3:
                    break
            kept = client.events(run_id=RUN)
            next(kept)
        return kept

    kept = await beside(work, runs={RUN: run_of(50)})
    kept.close()
    assert "kgnb-client" not in {thread.name for thread in threading.enumerate()}


async def test_errors_come_out_and_a_closed_client_refuses():
    def work(server):
        with connect_blocking(server.url) as client:
            events = client.events(run_id=RUN)
            with pytest.raises(errors.NoSuchRun):
                next(events)
        with pytest.raises(errors.Unavailable, match="closed"):
            client.cancel(RUN)

    await beside(work)


def test_first_call_may_come_before_the_loop_runs(monkeypatch):
    made = asyncio.new_event_loop

    def late():
        loop, asked = made(), threading.Event()
        submit, run = loop.call_soon_threadsafe, loop.run_forever
        loop.call_soon_threadsafe = lambda *work, **more: (
            submit(*work, **more),
            asked.set(),
        )
        loop.run_forever = lambda: (asked.wait(5), run())
        return loop

    async def work():
        return 3

    monkeypatch.setattr(blocking.asyncio, "new_event_loop", late)
    with blocking._Loop() as loop:
        assert loop.run(work()) == 3


async def test_refused_client_leaves_no_thread():
    def work(server):
        server.refusal = (4001, "Unauthorized")
        with pytest.raises(errors.Unauthorized), connect_blocking(server.url):
            pass

    await beside(work)
    assert "kgnb-client" not in {thread.name for thread in threading.enumerate()}


async def test_error_in_the_block_passes_and_closes():
    def work(server):
        with connect_blocking(server.url):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await beside(work)
