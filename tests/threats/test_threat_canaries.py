"""The watch over all tests sees a secret where there is one, and nothing else."""

import logging

import canaries
import pytest

SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0LWFsbA"


def logged(name, text, *args):
    watch = canaries.Watch()
    watch._judge(logging.LogRecord(name, logging.INFO, "", 0, text, args, None))
    return watch.found


@pytest.mark.parametrize("secret", ["the-right-token", "canary7f3a9", SIGNED])
def test_record_with_a_secret_is_found(secret):
    assert len(logged("kgnb.server", "GET /?token=%s", secret)) == 1


def test_record_of_a_client_or_without_a_secret_is_not():
    assert logged("websockets.client", "> Authorization: the-right-token") == []
    assert logged("kgnb.server", "GET /?token=[secret]") == []


@pytest.mark.parametrize("name", ["run.ipynb", "trace.jsonl", "server.log", "a.html"])
def test_file_with_a_secret_is_found(tmp_path, name):
    (tmp_path / name).write_text(f"link: {SIGNED}")
    watch = canaries.Watch()
    watch.look(tmp_path)
    (tmp_path / name).unlink()  # or the watch over all tests would find it, too
    assert len(watch.found) == 1


def test_message_of_a_server_with_a_secret_fails():
    with pytest.raises(AssertionError, match="sent the-right-token"):
        canaries.heard('{"type":"log","data":"the-right-token"}')
