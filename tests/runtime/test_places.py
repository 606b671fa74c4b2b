"""What a durable run is found by when its kernel or script is started anew."""

import types
from pathlib import Path

import pytest

from kgnb.runtime import places, process


@pytest.fixture
def kernel(monkeypatch):
    """A kernel whose cell and variables can be set."""
    made = types.SimpleNamespace(
        shell=types.SimpleNamespace(user_ns={}), get_parent=lambda _channel: made.parent
    )
    made.parent = {"metadata": {"cellId": "c1"}, "content": {"code": "run()"}}
    monkeypatch.setattr(process, "kernel", lambda: made)
    monkeypatch.setattr(process, "kernel_id", lambda: "k1")
    return made


def test_a_notebook_is_told_by_its_path_and_else_by_its_kernel(kernel):
    assert places.program({"JPY_SESSION_NAME": "/a.ipynb"}) == "/a.ipynb"
    assert places.program({}) == "k1"
    kernel.shell.user_ns["__vsc_ipynb_file__"] = "/b.ipynb"
    assert places.program({}) == "/b.ipynb"


def test_a_cell_is_told_by_its_id_and_else_by_its_code(kernel):
    assert process.cell() == "c1"
    kernel.parent["metadata"] = {}
    assert process.cell() == "run()"


def test_keys_differ_by_program_cell_name_and_beginning(kernel, monkeypatch):
    keys = {places.key_of("w", "1"), places.key_of("x", "1"), places.key_of("w", "2")}
    kernel.parent["metadata"]["cellId"] = "c2"
    keys.add(places.key_of("w", "1"))
    monkeypatch.setattr(process, "kernel_id", lambda: "k2")
    keys.add(places.key_of("w", "1"))
    assert len(keys) == 5


def test_the_prompt_has_no_key(monkeypatch):
    monkeypatch.setattr(places, "_script", lambda: None)
    assert places.key_of("w", "1") is None


def test_equal_data_has_one_digest_in_any_order():
    assert places.digest_of({"a": 1, "b": 2}) == places.digest_of({"b": 2, "a": 1})


def test_each_program_has_a_log_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("KGNB_LOG_URL")
    found = set()
    for script in ("/a/job.py", "/b/job.py"):
        monkeypatch.setattr(places, "_script", lambda script=script: Path(script))
        kernel_id, url = places.own_log()
        assert url.startswith(f"sqlite://{tmp_path}/kgnb/durable/job-")
        found |= {kernel_id, url}
    assert len(found) == 4


def test_a_log_that_is_told_is_taken(monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", "memory://")
    assert places.own_log()[1] == "memory://"
