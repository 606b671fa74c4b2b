"""Many WebSocket clients in one process, each as cheap as a socket can be."""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_SEQ = b'{"seq":'
_MASKED = 0x80
_NO_MASK = b"\0\0\0\0"
"""A mask of zeros is legal, and costs nothing."""


class Client:
    """One socket: blocks while it is joining, then is read by its swarm."""

    def __init__(self, swarm: Swarm, sock: socket.socket, *, is_reader: bool) -> None:
        self.sock = sock
        self._swarm = swarm
        self._is_reader = is_reader
        self._rest = b""
        self._seq = 1
        self._heard: list[bytes] = []

    def shake_hands(self, path: str, headers: tuple[str, ...]) -> None:
        """Upgrade."""
        self.sock.sendall(self.request(path, headers))
        while b"\r\n\r\n" not in self._rest:
            self._rest += self.sock.recv(65_536)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        if b" 101 " not in head.splitlines()[0]:
            raise ConnectionError(head.decode())

    def request(self, path: str, headers: tuple[str, ...]) -> bytes:
        """What asks for the upgrade."""
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: {}:{}".format(*self.sock.getpeername()),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def send(self, text: str) -> None:
        """Send one message; the server reads what we write at once."""
        self._write(text.encode(), TEXT)

    def _write(self, data: bytes, opcode: int) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, _MASKED | size)
        else:
            head = struct.pack("!BBH", 0x80 | opcode, _MASKED | 126, size)
        self.sock.setblocking(True)
        self.sock.sendall(head + _NO_MASK + data)
        self.sock.setblocking(False)

    def wait(self, kind: str, text: str = "") -> bytes:
        """Read until a message of this type has come, with this text in it."""
        wanted = [f'"type":"{kind}"'.encode(), text.encode()]
        self.sock.setblocking(True)
        while not (found := [m for m in self._heard if all(w in m for w in wanted)]):
            self.take(self.sock.recv(65_536))
        self.sock.setblocking(False)
        self._heard.clear()
        return found[0]

    def read(self) -> None:
        """Read what is there."""
        self.take(self.sock.recv(262_144))

    def take(self, data: bytes) -> None:
        """Split bytes into frames, and note which events they hold."""
        if not data:
            msg = "the server closed a connection"
            raise ConnectionError(msg)
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                if end - at < 4:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                if end - at < 10:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if start + size > end:
                break
            if data.startswith(_SEQ, start):
                self._event(int(data[start + 7 : data.index(b",", start)]))
            else:
                self._other(data[at] & 0x0F, data[start : start + size])
            at = start + size
        self._rest = data[at:]

    def _event(self, seq: int) -> None:
        if not self._is_reader:
            return
        swarm = self._swarm
        if seq != self._seq + 1:
            swarm.gaps += 1
        self._seq = seq
        swarm.delivered += 1
        swarm.latencies.append(time.monotonic() - swarm.sent[seq])

    def _other(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            raise ConnectionError(payload.decode(errors="replace"))
        if opcode == PING:
            self._write(payload, PONG)
        elif not self._swarm.is_reading:
            self._heard.append(payload)


class Swarm:
    """All clients of one server; use with ``with``."""

    def __init__(self, port: int) -> None:
        self.sent: dict[int, float] = {}
        """When each event was sent, by its seq."""
        self.delivered = 0
        self.gaps = 0
        """Events whose seq was not the one that comes next."""
        self.latencies: list[float] = []
        self.is_reading = False
        self._port = port
        self._clients: dict[int, Client] = {}
        self._poll = select.epoll()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._poll.close()
        for client in self._clients.values():
            client.sock.close()

    def connect(self, path: str, *headers: str, is_reader: bool = False) -> Client:
        """One more client."""
        sock = socket.create_connection(("127.0.0.1", self._port))
        client = Client(self, sock, is_reader=is_reader)
        self._clients[sock.fileno()] = client
        client.shake_hands(path, headers)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._poll.register(sock, select.EPOLLIN)
        return client

    def read_until(self, deadline: float) -> None:
        """Read all clients until then, on the clock ``time.monotonic``."""
        self.is_reading = True
        while (left := deadline - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left):
                self._clients[number].read()
