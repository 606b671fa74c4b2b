"""The SQLite file: schema, pragmas and primitive operations, on one thread.

Nothing here awaits or knows of threads; :mod:`kgnb.storage.sqlite` owns the
thread on which all of it runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import uuid
from typing import TYPE_CHECKING

from kgnb.storage.base import Record, Row, StreamState
from kgnb.storage.transact import apply
from kgnb.storage.versions import newer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kgnb.storage.base import Outcome, Transaction

logger = logging.getLogger("kgnb.storage")

VERSION = 1
_STEPS = {
    1: """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE row (
    key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE stream (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL
);
CREATE TABLE record (
    stream INTEGER NOT NULL, seq INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
""",
}
"""The statements that lead to each version from the one before."""
_LAST_CHARACTER = "\U0010ffff"


def _own_file(path: Path) -> None:
    """Make the file readable by its owner only: it holds prompts and payloads.

    SQLite gives the mode of the database to its companion files.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


class Tables:
    """One open database file.

    The file is locked for as long as it is open: two brokers on one file
    would each take the other's runs for their own.

    Raises:
        sqlite3.Error, OSError: From every method; the caller translates.
    """

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        _own_file(path)
        self._path = path
        self._db = sqlite3.connect(
            path, timeout=busy_timeout, isolation_level=None, cached_statements=64
        )
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        # EXCLUSIVE before WAL: then WAL needs no shared memory, which network
        # file systems do not have (sqlite.org/wal.html, "without shared memory").
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            mode = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise
            mode = "refused"
        if mode != "wal":
            mode = self._db.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
            logger.warning(
                "%s: the file system refuses SQLite's WAL; using %s, which is slower",
                self._path,
                mode,
            )
        self.journal_mode = str(mode)
        self._set_durable(is_durable=False)
        self._db.execute("BEGIN EXCLUSIVE")
        self._migrate()
        self._db.execute("COMMIT")
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        self.log_id = str(meta["log_id"])
        self._revision = int(meta["revision"])

    def _migrate(self) -> None:
        """Make the tables, or bring them to ``VERSION``, all in one transaction."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise newer(str(self._path), VERSION, version)
        for step in range(version + 1, VERSION + 1):
            for statement in filter(str.strip, _STEPS[step].split(";")):
                self._db.execute(statement)
        if version == 0:
            self._db.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("log_id", uuid.uuid4().hex), ("revision", "0")],
            )
        if version < VERSION:
            self._db.execute(f"PRAGMA user_version={VERSION}")

    def _set_durable(self, *, is_durable: bool) -> None:
        # A commit with FULL syncs the WAL, and with it all commits before.
        level = "FULL" if is_durable else "NORMAL"
        self._db.execute(f"PRAGMA synchronous={level}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One SQLite transaction; on any error nothing of it stays."""
        revision = self._revision
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._revision != revision:
                self._db.execute(
                    "UPDATE meta SET value=? WHERE key='revision'",
                    (str(self._revision),),
                )
            self._db.execute("COMMIT")
        except BaseException:
            self._revision = revision
            # SQLite may have rolled back by itself (disk full, I/O error).
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """All of ``batch`` in one SQLite commit."""
        is_durable = any(transaction.durable for transaction in batch)
        if is_durable:
            self._set_durable(is_durable=True)
        try:
            with self._transaction():
                return [apply(self, transaction) for transaction in batch]
        finally:
            if is_durable:
                self._set_durable(is_durable=False)

    def row(self, key: str) -> Row | None:
        """The row under ``key``."""
        found = self._db.execute(
            "SELECT key, revision, value FROM row WHERE key=?", (key,)
        ).fetchone()
        return Row(*found) if found else None

    def put(self, key: str, value: bytes | None) -> int:
        """Write or delete a row."""
        self._revision += 1
        if value is None:
            self._db.execute("DELETE FROM row WHERE key=?", (key,))
        else:
            self._db.execute(
                "INSERT OR REPLACE INTO row VALUES (?, ?, ?)",
                (key, self._revision, value),
            )
        return self._revision

    def state(self, stream: str) -> StreamState:
        """Where a stream ends."""
        found = self._db.execute(
            "SELECT name, seq, epoch, n FROM stream WHERE name=?", (stream,)
        ).fetchone()
        return StreamState(*found) if found else StreamState(stream)

    def append(self, before: StreamState, payloads: Sequence[bytes]) -> None:
        """Add records to a stream, which is made if need be."""
        self._db.execute(
            "INSERT OR IGNORE INTO stream (name, seq, epoch, n) VALUES (?, 0, 0, 0)",
            (before.stream,),
        )
        (number,) = self._db.execute(
            "SELECT id FROM stream WHERE name=?", (before.stream,)
        ).fetchone()
        self._db.executemany(
            "INSERT INTO record VALUES (?, ?, ?)",
            [
                (number, seq, payload)
                for seq, payload in enumerate(payloads, before.seq + 1)
            ],
        )

    def trim(self, stream: str, through: int) -> None:
        """Drop old records."""
        self._db.execute(
            "DELETE FROM record "
            "WHERE stream=(SELECT id FROM stream WHERE name=?) AND seq<=?",
            (stream, through),
        )

    def set_state(self, state: StreamState) -> None:
        """Write where a stream ends now."""
        self._db.execute(
            "INSERT INTO stream (name, seq, epoch, n) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET "
            "seq=excluded.seq, epoch=excluded.epoch, n=excluded.n",
            (state.stream, state.seq, state.epoch, state.n),
        )

    def drop(self, stream: str) -> None:
        """Forget a stream; what it took of the file is used again."""
        self.trim(stream, self.state(stream).seq)
        self._db.execute("DELETE FROM stream WHERE name=?", (stream,))

    def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        found = self._db.execute(
            "SELECT seq, payload FROM record "
            "WHERE stream=(SELECT id FROM stream WHERE name=?) AND seq>? "
            "ORDER BY seq LIMIT ?",
            (stream, after, limit),
        )
        return [Record(*entry) for entry in found]

    def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        found = self._db.execute(
            "SELECT name, seq, epoch, n FROM stream WHERE name>=? AND name<? "
            "ORDER BY name",
            (prefix, prefix + _LAST_CHARACTER),
        )
        return [StreamState(*entry) for entry in found]

    def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix, ordered."""
        found = self._db.execute(
            "SELECT key, revision, value FROM row WHERE key>=? AND key<? ORDER BY key",
            (prefix, prefix + _LAST_CHARACTER),
        )
        return [Row(*entry) for entry in found]

    def close(self) -> None:
        """Release the file."""
        self._db.close()
