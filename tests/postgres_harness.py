"""A real PostgreSQL for tests: Debian's, on a socket of its own, gone afterwards."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

OWNER = "postgres"
"""Whose server it is where the tests run as root, which PostgreSQL refuses."""
PATIENCE = 30.0


class Postgres:
    """A running server, without a port: reached by its socket alone."""

    def __init__(self, folder):
        self._folder = folder
        self._names = (f"test_{n}" for n in itertools.count(1))

    def url(self, database):
        """How psycopg and libpq reach a database."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def new_database(self):
        """Make an empty database; returns its URL."""
        name = next(self._names)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextlib.contextmanager
def serving():
    """Start a server on a new, empty cluster; it keeps nothing on disk by force."""
    programs = _programs()
    # Not pytest's folders: their names are too long for a socket's.
    folder = Path(tempfile.mkdtemp(prefix="kgnb-pg-"))
    as_owner = _as_owner(folder)
    data = folder / "data"
    try:
        setup = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(
            [*as_owner, programs / "initdb", "-D", data, "--no-sync", *setup],
            check=True,
            capture_output=True,
            cwd="/",
        )
        settings = {"listen_addresses": "", "unix_socket_directories": folder}
        settings |= {"fsync": "off", "max_connections": 50}
        chosen = [f"-c{name}={value}" for name, value in settings.items()]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*as_owner, programs / "postgres", "-D", data, *chosen],
                stdout=log,
                stderr=log,
                cwd="/",
            )
        try:
            _wait_until_up(server, folder)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGINT)  # its "fast" shutdown
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
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


def _wait_until_up(server, folder):
    until = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(Postgres(folder).url("postgres")).close()
        except psycopg.OperationalError:
            log = (folder / "log").read_text()
            assert server.poll() is None, log
            assert time.monotonic() < until, log
            time.sleep(0.02)
        else:
            return
