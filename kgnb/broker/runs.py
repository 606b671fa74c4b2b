"""Runs and their producers: the sequencer.

A run's input waits in its inbox and is stored in one transaction after the
other, so that what a later frame means never depends on how an earlier one
turns out. Frames that came while a transaction was under way share the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kgnb.broker import rows
from kgnb.broker.doubts import refused, unsure
from kgnb.broker.draft import Draft
from kgnb.broker.rows import RunRow
from kgnb.broker.run import (
    ENDINGS,
    OF_NODES,
    Declaration,
    Frames,
    Given,
    Run,
    declared,
    has_another_end,
    is_of_client,
    may_see,
    records_of,
    tell,
)
from kgnb.errors import BadFrame, KgnbError
from kgnb.protocol import codec, events, link
from kgnb.protocol.ids import timestamp
from kgnb.storage.base import Committed, Conflict, Fenced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgnb.broker.approvals import Approvals
    from kgnb.broker.connections import Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.inputs import Inputs
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.peer import Peer
    from kgnb.broker.run import Item
    from kgnb.broker.sessions import Sessions
    from kgnb.broker.starts import Starts
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.storage.base import Outcome, Row, StreamState

_FORBIDDEN_OF_KERNELS = (events.WorkflowStalled, events.WorkflowLost)


LinkOf = Callable[[str], "Link | None"]
"""The open link of a process."""


class Runs:
    """All runs. ``link_of`` gives the open link of a process, or None."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        link_of: LinkOf,
    ) -> None:
        self.by_id: dict[str, Run] = {}
        self.approvals: Approvals
        self.inputs: Inputs
        self.subscriptions: Subscriptions
        self.starts: Starts
        self.sessions: Sessions
        self._effects = effects
        self._limits = limits
        self._link_of = link_of
        self._waiting: dict[str, Run] = {}
        """Runs whose inbox waits because the log had failed."""
        self._behind: set[str] = set()
        """Runs of which the log did not take the last transaction."""

    def load(self, found: Iterable[Row], states: Iterable[StreamState]) -> None:
        """Take in what the log holds, before anybody connects."""
        ends = {state.stream: state for state in states}
        for stored in found:
            row = rows.decode(stored.value, RunRow)
            state = ends.get(rows.STREAM + row.run_id)
            seq, n = (state.seq, state.n) if state else (0, 0)
            self.by_id[row.run_id] = Run(row, stored.revision, seq, n)

    def forget(self, run: Run) -> None:
        """Let go of a run that is over, or will not be."""
        del self.by_id[run.id]
        self._waiting.pop(run.id, None)
        self._behind.discard(run.id)

    @property
    def are_behind(self) -> bool:
        """Whether events wait that the log has refused."""
        return bool(self._behind)

    def visible(self, peer: Peer, run_id: str | None) -> Run | None:
        """The run, if there is one that ``peer`` may know of."""
        run = self.by_id.get(run_id or "")
        return run if run is not None and may_see(peer, run.row) else None

    def unfinished(self) -> list[Run]:
        """Runs that have not ended, or that are being taken up again."""
        return [run for run in self.by_id.values() if run.is_unfinished]

    def awaited(self) -> list[Run]:
        """Those, and lost ones that can go on, of which something is asked still."""
        runs = self.by_id.values()
        return [run for run in runs if run.is_unfinished or run.open_approvals]

    # What a kernel appends

    def append(self, source: Link, frame: link.AppendFrame, now: float) -> None:
        """Take in a kernel's frame, or refuse it on its link."""
        try:
            decoded = self._decode(frame)
        except KgnbError as error:
            _refuse(source, frame, error.code, str(error))
            return
        run = self.by_id.get(frame.run_id)
        if run is None:
            if frame.n != 1 or not _starts(decoded):
                expected = "its workflow_started as n 1"
                text = f"run {frame.run_id!r} is not known: expected {expected}"
                _refuse(source, frame, "gap" if frame.n > 1 else "invalid", text, 1)
                return
            if _goes_on(decoded):
                # Its seqs would begin anew, behind the backs of who has read it.
                text = f"run {frame.run_id!r} is no longer kept: it cannot go on"
                _refuse(source, frame, "conflict", text)
                return
            run = self._create(source, frame, decoded[0].workflow, now)
        elif not self._is_producer(run, source, frame, decoded):
            text = f"run {run.id!r} belongs to epoch {run.row.epoch} of another process"
            if run.row.process_id == source.process_id:
                text = f"run {run.id!r}: epoch {frame.epoch} is over"
            _refuse(source, frame, "conflict", text)
            return
        elif run.row.start is not None and run.queued == (run.row.epoch, 0):
            self.starts.began(run)
            self.subscriptions.run_appeared(run, now)
        elif frame.epoch > run.queued[0]:
            # It goes on: who came when it had ended, and reads all runs, reads it too.
            self.subscriptions.run_appeared(run, now)
        self._take_in(run, source, frame, decoded)
        self.submit(run, now)

    def _decode(self, frame: link.AppendFrame) -> list[events.AnyEvent]:
        decoded = [codec.decode_event(bytes(raw)) for raw in frame.events]
        for event in decoded:
            if event.run_id != frame.run_id:
                raise BadFrame(
                    f"event {type(event).__name__}: expected run_id "
                    f"{frame.run_id!r}, got {event.run_id!r}"
                )
            if isinstance(event, _FORBIDDEN_OF_KERNELS):
                raise BadFrame(f"{type(event).__name__}: only the broker declares it")
            # What the log adds at delivery is not the producer's to set.
            event.seq = 0
            event.workflow_id = ""
            self.approvals.check(event)
        return decoded

    def _create(
        self, source: Link, frame: link.AppendFrame, workflow: str, now: float
    ) -> Run:
        row = RunRow(
            run_id=frame.run_id,
            workflow=workflow,
            kernel_id=source.kernel_id,
            process_id=source.process_id,
            epoch=frame.epoch,
        )
        run = Run(row)
        self.by_id[row.run_id] = run
        self.subscriptions.run_appeared(run, now)
        return run

    def _is_producer(
        self,
        run: Run,
        source: Link,
        frame: link.AppendFrame,
        decoded: list[events.AnyEvent],
    ) -> bool:
        if frame.epoch == run.queued[0] and run.process_id == source.process_id:
            return True
        # A dead run goes on under the same id in a higher epoch.
        return (
            frame.epoch > run.queued[0]
            and frame.epoch > run.row.epoch
            and run.row.has_ended
            and not run.inbox
            and not run.is_committing
            and frame.n == 1
            and _starts(decoded)
        )

    def _take_in(
        self,
        run: Run,
        source: Link,
        frame: link.AppendFrame,
        decoded: list[events.AnyEvent],
    ) -> None:
        expected = run.expects(frame.epoch)
        if frame.n > expected:
            text = f"run {run.id!r}: expected n {expected}, got {frame.n}"
            _refuse(source, frame, "gap", text, expected)
            return
        fresh = decoded[expected - frame.n :]
        if not fresh:
            if not run.goes_on and frame.n + len(decoded) - 1 <= run.n:
                self._acknowledge(run)
            return
        if run.queued_events + len(fresh) > self._limits.max_queued:
            source.close(4009, "the log is slower than this kernel")
            return
        run.inbox.append(
            Frames(
                frame.epoch,
                expected,
                fresh,
                source.kernel_id,
                source.process_id,
                records=records_of(frame),
                key=frame.key,
            )
        )
        run.queued = (frame.epoch, expected + len(fresh) - 1)
        run.kernel_id, run.process_id = source.kernel_id, source.process_id
        run.queued_events += len(fresh)

    def _acknowledge(self, run: Run) -> None:
        target = self._link_of(run.row.process_id)
        if target is not None:
            target.reply(link.Appended(run_id=run.id, n=run.n, seq=run.seq))

    # What the broker declares

    def declare(self, run: Run, declaration: Declaration, now: float) -> None:
        """Say what is known of a run's process; moot if it has ended by then."""
        run.inbox.append(declaration)
        self.submit(run, now)

    def retry(self, now: float) -> None:
        """Submit again what waited for a log that had failed."""
        waiting, self._waiting = self._waiting, {}
        for run in waiting.values():
            self.submit(run, now)

    # Transactions

    def submit(self, run: Run, now: float) -> None:
        """Write and commit the run's next transaction, unless one is under way."""
        if run.is_committing:
            return
        if now < run.retry_at:
            self._waiting[run.id] = run
            return
        while run.inbox:
            draft = Draft(run.row, run.revision, run.n, now)
            items = self._write(run, draft, now)
            if not draft.is_empty:
                run.is_committing = True

                def done(
                    outcome: Outcome | None,
                    at: float,
                    draft: Draft = draft,
                    items: list[Item] = items,
                ) -> None:
                    self._done(run, draft, items, outcome, at)

                def doubt(_at: float, items: list[Item] = items) -> None:
                    run.is_in_doubt = True
                    error = unsure("the command", self._limits)
                    self._turn_away(run, items, error)

                self._effects.commit(draft.transaction(), done, doubt)
                return

    def _write(self, run: Run, draft: Draft, now: float) -> list[Item]:
        """Move items from the inbox into the draft, as many as go together."""
        items: list[Item] = []
        while run.inbox and len(draft.payloads) < self._limits.read_page:
            item = run.inbox[0]
            is_alone = not isinstance(item, Frames) or item.epoch != draft.row.epoch
            if is_alone and items:
                break
            items.append(run.inbox.popleft())
            if isinstance(item, Declaration):
                self._write_declaration(draft, item, now)
                break
            if isinstance(item, Given):
                self.inputs.write(run, draft, item, now)
                break
            run.queued_events -= len(item.events)
            if item.epoch >= draft.row.epoch:
                self._write_frames(draft, item, now)
            else:
                self._fence(run, item)
        return items

    def _write_frames(self, draft: Draft, item: Frames, now: float) -> None:
        row = draft.row
        if item.epoch > row.epoch:
            row.epoch = item.epoch
            row.kernel_id, row.process_id = item.kernel_id, item.process_id
            row.status, row.ended_at, row.is_paused = "running", None, False
            row.over_at = 0.0
        if row.status == "stalled":
            row.status = "paused" if row.is_paused else "running"
        if item.key is not None:
            row.key = item.key
        for n, event in enumerate(item.events, item.first):
            # Whatever trails behind a run's end, its views could not show.
            if not row.has_ended:
                if type(event) in OF_NODES:
                    draft.add(event)
                else:
                    self._write_event(draft, event, now)
                if item.records:
                    draft.records += item.records.get(n, ())
        draft.n = item.first + len(item.events) - 1

    def _write_event(self, draft: Draft, event: events.AnyEvent, now: float) -> None:
        row = draft.row
        match event:
            case events.ApprovalRequest():
                self.approvals.open(draft, event, now)
                return
            case events.ApprovalResolved():
                self.approvals.withdraw(draft, event)
                return
            case events.WorkflowStarted():
                row.workflow = event.workflow
                row.session_id = event.session_id
                row.is_durable = event.durable
                row.start = None
                row.nodes = [node.id for node in event.graph.nodes]
                row.started_at = row.started_at or event.timestamp or timestamp(now)
            case events.GraphChanged():
                row.nodes = [node.id for node in event.graph.nodes]
            case events.Step():
                self.sessions.write(draft, event, now)
            case events.WorkflowPaused():
                row.status, row.is_paused = "paused", True
            case events.WorkflowResumed():
                row.status, row.is_paused = "running", False
        ending = ENDINGS.get(type(event))
        if ending is not None:
            if ending != "lost" or not row.is_durable:
                # Else they stay open, for the process that goes on with the run.
                self.approvals.close_all(draft, f"the run was {ending}", now)
                row.early = {}
            row.status = ending
            row.nodes = []
            row.ended_at = event.timestamp or timestamp(now)
            row.over_at = now
        draft.add(event)

    def _write_declaration(self, draft: Draft, item: Declaration, now: float) -> None:
        row = draft.row
        event = declared(row, item, now)
        if item.entry is not None and row.can_go_on:
            self._write_event(draft, event, now)
            draft.note(item.entry)
        elif item.entry is not None:
            tell([item], has_another_end(row))
        elif row.has_ended:
            return
        elif item.kind == "lost":
            # The fence: the broker is the producer of the next epoch's only frame.
            row.epoch += 1
            draft.n = 1
            self._write_event(draft, event, now)
        elif item.kind == "stalled" and row.status != "stalled":
            row.status = "stalled"
            draft.add(event)
        elif item.kind == "back" and row.status == "stalled":
            row.status = "paused" if row.is_paused else "running"
            draft.add(event)

    def _fence(self, run: Run, item: Frames) -> None:
        source = self._link_of(item.process_id)
        if source is not None:
            text = f"run {run.id!r}: epoch {item.epoch} is over"
            refusal = link.Refused(
                run_id=run.id, epoch=item.epoch, code="conflict", message=text
            )
            source.reply(refusal)

    def _done(
        self,
        run: Run,
        draft: Draft,
        items: list[Item],
        outcome: Outcome | None,
        now: float,
    ) -> None:
        run.is_committing = run.is_in_doubt = False
        match outcome:
            case Committed():
                self._stored(run, draft, outcome)
                tell(items)
                self.sessions.run_changed(run, now)
            case Conflict(key, row):
                if key.startswith(rows.APPROVAL):
                    self.approvals.refresh(key, row)
                else:
                    run.refresh(row)
                self._put_back(run, items)
            case Fenced(state):
                run.n = state.n
                self._trim(run, items, state)
                self._put_back(run, items)
            case None:
                self._failed(run, items, now)
        self.submit(run, now)

    def _stored(self, run: Run, draft: Draft, outcome: Committed) -> None:
        revisions = list(outcome.revisions)
        if draft.puts_run:
            run.revision = revisions.pop(0)
        run.row = draft.row
        run.n = draft.n
        self._behind.discard(run.id)
        if run.queued[0] < draft.row.epoch:
            run.queued = (draft.row.epoch, draft.n)
        place = outcome.appended[0]
        own = revisions[: len(draft.approvals)]
        self.approvals.stored(run, draft.approvals, own)
        self.publish(run, place.first_seq, draft.payloads)
        self._acknowledge(run)

    def publish(self, run: Run, first_seq: int, payloads: list[bytes]) -> None:
        """Show readers what is stored now."""
        run.seq = max(run.seq, first_seq + len(payloads) - 1)
        self.subscriptions.publish(run, first_seq, payloads)

    def _put_back(self, run: Run, items: list[Item]) -> None:
        run.inbox.extendleft(reversed(items))
        run.queued_events += sum(len(i.events) for i in items if isinstance(i, Frames))

    def _trim(self, run: Run, items: list[Item], state: StreamState) -> None:
        """Drop what the log turned out to have."""
        for item in items:
            if isinstance(item, Frames) and item.epoch == state.epoch:
                known = max(0, state.n + 1 - item.first)
                item.events = item.events[known:]
                item.first += known
        run.row.epoch = max(run.row.epoch, state.epoch)

    def _failed(self, run: Run, items: list[Item], now: float) -> None:
        """The log did not take it: events wait, here and with their kernel."""
        run.retry_at = now + self._limits.retry_after
        self._behind.add(run.id)
        self._put_back(run, items)
        self._turn_away(run, [], refused("nothing was done", self._limits))

    def _turn_away(self, run: Run, items: list[Item], error: KgnbError) -> None:
        """Let no client wait for the log; what he sent may come again."""
        tell([*items, *run.inbox], error)
        run.inbox = deque(item for item in run.inbox if not is_of_client(item))


def _starts(decoded: list[events.AnyEvent]) -> bool:
    return bool(decoded) and isinstance(decoded[0], events.WorkflowStarted)


def _goes_on(decoded: list[events.AnyEvent]) -> bool:
    first = decoded[0]
    return isinstance(first, events.WorkflowStarted) and first.resumed_from is not None


def _refuse(
    source: Link,
    frame: link.AppendFrame,
    code: str,
    message: str,
    expected: int | None = None,
) -> None:
    source.reply(
        link.Refused(
            run_id=frame.run_id,
            epoch=frame.epoch,
            code=code,
            message=message,
            expected=expected,
        )
    )
