"""One run in memory, and what may wait in its inbox."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

import msgspec

from kgnb.broker import rows
from kgnb.errors import Conflict
from kgnb.protocol import events
from kgnb.protocol.ids import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kgnb.broker.audit import AuditEntry
    from kgnb.broker.peer import Peer
    from kgnb.broker.rows import EarlyInput, RunRow
    from kgnb.errors import KgnbError
    from kgnb.protocol import link
    from kgnb.protocol.ids import NodeId, RunId
    from kgnb.protocol.view import RunStatus
    from kgnb.storage.base import Row


ENDINGS: dict[type, RunStatus] = {
    events.WorkflowCompleted: "completed",
    events.WorkflowFailed: "failed",
    events.WorkflowCancelled: "cancelled",
    events.WorkflowLost: "lost",
}

OF_NODES = frozenset(
    {
        events.NodeUpdate,
        events.Progress,
        events.Token,
        events.Message,
        events.ResultEvent,
        events.Log,
        events.Custom,
    }
)
"""What only a run's readers care about: nearly all there is, and it changes no row."""


class Frames(msgspec.Struct):
    """A producer's events ``first, first + 1, …``, decoded and checked."""

    epoch: int
    first: int
    events: list[events.AnyEvent]
    kernel_id: str
    process_id: str
    records: dict[int, list[bytes]] = {}
    """Checkpoints, by the number of the event that they are stored with."""
    key: str | None = None
    """See ``RunRow.key``; with the first event."""


class Declaration(msgspec.Struct):
    """What the broker says of a run: of its process, or that nobody will go on."""

    kind: Literal["lost", "stalled", "back", "given up"]
    reason: str = ""
    by: events.By | None = None
    """Who gave it up."""
    entry: AuditEntry | None = None
    """For the audit, likewise."""
    done: Callable[[KgnbError | None], None] | None = None
    """As of :class:`Given`."""


class Given(msgspec.Struct):
    """An input for a node that, as far as was known, does not wait."""

    node_id: NodeId
    early: EarlyInput
    done: Callable[[KgnbError | None], None] | None
    """Told once it is stored, or why not; None: has been."""
    again: Callable[[float], None]
    """Called in place of that where the node turned out to wait: judge it anew."""


Item = Frames | Declaration | Given


def records_of(frame: link.AppendFrame) -> dict[int, list[bytes]]:
    """A frame's checkpoints, by the number of their event."""
    found: dict[int, list[bytes]] = {}
    for kept in frame.records:
        found.setdefault(frame.n + kept.at, []).append(bytes(kept.record))
    return found


def is_of_client(item: Item) -> bool:
    """Whether a client sent it, and can send it again."""
    if isinstance(item, Declaration):
        return item.entry is not None
    return isinstance(item, Given)


def tell(items: Iterable[Item], error: KgnbError | None = None) -> None:
    """Say to the clients behind items that the log took theirs, or why not; once."""
    for item in items:
        if not isinstance(item, Frames) and item.done is not None:
            done, item.done = item.done, None
            done(error)


class Run:
    """One run in memory: what is stored of it, and what waits to be."""

    def __init__(
        self, row: RunRow, revision: int = 0, seq: int = 0, n: int = 0
    ) -> None:
        self.row = row
        self.revision = revision
        self.seq = seq
        """Of the last event that was stored and published."""
        self.n = n
        self.open_approvals: set[str] = set()
        self.inbox: deque[Item] = deque()
        self.queued = (row.epoch, n)
        """Epoch and n of the last frame that was taken in."""
        self.kernel_id, self.process_id = row.kernel_id, row.process_id
        """Who sent it: the row names the next process once a frame of its is stored."""
        self.queued_events = 0
        self.is_committing = False
        self.tells_steps = row.start is not None and row.start.steps
        self.retry_at = 0.0
        """Until then nothing more is given to a log that has failed."""
        self.is_in_doubt = False
        """Whether it is not known what became of the transaction under way."""

    @property
    def id(self) -> RunId:
        """The run's id."""
        return self.row.run_id

    @property
    def status(self) -> RunStatus:
        """As a reader would fold it."""
        if self.row.status == "running" and self.open_approvals:
            return "waiting"
        return self.row.status

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nothing of it is on its way to the log."""
        return self.row.has_ended and not self.inbox and not self.is_committing

    @property
    def goes_on(self) -> bool:
        """Whether a process takes it up again, of which its row does not know yet."""
        return self.queued[0] > self.row.epoch

    @property
    def is_unfinished(self) -> bool:
        """Whether events of it are to come, as far as is known."""
        return not self.row.has_ended or self.goes_on

    def refresh(self, stored: Row | None) -> None:
        """Take over the row that the log has, or that it has none."""
        self.revision = stored.revision if stored is not None else 0
        if stored is not None:
            self.row = rows.decode(stored.value, rows.RunRow)

    def expects(self, epoch: int) -> int:
        """The next ``n`` of the producer of ``epoch``."""
        return self.queued[1] + 1 if epoch == self.queued[0] else 1


def may_see(peer: Peer, row: RunRow) -> bool:
    """Whether a run is within what the peer may know of."""
    return (
        peer.run_scope in (None, row.run_id)
        and peer.workflow_scope in (None, row.workflow)
        and peer.kernel_id in (None, row.kernel_id)
    )


def has_another_end(row: RunRow) -> Conflict:
    """Why a run cannot be ended: it is over already, or has just been resumed."""
    if row.has_ended:
        return Conflict(f"run {row.run_id!r}: it is {row.status} already")
    return Conflict(f"run {row.run_id!r}: it has just been resumed; send that again")


def declared(row: RunRow, item: Declaration, now: float) -> events.AnyEvent:
    """The event that says what is known of a run's process."""
    run_id, workflow, at = row.run_id, row.workflow, timestamp(now)
    kind: type[events.WorkflowStalled | events.WorkflowPaused | events.WorkflowResumed]
    if item.kind == "lost":
        return events.WorkflowLost(
            run_id=run_id,
            workflow=workflow,
            timestamp=at,
            reason=item.reason,
            resumable=row.is_durable,
        )
    if item.kind == "given up":
        return events.WorkflowCancelled(
            run_id=run_id, workflow=workflow, timestamp=at, by=item.by
        )
    if item.kind == "stalled":
        kind = events.WorkflowStalled
    else:
        kind = events.WorkflowPaused if row.is_paused else events.WorkflowResumed
    return kind(run_id=run_id, workflow=workflow, timestamp=at)
