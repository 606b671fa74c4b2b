"""A Jupyter server without Lab, whose kernel publishes what the pages are tried on.

Its base URL is ``/a%40b/``, which every address on the pages has to survive.
"""

import contextlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from harness import free_port, make_home, until
from playwright.sync_api import expect
from websockets.sync.client import connect

BASE = "/a%40b/"
TOKEN = "the-right-token"

WORKFLOWS = """
import asyncio
import kgnb

class Plan(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        await asyncio.sleep(0.4)
        return text

class Search(kgnb.AsyncNode):
    async def exec_async(self, _):
        async def chunks():
            for word in "I should look for when the tide turns, and for a second source.".split():
                await asyncio.sleep(PACE)
                yield {"choices": [{"index": 0, "delta": {"reasoning_content": word + " "}}]}
            call = {"index": 0, "id": "c1", "type": "function"}
            arguments = ['{"place": "Saint-Malo", ', '"day": "today"}']
            yield {"choices": [{"index": 0, "delta": {"tool_calls": [
                call | {"function": {"name": "tide_table", "arguments": arguments[0]}}]}}]}
            await asyncio.sleep(0.5)
            yield {"choices": [{"index": 0, "delta": {"tool_calls": [
                {"index": 0, "function": {"arguments": arguments[1]}}]}}]}
        await kgnb.stream(chunks())

class Write(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        async def words():
            reply = (
                f"You asked: *{text}*\\n\\n"
                "**High water** in Saint-Malo is at 18:42 today.\\n\\n"
                "- The path is dry until about **16:00**.\\n"
                "- Turn back when the water reaches the first post.\\n\\n"
                "> The sea does not negotiate.\\n"
            )
            for word in reply.split(" "):
                await asyncio.sleep(PACE)
                yield word + " "
        return await kgnb.stream(words())
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": str(text)})

class Sign(kgnb.AsyncNode):
    async def exec_async(self, _):
        answer = await kgnb.ask("Send the tide report to the harbour?",
            options=["send", "keep it"],
            payload={"to": "harbour@example.org", "subject": "Tide report",
                "body": "High water at 18:42."})
        return f"The answer was: {answer.value}."
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})

class Talk(kgnb.ChatWebSocketNode):
    async def reply(self, messages):
        for word in f"You said {messages[-1]['content']}".split():
            await asyncio.sleep(PACE)
            yield word + " "

class Fail(kgnb.Node):
    def exec(self, _):
        raise ValueError("the tide table is closed on Sundays")

class Slow(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        for _ in kgnb.track(range(40), description="reading"):
            await asyncio.sleep(PACE)
        return f"done with {text}"
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})

class Profile(kgnb.AsyncNode):
    async def exec_async(self, _):
        schema = {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "title": "Name"},
            "boat": {"type": "boolean", "title": "Has a boat"}}}
        answer = await kgnb.ask("Who is asking?", schema=schema)
        return f"Hello {answer.value['name']}"

plan, search, write = Plan(), Search(), Write()
plan >> search >> write
kgnb.publish("tides", kgnb.AsyncGraph(plan), input="messages", default=True)
kgnb.publish("harbour", kgnb.AsyncGraph(Sign()), input="messages")
kgnb.publish("talk", kgnb.AsyncGraph(Talk()), input="messages")
kgnb.publish("broken", kgnb.Graph(Fail()), input="messages")
kgnb.publish("slow", kgnb.AsyncGraph(Slow()), input="messages")
kgnb.publish("profile", kgnb.AsyncGraph(Profile()), input="messages")
"""


class PagesServer:
    """One server process; every option is of its command line."""

    def __init__(self, root, *options):
        self.root = root
        self.options = options
        self.port = free_port()
        self.env = make_home(root, {"python3": None})
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{BASE}"

    def start(self):
        self.log = (self.root / "server.log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                "--allow-root",
                "--no-browser",
                "--ip=127.0.0.1",
                "--ServerApp.jpserver_extensions={'kgnb': True}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.port={self.port}",
                f"--ServerApp.base_url={BASE}",
                f"--ServerApp.root_dir={self.root}",
                f"--IdentityProvider.token={TOKEN}",
                *self.options,
            ],
            env=self.env,
            cwd=self.root,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        until(self._is_up, what="the server to answer", timeout=40)
        return self

    def _is_up(self):
        assert self.process.poll() is None, self.server_log()
        with contextlib.suppress(OSError):
            return self.call("kgnb/health")
        return None

    def call(self, path, *, method="GET", body=None, token=TOKEN):
        """The JSON of an API call."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")

    def server_log(self):
        return (self.root / "server.log").read_text(errors="replace")

    def kernel(self, code):
        """Run code in a new kernel; its id."""
        kernel_id = self.call("api/kernels", method="POST", body={"name": "python3"})[
            "id"
        ]
        self.run(kernel_id, code)
        return kernel_id

    def run(self, kernel_id, code):
        """Run code in a kernel, until it has been run."""
        url = f"{self.url}api/kernels/{kernel_id}/channels".replace("http", "ws", 1)
        header = {
            "msg_id": "m1",
            "msg_type": "execute_request",
            "session": "s",
            "username": "u",
            "version": "5.3",
        }
        request = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": {"code": code, "silent": False},
            "buffers": [],
        }
        headers = {"Authorization": f"token {TOKEN}"}
        with connect(
            url, additional_headers=headers, proxy=None, max_size=None
        ) as socket:
            socket.send(json.dumps(request))
            while True:
                message = json.loads(socket.recv(timeout=60))
                if message["parent_header"].get("msg_id") != "m1":
                    continue
                assert message["header"]["msg_type"] != "error", message["content"]
                if message["header"]["msg_type"] == "execute_reply":
                    return

    def kill(self):
        """End the server alone, as kill -9 does; its kernels stay."""
        self.process.kill()
        self.process.wait(10)
        self.log.close()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.log.close()


class Visitor:
    """One browser, signed in to the server unless told otherwise."""

    def __init__(self, context, server):
        self.page = context.new_page()
        self.server = server
        self.errors, self.requests = [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, path):
        self.page.goto(f"{self.server.url}kgnb/{path}")
        return self.page

    def say(self, text):
        box = self.page.get_by_role("textbox", name="Message", exact=True)
        box.fill(text)
        box.press("Enter")

    def ended(self, count=1):
        foot = self.page.locator(".kgnb-foot[data-status=completed]")
        expect(foot).to_have_count(count, timeout=20_000)


@contextlib.contextmanager
def visiting(chromium, server):
    """Give a function that makes visitors; none of them may ask another origin."""
    contexts, visitors = [], []

    def visit(*, width=1200, theme="light", signed_in=True, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=theme, **options
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        visitor = Visitor(context, server)
        visitors.append(visitor)
        if signed_in:
            visitor.open(f"?token={TOKEN}")
            expect(visitor.page.locator(".kgnb-connection")).to_have_text("live")
            assert "token" not in visitor.page.url
        return visitor

    yield visit
    for visitor in visitors:
        foreign = [
            u for u in visitor.requests if not u.startswith((server.url, "data:"))
        ]
        assert foreign == []
    for context in contexts:
        context.close()


def serious(page):
    """What axe-core finds serious or critical on a page."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def fits(page, width):
    """Assert that nothing is wider than the window."""
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
