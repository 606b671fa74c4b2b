"""The log: streams of records and revisioned rows, changed by transactions.

The storage sees bytes and keys, not meanings. A *stream* is a sequence of
records numbered 1, 2, 3 … without a hole, of which the oldest may be dropped; a
*row* is a value under a key with a revision that no other write of this log ever
had. One transaction may check rows, write rows and append to streams, and either
all of it happens or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Record(msgspec.Struct, frozen=True, gc=False):
    """One entry of a stream."""

    seq: int
    payload: bytes


class Row(msgspec.Struct, frozen=True):
    """One value; ``revision`` is new with every write."""

    key: str
    revision: int
    value: bytes


class StreamState(msgspec.Struct, frozen=True):
    """Where a stream ends, and how far its producer came.

    A stream that was never written has all three at 0.
    """

    stream: str
    seq: int = 0
    epoch: int = 0
    n: int = 0
    """The last frame of the producer of ``epoch`` that is stored."""


class Producer(msgspec.Struct, frozen=True):
    """The frames ``after + 1 … n`` of the producer that holds ``epoch``.

    They are taken if ``epoch`` is the stream's and ``after`` its ``n``, or if
    ``epoch`` is higher and ``after`` is 0; else the answer is ``Fenced``. The
    count of frames need not be the count of records: a frame may leave none.
    """

    epoch: int
    after: int
    n: int


class Append(msgspec.Struct, frozen=True):
    """Records for the end of a stream; without a producer they are never fenced."""

    stream: str
    payloads: tuple[bytes, ...]
    producer: Producer | None = None


class RowIs(msgspec.Struct, frozen=True):
    """A condition; revision 0 says that the row must not exist."""

    key: str
    revision: int


class Put(msgspec.Struct, frozen=True):
    """A row to write, or with None to delete."""

    key: str
    value: bytes | None


class Trim(msgspec.Struct, frozen=True):
    """Drop a stream's records up to and with ``through``; the others keep their seq."""

    stream: str
    through: int


class Transaction(msgspec.Struct, frozen=True):
    """What happens whole or not at all."""

    checks: tuple[RowIs, ...] = ()
    puts: tuple[Put, ...] = ()
    appends: tuple[Append, ...] = ()
    durable: bool = False
    """Whether it must outlive a power cut, not only the death of the process."""
    trims: tuple[Trim, ...] = ()
    """Carried out after the appends."""
    drops: tuple[str, ...] = ()
    """Streams that are as if never written, after all of that."""


class Appended(msgspec.Struct, frozen=True):
    """The place that an append was given; empty if ``last_seq < first_seq``."""

    stream: str
    first_seq: int
    last_seq: int


class Committed(msgspec.Struct, frozen=True):
    """It happened: one place for each append, one revision for each put."""

    appended: tuple[Appended, ...] = ()
    revisions: tuple[int, ...] = ()


class Conflict(msgspec.Struct, frozen=True):
    """Nothing happened: the row is not as it was to be; ``row`` is as it is."""

    key: str
    row: Row | None


class Fenced(msgspec.Struct, frozen=True):
    """Nothing happened: the producer is not where the stream expects it."""

    state: StreamState


Outcome = Committed | Conflict | Fenced


class Log(Protocol):
    """A log. Its methods belong to the event loop on which it was opened."""

    @property
    def log_id(self) -> str:
        """Names this log for as long as its data lives; known once it is open."""
        ...

    async def open(self) -> None:
        """Make it ready; after this you must call ``aclose``.

        Raises:
            Unavailable: It cannot be opened, or another process has it open.
        """

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in order, as one group commit.

        On return everything committed outlives the death of the process, and
        a power cut as well if any transaction of the batch is ``durable``.
        Cancelling leaves open whether it happened.

        Raises:
            Unavailable: Nothing of the batch was stored; it may be tried again.
        """
        ...

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """At most ``limit`` records with a seq above ``after``, in order."""
        ...

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record, 0 where there is none."""
        ...

    async def streams(self, prefix: str) -> list[StreamState]:
        """The state of every stream whose name begins with ``prefix``."""
        ...

    async def get(self, key: str) -> Row | None:
        """The row under ``key``."""

    async def scan(self, prefix: str) -> list[Row]:
        """All rows whose key begins with ``prefix``, ordered by key."""
        ...

    async def aclose(self) -> None:
        """Release everything, bounded; safe to call twice."""
