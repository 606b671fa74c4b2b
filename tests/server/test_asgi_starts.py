"""Every way in which the documents start their application, each with their client."""

import asyncio
import json
import shutil
import signal
import time
from pathlib import Path

import pytest
import websockets
from asgi_harness import AppProcess
from server_harness import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"

MOUNTED = """
import kgnb
from fastapi import FastAPI
from kgnb.server.asgi import create_app

def add(shared):
    return shared["a"] + shared["b"]

def wait(shared):
    return kgnb.ask("Go on?", options=["yes", "no"], name="go").result().value

kgnb.publish("add", add)
kgnb.publish("wait", wait)
app = FastAPI()
app.mount("/kgnb", create_app())
"""


@pytest.fixture
def folder(tmp_path):
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return tmp_path


def url(app, path="ws/workflow"):
    joint = "&" if "?" in path else "?"
    return f"ws://127.0.0.1:{app.port}/{path}{joint}token={app.token}"


async def heard_until(ws, kind="workflow_completed"):
    heard = []
    async with asyncio.timeout(20):
        while not heard or heard[-1]["type"] != kind:
            heard.append(json.loads(await ws.recv()))
    return heard


async def call_of_the_document(app, path="ws/workflow"):
    """What the Python client of the document does."""
    async with websockets.connect(url(app, path), proxy=None) as ws:
        start = {
            "type": "start_workflow",
            "workflow": "data_processing",
            "params": {"data": [1, 2, 3, 4, 5]},
        }
        await ws.send(json.dumps(start))
        return await heard_until(ws)


@pytest.mark.parametrize(
    "command",
    [
        ["main.py"],
        ["-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", "{port}"],
        ["-m", "kgnb.cli", "serve", "main", "--port", "{port}"],
    ],
    ids=["python", "uvicorn", "kgnb-serve"],
)
async def test_example_serves_the_documents_client_and_ends_when_told(folder, command):
    if command == ["main.py"]:  # which listens on the documents' port: on a free one
        app = AppProcess(folder, "main.py")
        text = (folder / "main.py").read_text()
        (folder / "main.py").write_text(text.replace("port=8000", f"port={app.port}"))
    else:
        app = AppProcess(folder, *command)
    with app:
        await app.wait_ready()
        heard = await call_of_the_document(app)
        assert heard[0]["type"] == "workflow_started"
        assert heard[-1]["data"] == 15
        began = time.monotonic()
        status = app.stop(signal.SIGINT if command == ["main.py"] else signal.SIGTERM)
        assert time.monotonic() - began < 20
        assert status in (0, -signal.SIGTERM, -signal.SIGINT, 130), app.log
    assert "Traceback" not in app.log


@pytest.fixture
def mounted(tmp_path):
    (tmp_path / "main.py").write_text(MOUNTED)
    return tmp_path


def uvicorn(folder, *options):
    return AppProcess(folder, "-m", "uvicorn", "main:app", "--port", "{port}", *options)


async def test_mount_without_a_lifespan_starts_with_the_first_request(mounted):
    with uvicorn(mounted) as app:
        await app.wait_ready(path="kgnb/health")
        path = "kgnb/ws/workflow"
        async with websockets.connect(url(app, path), proxy=None) as ws:
            start = {"type": "start_workflow", "workflow": "add"}
            await ws.send(json.dumps(start | {"params": {"a": 1, "b": 2}}))
            assert (await heard_until(ws))[-1]["data"] == 3
            began = time.monotonic()
            status = await asyncio.to_thread(app.stop)
            assert time.monotonic() - began < 20
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1012
        assert status in (0, -signal.SIGTERM), app.log
    assert "Traceback" not in app.log
    assert "never awaited" not in app.log


async def test_reload_lets_clients_go_and_they_come_back_to_their_run(mounted):
    ours = {"subprotocols": ["kgnb.v1"], "proxy": None}
    with uvicorn(mounted, "--reload") as app:
        await app.wait_ready(path="kgnb/health")
        async with websockets.connect(url(app, "kgnb/ws"), **ours) as ws:
            await say(ws, type="start_workflow", workflow="wait", params={})
            asked = (await heard_until(ws, "approval_request"))[-1]
            reader = await event_reader(app, asked["run_id"])
            (mounted / "main.py").write_text(f"{MOUNTED}\nkgnb.publish('new', add)\n")
            await ws.wait_closed()
            assert ws.close_code == 1012
        # The reader, who never leaves by himself, does not hold it up.
        await until(lambda: "Finished server process" in app.log, timeout=10)
        reader.close()
        await app.wait_ready(path="kgnb/health")
        async with websockets.connect(url(app, "kgnb/ws"), **ours) as ws:
            log_id = json.loads(await ws.recv())["log_id"]
            since = {"log_id": log_id, "seq": asked["seq"]}
            which = {"run_id": asked["run_id"], "since": since, "topics": ["all"]}
            await say(ws, type="subscribe", **which)
            heard = await heard_until(ws, "workflow_lost")
            missed = [event["seq"] for event in heard if event["type"] != "subscribed"]
            assert missed == [asked["seq"] + n for n in range(1, len(missed) + 1)]
            params = {"a": 2, "b": 2}
            await say(ws, type="start_workflow", workflow="new", params=params)
            assert (await heard_until(ws))[-1]["data"] == 4
    assert "Traceback" not in app.log


async def say(ws, **frame):
    await ws.send(json.dumps(frame))


async def event_reader(app, run_id):
    """A reader of Server-Sent Events, who never leaves by himself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    lines = [
        f"GET /kgnb/api/runs/{run_id}/events HTTP/1.1",
        f"Host: 127.0.0.1:{app.port}",
        f"Authorization: Bearer {app.token}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    return writer
