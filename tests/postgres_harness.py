"""A real PostgreSQL for tests: Debian's, on a free port, gone afterwards."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

OWNER = "postgres"
"""Whose server it is where the tests run as root, which PostgreSQL refuses."""
PATIENCE = 30.0
RUNNING = set()
"""Their processes, which outlive the tests that use them."""


class Postgres:
    """One server on data of its own; it keeps nothing on disk by force."""

    def __init__(self, folder):
        self.folder = self._folder = folder
        self._names = (f"test_{n}" for n in itertools.count(1))
        self._as_owner = _as_owner(folder)
        self._data = folder / "data"
        self._server = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def url(self, database):
        """How psycopg and libpq reach a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self):
        """Make an empty database; returns its URL."""
        name = next(self._names)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def make(self):
        """Make the data of a new server."""
        setup = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        program = _programs() / "initdb"
        subprocess.run(
            [*self._as_owner, program, "-D", self._data, "--no-sync", *setup],
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self):
        """Start it, or start it again on the data that it left."""
        until = time.monotonic() + PATIENCE
        self._launch()
        while not self._answers():
            assert time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.02)
            if self._server.poll() is not None:
                # It refuses while a process that was killed is not quite gone.
                RUNNING.discard(self._server.pid)
                self._launch()

    def _launch(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port}
        settings |= {"unix_socket_directories": "", "fsync": "off"}
        settings |= {"max_connections": 50}
        chosen = [f"-c{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*self._as_owner, _programs() / "postgres", "-D", self._data, *chosen],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        RUNNING.add(self._server.pid)

    def ask_for(self, method):
        """Let people in by another method, ``trust`` or one with a password."""
        rules = f"host all all 127.0.0.1/32 {method}\n"
        (self._data / "pg_hba.conf").write_text(rules)
        self._server.send_signal(signal.SIGHUP)
        until = time.monotonic() + PATIENCE
        while self._answers() is not (method == "trust"):
            assert time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.02)

    def _answers(self):
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self):
        """End it, its processes for connections too, as a crash would."""
        RUNNING.discard(self._server.pid)
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()

    def stop(self):
        """End it in order."""
        RUNNING.discard(self._server.pid)
        self._server.send_signal(signal.SIGINT)  # its "fast" shutdown
        try:
            self._server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def serving():
    """Start a server on a new, empty cluster; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kgnb-pg-"))
    server = Postgres(folder)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "Debian's PostgreSQL is needed: apt-get install postgresql"
    return found[-1].parent


def _as_owner(folder):
    """How to start it as somebody who is not root; ``folder`` becomes theirs."""
    if os.getuid() != 0:
        return []
    owner = pwd.getpwnam(OWNER)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    # Unlike su it becomes the program, so that our child is the server itself.
    ids = [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids]
