"""The log and its transactions. Sees bytes and keys, not meanings.

Process: server, or kernel without a server. Loop: the one that opened the log;
SQLite works on one thread of its own.
"""

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
    "StreamState",
    "Transaction",
    "Trim",
    "open_log",
]


def open_log(url: str) -> Log:
    """The log that ``url`` names; it is yours to ``open`` and ``aclose``.

    Args:
        url: ``memory://`` or ``sqlite:///absolute/path.db``.

    Raises:
        ValueError: No backend has that scheme, or the path is not absolute.
    """
    scheme, found, _ = url.partition("://")
    if scheme == "memory" and found:
        from kgnb.storage.memory import MemoryLog  # noqa: PLC0415  # only what is used

        return MemoryLog()
    if scheme == "sqlite" and found:
        from kgnb.storage.sqlite import (  # noqa: PLC0415  # only what is used
            SqliteLog,
            path_of,
        )

        return SqliteLog(path_of(url))
    msg = f"log url: expected memory:// or sqlite:///path, got {url!r}"
    raise ValueError(msg)
