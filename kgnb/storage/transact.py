"""What a transaction means, once for every backend.

A backend gives the primitive reads and writes of :class:`Store`; all checks
come before the first write, so a refused transaction has nothing to undo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kgnb.storage.base import (
    Append,
    Appended,
    Committed,
    Conflict,
    Fenced,
    Outcome,
    StreamState,
    Transaction,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.storage.base import Row


class Store(Protocol):
    """Primitive access, inside a transaction of the backend."""

    def row(self, key: str) -> Row | None:
        """The row under ``key``."""

    def put(self, key: str, value: bytes | None) -> int:
        """Write or delete a row; its new revision."""
        ...

    def state(self, stream: str) -> StreamState:
        """Where a stream ends."""
        ...

    def append(self, before: StreamState, payloads: Sequence[bytes]) -> None:
        """Add records behind ``before.seq``."""

    def trim(self, stream: str, through: int) -> None:
        """Drop the records up to and with ``through``."""

    def set_state(self, state: StreamState) -> None:
        """Write where a stream ends now."""

    def drop(self, stream: str) -> None:
        """Forget a stream, its end too; one that never was, as well."""


def apply(store: Store, transaction: Transaction) -> Outcome:
    """Carry out one transaction, or say why not."""
    for check in transaction.checks:
        row = store.row(check.key)
        if (row.revision if row else 0) != check.revision:
            return Conflict(check.key, row)
    for append in transaction.appends:
        state = store.state(append.stream)
        if not _follows(append, state):
            return Fenced(state)
    appended = tuple(_append(store, append) for append in transaction.appends)
    for trim in transaction.trims:
        store.trim(trim.stream, trim.through)
    for stream in transaction.drops:
        store.drop(stream)
    return Committed(
        appended=appended,
        revisions=tuple(store.put(put.key, put.value) for put in transaction.puts),
    )


def _follows(append: Append, state: StreamState) -> bool:
    producer = append.producer
    if producer is None:
        return True
    if producer.epoch > state.epoch:
        return producer.after == 0
    return producer.epoch == state.epoch and producer.after == state.n


def _append(store: Store, append: Append) -> Appended:
    before = store.state(append.stream)
    if append.payloads:
        store.append(before, append.payloads)
    last = before.seq + len(append.payloads)
    producer = append.producer
    epoch, n = (producer.epoch, producer.n) if producer else (before.epoch, before.n)
    store.set_state(StreamState(append.stream, last, epoch, n))
    return Appended(append.stream, before.seq + 1, last)
