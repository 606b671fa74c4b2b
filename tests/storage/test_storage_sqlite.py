import asyncio
import sqlite3
import stat
import threading
from contextlib import asynccontextmanager

import pytest

from kgnb.errors import Unavailable
from kgnb.storage import Append, Put, Transaction
from kgnb.storage.sqlite import SqliteLog


@asynccontextmanager
async def opened(path, **options):
    log = SqliteLog(path, **options)
    await log.open()
    try:
        yield log
    finally:
        await log.aclose()


def run(main):
    asyncio.run(main())
    assert not [t for t in threading.enumerate() if t.name.startswith("kgnb-log")]


def test_sqlite_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "er" / "log.db"

    async def main():
        async with opened(path) as log:
            await log.commit([Transaction(puts=(Put("k", b"v"),))])
            for file in path.parent.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    run(main)


def test_sqlite_file_readable_by_others_is_narrowed(tmp_path):
    path = tmp_path / "log.db"
    path.touch(mode=0o644)

    async def main():
        async with opened(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    run(main)


def test_sqlite_second_opener_is_told_that_the_file_is_in_use(tmp_path):
    async def main():
        async with opened(tmp_path / "log.db"):
            with pytest.raises(Unavailable, match="another process"):
                await SqliteLog(tmp_path / "log.db", busy_timeout=0.05).open()
        async with opened(tmp_path / "log.db"):
            pass

    run(main)


def test_sqlite_other_schema_version_is_refused_untouched(tmp_path):
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    async def main():
        with pytest.raises(Unavailable, match="schema version 1 or less, got 99"):
            await SqliteLog(path).open()

    run(main)


def test_sqlite_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database, " * 100)

    async def main():
        with pytest.raises(Unavailable, match="not a database"):
            await SqliteLog(path).open()

    run(main)


def test_sqlite_wal_refused_falls_back_with_a_warning(tmp_path, monkeypatch, caplog):
    real = sqlite3.connect

    class NoWal(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql == "PRAGMA journal_mode=WAL":
                sql = "PRAGMA journal_mode"
            return super().execute(sql, *args)

    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **k: real(*a, factory=NoWal, **k)
    )

    async def main():
        async with opened(tmp_path / "log.db") as log:
            assert log.journal_mode == "delete"
            await log.commit([Transaction(puts=(Put("k", b"v"),), durable=True)])
            assert (await log.get("k")).value == b"v"

    run(main)
    assert "refuses SQLite's WAL" in caplog.text


def test_sqlite_commit_that_fails_midway_leaves_nothing(tmp_path, monkeypatch):
    async def main():
        async with opened(tmp_path / "log.db") as log:
            (first,) = await log.commit([Transaction(puts=(Put("k", b"v"),))])
            tables = log._tables
            monkeypatch.setattr(tables, "set_state", _raise_full)
            batch = [
                Transaction(puts=(Put("k", b"w"),)),
                Transaction(appends=(Append("s", (b"1",)),)),
            ]
            with pytest.raises(Unavailable, match="disk is full"):
                await log.commit(batch)
            monkeypatch.undo()
            assert (await log.get("k")).value == b"v"
            assert await log.last_seq("s") == 0
            outcomes = await log.commit(batch)
            assert outcomes[0].revisions[0] == first.revisions[0] + 1
            assert await log.last_seq("s") == 1

    run(main)


def _raise_full(state):
    raise sqlite3.OperationalError("database or disk is full")


def test_sqlite_directory_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").touch()

    async def main():
        with pytest.raises(Unavailable):
            await SqliteLog(tmp_path / "file" / "log.db").open()

    run(main)


def test_sqlite_durable_batch_is_committed_with_full_sync(tmp_path):
    async def main():
        async with opened(tmp_path / "log.db") as log:
            seen = []
            await log._on(lambda tables: tables._db.set_trace_callback(seen.append))
            await log.commit([Transaction(), Transaction(durable=True)])
            await log.commit([Transaction()])
            pragmas = [s for s in seen if s.startswith(("PRAGMA", "COMMIT"))]
            assert pragmas == [
                "PRAGMA synchronous=FULL",
                "COMMIT",
                "PRAGMA synchronous=NORMAL",
                "COMMIT",
            ]

    run(main)
