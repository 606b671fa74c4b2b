"""Views by the kernel's control channel and by comms, without a front end."""

import contextvars
import threading

import pytest

from kgnb.runtime import ask, home, run, views
from kgnb.runtime.views import CommView, ControlViews


def question():
    return ask("ok?", options=["yes"]).result().value


@pytest.fixture
def control():
    return ControlViews(home.current)


def poll(control, *frames, client="c1", **more):
    return control.answer({"client": client, "frames": list(frames), **more})


def test_control_view_watches_and_answers(control, eventually):
    handle = run(question)
    got = []

    def polled(*frames):
        got.extend(poll(control, *frames)["frames"])
        return {frame["type"] for frame in got}

    eventually(lambda: "hello" in polled())
    polled({"type": "subscribe", "topics": ["all"], "run_id": handle.id, "id": "s"})
    eventually(lambda: "approval_request" in polled())
    request = next(frame for frame in got if frame["type"] == "approval_request")
    approval_id = request["data"]["approval_id"]
    polled({"type": "answer", "approval_id": approval_id, "value": "yes", "id": "a"})
    eventually(lambda: "workflow_completed" in polled())
    result = handle.result(10)
    assert result.value == "yes"
    assert result.approvals[0].by.via == "control"
    assert "closed" not in poll(control, final=True)
    assert home.current().views == 0


@pytest.mark.parametrize("content", [None, {}, {"client": 3}, {"client": "x" * 100}])
def test_control_request_without_a_client_is_refused(control, content):
    assert control.answer(content)["status"] == "error"


def test_silent_client_is_forgotten(control, monkeypatch):
    poll(control)
    assert home.current().views == 1
    monkeypatch.setattr(views, "SILENCE", -1.0)
    poll(control, client="c2")
    monkeypatch.setattr(views, "SILENCE", 30.0)
    assert set(control._views) == {"c2"}
    poll(control, client="c2", final=True)


def test_too_many_clients_are_told_to_go(control, monkeypatch):
    monkeypatch.setattr(views, "MOST_CLIENTS", 1)
    poll(control)
    assert poll(control, client="c2")["closed"]["code"] == 4013
    poll(control, final=True)


def test_slow_client_is_closed_and_its_frames_are_not_kept(control, eventually):
    poll(control)
    view = control._views["c1"]
    view._receive([{"type": "token"}] * (views.MOST_PENDING + 1))
    reply = poll(control)
    assert (reply["frames"], reply["closed"]["code"]) == ([], 4009)
    assert control._views == {}


class Comm:
    """A comm, as far as ipykernel's interface goes."""

    def __init__(self):
        self.sent = []

    def on_msg(self, callback):
        self.message = callback

    def on_close(self, callback):
        self.closed = callback

    def send(self, data):
        self.sent.append((threading.current_thread().name, data))

    def say(self, *frames):
        self.message({"content": {"data": {"frames": list(frames)}}})

    def types(self):
        return [f["type"] for _, data in self.sent for f in data["frames"]]


def test_comm_view_watches_and_answers(eventually):
    handle = run(question)
    comm = Comm()
    view = CommView(home.current(), comm)
    view.take({"content": {"data": {"frames": []}}})
    eventually(lambda: "hello" in comm.types())
    comm.say({"type": "subscribe", "topics": ["all"], "run_id": handle.id})
    eventually(lambda: "approval_request" in comm.types())
    (approval,) = handle.approvals
    comm.say({"type": "answer", "approval_id": approval.approval_id, "value": "yes"})
    assert handle.result(10).approvals[0].by.via == "comm"
    assert {name for name, _ in comm.sent} == {"kgnb-link"}
    comm.closed({})
    assert home.current().views == 0


def test_comm_view_sends_in_the_context_of_what_it_heard_last(eventually):
    shell = contextvars.ContextVar("shell", default="the last cell's")
    senders = []

    class Noting(Comm):
        def send(self, data):
            senders.append(shell.get())
            super().send(data)

    comm = Noting()
    view = CommView(home.current(), comm)
    for name in ("first", "second"):
        context = contextvars.copy_context()
        context.run(shell.set, name)
        frames = [{"type": "ping"}] if comm.sent else []
        context.run(view.take, {"content": {"data": {"frames": frames}}})
        eventually(lambda name=name: name in senders)
    assert senders[-1] == "second"
    comm.closed({})


def test_register_in_a_kernel_happens_once(monkeypatch):
    class Kernel:
        def __init__(self):
            self.control_handlers = {}
            self.comm_manager = self
            self.session = self
            self.targets, self.sent = [], []

        def register_target(self, name, callback):
            self.targets.append(name)

        def send(self, stream, kind, content, parent, ident):
            self.sent.append((stream, kind, content["status"], ident))

    kernel = Kernel()
    monkeypatch.setattr(views.process, "kernel", lambda: kernel)
    views.register()
    views.register()
    assert kernel.targets == ["kgnb"]
    handler = kernel.control_handlers["kgnb_request"]
    handler("stream", b"id", {"content": {}})
    assert kernel.sent == [("stream", "kgnb_reply", "error", b"id")]
