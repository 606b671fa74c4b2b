"""How the server tests talk to a server: typed clients, raw bytes, all logs."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import websockets

sys.path.insert(0, str(Path(__file__).parent.parent))  # the benchmarks come here, too

from canaries import heard

BASE = "/a%40b/"
TOKEN = "the-right-token"
RUN = "0123456789abcdef" * 2


class RecordedPeer:
    """An attachment that keeps what it is given."""

    def __init__(self, peer, sink):
        self.peer = peer
        self.sink = sink
        self.frames = []
        self.is_closed = False

    def receive(self, frame):
        self.frames.append(frame)

    def close(self):
        self.is_closed = True


class RecordingDriver:
    """A broker that only notes who came and what they said."""

    is_healthy = True
    is_short_of_memory = False

    def __init__(self):
        self.clients = []
        self.links = []

    def connect(self, peer, sink):
        self.clients.append(RecordedPeer(peer, sink))
        return self.clients[-1]

    def connect_link(self, peer, sink):
        self.links.append(RecordedPeer(peer, sink))
        return self.links[-1]

    def statistics(self):
        return SimpleNamespace(
            connections=sum(not c.is_closed for c in self.clients), runs=0, uptime=1.0
        )

    def watched_kernels(self):
        return set()

    def workflow(self, name, peer=None):
        return None

    async def probe(self):
        return self.is_healthy

    async def aclose(self):
        pass

    @property
    def frames(self):
        return [f for peer in self.clients + self.links for f in peer.frames]


class Site:
    """Where the server is, and how to call it."""

    def __init__(self, port, secret):
        self.port = port
        self.secret = secret
        self.http = f"http://127.0.0.1:{port}"
        self.origin = self.http

    def url(self, path, scheme="ws"):
        return f"{scheme}://127.0.0.1:{self.port}{BASE}{path}"

    def connect(self, path="kgnb/ws", *, token=TOKEN, headers=None, **kwargs):
        """A websockets client; use with ``async with``."""
        headers = dict(headers or {})
        if token:
            headers.setdefault("Authorization", f"token {token}")
        kwargs.setdefault("subprotocols", ["kgnb.v1"])
        # Behind frames that a test left unread the closing handshake does not arrive.
        kwargs.setdefault("close_timeout", 0.5)
        return websockets.connect(
            self.url(path), additional_headers=headers, proxy=None, **kwargs
        )

    def link(self, *, secret=None, **kwargs):
        """A kernel's link."""
        header = {"Authorization": f"kgnb-link {secret or self.secret}"}
        kwargs.setdefault("subprotocols", None)
        return self.connect("kgnb/link", token=None, headers=header, **kwargs)


class RawClient:
    """A WebSocket client made of bytes, for what no library would send."""

    def __init__(self, reader, writer, status, headers):
        self.reader = reader
        self.writer = writer
        self.status = status
        self.headers = headers

    @classmethod
    async def open(cls, port, path="kgnb/ws", *, headers=(), then=b"", upgrade=True):
        """Send a handshake, and right behind it the bytes ``then``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"GET {BASE}{path} HTTP/1.1"]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.append(f"Host: 127.0.0.1:{port}")
        if upgrade:
            lines += [
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13",
            ]
        lines += headers
        writer.write("\r\n".join([*lines, "", ""]).encode() + then)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.split("\r\n")
        pairs = (line.split(": ", 1) for line in rest if ": " in line)
        found = {name.title(): text for name, text in pairs}
        return cls(reader, writer, int(first.split()[1]), found)

    async def frame(self):
        """The next frame: (opcode, payload); short ones only."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        payload = await self.reader.readexactly(size)
        heard(payload.decode(errors="replace"))
        return first & 0x0F, payload

    async def closing(self):
        """The close frame: (code, reason)."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    async def wait_gone(self):
        """Wait until the server has dropped the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass

    async def aclose(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def text_frame(text, *, fin=True, opcode=1, rsv1=False):
    """A masked client frame; the mask is zero, which is legal."""
    data = text.encode() if isinstance(text, str) else text
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + b"\0\0\0\0" + data


async def until(condition, timeout=2.0):
    """Wait until a condition holds; polls, since it watches other tasks."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


class AllLogs(logging.Handler):
    """Everything that any logger says, as text."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))

    @property
    def text(self):
        return "\n".join(self.lines)


def body_of(response):
    return json.loads(response.body)


class ServerProcess:
    """A Jupyter server in a process of its own, under ``folder``.

    Use with ``with``. ``settings`` are command-line options such as
    ``--KgnbApp.log_url=…``.
    """

    def __init__(self, folder, *settings, port=None):
        self.folder = folder
        self.settings = settings
        self.port = port or free_port()
        self.process = None

    def __enter__(self):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY_", "KGNB"))
        }
        environment |= {
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "HOME": str(self.folder),
        }
        self.output = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter_server", "--allow-root",
                "--no-browser", "--log-level=DEBUG",
                "--ServerApp.jpserver_extensions={'kgnb': True}",
                f"--ServerApp.port={self.port}", f"--ServerApp.base_url={BASE}",
                f"--IdentityProvider.token={TOKEN}",
                f"--ServerApp.root_dir={self.folder}", *self.settings,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
        )  # fmt: skip
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.output.close()

    @property
    def log(self):
        return (self.folder / "server.log").read_text()

    async def wait_ready(self, timeout=30):
        """Wait until the extension has started; finds the real port."""
        async with asyncio.timeout(timeout):
            while not (info := self._info()) or not self._is_healthy(info["port"]):
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.1)
        self.port = info["port"]

    def _info(self):
        path = self.folder / "runtime" / f"jpserver-{self.process.pid}.json"
        with contextlib.suppress(OSError, ValueError):
            return json.loads(path.read_text())
        return None

    def _is_healthy(self, port):
        url = f"http://127.0.0.1:{port}{BASE}kgnb/health"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return True
        return False

    def call(self, path, *, method="GET", body=None):
        """The JSON of an API call; blocks."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{BASE}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"token {TOKEN}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(heard(reply.read().decode()) or "null")

    def kill(self):
        """As kill -9 does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Talk:
    """A socket with JSON in both directions."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, **message):
        await self.socket.send(json.dumps(message))

    async def hear(self, *kinds):
        """The next message of one of these types; others are skipped."""
        async with asyncio.timeout(10):
            while True:
                message = json.loads(heard(await self.socket.recv()))
                if message["type"] in kinds:
                    return message
