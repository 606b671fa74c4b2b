"""The log and its transactions. Sees bytes and keys, not meanings.

Process: server, or kernel without a server. Loop: the one that opened the log;
SQLite works on one thread of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.storage.base import (
    Append,
    Appended,
    Committed,
    Conflict,
    Fenced,
    Log,
    Outcome,
    Producer,
    Put,
    Record,
    Row,
    RowIs,
    StreamState,
    Transaction,
    Trim,
)
from kgnb.storage.sessions import Session, Sessions
from kgnb.storage.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Append",
    "Appended",
    "Committed",
    "Conflict",
    "Fenced",
    "Log",
    "Outcome",
    "Producer",
    "Put",
    "Record",
    "Row",
    "RowIs",
    "Session",
    "Sessions",
    "StreamState",
    "Transaction",
    "Trim",
    "open_log",
    "shown",
]


def open_log(url: str, *, session_url: str = "", session_ttl: float = 0.0) -> Log:
    """The log that ``url`` names; it is yours to ``open`` and ``aclose``.

    Args:
        url: ``memory://``, ``sqlite:///absolute/path.db``, ``redis://host:port/0`` or
            ``postgresql://user@host/database``, the last two with the parameters of
            their libraries, encryption (``rediss://``, ``sslmode=``) among them.
        session_url: Where the sessions' messages are kept, likewise; empty, or the same
            as ``url``: with everything else, in one transaction.
        session_ttl: Seconds after its last message that a session is kept there; 0: for
            ever.

    Raises:
        ValueError: No backend has that scheme, or the path is not absolute.
        Unavailable: The backend's library is not installed.
    """
    log = _open(url)
    if session_url in ("", url):
        return log
    from kgnb.storage.split import SplitLog  # noqa: PLC0415

    return SplitLog(log, Sessions(_open(session_url)), ttl=session_ttl)


def _open(url: str) -> Log:
    scheme, found, _ = url.partition("://")
    if found and (factory := _FACTORIES.get(scheme)) is not None:
        return factory(url)
    msg = f"log url: expected {', '.join(_FORMS)} or {_LAST_FORM}, got {shown(url)!r}"
    raise ValueError(msg)


# Each imports only what is used.


def _memory(_url: str) -> Log:
    from kgnb.storage.memory import MemoryLog  # noqa: PLC0415

    return MemoryLog()


def _sqlite(url: str) -> Log:
    from kgnb.storage.sqlite import SqliteLog, path_of  # noqa: PLC0415

    return SqliteLog(path_of(url))


def _redis(url: str) -> Log:
    try:
        from kgnb.storage.redis import RedisLog  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing("redis", error) from None
    return RedisLog(url)


def _postgres(url: str) -> Log:
    try:
        from kgnb.storage.postgres import PostgresLog  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing("postgres", error) from None
    return PostgresLog(url)


def _missing(extra: str, error: ModuleNotFoundError) -> Unavailable:
    return Unavailable(
        f"log url: {error.name} is not installed; pip install 'kgnb[{extra}]'"
    )


_FACTORIES: dict[str, Callable[[str], Log]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "redis": _redis,
    "rediss": _redis,
    "postgresql": _postgres,
    "postgres": _postgres,
}
*_FORMS, _LAST_FORM = (
    "memory://",
    "sqlite:///path",
    "redis://host",
    "postgresql://host/database",
)
