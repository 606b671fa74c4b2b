"""Pages of another origin start published workflows, as the documents' pages do.

The pages make the documents' calls in plain JavaScript, in words of their own; what
a page of theirs would change is the address alone.
"""

import http.server
import json
import threading
from urllib.parse import urlencode

import pytest
from harness import free_port, until

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


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


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


@pytest.fixture(scope="module")
def publisher(start_jupyter, origins, tmp_path_factory):
    # In a file: JupyterLab's command line does not reach the other extensions.
    folder = tmp_path_factory.mktemp("config")
    told = {"KgnbApp": {"allow_origins": origins[:1]}}
    (folder / "jupyter_server_config.json").write_text(json.dumps(told))
    return start_jupyter(env={"JUPYTER_CONFIG_PATH": str(folder)})


@pytest.fixture
def open_page(publisher, context, open_notebook, origins):
    """Open a page of an origin; it sends one frame to an address of ours."""
    notebook = open_notebook(publisher, "publish.ipynb", PUBLISH)
    notebook.run(0)
    until(lambda: "published" in notebook.output(0), what="the cell to publish")

    def open_(path, frame, *, origin=origins[0]):
        url = publisher.url.replace("http", "ws", 1) + path
        url = f"{url}?token={publisher.token}"
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
