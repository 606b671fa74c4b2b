"""Logs of another version: brought to the present one, once, or left as they are.

``version1`` holds what the first version wrote. So far there is no other, hence the next
one here is made up.
"""

import asyncio
import sqlite3
import threading
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from kgnb.errors import Unavailable
from kgnb.storage import (
    Append,
    Committed,
    Producer,
    Put,
    Record,
    Row,
    StreamState,
    Transaction,
    open_log,
    postgres_schema,
    sqlite_tables,
)
from kgnb.storage import redis as redis_module

WRITTEN = Path(__file__).with_name("version1")
ROW = b'{"run_id":"a"}'


class SqliteLogs:
    """A file as the first version left it, and how it is looked at from outside."""

    module, name = sqlite_tables, "VERSION"
    added = "CREATE TABLE extra (a TEXT)"
    broken = f"{added}; INSERT INTO nothing VALUES (1)"

    def __init__(self, tmp_path, _request):
        self.path = tmp_path / "log.db"
        self.url = f"sqlite://{self.path}"
        with sqlite3.connect(self.path) as database:
            database.executescript((WRITTEN / "sqlite.sql").read_text())
        database.close()

    def version(self):
        database = sqlite3.connect(self.path)
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            names = {
                name for (name,) in database.execute("SELECT name FROM sqlite_master")
            }
        finally:
            database.close()
        return version, "extra" in names


class PostgresLogs:
    module, name = postgres_schema, "VERSION"
    added = "CREATE TABLE extra (a text); SELECT pg_sleep(0.2)"
    broken = "CREATE TABLE extra (a text); INSERT INTO nothing VALUES (1)"

    def __init__(self, _tmp_path, request):
        self.url = request.getfixturevalue("postgres").new_database()
        with psycopg.connect(self.url) as connection:
            connection.execute((WRITTEN / "postgres.sql").read_text())

    def version(self):
        with psycopg.connect(self.url) as connection:
            (version,) = connection.execute("SELECT version FROM kgnb_log").fetchone()
            (name,) = connection.execute("SELECT to_regclass('extra')").fetchone()
        return version, name is not None


class Copying:
    """A step for Redis: each row gets a copy."""

    def __init__(self, *, fails=False):
        self.fails = fails
        self.done = 0

    async def read(self, client, key):
        rows = await client.hgetall(key("rows"))
        await asyncio.sleep(0.1)
        return rows

    def write(self, commands, key, found):
        self.done += 1
        commands.hset(key("extra"), mapping=found)
        if self.fails:
            commands.execute_command("NOSUCHCOMMAND")


class RedisLogs:
    module, name = redis_module, "VERSION"

    def __init__(self, _tmp_path, request):
        server = request.getfixturevalue("redis")
        self.url = server.new_url()
        self.added, self.broken = Copying(), Copying(fails=True)
        self._prefix = "{" + self.url.partition("prefix=")[2] + "}"
        self._client = redis_client.Redis(port=server.port)
        for line in (WRITTEN / "redis.txt").read_text().splitlines():
            command, key, *rest = line.replace("{PREFIX}", self._prefix).split()
            if command == "HSET":
                self._client.hset(key, rest[0], bytes.fromhex(rest[1]))
            elif command == "ZADD":
                self._client.zadd(key, {rest[0]: 0})
            else:
                self._client.xadd(key, {"p": bytes.fromhex(rest[1])}, id=rest[0])
        self._client.close()

    def version(self):
        with self._client as client:
            version = int(client.hget(f"{self._prefix}:log", "version"))
            return version, bool(client.exists(f"{self._prefix}:extra"))


@pytest.fixture(params=[SqliteLogs, PostgresLogs, RedisLogs])
def old(request, tmp_path):
    return request.param(tmp_path, request)


@pytest.fixture
def next_version(old, monkeypatch):
    """Make the present code one version newer than it is."""

    def make(step):
        monkeypatch.setattr(old.module, old.name, 2)
        monkeypatch.setattr(old.module, "_STEPS", {**old.module._STEPS, 2: step})

    return make


async def check_content(log):
    """It has all that was written, and goes on."""
    assert await log.get("run/a") == Row("run/a", 1, ROW)
    assert await log.get("gone") is None
    assert await log.read("run/a", 0, 9) == [
        Record(1, b'{"n":1}'),
        Record(2, b'{"n":2}'),
    ]
    assert await log.read("checkpoint/a", 0, 9) == [Record(1, b"{}")]
    assert await log.read("mail/g", 0, 9) == [Record(3, b"3")]
    assert await log.streams("run/") == [StreamState("run/a", 2, 2, 2)]
    event = Append("run/a", (b"3",), Producer(2, 2, 3))
    (outcome,) = await log.commit(
        [Transaction(puts=(Put("b", b""),), appends=(event,))]
    )
    assert isinstance(outcome, Committed)
    assert outcome.revisions[0] > 3
    assert outcome.appended[0].last_seq == 3


def test_log_of_the_first_version_has_all_that_was_written(old):
    async def main():
        log = open_log(old.url)
        await log.open()
        try:
            await check_content(log)
        finally:
            await log.aclose()

    asyncio.run(main())
    assert old.version() == (1, False)


def test_log_of_an_older_version_is_upgraded_when_opened(old, next_version):
    next_version(old.added)

    async def main():
        log = open_log(old.url)
        await log.open()
        try:
            await check_content(log)
        finally:
            await log.aclose()

    asyncio.run(main())
    assert old.version() == (2, True)


def test_upgrade_that_fails_leaves_everything_as_it_was(old, next_version, monkeypatch):
    next_version(old.broken)
    with pytest.raises(Unavailable):
        asyncio.run(open_log(old.url).open())
    monkeypatch.undo()
    assert old.version() == (1, False)
    test_log_of_the_first_version_has_all_that_was_written(old)


def test_upgrade_by_two_at_once_happens_once(old, next_version):
    next_version(old.added)
    opened, refused = [], []

    async def open_one():
        log = open_log(old.url)
        try:
            await log.open()
        except Unavailable as error:  # a file has one opener at a time
            refused.append(str(error))
            return
        try:
            opened.append(await log.get("run/a"))
        finally:
            await log.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(open_one(),)) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened
    assert all("another process has this log open" in text for text in refused)
    assert {row.value for row in opened} == {ROW}
    assert old.version() == (2, True)


def test_log_that_a_newer_version_has_upgraded_is_refused(
    old, next_version, monkeypatch
):
    next_version(old.added)

    async def main():
        log = open_log(old.url)
        await log.open()
        await log.aclose()

    asyncio.run(main())
    monkeypatch.undo()
    with pytest.raises(Unavailable, match=r"version 1 or less, got 2.*newer version"):
        asyncio.run(open_log(old.url).open())
    assert old.version() == (2, True)
