"""A real Redis for tests: Debian's, on a free port of the loopback, gone afterwards."""

import contextlib
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 30.0
RUNNING = set()
"""Their processes, which outlive the tests that use them."""


class Redis:
    """A server that keeps what it is told over its own death."""

    def __init__(self, folder):
        self._folder = folder
        self._numbers = itertools.count(1)
        self._server = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self):
        """Start it, or start it again on the data that it left."""
        program = shutil.which("redis-server")
        assert program, "Debian's Redis is needed: apt-get install redis-server"
        settings = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder}
        settings |= {"appendonly": "yes", "appendfsync": "no", "save": ""}
        chosen = [
            word
            for name, value in settings.items()
            for word in (f"--{name}", str(value))
        ]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen([program, *chosen], stdout=log, stderr=log)
        RUNNING.add(self._server.pid)
        until = time.monotonic() + PATIENCE
        while not self._answers():
            text = (self._folder / "log").read_text()
            assert self._server.poll() is None, text
            assert time.monotonic() < until, text
            time.sleep(0.02)

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self):
        """End it as a crash would."""
        RUNNING.discard(self._server.pid)
        self._server.kill()
        self._server.wait()

    def send(self, number):
        """Send it a signal."""
        self._server.send_signal(number)

    def new_url(self):
        """An address with a prefix that nobody had."""
        return f"redis://127.0.0.1:{self.port}/0?prefix=test{next(self._numbers)}"


@contextlib.contextmanager
def serving():
    """Start a server without data; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kgnb-redis-"))
    server = Redis(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)
