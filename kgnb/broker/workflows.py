"""Published workflows: which kernel is meant by which name.

Who published a name last owns it; the others are reached as ``name@<kernel id>``, of
which a beginning will do. What a kernel publishes goes with its process. It is kept
in the log besides, so that after a restart of the server a client that is faster than
the kernel's link does not hear that there is no such workflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kgnb.broker import rows
from kgnb.errors import InvalidValue, NoSuchWorkflow
from kgnb.protocol import link
from kgnb.protocol.workflows import check_workflow_name, split_name
from kgnb.storage.base import Put, Transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kgnb.broker.connections import Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.peer import Peer
    from kgnb.broker.rows import WorkflowsRow
    from kgnb.storage.base import Outcome, Row

MALFORMED = 1008
"""Close code of a link that announces what cannot be."""


class Offer(NamedTuple):
    """One workflow of one kernel."""

    kernel_id: str
    process_id: str
    workflow: link.Workflow


class Workflows:
    """All workflows of all kernels."""

    def __init__(self, effects: Effects, limits: BrokerLimits) -> None:
        self._effects = effects
        self._limits = limits
        self._by_kernel: dict[str, WorkflowsRow] = {}

    def load(self, found: Iterable[Row], known: Collection[str]) -> None:
        """Take in what the ``known`` kernels published before a restart."""
        for stored in found:
            row = rows.decode(stored.value, rows.WorkflowsRow)
            self._by_kernel[row.kernel_id] = row
            if row.kernel_id not in known:
                self.forget(row.kernel_id)

    def forget(self, kernel_id: str, *, but: str | None = None) -> None:
        """The kernel is gone, or is another process than ``but`` by now."""
        row = self._by_kernel.get(kernel_id)
        if row is not None and row.process_id != but:
            del self._by_kernel[kernel_id]
            put = Put(rows.WORKFLOWS + kernel_id, None)
            self._effects.commit(Transaction(puts=(put,)), lambda _outcome, _at: None)

    def receive(self, source: Link, frame: link.Publish) -> None:
        """Take in all that a kernel publishes; it is told when they can be started."""
        try:
            self._check(frame.workflows)
        except InvalidValue as error:
            source.close(MALFORMED, str(error)[:100])
            return
        row = rows.WorkflowsRow(
            kernel_id=source.kernel_id,
            process_id=source.process_id,
            workflows=frame.workflows,
        )
        self._by_kernel[row.kernel_id] = row

        def done(outcome: Outcome | None, _at: float) -> None:
            # If the log fails they can be started all the same, until a restart.
            del outcome
            source.reply(link.Published(n=frame.n))

        put = Put(rows.WORKFLOWS + row.kernel_id, rows.encode(row))
        self._effects.commit(Transaction(puts=(put,)), done)

    def _check(self, workflows: list[link.Workflow]) -> None:
        for workflow in workflows:
            check_workflow_name(workflow.name)
        if len(workflows) > self._limits.max_workflows:
            raise InvalidValue(
                f"publish: expected at most {self._limits.max_workflows} workflows "
                f"of one kernel, got {len(workflows)}"
            )

    def processes_of(self, kernel_id: str) -> set[str]:
        """The process that published something as this kernel; empty if none did."""
        row = self._by_kernel.get(kernel_id)
        return {row.process_id} if row is not None and row.workflows else set()

    def offers(self, peer: Peer | None = None) -> list[Offer]:
        """What ``peer`` may know of (None: all), the last published first."""
        found = [
            Offer(row.kernel_id, row.process_id, workflow)
            for row in self._by_kernel.values()
            for workflow in row.workflows
            if peer is None or _may_know(peer, row.kernel_id, workflow.name)
        ]
        return sorted(found, key=lambda each: -each.workflow.published_at)

    def find(self, name: str, peer: Peer | None = None) -> Offer | None:
        """The workflow of that name, if ``peer`` may know of it.

        ``name@prefix`` is of the one kernel whose id begins so.
        """
        plain, prefix = split_name(name)
        found = [
            each
            for each in self.offers(peer)
            if each.workflow.name == plain and each.kernel_id.startswith(prefix)
        ]
        if prefix and len(found) > 1:
            return None
        return found[0] if found else None

    def named(self, name: str, peer: Peer) -> Offer:
        """The same.

        Raises:
            NoSuchWorkflow: There is none, or the prefix fits several kernels.
        """
        found = self.find(name, peer)
        if found is None:
            raise NoSuchWorkflow(f"no workflow {name!r} is published")
        return found

    def default_name(self, peer: Peer) -> str | None:
        """Whom a message without a workflow is for: the default, or the only one."""
        offers = self.offers(peer)
        names = [each.workflow.name for each in offers if each.workflow.is_default]
        names = names or sorted({each.workflow.name for each in offers})
        is_clear = len(names) == 1 or any(o.workflow.is_default for o in offers)
        return names[0] if names and is_clear else None


def _may_know(peer: Peer, kernel_id: str, name: str) -> bool:
    return (
        peer.run_scope is None
        and peer.workflow_scope in (None, name)
        and peer.kernel_id in (None, kernel_id)
    )
