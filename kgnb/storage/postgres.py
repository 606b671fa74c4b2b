"""A log in PostgreSQL: a few tables, one transaction for each batch."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, LiteralString

from kgnb.errors import Unavailable
from kgnb.storage.base import Record, Row, StreamState, Trim
from kgnb.storage.postgres_pool import Connections, is_refusal
from kgnb.storage.postgres_schema import migrate
from kgnb.storage.staged import Drop, Placed, Staged, touched
from kgnb.storage.unanswered import Disconnected, is_stored, taken_over
from kgnb.storage.urls import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from kgnb.storage.base import Outcome, Transaction
    from kgnb.storage.postgres_pool import Connection

_LAST_CHARACTER = "\U0010ffff"


class PostgresLog:
    """A :class:`kgnb.storage.base.Log` in a PostgreSQL database.

    The newest to open it owns it: what another process that had it open writes after
    that is refused there. A commit whose answer is lost with the connection is looked
    up as soon as the database can be reached; ``commit`` waits for that.

    Args:
        url: A libpq address, ``postgresql://user@host/database``; its parameters, such
            as ``sslmode=verify-full`` or ``options=-csearch_path=name``, are libpq's.
    """

    def __init__(self, url: str) -> None:
        self._name = shown(url)
        self._connections = Connections(url, self._name)
        self._owner = ""
        self._log_id = ""
        self._writing = asyncio.Lock()

    @property
    def log_id(self) -> str:
        """Names this log; known once it is open, kept in the database."""
        return self._log_id

    async def open(self) -> None:
        """Connect, make or upgrade the tables, and take the log over."""
        if self._connections.is_open:
            return
        try:
            await self._connections.open()
            async with self._connections.lend() as connection:
                await self._take_over(connection)
        except BaseException:
            await self.aclose()
            raise

    async def _take_over(self, connection: Connection) -> None:
        async with connection.transaction():
            await migrate(connection, self._name)
            self._owner = uuid.uuid4().hex
            cursor = await connection.execute(
                "UPDATE kgnb_log SET owner = %s RETURNING log_id", (self._owner,)
            )
            (self._log_id,) = await _first(cursor)

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in order, in one transaction."""
        async with self._writing:
            try:
                return await self._commit(batch)
            except Disconnected:
                await self._connections.replace_dead()
                return await self._commit(batch)

    async def _commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        mark = uuid.uuid4().hex
        outcomes: list[Outcome] | None = None
        try:
            async with (
                self._connections.lend() as connection,
                connection.transaction(),
            ):
                staged = await self._fetch(connection, batch)
                outcomes = staged.carry_out(batch)
                if not staged.is_empty:
                    await _write(connection, staged, mark)
        except Unavailable as error:
            if outcomes is None or is_refusal(error.__cause__):
                raise
            if not await self._is_stored(mark):
                raise
        return outcomes

    async def _fetch(
        self, connection: Connection, batch: Sequence[Transaction]
    ) -> Staged:
        wanted = touched(batch)
        async with connection.pipeline():
            log = await connection.execute(
                "SELECT owner, revision FROM kgnb_log FOR UPDATE"
            )
            rows = await connection.execute(
                "SELECT key, revision, value FROM kgnb_row WHERE key = ANY(%s)",
                (list(wanted.keys),),
            )
            states = await connection.execute(
                "SELECT name, seq, epoch, n FROM kgnb_stream WHERE name = ANY(%s)",
                (list(wanted.streams),),
            )
        owner, revision = await _first(log)
        if owner != self._owner:
            raise taken_over(self._name)
        return Staged(
            {row[0]: Row(*row) async for row in rows},
            {state[0]: StreamState(*state) async for state in states},
            revision,
        )

    async def _is_stored(self, mark: str) -> bool:
        """Whether a transaction was committed whose answer was lost."""
        return await is_stored(
            mark,
            self._mark,
            name=self._name,
            is_open=lambda: self._connections.is_open,
        )

    async def _mark(self) -> str:
        """The mark of the last transaction, none being under way any more."""
        async with self._connections.lend() as connection:
            # FOR UPDATE waits for one that is not yet over there.
            log = await connection.execute("SELECT mark FROM kgnb_log FOR UPDATE")
            (found,) = await _first(log)
        return str(found)

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        found = await self._query(
            "SELECT seq, payload FROM kgnb_record WHERE stream = "
            "(SELECT id FROM kgnb_stream WHERE name = %s) AND seq > %s "
            "ORDER BY seq LIMIT %s",
            (stream, after, limit),
        )
        return [Record(*entry) for entry in found]

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record."""
        found = await self._query(
            "SELECT seq FROM kgnb_stream WHERE name = %s", (stream,)
        )
        return found[0][0] if found else 0

    async def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        found = await self._query(
            "SELECT name, seq, epoch, n FROM kgnb_stream "
            "WHERE name >= %s AND name < %s ORDER BY name",
            (prefix, prefix + _LAST_CHARACTER),
        )
        return [StreamState(*entry) for entry in found]

    async def get(self, key: str) -> Row | None:
        """The row under ``key``."""
        found = await self._query(
            "SELECT key, revision, value FROM kgnb_row WHERE key = %s", (key,)
        )
        return Row(*found[0]) if found else None

    async def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix, ordered."""
        found = await self._query(
            "SELECT key, revision, value FROM kgnb_row "
            "WHERE key >= %s AND key < %s ORDER BY key",
            (prefix, prefix + _LAST_CHARACTER),
        )
        return [Row(*entry) for entry in found]

    async def _query(
        self, statement: LiteralString, values: tuple[Any, ...]
    ) -> list[tuple[Any, ...]]:
        try:
            return await self._ask(statement, values)
        except Disconnected:
            await self._connections.replace_dead()
            return await self._ask(statement, values)

    async def _ask(
        self, statement: LiteralString, values: tuple[Any, ...]
    ) -> list[tuple[Any, ...]]:
        async with self._connections.lend() as connection:
            # binary: a text format would be parsed for each bytea
            cursor = await connection.execute(statement, values, binary=True)
            return await cursor.fetchall()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()


async def _first(cursor: psycopg.AsyncCursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The row of a statement that has one."""
    found = await cursor.fetchone()
    if found is None:
        raise Unavailable(
            "kgnb_log: expected one row, got none; the tables are damaged"
        )
    return found


async def _write(connection: Connection, staged: Staged, mark: str) -> None:
    async with connection.pipeline():
        await connection.execute(
            "UPDATE kgnb_log SET revision = %s, mark = %s", (staged.revision, mark)
        )
        await _write_rows(connection, staged)
        await _write_states(connection, staged)
        for step in staged.steps:
            await _write_step(connection, step)
        gone = [name for name, state in staged.states.items() if state is None]
        if gone:
            await connection.execute(
                "DELETE FROM kgnb_stream WHERE name = ANY(%s)", (gone,)
            )


async def _write_rows(connection: Connection, staged: Staged) -> None:
    gone = [key for key, row in staged.rows.items() if row is None]
    kept = [row for row in staged.rows.values() if row is not None]
    if gone:
        await connection.execute("DELETE FROM kgnb_row WHERE key = ANY(%s)", (gone,))
    if kept:
        await connection.execute(
            "INSERT INTO kgnb_row SELECT * FROM "
            "unnest(%s::text[], %s::bigint[], %s::bytea[]) "
            "ON CONFLICT (key) DO UPDATE SET "
            "revision = excluded.revision, value = excluded.value",
            (
                [row.key for row in kept],
                [row.revision for row in kept],
                [row.value for row in kept],
            ),
        )


async def _write_states(connection: Connection, staged: Staged) -> None:
    """Before the records, which need their stream; a dropped one may have some, too."""
    states = [state or StreamState(name) for name, state in staged.states.items()]
    if states:
        await connection.execute(
            "INSERT INTO kgnb_stream (name, seq, epoch, n) SELECT * FROM "
            "unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) "
            "ON CONFLICT (name) DO UPDATE SET "
            "seq = excluded.seq, epoch = excluded.epoch, n = excluded.n",
            (
                [state.stream for state in states],
                [state.seq for state in states],
                [state.epoch for state in states],
                [state.n for state in states],
            ),
        )


async def _write_step(connection: Connection, step: Placed | Trim | Drop) -> None:
    match step:
        case Placed(stream, first_seq, payloads):
            await connection.execute(
                "INSERT INTO kgnb_record "
                "SELECT stream.id, %s + entry.place, entry.payload "
                "FROM kgnb_stream AS stream, unnest(%s::bytea[]) "
                "WITH ORDINALITY AS entry (payload, place) WHERE stream.name = %s",
                (first_seq - 1, list(payloads), stream),
            )
        case Trim(stream, through):
            await connection.execute(
                "DELETE FROM kgnb_record WHERE stream = "
                "(SELECT id FROM kgnb_stream WHERE name = %s) AND seq <= %s",
                (stream, through),
            )
        case Drop(stream):
            await connection.execute(
                "DELETE FROM kgnb_record WHERE stream = "
                "(SELECT id FROM kgnb_stream WHERE name = %s)",
                (stream,),
            )
