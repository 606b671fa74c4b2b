"""``kgnb.llm.reply`` from an OpenAI-compatible server: read, refused, let go."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from model_server import WAIT, sse

import kgnb
from kgnb.errors import (
    Forbidden,
    InvalidValue,
    RunCancelled,
    StreamBroken,
    Unauthorized,
    Unavailable,
)

TIDES = "Why tides?"


async def gathered(reply):
    return [token async for token in reply]


def test_live_reply_in_sync_code_is_the_servers_text(server):
    server.says("The ", "moon.", rest=[b": ping\n\n", b"data: [DONE]\n\n"])
    assert list(kgnb.llm.reply(TIDES)) == ["The ", "moon."]


def test_live_reply_in_async_code_is_the_servers_text(server):
    server.says("The ", "moon.")
    assert asyncio.run(gathered(kgnb.llm.reply(TIDES))) == ["The ", "moon."]


def test_live_reply_read_twice_asks_twice(server):
    server.says("The ", "moon.")
    reply = kgnb.llm.reply(TIDES)
    assert list(reply) == list(reply)
    assert len(server.requests) == 2


def test_live_request_has_messages_model_key_and_options(server, monkeypatch):
    monkeypatch.setenv("KGNB_LLM_KEY", "secret-1")
    server.says()
    list(kgnb.llm.reply(TIDES, speed=2, max_tokens=9))
    assert server.requests == [
        {
            "model": "moon-1",
            "messages": [{"role": "user", "content": TIDES}],
            "max_tokens": 9,
            "stream": True,
        }
    ]
    assert server.headers[0]["Authorization"] == "Bearer secret-1"


def test_live_model_that_is_named_is_asked(server, monkeypatch):
    monkeypatch.setenv("KGNB_LLM_MODEL", "moon-2")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-2")
    server.says()
    list(kgnb.llm.reply(TIDES))
    assert server.requests[0]["model"] == "moon-2"
    assert server.headers[0]["Authorization"] == "Bearer secret-2"


def test_live_server_of_several_models_says_what_to_set(server):
    server.models = ["moon-1", "moon-2"]
    with pytest.raises(
        InvalidValue, match="2 models: moon-1, moon-2; set KGNB_LLM_MODEL"
    ):
        list(kgnb.llm.reply(TIDES))


def test_endpoint_of_an_address_is_that_address(server):
    endpoint = kgnb.llm.endpoint()
    assert endpoint.base_url == f"{server.url}/v1"
    assert (endpoint.model, endpoint.api_key) == ("moon-1", "no-key")
    assert "no-key" not in repr(endpoint)


REFUSALS = [
    (401, {"error": {"message": "bad key"}}, Unauthorized, "bad key; its key goes"),
    (403, {"error": "not you"}, Forbidden, "not you"),
    (404, {"error": {"message": "no model"}}, InvalidValue, "KGNB_LLM_MODEL"),
    (400, {"error": {"message": "too long"}}, InvalidValue, "400: too long"),
    (503, {"error": {"message": "loading"}}, Unavailable, "503: loading"),
    (200, {"choices": []}, InvalidValue, "in the place of a stream"),
]


@pytest.mark.parametrize(
    ("status", "said", "kind", "told"), REFUSALS, ids=lambda each: str(each)[:20]
)
def test_live_server_that_refuses_is_told_in_its_words(
    server, status, said, kind, told
):
    server.refusal = (status, "application/json", json.dumps(said))
    with pytest.raises(kind, match=told):
        list(kgnb.llm.reply(TIDES))


def test_live_server_that_is_no_api_says_what_was_expected(server, monkeypatch):
    monkeypatch.setenv("KGNB_LLM_MODEL", "moon-1")
    server.refusal = (200, "text/html", "<html>")
    with pytest.raises(InvalidValue, match="OpenAI-compatible server, up to /v1"):
        list(kgnb.llm.reply(TIDES))


def test_live_server_that_is_not_there_says_so(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("KGNB_LLM", f"http://127.0.0.1:{free.getsockname()[1]}/v1")
        with pytest.raises(Unavailable, match="is its server running"):
            list(kgnb.llm.reply(TIDES))


BREAKS = {
    "no end": ([], "broke off in mid-stream"),
    "an error": (
        [sse({"error": {"message": "out of memory"}})],
        "mid-stream: out of memory",
    ),
    "no chunk": ([b"data: moon\n\n"], "no chunk of a chat"),
}


@pytest.mark.parametrize("rest", BREAKS)
def test_live_stream_that_breaks_off_is_not_taken_for_whole(server, rest):
    pieces, told = BREAKS[rest]
    server.says("The ", rest=pieces)
    with pytest.raises(StreamBroken, match=told):
        list(kgnb.llm.reply(TIDES))


def test_live_reply_that_waits_does_not_block_the_loop(server):
    async def scene():
        server.says("The ", rest=[WAIT])
        reading = asyncio.ensure_future(gathered(kgnb.llm.reply(TIDES)))
        while not server.is_waiting.is_set():
            await asyncio.sleep(0)
        began = time.monotonic()
        for _ in range(100):
            await asyncio.sleep(0)
        assert time.monotonic() - began < 1
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert server.is_gone.wait(5)

    asyncio.run(scene())


def test_live_reply_left_early_ends_the_connection(server):
    async def scene():
        server.says("The ", "moon.", rest=[WAIT])
        async for token in kgnb.llm.reply(TIDES):
            assert token == "The "
            break
        await asyncio.sleep(0)  # the loop closes the generator
        while not server.is_gone.is_set():
            await asyncio.sleep(0.01)

    asyncio.run(scene())


def test_live_reply_left_early_in_sync_code_ends_the_connection(server):
    server.says("The ", "moon.", rest=[WAIT])
    for token in kgnb.llm.reply(TIDES):
        assert token == "The "
        break
    assert server.is_gone.wait(5)


class Async(kgnb.AsyncNode):
    async def exec_async(self, _):
        return await kgnb.stream(kgnb.llm.reply(TIDES))


class Sync(kgnb.Node):
    def exec(self, _):
        return kgnb.stream(kgnb.llm.reply(TIDES)).result()


@pytest.mark.parametrize("node", [Async, Sync])
def test_live_reply_of_a_cancelled_run_ends_the_connection(server, node):
    server.says("The ", rest=[WAIT])
    run = kgnb.run(kgnb.Graph(node(), name="tides"))
    assert server.is_waiting.wait(10)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(timeout=5)
    assert server.is_gone.wait(5)


def test_live_reply_in_a_run_that_is_recorded_can_be_replayed(server, tmp_path):
    server.says("The ", "moon.")
    tape = tmp_path / "tides.jsonl"
    kgnb.run(kgnb.Graph(Async(), name="tides"), record=tape).result(timeout=10)
    assert list(kgnb.replay(tape, TIDES, speed=0)) == ["The ", "moon."]


def test_live_reply_is_let_go_before_the_server_answers(monkeypatch):
    async def scene():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            monkeypatch.setenv("KGNB_LLM_MODEL", "moon-1")
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            monkeypatch.setenv("KGNB_LLM", address)
            loop = asyncio.get_running_loop()
            reading = asyncio.ensure_future(gathered(kgnb.llm.reply(TIDES)))
            peer, _ = await loop.sock_accept(listener)
            with peer:
                assert (await loop.sock_recv(peer, 4)) == b"POST"
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                while await loop.sock_recv(peer, 65_536):
                    pass

    asyncio.run(scene())


SCRIPT = """
import kgnb
print("began", flush=True)
for token in kgnb.llm.reply("Why tides?"):
    print(token, flush=True)
"""


def test_ctrl_c_in_a_loop_over_a_live_reply_ends_it(server):
    server.says("The ", rest=[WAIT])
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ.copy(),
        text=True,
    ) as script:
        assert server.is_waiting.wait(20)
        assert [script.stdout.readline() for _ in range(2)] == ["began\n", "The \n"]
        script.send_signal(signal.SIGINT)
        _, said = script.communicate(timeout=10)
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert server.is_gone.wait(5)
