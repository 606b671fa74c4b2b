"""What kind of process this is, and which mode that makes."""

import sys
import types

import pytest

from kgnb.errors import InvalidValue
from kgnb.runtime import process


class Kernel:
    def __init__(self, *, allow_stdin, metadata=()):
        self.parent = {
            "content": {"allow_stdin": allow_stdin},
            "metadata": dict(metadata),
        }

    def get_parent(self, channel):
        return self.parent


@pytest.fixture
def in_kernel(monkeypatch):
    def enter(**told):
        shell = types.SimpleNamespace(kernel=Kernel(**told))
        fake = types.SimpleNamespace(get_ipython=lambda: shell)
        monkeypatch.setitem(sys.modules, "IPython", fake)

    return enter


def test_asked_mode_wins_over_the_environment():
    assert process.choose_mode("live", {"KGNB_MODE": "ci"}) == "live"
    assert process.choose_mode(None, {"KGNB_MODE": "ci"}) == "ci"


def test_script_is_live():
    assert process.choose_mode(None, {}) == "live"


@pytest.mark.parametrize(("allow_stdin", "mode"), [(True, "live"), (False, "static")])
def test_kernel_without_stdin_is_static(in_kernel, allow_stdin, mode):
    in_kernel(allow_stdin=allow_stdin)
    assert process.choose_mode(None, {}) == mode
    assert process.allows_stdin() is allow_stdin


def test_unknown_mode_is_refused():
    with pytest.raises(InvalidValue, match="expected 'live', 'static' or 'ci'"):
        process.choose_mode("loud", {})


def test_transports_are_all_but_for_the_variable():
    assert process.allowed_transports({}) == ("websocket", "control", "comm")
    told = {"KGNB_TRANSPORTS": "comm, websocket"}
    assert process.allowed_transports(told) == ("websocket", "comm")


@pytest.mark.parametrize("told", ["carrier pigeon", "comm,", ","])
def test_transports_that_there_are_not_are_refused(told):
    with pytest.raises(InvalidValue, match="websocket, control, comm"):
        process.allowed_transports({"KGNB_TRANSPORTS": told})
