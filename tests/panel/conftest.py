import sys
import threading

import msgspec
import pytest

from kgnb.drawing import draw
from kgnb.protocol.events import GraphSpec
from kgnb.protocol.view import RunView


def node(name, kind="node", path=()):
    label = name.rpartition("/")[2]
    return {"id": name, "label": label, "kind": kind, "path": list(path)}


def edge(source, target, action="default"):
    return {"source": source, "target": target, "action": action}


def visited(status="completed", visits=1, **more):
    return {"status": status, "visits": visits, **more}


def approval(task_id, value, **more):
    return {
        "approval_id": "a" * 20,
        "node_id": task_id.rpartition(":")[0],
        "task_id": task_id,
        "args_hash": "h" * 32,
        "message": "Publish?",
        "options": ["publish", "revise"],
        "payload": "The draft.",
        "schema": None,
        "kind": "choice",
        "name": None,
        "expires_at": "2026-11-21T03:45:44.123Z",
        "on_timeout": "revise",
        "need": 1,
        "approvers": None,
        "opened_at": "2026-11-21T03:40:45.000Z",
        "state": "answered",
        "value": value,
        "by": {"user": "ada", "via": "panel", "at": "2026-11-21T03:40:46.000Z"},
        "reason": None,
        **more,
    }


def stream(name, text, kind="text"):
    task_id = name.partition("/")[0].rpartition(".")[0]
    return {
        "stream": name,
        "node_id": task_id.rpartition(":")[0],
        "task_id": task_id,
        "attempt": 1,
        "kind": kind,
        "text": text,
        "length": len(text),
        "final": True,
    }


ARTICLE = {
    "name": "article",
    "start": "Draft",
    "nodes": [
        node("Draft"),
        node("Review"),
        node("Sections", "batch"),
        node("Publish"),
        node("Archive"),
    ],
    "edges": [
        edge("Draft", "Review"),
        edge("Review", "Draft", "revise"),
        edge("Review", "Sections", "publish"),
        edge("Review", "Archive", "drop"),
        edge("Sections", "Publish"),
    ],
}


def article_view(**changes):
    """A finished run of a small workflow, with something of everything."""
    view = {
        "run_id": "f" * 32,
        "workflow": "article",
        "status": "completed",
        "seq": 40,
        "started_at": "2026-11-21T03:40:44.123Z",
        "ended_at": "2026-11-21T03:41:44.123Z",
        "graph": {**ARTICLE, "svg": draw(ARTICLE)},
        "nodes": {
            "Draft": visited(visits=2, duration=1.25),
            "Review": visited(visits=2, action="publish"),
            "Sections": visited(
                progress={"percent": 100.0, "current": 5.0, "total": 5.0}
            ),
            "Publish": visited(),
            "Archive": {},
        },
        "edges": [
            {"source": "Draft", "action": "default", "target": "Review", "count": 2},
            {"source": "Review", "action": "revise", "target": "Draft", "count": 1},
            {"source": "Review", "action": "publish", "target": "Sections", "count": 1},
            {
                "source": "Sections",
                "action": "default",
                "target": "Publish",
                "count": 1,
            },
        ],
        "streams": [
            stream("Draft:1.1/1", "Tides come from the wind."),
            stream("Draft:2.1/1", "Tides come from the Moon and the Sun."),
        ],
        "approvals": [
            approval("Review:1", "revise", reason="It is the Moon."),
            approval("Review:2", "publish"),
        ],
        "results": {"Publish": {"words": 42}},
        "logs": [
            {
                "node_id": "Sections",
                "task_id": "Sections:1",
                "stream": "stdout",
                "level": None,
                "text": "section 1\n",
            },
            {
                "node_id": "Publish",
                "task_id": "Publish:1",
                "stream": "logging",
                "level": "WARNING",
                "text": "slow disk",
            },
        ],
        "result": {"words": 42},
        **changes,
    }
    return msgspec.convert(view, RunView)


class FakeChannel:
    def __init__(self, receive):
        self.receive = receive
        self.sent = []
        self.is_open = True

    def send(self, frame):
        self.sent.append(frame)

    def close(self):
        self.is_open = False


class FakeRun:
    """A run as kgnb.panel.ports.RunPort describes it."""

    def __init__(self, view, **changes):
        self.view = view
        self.id = view.run_id
        self.workflow = view.workflow
        self.graph = view.graph
        self.panel = None
        self.display_mode = "live"
        self.sign = False
        self.log_host = "server"
        self.kernel_id = "kernel-1"
        self.channels = []
        self.listeners = []
        self.opened = threading.Event()
        for name, value in changes.items():
            setattr(self, name, value)

    def on_change(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def open_channel(self, *, via, receive):
        assert via == "comm"
        self.channels.append(FakeChannel(receive))
        self.opened.set()
        return self.channels[-1]

    def change(self):
        for listener in list(self.listeners):
            listener()


@pytest.fixture
def samples():
    """This module: its runs, views and graphs."""
    return sys.modules[__name__]


@pytest.fixture
def view():
    return article_view()


@pytest.fixture
def begun_run():
    graph = msgspec.convert({**ARTICLE, "svg": draw(ARTICLE)}, GraphSpec)
    return FakeRun(RunView(run_id="f" * 32, workflow="article", graph=graph))
