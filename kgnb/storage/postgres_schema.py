"""The tables of a log in PostgreSQL, and the way from each version to the next."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from kgnb.storage.versions import newer

if TYPE_CHECKING:
    import psycopg

VERSION = 1
_LOCK = 0x6B676E62  # "kgnb": of two that open an empty database one makes the tables

_STEPS = {
    1: """
CREATE TABLE kgnb_log (
    version integer NOT NULL, log_id text NOT NULL, revision bigint NOT NULL,
    owner text NOT NULL, mark text NOT NULL
);
-- "C": keys are ordered and found by their bytes, whatever the database's locale
CREATE TABLE kgnb_row (
    key text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, value bytea NOT NULL
);
CREATE TABLE kgnb_stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    seq bigint NOT NULL, epoch bigint NOT NULL, n bigint NOT NULL
);
CREATE TABLE kgnb_record (
    stream bigint NOT NULL, seq bigint NOT NULL, payload bytea NOT NULL,
    PRIMARY KEY (stream, seq)
)
""",
}
"""The statements that lead to each version from the one before."""


async def migrate(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], name: str
) -> None:
    """Make the tables, or bring them to ``VERSION``; inside the caller's transaction.

    Args:
        connection: In a transaction.
        name: What to call the log in errors.

    Raises:
        Unavailable: A newer kgnb has made them.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    version = await _version(connection)
    if version > VERSION:
        raise newer(name, VERSION, version)
    for step in range(version + 1, VERSION + 1):
        await connection.execute(_STEPS[step].encode())
    if version == 0:
        await connection.execute(
            "INSERT INTO kgnb_log VALUES (%s, %s, 0, '', '')",
            (VERSION, uuid.uuid4().hex),
        )
    elif version < VERSION:
        await connection.execute("UPDATE kgnb_log SET version = %s", (VERSION,))


async def _version(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> int:
    cursor = await connection.execute("SELECT to_regclass('kgnb_log') IS NOT NULL")
    found = await cursor.fetchone()
    if found is None or not found[0]:
        return 0
    cursor = await connection.execute("SELECT version FROM kgnb_log")
    found = await cursor.fetchone()
    return 0 if found is None else int(found[0])
