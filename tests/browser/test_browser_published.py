"""Pages of another origin start published workflows, as the documents' pages do.

The pages make the documents' calls in plain JavaScript, in words of their own; what
a page of theirs would change is the address alone.
"""

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import urllib.request
from urllib.parse import urlencode

import pytest
from harness import free_port, until
from pages_harness import TOKEN, PagesServer

pytestmark = pytest.mark.browser

PUBLISH = """
import asyncio
import kgnb

class Work(kgnb.WebSocketNode):
    async def exec_async(self, data):
        for done, item in enumerate(data, 1):
            await asyncio.sleep(0.05)
            await self.send_update("progress", {
                "percent": done / len(data) * 100, "current": done, "total": len(data)})
        return sum(data)

class Chat(kgnb.WebSocketNode):
    async def exec_async(self, message):
        for word in message.split():
            await self.send_update("token", word + " ")

class Reply(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        return f"you said {text}"
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})

kgnb.publish("data_processing", kgnb.AsyncGraph(Work()))
kgnb.publish("chat", kgnb.AsyncGraph(Chat()))
kgnb.publish("talk", kgnb.AsyncGraph(Reply()), input="messages", default=True)
print("published")
"""
PAGE = """<!DOCTYPE html>
<title>A page of somebody else</title>
<ol id="said"></ol>
<script>
const said = document.getElementById("said");
const query = new URLSearchParams(location.hash.slice(1));
const ws = new WebSocket(query.get("url"));
ws.onopen = () => ws.send(query.get("send"));
ws.onmessage = (event) => {
  const msg = JSON.parse(event.data);
  said.innerHTML += `<li>${msg.type}: ${JSON.stringify(msg.data)}</li>`;
  (window.heard ??= []).push(msg);
};
ws.onclose = (event) => { document.title = `closed ${event.code}`; };
</script>
"""


APP = """
import uvicorn
{publish}
from kgnb.server.asgi import create_app

async def verify(token):
    return "ann" if token == {token!r} else None

origins = {{"origins": {origins!r}}}
app = create_app(auth=verify, config=origins, log_url="memory://")
uvicorn.run(app, host="127.0.0.1", port={port}, log_level="warning")
"""


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


class FastApiServer:
    """A process of an application that publishes; see ``PagesServer``."""

    def __init__(self, root, origins):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        told = {"publish": PUBLISH, "token": TOKEN, "origins": origins}
        (root / "main.py").write_text(APP.format(port=self.port, **told))
        self.log = (root / "app.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "main.py"], cwd=root, stdout=self.log, stderr=self.log
        )
        until(self._is_up, what="the application to answer", timeout=40)

    def _is_up(self):
        assert self.process.poll() is None
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}kgnb/health", timeout=5).read()
        return None

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture(scope="module")
def origins():
    """Two servers of pages; only the first one will be allowed."""
    servers = [
        http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), _Pages)
        for _ in range(2)
    ]
    threads = [threading.Thread(target=each.serve_forever) for each in servers]
    for thread in threads:
        thread.start()
    yield [f"http://127.0.0.1:{each.server_port}" for each in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module", params=["jupyter", "fastapi"])
def publisher(request, origins, tmp_path_factory):
    """A server of either kind that publishes, and lets the first origin in."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "jupyter":
        server = PagesServer(root, f"--KgnbApp.allow_origins={origins[0]}").start()
        server.kernel(PUBLISH)
    else:
        server = FastApiServer(root, origins[:1])
    yield server
    server.stop()


@pytest.fixture
def open_page(publisher, context, origins):
    """Open a page of an origin; it sends one frame to an address of ours."""

    def open_(path, frame, *, origin=origins[0]):
        url = publisher.url.replace("http", "ws", 1) + path
        url = f"{url}?token={TOKEN}"
        page = context.new_page()
        told = urlencode({"url": url, "send": json.dumps(frame)})
        page.goto(f"{origin}/#{told}")
        return page

    return open_


def heard(page, last="workflow_completed"):
    """All messages up to one of a type."""
    page.get_by_text(f"{last}:").first.wait_for()
    return page.evaluate("window.heard")


def test_page_of_an_allowed_origin_prints_until_completed(open_page):
    start = {
        "type": "start_workflow",
        "workflow": "data_processing",
        "params": {"data": [1, 2, 3, 4, 5]},
    }
    page = open_page("kgnb/ws/workflow", start)
    messages = heard(page)
    kinds = [message["type"] for message in messages]
    assert kinds[0] == "workflow_started"
    assert kinds[-1] == "workflow_completed"
    assert not {"hello", "ack"} & {*kinds}
    progress = [m["data"]["current"] for m in messages if m["type"] == "progress"]
    assert progress == [1, 2, 3, 4, 5]
    assert messages[-1]["data"] == 15


def test_chat_page_shows_tokens_of_its_message(open_page):
    page = open_page("kgnb/ws/chat", {"type": "message", "content": "hello there"})
    tokens = [m["data"] for m in heard(page) if m["type"] == "token"]
    assert "".join(tokens) == "hello there "
    page.evaluate("window.heard = []")
    again = {"type": "message", "content": "again"}
    page.evaluate("frame => ws.send(JSON.stringify(frame))", again)
    done = "window.heard.some((m) => m.type === 'workflow_completed')"
    page.wait_for_function(done)
    tokens = [m["data"] for m in page.evaluate("window.heard") if m["type"] == "token"]
    assert tokens == ["again "]


def test_session_page_shows_the_steps_of_its_session(open_page):
    for turn in (1, 2):
        page = open_page("kgnb/ws", {"session_id": "user-123", "message": "Hi"})
        (step,) = [m for m in heard(page) if m["type"] == "step"]
        assert [m["role"] for m in step["messages"]] == ["user", "assistant"] * turn
        assert step["messages"][-1]["content"] == "you said Hi"
        assert step["next"] is None


def test_page_of_a_foreign_origin_gets_no_socket(open_page, origins):
    page = open_page("kgnb/ws", {"message": "Hi"}, origin=origins[1])
    page.wait_for_function("document.title === 'closed 1006'")
    assert page.evaluate("window.heard") is None
