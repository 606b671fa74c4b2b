"""Runs begun here leave no thread behind, and are seen by nobody."""

import sys
from pathlib import Path

import pytest

from kgnb.runtime import home, hooks

sys.path.insert(0, str(Path(__file__).parent))  # for witnessing and shaped


@pytest.fixture(autouse=True)
def _no_thread_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    hooks.install(None)
    yield
    home.shutdown()
    hooks.install(None)
