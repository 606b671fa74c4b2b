"""A run's next transaction while it is written: events, and the rows they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import audit, decisions, rows
from kgnb.protocol import codec
from kgnb.protocol.ids import timestamp
from kgnb.storage.base import Append, Producer, Put, RowIs, Transaction

if TYPE_CHECKING:
    from kgnb.broker.audit import Action, AuditEntry
    from kgnb.broker.rows import ApprovalRow, EarlyInput, RunRow
    from kgnb.protocol.events import AnyEvent, ResolvedData
    from kgnb.protocol.ids import NodeId


class Draft:
    """Gathers what one commit of a run will hold.

    Args:
        row: The run's row as it is stored; the draft changes a copy.
        revision: Of that row; 0 where it is not stored yet.
        n: The last frame of the producer of ``row.epoch`` that is stored.
        now: Seconds, by the broker's clock.
    """

    def __init__(self, row: RunRow, revision: int, n: int, now: float) -> None:
        self.row = msgspec.structs.replace(row)
        self.n = n
        self.payloads: list[bytes] = []
        self.records: list[bytes] = []
        """Checkpoints, which nobody is shown."""
        self.approvals: dict[str, ApprovalRow] = {}
        """Staged rows, in the order in which they will be put."""
        self.is_durable = False
        """Whether it must outlive a power cut; somebody is told that it was taken."""
        self._now = now
        self._rest: dict[str, Put] = {}
        self._entries: list[AuditEntry] = []
        self._stored_row = row
        self._revision = revision
        self._stored_n = (row.epoch, n)
        self._revisions: dict[str, int] = {}

    def add(self, event: AnyEvent) -> None:
        """Put an event behind those before it."""
        self.payloads.append(codec.encode(event))

    def decide(
        self, row: ApprovalRow, resolved: ResolvedData, action: Action, at: str
    ) -> None:
        """Put the event of a decision, and write it down in the audit.

        The event says when as its kernel does (``at``), the audit as the broker does.
        """
        self.add(decisions.resolved_event(row, resolved, at))
        entry = audit.entry_of(row, resolved, action, timestamp(self._now))
        self._entries.append(entry)

    def note(self, entry: AuditEntry) -> None:
        """Write down in the audit what somebody did, who is told that it was done."""
        self._entries.append(entry)
        self.is_durable = True

    def stage(self, row: ApprovalRow, revision: int) -> None:
        """Write an approval's row, which is stored with ``revision`` (0: is not)."""
        self._revisions.setdefault(row.approval_id, revision)
        self.approvals[row.approval_id] = row

    def keep_early(self, node_id: NodeId, given: EarlyInput) -> None:
        """Keep an input until its node waits for one."""
        # A new dict: the row that is stored holds the old one.
        self.row.early = {**self.row.early, node_id: given}
        self.is_durable = True

    def take_early(self, node_id: NodeId) -> EarlyInput | None:
        """The input that was kept for a node, which has it now."""
        left = dict(self.row.early)
        given = left.pop(node_id, None)
        if given is not None:
            self.row.early = left
            self.is_durable = True
        return given

    def put(self, key: str, value: bytes) -> None:
        """Write a row of somebody else's along with it."""
        self._rest[key] = Put(key, value)

    @property
    def puts_run(self) -> bool:
        """Whether the run's own row changes."""
        return self._revision == 0 or self.row != self._stored_row

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        is_same_n = self._stored_n == (self.row.epoch, self.n)
        is_same_row = self.row == self._stored_row
        return not self.payloads and not self.approvals and is_same_n and is_same_row

    def transaction(self) -> Transaction:
        """The run's row (if it changes), then the approvals, and the events."""
        stream = rows.STREAM + self.row.run_id
        epoch, n = self._stored_n
        producer = None
        if (epoch, n) != (self.row.epoch, self.n):
            after = n if epoch == self.row.epoch else 0
            producer = Producer(self.row.epoch, after, self.n)
        checks = [
            RowIs(rows.APPROVAL + key, revision)
            for key, revision in self._revisions.items()
        ]
        puts = [
            Put(rows.APPROVAL + key, rows.encode(row))
            for key, row in self.approvals.items()
        ]
        if self.puts_run:
            key = rows.RUN + self.row.run_id
            checks.insert(0, RowIs(key, self._revision))
            puts.insert(0, Put(key, rows.encode(self.row)))
        puts += self._rest.values()
        appends = [Append(stream, tuple(self.payloads), producer)]
        if self.records:
            kept = rows.CHECKPOINT + self.row.run_id
            appends.append(Append(kept, tuple(self.records)))
        if self._entries:
            appends.append(audit.append_of(*self._entries))
        return Transaction(tuple(checks), tuple(puts), tuple(appends), self.is_durable)
