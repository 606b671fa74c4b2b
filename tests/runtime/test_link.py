"""The link over a real WebSocket, to a real broker that comes and goes."""

import asyncio
import itertools
import os
import threading
import time
from concurrent.futures import Future

import msgspec
import pytest
from websockets.asyncio.server import serve

import kgnb
from kgnb.broker.driver import BrokerDriver
from kgnb.broker.peer import Identity, Peer
from kgnb.errors import RunLost
from kgnb.protocol.view import ENDED
from kgnb.runtime import ask, home, run, stream
from kgnb.runtime import link as links
from kgnb.runtime.loops import LoopThread
from kgnb.storage import open_log


class _Sink:
    """The broker's way to one WebSocket."""

    is_congested = False

    def __init__(self):
        self.queue = asyncio.Queue()

    def send_nowait(self, frame):
        self.queue.put_nowait(frame.payload)

    def close_nowait(self, code, reason):
        self.queue.put_nowait((code, reason))


class Server:
    """A server's link endpoint in a thread of its own, with a broker that stays."""

    def __init__(self):
        self.thread = LoopThread("test-server")
        self.secret = "s3cret"
        self.received = []
        self.port = None
        self._server = None
        self.driver = None
        self._do(self._start_broker())

    def _do(self, work):
        return self.thread.submit(work).result(10)

    async def _start_broker(self):
        self.driver = BrokerDriver(open_log("memory://"), server="jupyter")
        await self.driver.start()

    def listen(self):
        self._do(self._listen())
        return links.Address(f"ws://127.0.0.1:{self.port}/base/kgnb/link", self.secret)

    async def _listen(self):
        self._server = await serve(
            self._serve, "127.0.0.1", self.port or 0, max_size=None, compression=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    def hang_up(self):
        self._do(self._hang_up())

    async def _hang_up(self):
        server, self._server = self._server, None
        if server is not None:
            server.close(code=1001)
            await server.wait_closed()

    async def _serve(self, socket):
        if socket.request.headers["Authorization"] != f"kgnb-link {self.secret}":
            await socket.close(4001)
            return
        sink = _Sink()
        peer = Peer(
            identity=Identity(user="kernel", kind="kernel"), role="owner", via="kernel"
        )
        attachment = self.driver.connect_link(peer, sink)

        async def send():
            while True:
                frame = await sink.queue.get()
                if isinstance(frame, tuple):
                    await socket.close(*frame)
                    return
                await socket.send(frame.decode())

        sending = asyncio.create_task(send())
        try:
            async for frame in socket:
                self.received.append(frame)
                attachment.receive(frame)
        finally:
            sending.cancel()
            attachment.close()

    def client(self):
        return Client(self)

    def close(self):
        async def end():
            await self._hang_up()
            await self.driver.aclose()

        self._do(end())
        self.thread.stop()


class Client:
    """A browser, as far as the broker can tell."""

    def __init__(self, server):
        self.server = server
        self.frames = []
        self._replies = {}
        self._ids = itertools.count(1)
        peer = Peer(identity=Identity(user="ada", name="Ada"), role="control")

        async def connect():
            return server.driver.connect(peer, self)

        self.attachment = server._do(connect())

    is_congested = False

    def send_nowait(self, frame):
        told = msgspec.json.decode(frame.payload)
        self.frames.append(told)
        future = self._replies.pop(told.get("id"), None)
        if future is not None:
            future.set_result(told)

    def close_nowait(self, code, reason):
        pass

    def ask(self, **command):
        future = Future()
        command["id"] = next(self._ids)
        self._replies[command["id"]] = future
        frame = msgspec.json.encode(command)
        self.server.thread.call_soon(self.attachment.receive, frame)
        return future.result(10)


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(links, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(links, "LONGEST_WAIT", 0.05)
    yield made
    home.shutdown()
    made.close()


@pytest.fixture
def linked(server, monkeypatch):
    address = server.listen()
    monkeypatch.setattr(home, "find_address", lambda: address)
    return server


def question():
    return ask("Publish?", options=["yes", "no"]).result().value


def test_run_has_its_log_at_the_server_and_a_browser_answers(linked, eventually):
    handle = run(question)
    assert handle.log_host == "server"
    assert handle.url == f"http://127.0.0.1:{linked.port}/base/kgnb/runs/{handle.id}"
    (approval,) = eventually(lambda: handle.approvals)
    client = linked.client()
    reply = client.ask(type="answer", approval_id=approval.approval_id, value="yes")
    assert reply["type"] == "ack"
    result = handle.result(10)
    assert result.value == "yes"
    assert result.approvals[0].by.user == "Ada"


def test_secret_of_the_link_is_in_no_log(linked, eventually, caplog):
    caplog.set_level("DEBUG")
    run(lambda: 1).result(10)
    # The server here is the test's own, and tells what it gets.
    ours = [r.getMessage() for r in caplog.records if r.name != "websockets.server"]
    assert ours
    assert not [line for line in ours if linked.secret in line]


def test_orders_of_a_browser_reach_the_run(linked, eventually):
    handle = run(question)
    client = linked.client()
    eventually(lambda: handle.approvals)
    assert client.ask(type="pause", run_id=handle.id)["type"] == "ack"
    eventually(lambda: handle.status == "paused")
    assert client.ask(type="resume", run_id=handle.id)["type"] == "ack"
    assert client.ask(type="cancel", run_id=handle.id)["type"] == "ack"
    with pytest.raises(kgnb.errors.RunCancelled):
        handle.result(10)


def test_node_input_where_nothing_waits_is_kept(linked, eventually):
    go = threading.Event()
    handle = run(lambda: go.wait(10))
    client = linked.client()
    reply = client.ask(
        type="node_input", run_id=handle.id, node_id="function", data="x"
    )
    assert (reply["type"], reply["data"]) == ("ack", {"kept": True})
    go.set()
    handle.result(10)


def test_server_gone_in_mid_run_and_back_loses_no_event(linked, eventually):
    goes_on = threading.Event()

    def chunks():
        yield from (f"a{n} " for n in range(50))
        goes_on.wait(10)
        yield from (f"b{n} " for n in range(2000))

    handle = run(lambda: stream(chunks()).result())
    eventually(lambda: handle.view.streams)
    linked.hang_up()
    goes_on.set()
    eventually(lambda: not home.current()._linked.conversation.is_up)
    linked.listen()
    text = "".join(f"a{n} " for n in range(50)) + "".join(f"b{n} " for n in range(2000))
    result = handle.result(10)
    assert result.value == text
    assert result.view.streams[0].text == text
    seqs = []

    async def collect():
        seqs.extend([event.seq async for event in handle.events()])

    asyncio.run(collect())
    assert seqs == list(range(1, result.view.seq + 1))


def test_answer_given_while_the_kernel_was_away_is_learned(linked, eventually):
    handle = run(question)
    (approval,) = eventually(lambda: handle.approvals)
    client = linked.client()
    linked.hang_up()
    client.ask(type="answer", approval_id=approval.approval_id, value="no")
    linked.listen()
    assert handle.result(10).value == "no"


def test_clock_set_while_the_server_is_away_ends_no_wait(
    linked, eventually, monkeypatch
):
    def question():
        return ask("Publish?", options=["yes", "no"], timeout=600).result().value

    handle, client = run(question), linked.client()
    eventually(lambda: handle.approvals)
    linked.hang_up()
    wall = time.time()
    monkeypatch.setattr(time, "time", lambda: wall + 86_400)
    with pytest.raises(TimeoutError):
        handle.result(1)
    linked.listen()
    answer = {"approval_id": handle.approvals[0].approval_id, "value": "yes"}
    assert client.ask(type="answer", **answer)["type"] == "ack"
    assert handle.result(10).value == "yes"


def test_run_that_ends_while_the_server_is_away_ends_locally(
    linked, eventually, monkeypatch
):
    monkeypatch.setattr("kgnb.runtime.execution.LOG_WAIT", 0.2)
    go = threading.Event()

    def works():
        go.wait(10)
        return "done"

    handle = run(works)
    eventually(lambda: handle.view.timeline)
    linked.hang_up()
    go.set()
    result = handle.result(10)
    assert (result.status, result.value) == ("completed", "done")
    linked.listen()
    client = linked.client()

    def status():
        client.ask(type="subscribe", run_id=handle.id, topics=["all"])
        types = {frame["type"] for frame in client.frames}
        return "workflow_completed" in types

    # What was not stored goes to the log when it is there again.
    eventually(status)


def test_run_without_a_server_at_hand_takes_its_own_log_and_keeps_it(
    server, monkeypatch, eventually
):
    monkeypatch.setattr(home, "LINK_WAIT", 0.05)
    address = server.listen()
    server.hang_up()
    monkeypatch.setattr(home, "find_address", lambda: address)
    handle = run(question)
    assert handle.log_host == "kernel"
    assert handle.url is None
    server.listen()
    eventually(lambda: home.current()._linked.conversation.is_up)
    (approval,) = eventually(lambda: handle.approvals)
    handle.answer(approval.approval_id, "yes")
    assert handle.result(10).value == "yes"
    assert run(lambda: 1).log_host == "server"


def test_run_that_the_log_declared_lost_is_ended(linked, eventually):
    handle = run(question)
    eventually(lambda: handle.approvals)
    kernel_id = home.current()._linked.conversation._kernel_id

    async def gone():
        await linked.driver.kernel_gone(kernel_id, "restarted")

    linked._do(gone())
    with pytest.raises(RunLost):
        handle.result(10)
    assert handle.status in ENDED


def test_ci_mode_does_not_dial(linked):
    handle = run(lambda: 1, mode="ci")
    assert handle.log_host == "kernel"
    assert linked.received == []


def test_wrong_secret_leaves_the_kernel_its_own_log(server, monkeypatch):
    monkeypatch.setattr(home, "LINK_WAIT", 0.1)
    address = server.listen()
    wrong = links.Address(address.url, "wrong")
    monkeypatch.setattr(home, "find_address", lambda: wrong)
    handle = run(lambda: 1)
    assert handle.log_host == "kernel"
    assert handle.result(10).value == 1


async def _broken_handshakes():
    dialled = asyncio.Semaphore(0)

    async def hang_up(_reader, writer):
        dialled.release()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = links.LinkPort(links.Address(f"ws://127.0.0.1:{port}/", "s"), "k", None)
    await link.start()
    async with asyncio.timeout(5):  # a refusal would be left alone for half a minute
        await dialled.acquire()
        await dialled.acquire()
    await link.aclose()
    server.close()
    await server.wait_closed()


def test_handshake_that_breaks_off_is_no_refusal():
    asyncio.run(_broken_handshakes())


ENVIRON = {
    links.URL: "ws://127.0.0.1:1/kgnb/link",
    links.SECRET: "s",
    links.PID: str(os.getppid()),
}


def test_address_is_that_of_the_parent_in_a_kernel_only(monkeypatch):
    assert links.find_address(ENVIRON) is None  # a script, a terminal's Python
    monkeypatch.setattr(links.process, "kernel", object)
    assert links.find_address(ENVIRON).url == ENVIRON[links.URL]
    assert links.find_address(ENVIRON, parent=1) is None
    jupyter = {**ENVIRON, "JPY_PARENT_PID": ENVIRON[links.PID]}
    assert links.find_address(jupyter, parent=1) is not None
    assert links.find_address({}) is None


def test_address_of_pages_is_http():
    secure = links.Address("wss://host/hub/user/x/kgnb/link", "s")
    assert secure.page_url == "https://host/hub/user/x/kgnb/"


def test_forked_child_never_dials():
    fresh = home.Home(may_dial=False)
    assert fresh._may_dial is False
    fresh.close()
