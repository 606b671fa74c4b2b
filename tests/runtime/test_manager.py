"""kgnb.manager in a kernel without a server: its clients came by a comm."""

import asyncio
import gc
import json
import logging
import queue
import threading

import pytest

import kgnb
from kgnb.errors import FrameTooLarge, InvalidValue, RateLimited, WrongThread
from kgnb.runtime import home, manager
from kgnb.runtime import mail as mails
from kgnb.runtime.relays import FrameChannel

ALERT = {"type": "system_alert", "message": "High CPU usage detected"}


class View:
    """A client that reached this kernel by a comm."""

    def __init__(self):
        self.frames = queue.Queue()
        here = home.current()
        conversation = here.conversation_of(None)
        self.channel = FrameChannel(
            here, conversation, "comm", self._receive, lambda *_: None
        )
        self.channel.send({"type": "ping"})
        hello = self.next("hello")
        self.client_id = hello["identity"]["client_id"]
        self.next("pong")

    def _receive(self, frames):
        for frame in frames:
            self.frames.put(frame)

    def send(self, **frame):
        self.channel.send(frame)

    def next(self, kind):
        while (frame := self.frames.get(timeout=5))["type"] != kind:
            pass
        return frame


@pytest.fixture
def view():
    return View()


def test_broadcast_acts_at_once_and_counts_when_asked(view):
    other = View()
    assert manager.broadcast(ALERT).result(5) == 2
    assert view.next("system_alert")["message"] == ALERT["message"]
    manager.broadcast({"type": "x"}, exclude=other.client_id)
    assert manager.broadcast({"type": "y"}, exclude=[view.client_id]).result(5) == 1
    assert view.next("x")
    assert other.next("system_alert")
    assert other.frames.get(timeout=5)["type"] == "y"


def test_group_and_topic_reach_who_is_in_them(view):
    View()
    view.send(type="join_group", group="admins")
    view.next("joined_group")
    assert manager.broadcast_to_group("admins", ALERT).result(5) == 1
    assert view.next("system_alert")["group"] == "admins"
    assert manager.subscribe(view.client_id, "news").result(5) == 1
    assert manager.publish("news", {"type": "n"}).result(5) == 1
    assert view.next("n")["topic"] == "news"
    assert manager.unsubscribe(view.client_id, "news").result(5) == 1
    assert manager.publish("news", {"type": "n"}).result(5) == 0
    assert manager.add_to_group(view.client_id, "b").result(5) == 1
    (client,) = [c for c in manager.list_clients() if c["groups"]]
    assert client["groups"] == ["admins", "b"]
    assert manager.remove_from_group(view.client_id, "b").result(5) == 1
    assert manager.broadcast_to_group("b", ALERT).result(5) == 0


def test_personal_message_reaches_one(view):
    assert manager.send_personal_message(ALERT, view.client_id).result(5) == 1
    reached = manager.send_personal_message(ALERT, "nobody").result(5)
    assert (reached, reached.queued) == (0, 0)


def test_counts_are_plain_numbers_that_may_be_awaited(view):
    assert manager.connection_count() == 1
    assert json.dumps(manager.list_clients()[0])
    assert manager.message_count() == 0
    manager.broadcast(ALERT).result(5)
    assert manager.message_count() == 1
    assert 0 < manager.uptime() < 60

    async def awaited():
        return (
            await manager.connection_count(),
            await manager.message_count(),
            await manager.uptime(),
            [client["via"] for client in await manager.list_clients()],
        )

    count, messages, uptime, vias = asyncio.run(awaited())
    assert (count, messages, vias) == (1, 1, ["comm"])
    assert uptime > 0


def test_first_question_on_a_loop_does_not_block_it():
    async def ask():
        count = manager.connection_count()
        return count, await count

    assert asyncio.run(ask()) == (0, 0)


def test_sync_and_async_nodes_use_it_and_messages_keep_their_order(view):
    class Sync(kgnb.Node):
        def exec(self, _):
            manager.broadcast({"type": "n", "n": 1})
            return manager.broadcast({"type": "n", "n": 2}).result()

    class Async(kgnb.AsyncNode):
        async def exec_async(self, _):
            manager.broadcast({"type": "n", "n": 3})
            return await manager.broadcast({"type": "n", "n": 4})

        async def post_async(self, shared, _, count):
            shared["count"] = count, manager.connection_count()

    first, second = Sync(), Async()
    first >> second
    shared = {}
    kgnb.run(kgnb.AsyncGraph(first), shared).result(10)
    assert [view.next("n")["n"] for _ in range(4)] == [1, 2, 3, 4]
    assert shared["count"] == (1, 1)


def test_result_on_the_loop_of_async_nodes_says_to_use_await():
    class Blocking(kgnb.AsyncNode):
        async def exec_async(self, _):
            return manager.broadcast(ALERT).result()

    with pytest.raises(WrongThread, match="use await"):
        kgnb.run(kgnb.AsyncGraph(Blocking())).result(10)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("a text", "expected a dict"),
        ({"text": "x"}, "expected a 'type'"),
        ({"type": 3}, "expected a 'type'"),
        ({"type": "workflow_completed"}, "protocol's own"),
        ({"type": "error"}, "protocol's own"),
        ({"type": "x", "seq": 1}, "belongs to runs' events"),
        ({"type": "x", "value": object()}, "what JSON can hold"),
    ],
)
def test_message_that_cannot_be_is_refused_at_the_call(message, text):
    with pytest.raises(InvalidValue, match=text):
        manager.broadcast(message)


def test_message_past_the_limit_is_refused_at_the_call():
    size = 1024 * 1024
    rest = len('{"type":"x","text":""}')
    with pytest.raises(FrameTooLarge, match="at most 1048576 bytes"):
        manager.broadcast({"type": "x", "text": "a" * (size - rest + 1)})
    assert manager.broadcast({"type": "x", "text": "a" * (size - rest)}).result(5) == 0


def test_topic_of_runs_is_refused_at_the_call():
    with pytest.raises(InvalidValue, match="carries the events of runs"):
        manager.publish("results", ALERT)
    with pytest.raises(InvalidValue, match="carries the events of runs"):
        manager.subscribe("phone", "results")


def test_later_change_of_the_message_changes_nothing_sent(view):
    message = {"type": "x", "list": [1]}
    order = manager.broadcast(message)
    message["list"].append(2)
    order.result(5)
    assert view.next("x")["list"] == [1]


def test_thousand_calls_under_way_are_enough_on_a_loop():
    async def flood():
        orders = [manager.broadcast(ALERT) for _ in range(1_000)]
        # Nothing was decided yet: the link's thread is not let in between.
        with pytest.raises(RateLimited, match="1000 calls are under way"):
            for _ in range(1_000):
                orders.append(manager.broadcast(ALERT))  # it raises
        for order in orders:
            await order
        return await manager.broadcast(ALERT)

    held = threading.Event()
    home.current().link.start()
    home.current().link.call_soon(held.wait, 5)
    task = threading.Timer(0.5, held.set)
    task.start()
    try:
        assert asyncio.run(flood()) == 0
    finally:
        held.set()
        task.join()


def test_failed_order_that_nobody_awaits_is_logged(view, caplog):
    with caplog.at_level(logging.WARNING, "kgnb.manager"):
        manager.add_to_group(view.client_id, "x" * 300)
        manager.connection_count()
        with pytest.raises(InvalidValue):
            manager.add_to_group(view.client_id, "x" * 300).result(5)
        gc.collect()
    assert [r.getMessage()[:32] for r in caplog.records] == [
        "manager.add_to_group() failed: n"
    ]


def test_callbacks_hear_who_comes_joins_leaves_and_goes(view):
    heard = queue.Queue()
    on_kgnb_loop = []

    @manager.on_connect
    async def came(client):
        on_kgnb_loop.append(home.current().loop.is_current)
        heard.put(("connect", client["client_id"]))

    @manager.on_disconnect
    def went(client):
        heard.put(("disconnect", client["client_id"]))

    manager.on_join(lambda client, group: heard.put(("join", group)))
    manager.on_leave(lambda client, group: heard.put(("leave", group)))
    other = View()
    other.send(type="join_group", group="g")
    other.send(type="leave_group", group="g")
    other.next("left_group")
    other.channel.close()
    assert [heard.get(timeout=5) for _ in range(4)] == [
        ("connect", other.client_id),
        ("join", "g"),
        ("leave", "g"),
        ("disconnect", other.client_id),
    ]
    assert on_kgnb_loop == [True]
    manager.remove_callback(came)
    View().channel.close()
    assert heard.get(timeout=5)[0] == "disconnect"


def test_callback_may_use_the_manager_and_one_that_raises_is_logged(view, caplog):
    manager.on_connect(lambda client: 1 / 0)
    manager.on_connect(
        lambda client: manager.send_personal_message(
            {"type": "welcome"}, client["client_id"]
        ).result(5)
    )
    with caplog.at_level(logging.ERROR, "kgnb.manager"):
        assert View().next("welcome")
    assert "ZeroDivisionError" in caplog.text


def test_callback_defined_again_takes_the_place_of_the_first(view):
    heard = queue.Queue()
    code = "def greet(client):\n    heard.put(version)"
    for version in (1, 2):
        scope = {"heard": heard, "version": version, "__name__": "cell"}
        exec(code, scope)  # as a cell that is run again
        manager.on_connect(scope["greet"])
    View()
    assert heard.get(timeout=5) == 2
    assert heard.empty()


def test_order_that_nobody_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(mails, "PATIENCE", 0.05)
    here = home.current()
    here.conversation_of(None).mail._send = lambda frame: None
    with pytest.raises(kgnb.KgnbError, match="not known"):
        manager.broadcast(ALERT).result(5)
