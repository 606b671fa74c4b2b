"""A log that lasts as long as its process: for kernels without a server, and tests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.storage.base import Record, Row, StreamState
from kgnb.storage.transact import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.storage.base import Outcome, Transaction


class _Tables:
    """The primitive operations on dicts and lists."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.states: dict[str, StreamState] = {}
        self.records: dict[str, list[bytes]] = {}
        self.trimmed: dict[str, int] = {}
        """How many records a stream has lost at its beginning."""
        self.revision = 0

    def row(self, key: str) -> Row | None:
        return self.rows.get(key)

    def put(self, key: str, value: bytes | None) -> int:
        self.revision += 1
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = Row(key, self.revision, value)
        return self.revision

    def state(self, stream: str) -> StreamState:
        return self.states.get(stream) or StreamState(stream)

    def append(self, before: StreamState, payloads: Sequence[bytes]) -> None:
        self.records.setdefault(before.stream, []).extend(payloads)

    def trim(self, stream: str, through: int) -> None:
        before = self.trimmed.get(stream, 0)
        records = self.records.get(stream, [])
        del records[: max(0, through - before)]
        self.trimmed[stream] = self.state(stream).seq - len(records)

    def read(self, stream: str, after: int, limit: int) -> list[Record]:
        trimmed = self.trimmed.get(stream, 0)
        start = max(0, after - trimmed)
        payloads = self.records.get(stream, [])[start : start + limit]
        return [
            Record(seq, payload)
            for seq, payload in enumerate(payloads, trimmed + start + 1)
        ]

    def set_state(self, state: StreamState) -> None:
        self.states[state.stream] = state

    def drop(self, stream: str) -> None:
        self.states.pop(stream, None)
        self.records.pop(stream, None)
        self.trimmed.pop(stream, None)


class MemoryLog:
    """A :class:`kgnb.storage.base.Log` in memory."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._is_open = False
        self._log_id = uuid.uuid4().hex

    @property
    def log_id(self) -> str:
        """Names this log."""
        return self._log_id

    async def open(self) -> None:
        """Make it ready."""
        self._is_open = True

    def _open_tables(self) -> _Tables:
        if not self._is_open:
            raise Unavailable("memory log: expected it to be open, it is closed")
        return self._tables

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in order."""
        tables = self._open_tables()
        return [apply(tables, transaction) for transaction in batch]

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        return self._open_tables().read(stream, after, limit)

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record."""
        return self._open_tables().state(stream).seq

    async def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        states = self._open_tables().states
        return [states[name] for name in sorted(states) if name.startswith(prefix)]

    async def get(self, key: str) -> Row | None:
        """The row under ``key``."""
        return self._open_tables().row(key)

    async def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix, ordered."""
        rows = self._open_tables().rows
        return [rows[key] for key in sorted(rows) if key.startswith(prefix)]

    async def aclose(self) -> None:
        """Refuse further use; the data stays for a later ``open``."""
        self._is_open = False
