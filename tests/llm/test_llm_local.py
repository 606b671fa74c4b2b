"""The small model itself: that it streams, not what it says.

``kgnb llm setup`` installs it; ``scripts/test`` does that.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbclient
import nbformat
import openai
import pytest
from langchain_openai import ChatOpenAI

import kgnb
from kgnb.errors import RunCancelled, Unavailable

pytestmark = pytest.mark.llm
REPO = Path(__file__).parent.parent.parent
TREES = "Write a short paragraph about why trees are important."
ASKED = [{"role": "user", "content": TREES}]


@pytest.fixture(scope="module")
def model():
    """One, for all tests that need no other."""
    with kgnb.llm.local() as model:
        yield model


@pytest.fixture
def client(model):
    with openai.OpenAI(base_url=model.base_url, api_key=model.api_key) as client:
        yield client


def stream(client, **options):
    create = client.chat.completions.create
    return create(model="any", messages=ASKED, stream=True, **options)


def test_model_streams_a_token_at_a_time(client):
    times, said, ends = [], [], []
    for chunk in stream(client, max_tokens=40):
        (choice,) = chunk.choices
        if choice.delta.content:
            times.append(time.monotonic())
            said.append(choice.delta.content)
        if choice.finish_reason:
            ends.append(choice.finish_reason)
    assert len(said) >= 20
    assert times == sorted(times)
    assert times[-1] - times[0] > 0.02  # and not all at once
    assert ends == ["length"]


def test_model_tells_usage_where_it_is_asked_for(client):
    *_, last = stream(client, max_tokens=5, stream_options={"include_usage": True})
    assert last.usage.completion_tokens == 5


def test_model_answers_without_stream(client):
    answer = client.chat.completions.create(model="any", messages=ASKED, max_tokens=5)
    assert answer.choices[0].message.content


def test_model_is_left_early_and_serves_the_next(client):
    with stream(client) as left:
        next(left)
    began = time.monotonic()
    assert list(stream(client, max_tokens=2))
    assert time.monotonic() - began < 10


def test_model_serves_two_at_a_time(model):
    async def read(client):
        chunks = await stream(client, max_tokens=8)
        return len([chunk async for chunk in chunks])

    async def scene():
        async with openai.AsyncOpenAI(
            base_url=model.base_url, api_key=model.api_key
        ) as client:
            return await asyncio.gather(read(client), read(client))

    assert min(asyncio.run(scene())) >= 8


def test_model_streams_to_langchain(model):
    where = {"base_url": model.base_url, "api_key": model.api_key, "model": "any"}
    chat = ChatOpenAI(**where, max_tokens=8)

    async def read():
        chunks = [chunk async for chunk in chat.astream(TREES)]
        await chat.root_async_client.close()
        return chunks

    for chunks in (list(chat.stream(TREES)), asyncio.run(read())):
        assert len([chunk for chunk in chunks if chunk.text]) >= 5
    chat.root_client.close()


def get(model, path, **headers):
    root = model.base_url.removesuffix("/v1")
    request = urllib.request.Request(root + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers


@pytest.mark.parametrize("path", ["/v1/models", "/props", "/slots", "/tokenize"])
def test_model_wants_its_key(model, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(model, path, Authorization="Bearer wrong")
    assert refused.value.code == 401
    refused.value.close()


def test_model_allows_no_other_origin(model):
    key = f"Bearer {model.api_key}"
    headers = get(model, "/v1/models", Authorization=key, Origin="http://evil.example")
    assert headers["Access-Control-Allow-Origin"] == "http://127.0.0.1"


def test_model_on_a_port_that_is_taken_says_so(model):
    port = int(model.endpoint.base_url.split(":")[2].partition("/")[0])
    with pytest.raises(Unavailable, match=f"cannot be served on port {port}"):
        kgnb.llm.local(port=port)


# ---- with KGNB_LLM=local


@pytest.fixture
def chosen(monkeypatch, model):
    """KGNB_LLM, with no second model for it to load."""
    from kgnb.llm import endpoints

    monkeypatch.setenv("KGNB_LLM", "local")
    monkeypatch.setattr(endpoints, "_running", {"local": model})
    monkeypatch.setattr(type(model), "close", lambda _: None)


@pytest.mark.usefixtures("chosen")
def test_reply_of_the_model_stalls_no_loop():
    stalls = []

    async def watch():
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            stalls.append(time.monotonic() - began)

    async def scene():
        watching = asyncio.ensure_future(watch())
        count = 0
        async for _ in kgnb.llm.reply(TREES, max_tokens=40):
            count += 1
        watching.cancel()
        return count

    assert asyncio.run(scene()) >= 20
    # Of 0.5 s, were the model called on the loop; the machine may be busy otherwise.
    assert sorted(stalls)[len(stalls) // 2] < 0.1


class Async(kgnb.AsyncNode):
    async def exec_async(self, _):
        return await kgnb.stream(kgnb.llm.reply(TREES))


class Sync(kgnb.Node):
    def exec(self, _):
        return kgnb.stream(kgnb.llm.reply(TREES)).result()


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("node", [Async, Sync])
def test_run_that_asks_the_model_ends_at_once_on_cancel(node):
    run = kgnb.run(kgnb.Graph(node(), name="trees"))
    until = time.monotonic() + 20
    while not any(each.text for each in run.view.streams):
        assert time.monotonic() < until
        time.sleep(0.01)
    began = time.monotonic()
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(timeout=10)
    assert time.monotonic() - began < 2


SCRIPT = """
import os, socket, sys
import kgnb
count = sum(1 for _ in kgnb.llm.reply("Why trees?", max_tokens=25))
where = kgnb.llm.endpoint()
kgnb.llm.close()
port = int(where.base_url.split(":")[2].partition("/")[0])
with socket.socket() as probe:
    is_closed = probe.connect_ex(("127.0.0.1", port)) != 0
again = kgnb.llm.endpoint()  # ends with the process
print(count, is_closed, where.base_url != again.base_url)
"""


def test_model_of_a_script_is_silent_and_ends_with_it():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env=os.environ | {"KGNB_LLM": "local"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    count, *claims = done.stdout.split()
    assert int(count) >= 20
    assert claims == ["True", "True"]


@pytest.mark.parametrize("step", ["serve", "replay"])
def test_command_serves_until_ctrl_c(step):
    command = [sys.executable, "-u", "-m", "kgnb.llm", step]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        told = dict(word.split("=", 1) for word in lines[1].split()[1:])
        with openai.OpenAI(
            base_url=told["OPENAI_BASE_URL"], api_key=told["OPENAI_API_KEY"]
        ) as client:
            (found,) = client.models.list().data
            assert found.id == "smollm2-135m"
            assert list(stream(client, max_tokens=3))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")
    assert f"KGNB_LLM_KEY={told['OPENAI_API_KEY']}" in lines[2]


LAST = """
source = kgnb.llm.reply(TIDES)
print(type(source).__name__, len(list(source)))
"""


def test_streaming_tutorial_runs_with_the_model(tmp_path, monkeypatch):
    path = REPO / "notebooks" / "02_streaming.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(LAST))
    answers = json.dumps(notebook.metadata["kgnb"]["answers"])
    for name, value in (("LLM", "local"), ("ANSWERS", answers), ("MODE", "ci")):
        monkeypatch.setenv(f"KGNB_{name}", value)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=120, resources=resources)
    ran = asyncio.run(client.async_execute())

    outputs = [each for cell in ran.cells for each in cell.get("outputs", ())]
    mime = "application/vnd.kgnb.run+json"
    bundles = [each["data"][mime] for each in outputs if mime in each.get("data", {})]
    records = [bundle["record"] for bundle in bundles]
    assert {record["status"] for record in records} == {"completed"}
    assert all(each["text"] for each in records[0]["streams"])
    kind, count = outputs[-1]["text"].split()
    assert kind == "Live"  # its text may well be what was recorded: same model and seed
    assert int(count) > 20


def test_local_model_can_be_closed_as_soon_as_it_is_there():
    """Its server waits for ever to end when it has not begun to accept."""
    for _ in range(3):
        kgnb.llm.local().close()
