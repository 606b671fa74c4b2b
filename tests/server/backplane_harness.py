"""Several applications on one Redis: each a uvicorn of its own, in one deployment."""

import asyncio
import contextlib
import json
import signal
import urllib.error
import urllib.request
from urllib.parse import urlencode

import websockets
from asgi_harness import AppProcess

from kgnb.clients import connect
from kgnb.clients.connection import Backoff

QUICK = Backoff(first=0.02, longest=0.2)
PATIENCE = 20.0
TOKEN = "ann"
LIMIT = 2000
"""Messages that a client may send in a minute."""
PEOPLE = """
async def auth(token):
    return {"username": token} if token and token.isalnum() else None
"""
MAIN = """
import asyncio, logging, os
import kgnb
from kgnb.server.asgi import create_app

def add(shared):
    return shared["a"] + shared["b"]

def ask(shared):
    return kgnb.ask("Go on?", options=["yes", "no"], name="go").result().value

async def count(shared):
    async def words():
        for n in range(shared["n"]):
            yield f"{n} "
            await asyncio.sleep(shared.get("pause", 0))
    return len(await kgnb.stream(words()))

async def asks(shared):
    answers = [
        kgnb.ask(f"Question {n}", options=shared["options"], name=f"q{n}")
        for n in range(shared["n"])
    ]
    return [(await answer).value for answer in answers]

async def ticks(shared):
    for n in range(shared["n"]):
        kgnb.emit("tick", {"n": n, "text": "x" * 100})
        if n % 50 == 49:
            await asyncio.sleep(0.005)

async def tell(shared):
    for text in shared["texts"]:
        await kgnb.manager.broadcast_to_group("open", {"type": "note", "text": text})

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
name = os.environ["NAME"]
for each in (add, ask, count, asks, tell, ticks):
    kgnb.publish(f"{each.__name__}-{name}", each)
"""


class Apps:
    """Applications that share a log and a backplane; they end with the test."""

    def __init__(self, folder, url, **config):
        self.folder = folder
        self.url = url
        self.config = {
            "log_url": url,
            "backplane_url": url,
            "rate_limit_messages": LIMIT,
            "max_connections_per_identity": 10_000,
            "groups_open": ["open"],
        } | config
        self.stack = contextlib.ExitStack()

    @property
    def prefix(self):
        """Of its keys in Redis."""
        return self.url.partition("prefix=")[2].encode()

    def __enter__(self):
        self.stack.__enter__()
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    async def start(self, name, *, port=None, ready=True):
        """One more."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(
            f"import os\nos.environ['NAME'] = {name!r}\n{PEOPLE}{MAIN}"
            f"app = create_app(auth=auth, secret='shared', config={self.config!r})\n"
        )
        app = Server(
            folder,
            *("-m", "uvicorn", "main:app", "--port", "{port}", "--host", "127.0.0.1"),
            *("--timeout-graceful-shutdown", "5"),
            port=port,
        )
        self.stack.enter_context(app)
        if ready:
            await app.wait_ready(path="health")
        return app


class Server(AppProcess):
    """One of them."""

    def client(self, user=TOKEN, **options):
        """One of our own clients; use with ``async with``."""
        options.setdefault("backoff", QUICK)
        return connect(f"http://127.0.0.1:{self.port}", token=user, **options)

    def socket(self, path="ws", *, user=TOKEN, **query):
        """A socket that offers our protocol; use with ``async with``."""
        query = {name: text for name, text in query.items() if text is not None}
        if user is not None:
            query["token"] = user
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}/kgnb/{path}?{urlencode(query)}",
            subprotocols=["kgnb.v1"],
            proxy=None,
        )

    def get(self, path, user=TOKEN, *, method="GET", body=None):
        """Status and JSON of a call."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/kgnb/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {user}"} if user else {},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    async def call(self, path, user=TOKEN, **options):
        """The same, on a thread."""
        return await asyncio.to_thread(self.get, path, user, **options)

    async def text(self, path, user=TOKEN):
        """What a call says, to its end."""

        def get():
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/kgnb/{path}",
                headers={"Authorization": f"Bearer {user}"},
            )
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.read().decode()

        return await asyncio.to_thread(get)

    async def role(self):
        """What it is, or None."""
        with contextlib.suppress(OSError):
            status, health = await self.call("health")
            return health.get("role") if status == 200 else None
        return None

    async def wait_role(self, role, timeout=PATIENCE):
        """Wait until it leads, or follows."""
        async with asyncio.timeout(timeout):
            while await self.role() != role:
                await asyncio.sleep(0.05)

    def kill(self):
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
