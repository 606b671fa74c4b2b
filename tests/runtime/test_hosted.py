"""Runs and workflows of a process that serves them itself."""

import asyncio
import threading

import msgspec
import pytest

import kgnb
from kgnb.broker.doorway import Opening, Pipe, door
from kgnb.broker.driver import BrokerDriver
from kgnb.broker.peer import Identity, Peer
from kgnb.errors import WrongThread
from kgnb.runtime import home
from kgnb.storage import open_log


class Server:
    """A loop in a thread of its own, with a broker on it behind the doorway."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="server")
        self.thread.start()
        self.driver = None

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def call(self, function):
        async def called():
            return function()

        return self.do(called())

    def open(self):
        async def opened():
            arrived = asyncio.Event()
            self.driver = BrokerDriver(open_log("memory://"), server="asgi")
            await self.driver.start()
            opening = Opening(
                self.driver,
                self.loop,
                page_url=lambda: "http://here/kgnb/",
                arrived=lambda: self.loop.call_soon_threadsafe(arrived.set),
            )
            is_watched = door.is_watched
            assert door.open(opening)
            if is_watched:
                await asyncio.wait_for(arrived.wait(), 5)

        self.do(opened())

    def close(self):
        if self.driver is not None:
            driver, self.driver = self.driver, None
            door.close(driver)
            self.do(driver.aclose())

    def stop(self):
        self.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    def names(self):
        return self.call(
            lambda: [offer.workflow.name for offer in self.driver.workflows()]
        )

    def runs(self):
        return self.call(lambda: {row.run_id: row.status for row in self.driver.runs()})


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()
    home.shutdown()


class Sink:
    is_congested = False

    def __init__(self):
        self.heard = []

    def send_nowait(self, frame):
        self.heard.append(msgspec.json.decode(frame.payload))

    def close_nowait(self, code, reason):
        pass


def add(shared):
    return shared["a"] + shared["b"]


def test_what_was_published_before_the_server_is_known_when_it_has_started(server):
    kgnb.publish("add", add)
    server.open()
    assert server.names() == ["add"]
    kgnb.publish("more", add)
    assert sorted(server.names()) == ["add", "more"]


def test_client_starts_a_workflow_of_the_servers_own_process(server, eventually):
    kgnb.publish("add", add)
    server.open()
    sink = Sink()
    frame = {"type": "start_workflow", "workflow": "add", "params": {"a": 1, "b": 2}}
    person = Peer(identity=Identity(user="ada"), role="start")

    def start():
        attachment = server.driver.connect(person, sink)
        attachment.receive(msgspec.json.encode(frame))

    server.call(start)
    ended = eventually(
        lambda: [f for f in sink.heard if f["type"] == "workflow_completed"]
    )
    assert ended[0]["data"] == 3
    seqs = [f["seq"] for f in sink.heard if "seq" in f]
    assert seqs == list(range(1, len(seqs) + 1))


def test_run_of_the_process_is_in_the_servers_log_while_there_is_one(server):
    before = kgnb.run(add, {"a": 1, "b": 1})
    assert before.result(10).value == 2
    assert before.url is None
    server.open()
    during = kgnb.run(add, {"a": 1, "b": 1})
    assert during.result(10).value == 2
    assert during.url == f"http://here/kgnb/runs/{during.id}"
    assert server.runs() == {during.id: "completed"}
    server.close()
    assert kgnb.run(add, {"a": 1, "b": 1}).result(10).value == 2


def test_server_that_is_opened_again_finds_the_workflows(server, eventually):
    kgnb.publish("add", add)
    server.open()
    server.close()
    server.open()
    eventually(lambda: server.names() == ["add"])


def test_run_and_publish_on_the_servers_loop_do_not_wait_for_it(server, eventually):
    server.open()

    def on_the_loop():
        kgnb.publish("add", add)
        run = kgnb.run(add, {"a": 2, "b": 2})
        with pytest.raises(WrongThread, match="use await"):
            run.result()
        return run

    run = server.call(on_the_loop)
    assert run.result(10).value == 4
    assert server.runs() == {run.id: "completed"}
    eventually(lambda: server.names() == ["add"])


def test_manager_reaches_the_clients_of_the_server(server):
    server.open()
    sink = Sink()
    person = Peer(identity=Identity(user="ada"), client_id="phone")
    server.call(lambda: server.driver.connect(person, sink))
    sent = kgnb.manager.broadcast({"type": "system_alert", "message": "hot"})
    assert sent.result(5) == 1
    assert sink.heard[-1]["message"] == "hot"
    assert [c["client_id"] for c in kgnb.manager.list_clients()] == ["phone"]

    def on_the_loop():
        with pytest.raises(WrongThread, match="use await"):
            kgnb.manager.broadcast({"type": "system_alert"}).result()

    server.call(on_the_loop)


def test_second_application_of_a_process_is_turned_away(server):
    server.open()
    other = Opening(BrokerDriver(open_log("memory://")), server.loop, lambda: None)
    assert not door.open(other)
    door.close(other.driver)  # which was not open
    assert door.opening.driver is server.driver


def test_pipe_keeps_the_order_of_a_thread_and_ends_after_all_of_it(server):
    heard, ended = [], threading.Event()
    pipe = Pipe(server.loop, heard.append)
    for n in range(1_000):
        assert pipe.put(b"%d" % n)
    pipe.end(ended.set)
    assert ended.wait(5)
    assert heard == [b"%d" % n for n in range(1_000)]
    assert pipe.size == 0


def test_pipe_refuses_what_is_too_much_and_what_nobody_takes(server, monkeypatch):
    monkeypatch.setattr("kgnb.broker.doorway.MOST", 10)
    held, taken = threading.Event(), []
    server.loop.call_soon_threadsafe(held.wait)
    pipe = Pipe(server.loop, taken.append)
    assert pipe.put(b"x" * 100)  # one alone may be larger
    assert not pipe.put(b"y")
    held.set()
    server.call(lambda: None)
    closed = asyncio.new_event_loop()
    closed.close()
    assert not Pipe(closed, taken.append).put(b"z")
    assert taken == [b"x" * 100]


def test_past_of_a_run_is_read_on_the_server_s_own_loop(server):
    server.open()
    run = kgnb.run(lambda shared: shared.update(n=1), {}, durable=True)
    run.result(20)

    async def on_the_loop():
        history = await run.history()
        assert [c.values for c in history] == [{"n": 1}, {}]
        assert [c.step for c in await kgnb.history(run.id)] == [1, 0]
        for place in (0, "function"):
            with pytest.raises(WrongThread, match=r"await run.history\(\)"):
                run.fork(at=place)
        return await run.fork(at=history[1], shared={"n": 5})

    assert server.do(on_the_loop()).shared == {"n": 1}
    assert len(server.runs()) == 2
