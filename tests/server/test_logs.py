"""Claiming a log file."""

import os
import stat
import subprocess
import sys

import pytest

from kgnb.errors import Unavailable
from kgnb.server import logs


def test_second_server_takes_another_file(tmp_path):
    first = logs.claim_in(tmp_path)
    second = logs.claim_in(tmp_path)
    assert first.url == f"sqlite://{tmp_path}/log.sqlite"
    assert second.url == f"sqlite://{tmp_path}/log-2.sqlite"
    first.release()
    second.release()


def test_server_that_comes_back_takes_the_same_file(tmp_path):
    for _ in range(3):
        claim = logs.claim_in(tmp_path)
        assert claim.url.endswith("/log.sqlite")
        claim.release()
        claim.release()


def test_claim_of_a_killed_process_is_free(tmp_path):
    code = (
        "import os, signal, pathlib\n"
        "from kgnb.server import logs\n"
        f"claim = logs.claim_in(pathlib.Path({str(tmp_path)!r}))\n"
        "print(claim.url, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline().strip().endswith("/log.sqlite")
        mine = logs.claim_in(tmp_path)
        assert mine.url.endswith("/log-2.sqlite")
        mine.release()
        other.kill()
    again = logs.claim_in(tmp_path)
    assert again.url.endswith("/log.sqlite")
    again.release()


def test_configured_file_of_another_server_is_refused_with_a_sentence(tmp_path):
    url = f"sqlite://{tmp_path}/mine.sqlite"
    claim = logs.claim_url(url)
    assert claim.url == url
    with pytest.raises(Unavailable, match="another server writes it"):
        logs.claim_url(url)
    claim.release()


def test_memory_needs_no_claim():
    assert logs.claim_url("memory://").url == "memory://"


def test_directory_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be locked"):
        logs.claim_in(tmp_path / "file" / "kgnb")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_lock_file_is_the_owners_only(tmp_path):
    claim = logs.claim_in(tmp_path / "kgnb")
    assert stat.S_IMODE((tmp_path / "kgnb").stat().st_mode) == 0o700
    lock = tmp_path / "kgnb" / "log.sqlite.lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    claim.release()


@pytest.mark.parametrize("url", ["sqlite://log.db", "sqlite:///"])
def test_configured_url_that_names_no_file_touches_nothing(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="log url"):
        logs.claim_url(url)
    assert list(tmp_path.iterdir()) == []


def test_lock_file_that_is_no_database_is_left_closed(tmp_path):
    (tmp_path / "log.sqlite.lock").write_bytes(b"something else entirely" * 100)
    with pytest.raises(Unavailable, match="cannot be locked"):
        logs.claim_in(tmp_path)
    (tmp_path / "log.sqlite.lock").unlink()
