"""Every test here starts without threads of ours and leaves none behind."""

import sys
import threading
import time
from pathlib import Path

import pytest

from kgnb.runtime import home, hooks

sys.path.insert(0, str(Path(__file__).parent))  # for model_server


def ours():
    return [t for t in threading.enumerate() if t.name.startswith("kgnb")]


@pytest.fixture(autouse=True)
def _no_thread_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KGNB_LOG_URL", "memory://")  # of durable runs
    hooks.install(None)
    yield
    home.shutdown()
    hooks.install(None)
    until = time.monotonic() + 5
    while ours() and time.monotonic() < until:
        time.sleep(0.01)
    assert not ours()


@pytest.fixture
def eventually():
    """Wait, bounded, for what another thread does."""

    def wait(condition, seconds=20.0):
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.005)
        return found

    return wait


class Record:
    """A display that notes what it was told."""

    def __init__(self):
        self.shown, self.finished = [], []

    def show(self, run):
        self.shown.append(run)

    def finish(self, run):
        self.finished.append((run, run.view.status))


@pytest.fixture
def display():
    record = Record()
    hooks.install(record, draw=lambda graph: f"<svg>{graph['name']}</svg>")
    return record
