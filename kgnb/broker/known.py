"""What a running broker knows, for its host to read; nothing here changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import audit, rows
from kgnb.broker.audit import Numbered
from kgnb.broker.frames import StoredEvent
from kgnb.broker.rows import SessionRow
from kgnb.broker.run import may_see
from kgnb.errors import Gap, NoSuchRun, Unavailable
from kgnb.protocol import codec
from kgnb.protocol.ids import RunId
from kgnb.protocol.view import RunView, fold

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from kgnb.broker.core import Broker, Statistics
    from kgnb.broker.peer import Peer
    from kgnb.broker.rows import ApprovalRow, RunRow
    from kgnb.broker.workflows import Offer
    from kgnb.broker.writer import Trouble
    from kgnb.storage.base import Log

PAGE = 256
"""Events read from the log at a time."""


class ClientInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One open connection of a client."""

    client_id: str
    """Its own, or one made up for it."""
    user: str | None = None
    """None where no person is known."""
    via: str
    role: str
    runs: int
    """That it reads."""


class StoreLoad(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the log is."""

    pool_size: int
    """Calls that we make of it at once: one that writes, two that read."""
    pool_in_use: int
    waiting: int
    """Transactions and reads that are queued."""
    trouble: Trouble


class Known:
    """The reading half of :class:`kgnb.broker.driver.BrokerDriver`.

    ``peer`` is always who asks: what he may not know of is not there. None is the
    host itself, which may know of everything.
    """

    _broker: Broker | None
    _log: Log
    _clock: Callable[[], float]

    @property
    def _core(self) -> Broker:
        if self._broker is None:
            raise Unavailable("broker: expected it to be started, and not closed")
        return self._broker

    @property
    def log_id(self) -> str:
        """Of the log."""
        return self._core.log_id

    def statistics(self) -> Statistics:
        """Counts of this moment."""
        return self._core.statistics(self._clock())

    def clients(self) -> list[ClientInfo]:
        """The clients' sockets that are open, oldest first."""
        return [
            ClientInfo(
                client_id=conn.client,
                user=conn.peer.identity.shown,
                via=conn.peer.via,
                role=conn.peer.role,
                runs=len(conn.readers),
            )
            for conn in self._core.sockets()
        ]

    # Runs

    def run(self, run_id: str, peer: Peer | None = None) -> RunRow | None:
        """One run's row; do not change it."""
        run = self._core.runs.by_id.get(run_id)
        if run is None or (peer is not None and not may_see(peer, run.row)):
            return None
        return run.row

    def runs(self, peer: Peer | None = None) -> list[RunRow]:
        """All runs' rows, oldest first; do not change them."""
        found = [run.row for run in self._core.runs.by_id.values()]
        return [row for row in found if peer is None or may_see(peer, row)]

    async def events(
        self, run_id: str, peer: Peer | None = None
    ) -> AsyncGenerator[list[StoredEvent], None]:
        """The events of a run up to now, page by page, each read when it is asked for.

        Raises:
            NoSuchRun: There is none that ``peer`` may know of.
            Gap: Its older events are no longer in the log.
            Unavailable: The log cannot be read.
        """
        if self.run(run_id, peer) is None:
            raise NoSuchRun(f"no run {run_id!r}")
        run = self._core.runs.by_id[run_id]
        seq, last = 0, run.seq
        while seq < last:
            records = await self._log.read(rows.STREAM + run.id, seq, PAGE)
            if not records or records[0].seq != seq + 1:
                raise Gap(f"run {run_id!r}: its events after {seq} are not kept")
            page = [
                StoredEvent(run.id, record.seq, record.payload)
                for record in records
                if record.seq <= last
            ]
            seq = page[-1].seq
            yield page

    async def view(self, run_id: str, peer: Peer | None = None) -> RunView:
        """A run as its events up to now make it; raises as :meth:`events` does."""
        view = RunView(run_id=RunId(run_id))
        async for page in self.events(run_id, peer):
            for event in page:
                fold(view, codec.decode_event(event.frame.payload))
        return view

    async def session(self, named: str, peer: Peer) -> tuple[SessionRow, list[RunRow]]:
        """What was said in a session of ``peer``'s, and its runs that are under way.

        Args:
            named: Its name, or the token of another's.
            peer: Who asks.

        Raises:
            Unauthorized: It is a session's token, and does not hold.
            Unavailable: The log cannot be read.
        """
        core = self._core
        user, session_id = core.shares.session_of(peer, named, self._clock())
        stored = await self._log.get(rows.session_key(user, session_id))
        session = SessionRow(user=user, session_id=session_id)
        if stored is not None:
            session = rows.decode(stored.value, SessionRow)
        session.messages = core.sessions.messages_of(session)
        runs = [run.row for run in core.runs.unfinished()]
        mine = [
            row for row in runs if (row.owner, row.session_id) == (user, session_id)
        ]
        return session, [row for row in mine if may_see(peer, row)]

    async def audit(self, after: int, limit: int) -> list[Numbered]:
        """Entries of the audit behind the one numbered ``after``, in order.

        Raises:
            Unavailable: The log cannot be read.
        """
        records = await self._log.read(audit.STREAM, after, limit)
        return [
            Numbered(
                record.seq,
                msgspec.json.decode(record.payload, type=audit.AuditEntry),
            )
            for record in records
        ]

    # Kernels

    def processes_of_kernel(self, kernel_id: str) -> set[str]:
        """Those, as they named themselves, that have unfinished runs or workflows."""
        runs = {run.row.process_id for run in self._core.kernels.runs_of(kernel_id)}
        return runs | self._core.workflows.processes_of(kernel_id)

    def watched_kernels(self) -> set[str]:
        """Kernels with unfinished runs or workflows, whether or not they are connected.

        After a start the host compares them with the kernels that it has, and
        calls ``kernel_gone`` for the others.
        """
        runs = {run.row.kernel_id for run in self._core.runs.unfinished()}
        return runs | {offer.kernel_id for offer in self.workflows()}

    def server_of_kernel(self, kernel_id: str) -> str:
        """Of several servers the one that a kernel dialled; empty if not known."""
        return self._core.kernels.server_of(kernel_id)

    # Approvals and workflows

    def open_approvals(self, peer: Peer | None = None) -> list[ApprovalRow]:
        """Open approvals of the runs that ``peer`` may know of."""
        return self._core.approvals.open_rows(peer)

    def approval(self, approval_id: str, peer: Peer) -> ApprovalRow | None:
        """One approval, decided or not; do not change it."""
        return self._core.approvals.find(peer, approval_id)

    def workflow(self, name: str, peer: Peer | None = None) -> Offer | None:
        """The published workflow of a name, or of ``name@<kernel id>``."""
        return self._core.workflows.find(name, peer)

    def workflows(self, peer: Peer | None = None) -> list[Offer]:
        """Published workflows that ``peer`` may know of, newest first."""
        return self._core.workflows.offers(peer)
