"""A batch tried on a copy, for stores that are a network away.

Such a store cannot answer each primitive in turn. What a batch touches is fetched in
one go, ``apply`` works on that, and what it wrote goes out in one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.storage.base import Row, StreamState, Trim
from kgnb.storage.transact import apply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kgnb.storage.base import Outcome, Transaction


class Drop(msgspec.Struct, frozen=True):
    """Forget a stream."""

    stream: str


class Placed(msgspec.Struct, frozen=True):
    """Records with the seq of the first."""

    stream: str
    first_seq: int
    payloads: tuple[bytes, ...]


Step = Placed | Trim | Drop
"""A change of a stream's records."""


class Touched(msgspec.Struct, frozen=True):
    """What a batch reads before it writes, without repeats."""

    keys: tuple[str, ...]
    streams: tuple[str, ...]


def touched(batch: Sequence[Transaction]) -> Touched:
    """What must be known to carry out ``batch``."""
    keys = (check.key for each in batch for check in each.checks)
    return Touched(tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(_streams(batch))))


def _streams(batch: Sequence[Transaction]) -> Iterable[str]:
    for transaction in batch:
        yield from (append.stream for append in transaction.appends)
        yield from (trim.stream for trim in transaction.trims)
        yield from transaction.drops


class Staged:
    """The primitive operations on what was fetched; keeps what is to be written.

    Args:
        rows: Those of ``Touched.keys`` that exist.
        states: Those of ``Touched.streams`` that exist.
        revision: The last one that any write had.
    """

    def __init__(
        self, rows: Mapping[str, Row], states: Mapping[str, StreamState], revision: int
    ) -> None:
        self._rows: dict[str, Row | None] = dict(rows)
        self._states: dict[str, StreamState | None] = dict(states)
        self.revision = revision
        self.rows: dict[str, Row | None] = {}
        """As they are to be, None for a deleted one."""
        self.states: dict[str, StreamState | None] = {}
        """Likewise."""
        self.steps: list[Step] = []
        """In this order."""

    def carry_out(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """What becomes of each transaction."""
        return [apply(self, transaction) for transaction in batch]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.rows or self.states or self.steps)

    def row(self, key: str) -> Row | None:
        """See ``Store.row``."""
        return self.rows[key] if key in self.rows else self._rows.get(key)

    def put(self, key: str, value: bytes | None) -> int:
        """See ``Store.put``."""
        self.revision += 1
        self.rows[key] = None if value is None else Row(key, self.revision, value)
        return self.revision

    def state(self, stream: str) -> StreamState:
        """See ``Store.state``."""
        staged = self.states if stream in self.states else self._states
        return staged.get(stream) or StreamState(stream)

    def append(self, before: StreamState, payloads: Sequence[bytes]) -> None:
        """See ``Store.append``."""
        self.steps.append(Placed(before.stream, before.seq + 1, tuple(payloads)))

    def trim(self, stream: str, through: int) -> None:
        """See ``Store.trim``."""
        self.steps.append(Trim(stream, through))

    def set_state(self, state: StreamState) -> None:
        """See ``Store.set_state``."""
        self.states[state.stream] = state

    def drop(self, stream: str) -> None:
        """See ``Store.drop``."""
        self.states[stream] = None
        self.steps.append(Drop(stream))
