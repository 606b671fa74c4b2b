"""For the tests of the HTTP side: a kernel's link, and calls with any credential."""

import asyncio
import contextlib
import json

from canaries import heard
from conformity import check
from prometheus_client.parser import text_string_to_metric_families
from server_harness import TOKEN, Talk
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

RUN = "0123456789abcdef" * 2
GRAPH = {
    "name": "Letter",
    "nodes": [{"id": "Draft", "label": "Draft", "kind": "node"}],
    "edges": [],
    "start": "Draft",
}
TIME = "2026-11-21T03:40:44.123Z"


class Kernel(Talk):
    """A kernel's end of a link: says what a test wants."""

    def __init__(self, socket):
        super().__init__(socket)
        self.n = {}

    async def greet(self):
        await self.say(type="hello", kernel_id="k1", process_id="p1", pid=4711)
        return await self.hear("welcome")

    async def append(self, *events, run_id=RUN):
        """Returns when they are stored."""
        n = self.n.get(run_id, 0)
        common = {"run_id": run_id, "workflow": "letter", "timestamp": TIME}
        told = [common | event for event in events]
        await self.say(type="append", run_id=run_id, epoch=1, n=n + 1, events=told)
        self.n[run_id] = n + len(told)
        heard = await self.hear("appended", "refused")
        assert heard["type"] == "appended", heard
        while heard["n"] < self.n[run_id]:
            heard = await self.hear("appended")

    async def publish(self, *workflows):
        offers = [{"published_at": 1.0, **each} for each in workflows]
        await self.say(type="publish", n=1, workflows=offers)
        await self.hear("published")

    async def obey(self, kind="order"):
        """Do as the server says, once; returns what it said."""
        told = await self.hear(kind)
        if kind == "order":
            await self.say(type="order_reply", order_id=told["order_id"])
        else:
            await self.say(type="started", run_id=told["run_id"])
        return told


def begun():
    return {"type": "workflow_started", "graph": GRAPH, "params": {}}


def token(index, text):
    return {
        "type": "token",
        "node_id": "Draft",
        "task_id": "Draft:1",
        "stream": "Draft:1.1/1",
        "index": index,
        "data": text,
    }


def completed(data="done"):
    return {"type": "workflow_completed", "data": data}


def question(approval_id="a1"):
    return {
        "type": "approval_request",
        "node_id": "Draft",
        "task_id": "Draft:1",
        "data": {
            "approval_id": approval_id,
            "args_hash": "b" * 32,
            "message": "Send it?",
            "options": ["yes", "no"],
        },
    }


class Answer:
    """What came back of a call."""

    def __init__(self, response):
        self.status = response.code
        self.headers = response.headers
        self.raw = response.body or b""

    @property
    def json(self):
        return json.loads(self.raw)


class Caller:
    """Calls of one server, by default with its token."""

    def __init__(self, site):
        self.site = site

    async def __call__(
        self, path, *, method="GET", body=None, token=TOKEN, headers=None
    ):
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = f"token {token}"
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
        request = HTTPRequest(
            self.site.url(path, "http"),
            method=method,
            body=body if method != "POST" or body is not None else "",
            headers=headers,
            follow_redirects=False,
        )
        answer = Answer(await AsyncHTTPClient().fetch(request, raise_error=False))
        check(method, path, answer)
        heard(answer.raw.decode(errors="replace"))
        return answer


class Events:
    """A reader of Server-Sent Events, as a browser reads them; ends when told."""

    def __init__(self, site, path, *, last=None, headers=None):
        self.site = site
        self.path = path
        self.last = last
        self.headers = headers or {"Authorization": f"token {TOKEN}"}
        self.heard = []
        self.comments = 0

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.site.port
        )
        url = self.site.url(self.path, "http").partition(str(self.site.port))[2]
        lines = [
            f"GET {url} HTTP/1.1",
            f"Host: 127.0.0.1:{self.site.port}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.last is not None:
            lines.append(f"Last-Event-ID: {self.last}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.status = int(head.split()[1])
        self.head = head
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def next(self):
        """The next event's data; None at the end."""
        data = None
        while True:
            async with asyncio.timeout(5):
                line = await self._line()
            if line is None:
                return None
            name, _, value = line.partition(b": ")
            if name == b"id":
                self.last = value.decode()
            elif name == b"data":
                data = json.loads(heard(value.decode()))
            elif line.startswith(b":"):
                self.comments += 1
            elif not line and data is not None:
                self.heard.append(data)
                return data

    _chunk = b""

    async def _line(self):
        while b"\n" not in self._chunk:
            size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            data = await self.reader.readexactly(size + 2)
            if size == 0:
                return None
            self._chunk += data[:-2]
        line, _, self._chunk = self._chunk.partition(b"\n")
        return line

    async def rest(self):
        """All that follows, to the end."""
        while await self.next() is not None:
            pass
        return self.heard


def series_of(answer):
    """Every sample of ours: {(name, labels): value}."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.raw.decode())
        for sample in family.samples
        if sample.name.startswith("kgnb_")
    }
