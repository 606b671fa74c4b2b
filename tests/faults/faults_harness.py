"""A real Jupyter server that can be killed, and a kernel that is none of its own.

A kernel dies with the server that started it. The one here is played by the test:
the real link of kgnb's runtime, whose process outlives the server, as a kernel on
another host would. The server's watcher does not know it, so it is told to look away.
"""

import asyncio
import contextlib
import itertools
import json
import os
import time
import uuid
from collections import Counter
from pathlib import Path

import server_harness
from server_harness import BASE, ServerProcess, Site, Talk

from kgnb.protocol import ids
from kgnb.runtime import conversation, link
from kgnb.server import access
from kgnb.testing.proxy import FaultProxy

seen = Counter()
"""What was done and read, over all tests; shown at the end."""
injected = Counter()
"""Faults that were injected, by kind; likewise."""
FULL = os.environ.get("KGNB_FAULTS") == "full"
SECRET = "the-link-secret"
CONFIGURATION = f"""
import sys
sys.path.insert(0, {str(Path(server_harness.__file__).parent)!r})

from kgnb.server.kernels import KernelWatcher

async def look(self):
    pass

KernelWatcher.look = look
"""


class FaultyServer(ServerProcess):
    """Use with ``with``. Settings that begin with ``c.`` go to the configuration."""

    def __init__(self, folder, *settings):
        lines = [setting for setting in settings if setting.startswith("c.")]
        options = [setting for setting in settings if setting not in lines]
        super().__init__(folder, f"--KgnbApp.link_secret={SECRET}", *options)
        config = folder / "config"
        config.mkdir(exist_ok=True)
        (config / "jupyter_server_config.py").write_text(
            CONFIGURATION + "\n".join(lines)
        )

    async def restart(self):
        """kill -9, and another process at the same place."""
        await asyncio.to_thread(self.kill)
        self.output.close()
        self.__enter__()
        await self.wait_ready(120)

    @property
    def site(self):
        return Site(self.port, access.derive_link_secret(SECRET))

    def url(self, port=None):
        """As a client is given it, perhaps by way of a proxy."""
        return f"http://127.0.0.1:{port or self.port}{BASE}"

    async def get(self, path):
        return await asyncio.to_thread(self.call, path)


PEOPLE = "c.ServerApp.identity_provider_class = 'people_provider.PeopleProvider'"
"""A setting: whoever names himself is let in."""


def person(server, name, path="kgnb/ws", **options):
    """A page's socket of somebody; use with ``async with``, or await it."""
    headers = {"X-Test-User": name, "Origin": server.site.origin}
    options.setdefault("compression", None)
    return server.site.connect(path, token=None, headers=headers, **options)


async def closed(socket):
    """Code and reason with which the server closes a socket, whatever it says before."""
    async with asyncio.timeout(10):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


class Teller(Talk):
    """Sends, and reads what comes back."""

    async def ask(self, **message):
        """The reply to a message, by its id."""
        number = f"{id(self)}-{next(_numbers)}"
        await self.say(id=number, **message)
        async with asyncio.timeout(60):
            while True:
                reply = json.loads(await self.socket.recv())
                if reply.get("id") == number:
                    return reply

    async def replies(self, *kinds, to=0):
        """So many frames of these types, in order."""
        return [await self.hear(*kinds) for _ in range(to)]


_numbers = itertools.count(1)


class RawKernel(Teller):
    """A kernel made of frames: it publishes, posts and starts what it is told to."""

    @classmethod
    async def greet(cls, link, kernel_id):
        kernel = cls(link)
        hello = {"kernel_id": kernel_id, "process_id": f"{kernel_id}-1", "pid": 1}
        await kernel.say(type="hello", **hello)
        await kernel.hear("welcome")
        return kernel

    async def post(self, **frame):
        """An order of the connection manager; what became of it."""
        await self.say(type="post", n=next(_numbers), **frame)
        return await self.hear("handled")

    async def publish(self, name):
        flow = {"name": name, "published_at": time.time(), "input": "messages"}
        await self.say(type="publish", n=next(_numbers), workflows=[flow])
        await self.hear("published")

    async def begin(self, order):
        """Start the run that was ordered."""
        begun = {**started(), "run_id": order["run_id"], "workflow": order["workflow"]}
        begun["session_id"] = order.get("session_id")
        await self.say(
            type="append", run_id=order["run_id"], epoch=1, n=1, events=[begun]
        )
        await self.say(type="started", run_id=order["run_id"])


class NoOrders:
    """What a kernel without publications does when it is spoken to."""

    def carry_out(self, order, reply):
        text = "this kernel takes no orders"
        reply(link.OrderReply(order_id=order.order_id, code="conflict", message=text))

    def welcomed(self, conversation):
        pass

    def told(self, frame, conversation):
        pass


@contextlib.asynccontextmanager
async def linked(server, faults=(), kernel_id="far-kernel"):
    """The runtime's own link to a server, by way of a proxy: port, proxy."""
    async with FaultProxy("127.0.0.1", server.port, faults) as proxy:
        secret = access.derive_link_secret(SECRET)
        address = link.Address(f"ws://127.0.0.1:{proxy.port}{BASE}kgnb/link", secret)
        port = link.LinkPort(address, kernel_id, NoOrders())
        await port.start()
        try:
            yield port, proxy
        finally:
            await port.aclose()


class FarRun:
    """A run that a test writes, event by event."""

    def __init__(self, port, workflow="faults"):
        self.id = uuid.uuid4().hex
        self.workflow = workflow
        self.refusals = []
        self._changed = asyncio.Event()
        self.outgoing = port.conversation.produce(
            self.id, on_room=self._room, on_refused=self._refused
        )
        self.sent = 0

    def _room(self):
        self._changed.set()
        self._changed = asyncio.Event()

    def _refused(self, error):
        self.refusals.append(error)
        self._room()

    def put(self, *events):
        """Send events, or have them sent when the link is back."""
        common = {"run_id": self.id, "workflow": self.workflow}
        payloads = [json.dumps({**event, **common}).encode() for event in events]
        self.outgoing.append(payloads)
        self.sent += len(payloads)

    async def wait_begun(self):
        """Wait until the log has its first event."""
        await self._wait(lambda: self.outgoing.stored_n > 0)

    async def wait_stored(self):
        """Wait until the log has acknowledged all of it."""
        await self._wait(lambda: self.outgoing.stored_n == self.sent)

    async def _wait(self, condition):
        async with asyncio.timeout(120):
            while not condition():
                assert not self.refusals, self.refusals
                await self._changed.wait()


def started():
    graph = {
        "nodes": [{"id": "A", "label": "A"}],
        "edges": [],
        "name": "faults",
        "start": "A",
    }
    return {"type": "workflow_started", "graph": graph, "params": {}}


def logged(text, stream="stdout"):
    return {"type": "log", "node_id": "A", "data": {"stream": stream, "text": text}}


def token(text, index, name="A:1.1/1"):
    return {
        "type": "token", "node_id": "A", "task_id": "A:1", "attempt": 1,
        "stream": name, "index": index, "data": text,
    }  # fmt: skip


def progressed(current, total, message):
    data = {
        "percent": 100 * current / total, "current": current, "total": total,
        "message": message,
    }  # fmt: skip
    return {"type": "progress", "node_id": "A", "task_id": "A:1", "data": data}


def asked(question, options, **rules):
    """An approval_request; more ``rules`` such as ``expires_at``."""
    shown = {"message": f"{question}?", "options": options}
    data = {
        "approval_id": question,
        "args_hash": ids.args_hash(shown["message"], options, None, None),
        **shown,
        **rules,
    }
    return {
        "type": "approval_request", "node_id": "A", "task_id": "A:1", "data": data,
        "timestamp": ids.timestamp(time.time()),
    }  # fmt: skip


def ended():
    return {"type": "workflow_completed", "data": None}


def new_process():
    """Another kernel process, from here on."""
    conversation.PROCESS_ID = uuid.uuid4().hex
