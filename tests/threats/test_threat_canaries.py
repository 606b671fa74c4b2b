"""The watch over all tests sees a secret where there is one, and nothing else."""

import asyncio
import logging
import sys
from pathlib import Path

import canaries
import pytest
import tally
import websockets

from kgnb.reporting.commands import SUFFIXES

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

import http_harness
import server_harness

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


@pytest.mark.parametrize(
    "name", ["run.ipynb", "trace.jsonl", "server.log", "a.html", "a.svg", "a.mmd"]
)
def test_file_with_a_secret_is_found(tmp_path, name):
    (tmp_path / name).write_text(f"link: {SIGNED}")
    watch = canaries.Watch()
    watch.look(tmp_path)
    (tmp_path / name).unlink()  # or the watch over all tests would find it, too
    assert len(watch.found) == 1


def test_message_of_a_server_with_a_secret_fails():
    with pytest.raises(AssertionError, match="sent the-right-token"):
        canaries.heard('{"type":"log","data":"the-right-token"}')


def test_every_text_that_a_report_can_be_is_looked_through():
    assert set(SUFFIXES.values()) - {".png"} <= canaries.FILES


async def _told(text):
    async def tell(socket):
        await socket.send(text)

    async with websockets.serve(tell, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}", proxy=None) as client:
            return await client.recv()


@pytest.mark.parametrize("secret", canaries.CREDENTIALS)
def test_frame_with_a_credential_is_found(secret):
    watch = canaries.Watch()
    watch._hear(f'{{"type":"log","data":"{secret}"}}'.encode())
    assert len(watch.found) == 1


def test_frame_of_any_client_is_watched(canary_watch):
    assert asyncio.run(_told(canaries.CREDENTIALS[0])) == canaries.CREDENTIALS[0]
    found, canary_watch.found = canary_watch.found, []
    assert len(found) == 1
    assert "in a frame" in found[0]


@pytest.mark.parametrize(
    "hear",
    [
        http_harness.Caller.__call__,  # every call: metrics and health among them
        http_harness.Events.next,
        server_harness.RawClient.frame,
        server_harness.ServerProcess.call,
        server_harness.Talk.hear,
    ],
    ids=lambda hear: hear.__qualname__,
)
def test_what_a_harness_hears_is_watched(hear):
    assert "heard" in hear.__code__.co_names


def test_what_was_watched_is_counted_and_told_at_the_end():
    logged("kgnb.server", "a line")
    canaries.heard("a reply")
    asyncio.run(_told("a frame"))
    told = " ".join(tally.lines())
    for kind in ("log records", "replies", "frames"):
        assert f" {kind} watched for secrets" in told
