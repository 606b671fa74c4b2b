"""Connections to PostgreSQL: soon there again, and soon said to be missing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from kgnb.errors import Unavailable
from kgnb.storage.unanswered import Disconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

CONNECT_TIMEOUT = 5
"""Seconds that a server gets to answer a new connection."""
POOL_TIMEOUT = 0.7
"""Seconds to wait for a connection of the pool; who commands waits for this."""
_OPTIONS = {
    "connect_timeout": CONNECT_TIMEOUT,
    # A host that is gone without a word is noticed after 11 s, not after two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 11_000,
}
"""Where the URL says nothing else."""


_REFUSALS = frozenset({"22", "23", "25", "42", "53", "54"})
"""Classes of SQLSTATE: bad data, read-only, no rights, no disk, no memory. Others
may come with the end of the connection, after the COMMIT was heard."""


class Connections:
    """A pool that speaks of its troubles as the log does.

    Args:
        url: As libpq takes it.
        name: What to call the log in errors.

    Raises:
        Unavailable: From every method.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._pool: AsyncConnectionPool[Connection] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a pool."""
        return self._pool is not None

    def _options(self) -> dict[str, Any]:
        try:
            said = conninfo.conninfo_to_dict(self._url)
        except psycopg.Error:
            # Its own text may quote the address, and with it the password.
            text = f"{self._name}: expected an address that libpq can read"
            raise Unavailable(text) from None
        mine = {key: value for key, value in _OPTIONS.items() if key not in said}
        return {**mine, "autocommit": True}

    async def open(self) -> None:
        """Make the pool; the first connection is made now, to say what is wrong."""
        options = self._options()
        with self._translated():
            first = await psycopg.AsyncConnection.connect(self._url, **options)
            await first.close()
        self._pool = AsyncConnectionPool(
            self._url,
            min_size=1,
            max_size=4,
            timeout=POOL_TIMEOUT,
            # A server that is back is asked again at once, not after long pauses.
            reconnect_timeout=1.0,
            kwargs=options,
            name="kgnb-log",
            open=False,
        )
        with self._translated():
            await self._pool.open(wait=True, timeout=CONNECT_TIMEOUT)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout:
            raise Unavailable(f"{self._name}: PostgreSQL does not answer") from None
        except PoolClosed:
            raise Unavailable(f"{self._name}: expected the log to be open") from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Disconnected(f"{self._name}: {_first_line(error)}") from error
        except psycopg.Error as error:
            raise Unavailable(f"{self._name}: {_first_line(error)}") from error

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """A connection, for one transaction or question."""
        if self._pool is None:
            raise Unavailable(f"{self._name}: expected the log to be open")
        with self._translated():
            async with self._pool.connection() as connection:
                yield connection

    async def replace_dead(self) -> None:
        """Have those that are dead made anew: one that dies is seldom alone."""
        if self._pool is not None:
            with self._translated():
                await self._pool.check()

    async def aclose(self) -> None:
        """Close all of them, bounded; safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=CONNECT_TIMEOUT)


def is_refusal(error: BaseException | None) -> bool:
    """Whether PostgreSQL said that it did nothing, being whole and connected."""
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, psycopg.Error) and state[:2] in _REFUSALS


def _first_line(error: Exception) -> str:
    """What PostgreSQL said; its details may quote values."""
    return str(error).partition("\n")[0] or type(error).__name__
