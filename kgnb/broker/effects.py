"""What the core asks of its host: the only way out of the sans-I/O part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kgnb.broker.peer import ConnectionId, OutFrame
    from kgnb.storage.base import Outcome, Record, Row, Transaction

CommitDone = Callable[["Outcome | None", float], None]
"""Called with the outcome, or None if the log failed and nothing was stored."""

CommitDoubt = Callable[[float], None]
"""Called where it takes long to learn whether it was stored; the outcome follows."""

ReadDone = Callable[["list[Record] | None", float], None]
"""Called with the records, or None if the log failed."""

GetDone = Callable[["list[Row] | None", float], None]
"""Called with the row, if there is one, or None if the log failed."""


class Send(NamedTuple):
    """Hand a frame to a connection's sink."""

    conn: ConnectionId
    frame: OutFrame


class Close(NamedTuple):
    """Close a connection; nothing more is sent to it."""

    conn: ConnectionId
    code: int
    reason: str


class Commit(NamedTuple):
    """Store a transaction, in the order of the effects, then call ``done``."""

    transaction: Transaction
    done: CommitDone
    doubt: CommitDoubt | None = None


class Read(NamedTuple):
    """Read a page for a connection that is not congested, then call ``done``."""

    conn: ConnectionId | None
    """None: the broker itself wants to know."""
    stream: str
    after: int
    limit: int
    done: ReadDone


class Get(NamedTuple):
    """Look up a row, which may overtake commits, then call ``done``."""

    key: str
    done: GetDone


Effect = Send | Close | Commit | Read | Get


class Effects:
    """Collects effects; the host takes them after each call into the core."""

    def __init__(self) -> None:
        self._pending: list[Effect] = []
        self.sent = 0
        """Frames, since the start."""

    def send(self, conn: ConnectionId, frame: OutFrame) -> None:
        """Add a :class:`Send`."""
        self.sent += 1
        self._pending.append(Send(conn, frame))

    def close(self, conn: ConnectionId, code: int, reason: str) -> None:
        """Add a :class:`Close`."""
        self._pending.append(Close(conn, code, reason))

    def commit(
        self,
        transaction: Transaction,
        done: CommitDone,
        doubt: CommitDoubt | None = None,
    ) -> None:
        """Add a :class:`Commit`."""
        self._pending.append(Commit(transaction, done, doubt))

    def read(
        self,
        conn: ConnectionId | None,
        stream: str,
        after: int,
        limit: int,
        done: ReadDone,
    ) -> None:
        """Add a :class:`Read`."""
        self._pending.append(Read(conn, stream, after, limit, done))

    def get(self, key: str, done: GetDone) -> None:
        """Add a :class:`Get`."""
        self._pending.append(Get(key, done))

    def take(self) -> list[Effect]:
        """What is to be done, in order."""
        taken, self._pending = self._pending, []
        return taken
