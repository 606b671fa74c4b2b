"""Kernels: which process is which kernel, and what that says about its runs.

A run is *lost* only by a fact about its process: another process says that it
is the kernel, or the host says that the kernel is gone. A link that is merely
absent makes it *stalled*, which ends when the link is back.
"""

from __future__ import annotations

import hmac
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

from kgnb.broker import rows
from kgnb.broker.rows import KernelRow
from kgnb.broker.run import Declaration
from kgnb.protocol import link
from kgnb.storage.base import Committed, Put, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kgnb.broker.audience import Audience
    from kgnb.broker.connections import Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.managers import Managers
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.broker.starts import Starts
    from kgnb.broker.workflows import Workflows
    from kgnb.storage.base import Outcome, Row

REPLACED = 4001
"""Close code of a link whose process, or whose newer link, took over."""
FORBIDDEN = 4003
TRY_AGAIN_LATER = 1013
"""Close code (IANA): the log failed; dial again."""


def _new_token() -> str:
    return secrets.token_urlsafe(24)


class Kernel:
    """One kernel, and the process that is it just now."""

    def __init__(self, row: KernelRow, silent_since: float) -> None:
        self.row = row
        self.link: Link | None = None
        self.silent_since = silent_since
        self.is_stalled = False


class Kernels:
    """All kernels that said hello and were not declared gone."""

    def __init__(
        self,
        log_id: str,
        effects: Effects,
        limits: BrokerLimits,
        *,
        started_at: float = 0.0,
        knows_people: bool = False,
        new_token: Callable[[], str] = _new_token,
    ) -> None:
        self.runs: Runs
        self.audience: Audience
        self.managers: Managers
        self.starts: Starts
        self.workflows: Workflows
        self._log_id = log_id
        self._effects = effects
        self._limits = limits
        self._started_at = started_at
        self._knows_people = knows_people
        self._new_token = new_token
        self._by_id: dict[str, Kernel] = {}
        self._by_process: dict[str, Kernel] = {}

    def load(self, found: Iterable[Row], now: float) -> None:
        """Take in what the log holds, after the runs; all are silent at first."""
        for stored in found:
            self._add(Kernel(rows.decode(stored.value, KernelRow), now))
        for run in self.runs.unfinished():
            row = run.row
            if row.process_id not in self._by_process:
                known = KernelRow(kernel_id=row.kernel_id, process_id=row.process_id)
                self._by_process[row.process_id] = Kernel(known, now)

    def _add(self, kernel: Kernel) -> None:
        self._by_id[kernel.row.kernel_id] = kernel
        self._by_process[kernel.row.process_id] = kernel

    def link_of(self, process_id: str) -> Link | None:
        """The open link of a process."""
        kernel = self._by_process.get(process_id)
        found = kernel.link if kernel is not None else None
        return found if found is not None and found.is_open else None

    def links(self) -> list[Link]:
        """Every open link of a kernel that has said hello."""
        found = [kernel.link for kernel in self._by_process.values()]
        return [one for one in found if one is not None and one.is_open]

    @property
    def known(self) -> set[str]:
        """The ids of kernels that were not forgotten."""
        return set(self._by_id)

    def server_of(self, kernel_id: str) -> str:
        """Of several servers the one that a kernel dialled; empty if not known."""
        kernel = self._by_id.get(kernel_id)
        return "" if kernel is None else kernel.row.server

    def runs_of(self, kernel_id: str) -> list[Run]:
        """Unfinished runs of a kernel, whichever process has them."""
        return [r for r in self.runs.unfinished() if r.kernel_id == kernel_id]

    def hello(self, source: Link, frame: link.LinkHello, now: float) -> None:
        """Take in the process at the other end, or close its link."""
        if source.kernel_id or source.peer.kernel_id not in (None, frame.kernel_id):
            source.close(FORBIDDEN, "this link belongs to another kernel")
            return
        token = frame.owner_token
        known = self._by_process.get(frame.process_id)
        if known is not None:
            is_owner = token is not None and hmac.compare_digest(
                rows.hash_token(token), known.row.token_hash
            )
            if not is_owner and self._runs_of_process(frame.process_id):
                source.close(FORBIDDEN, "the owner token is missing or wrong")
                return
            if known.link is not None:
                known.link.close(REPLACED, "another link of this process took over")
            if not is_owner:
                token = None
        else:
            token = None
        self._replace_others(frame, now)
        self._welcome(source, frame, token, now)

    def _replace_others(self, frame: link.LinkHello, now: float) -> None:
        """Another process was this kernel: it is dead, and what it had with it."""
        self.workflows.forget(frame.kernel_id, but=frame.process_id)
        old = self._by_id.get(frame.kernel_id)
        if old is not None and old.row.process_id != frame.process_id:
            self._by_process.pop(old.row.process_id, None)
            if old.link is not None:
                old.link.close(REPLACED, "another process is this kernel now")
        for run in self.runs_of(frame.kernel_id):
            if run.process_id != frame.process_id:
                reason = "the kernel was restarted"
                self.runs.declare(run, Declaration("lost", reason), now)

    def _welcome(
        self, source: Link, frame: link.LinkHello, token: str | None, now: float
    ) -> None:
        source.kernel_id, source.process_id = frame.kernel_id, frame.process_id
        is_new = token is None
        owner_token = token if token is not None else self._new_token()
        row = KernelRow(
            kernel_id=frame.kernel_id,
            process_id=frame.process_id,
            pid=frame.pid,
            token_hash=rows.hash_token(owner_token),
            server=source.peer.server,
        )
        kernel = self._by_process.get(frame.process_id) or Kernel(row, now)
        is_changed = is_new or kernel.row != row
        kernel.row = row
        kernel.link = source
        self._add(kernel)
        kernel.is_stalled = False
        for run in self._runs_of_process(frame.process_id):
            # Moot but for those that were stalled, perhaps under an earlier server.
            self.runs.declare(run, Declaration("back"), now)

        def done(outcome: Outcome | None, at: float) -> None:
            if not isinstance(outcome, Committed):
                source.close(TRY_AGAIN_LATER, "the log is unavailable")
                return
            source.reply(
                link.Welcome(
                    log_id=self._log_id,
                    owner_token=owner_token,
                    runs=self._known_runs(frame.process_id),
                    knows_people=self._knows_people,
                    clients=self.audience.infos(frame.kernel_id),
                    uptime=at - self._started_at,
                    max_message_size=self._limits.frame.max_size,
                )
            )
            self.starts.link_up(frame.process_id)

        key = rows.KERNEL + frame.kernel_id
        puts = (Put(key, rows.encode(row)),) if is_changed else ()
        # Without a change it waits its turn all the same: the frames of an
        # earlier link may be on their way to the log, and count as known.
        self._effects.commit(Transaction(puts=puts), done)

    def _runs_of_process(self, process_id: str) -> list[Run]:
        return [r for r in self.runs.unfinished() if r.process_id == process_id]

    def _known_runs(self, process_id: str) -> list[link.KnownRun]:
        return [
            link.KnownRun(run_id=run.id, epoch=run.row.epoch, n=run.n)
            for run in self._runs_of_process(process_id)
            if not run.goes_on
        ]

    def link_closed(self, closed: Link, now: float) -> None:
        """A link ended; another one may have taken its place before."""
        kernel = self._by_process.get(closed.process_id)
        if kernel is not None and kernel.link is closed:
            kernel.link = None
            kernel.silent_since = now

    def gone(
        self,
        kernel_id: str,
        reason: str,
        now: float,
        *,
        processes: Collection[str] | None = None,
    ) -> None:
        """The host knows that the kernel's process is dead.

        Args:
            kernel_id: Which.
            reason: Shown with the lost runs.
            now: Seconds.
            processes: The dead ones, where known; None: all that were this kernel.
        """

        def is_dead(process_id: str) -> bool:
            return processes is None or process_id in processes

        for kernel in list(self._by_process.values()):
            if kernel.row.kernel_id == kernel_id and is_dead(kernel.row.process_id):
                self._forget(kernel)
        if kernel_id not in self._by_id:
            self.managers.forget(kernel_id)
            self.workflows.forget(kernel_id)
        for run in self.runs_of(kernel_id):
            if is_dead(run.process_id):
                self.runs.declare(run, Declaration("lost", reason), now)

    def _forget(self, kernel: Kernel) -> None:
        row = kernel.row
        del self._by_process[row.process_id]
        if kernel.link is not None:
            kernel.link.close(1000, "the kernel is gone")
        if self._by_id.get(row.kernel_id) is kernel:
            del self._by_id[row.kernel_id]
            self.workflows.forget(row.kernel_id)
            transaction = Transaction(puts=(Put(rows.KERNEL + row.kernel_id, None),))
            # If the log fails the row stays behind, and does no harm.
            self._effects.commit(transaction, lambda _outcome, _at: None)

    def tick(self, now: float) -> None:
        """Look for kernels that have been silent for long.

        Their runs are stalled; one that has no runs is forgotten, and welcome
        again like any other.
        """
        silent = [k for k in self._by_process.values() if self._is_newly_silent(k, now)]
        if not silent:
            return
        runs: defaultdict[str, list[Run]] = defaultdict(list)
        for run in self.runs.unfinished():
            runs[run.process_id].append(run)
        for kernel in silent:
            kernel.is_stalled = True
            for run in runs[kernel.row.process_id]:
                if run.row.start is None:  # else it has not begun
                    self.runs.declare(run, Declaration("stalled"), now)
            if not runs[kernel.row.process_id]:
                self._forget(kernel)

    def _is_newly_silent(self, kernel: Kernel, now: float) -> bool:
        is_silent = kernel.link is None or not kernel.link.is_open
        is_long = now - kernel.silent_since >= self._limits.stall_after
        return is_silent and is_long and not kernel.is_stalled
