"""Orders: commands that only the run's kernel can carry out, while it is there.

They go out on the kernel's link, and the client is answered when the kernel
has answered; if its link ends, or says nothing for long, with ``unavailable``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import audit, doubts
from kgnb.broker.run import Declaration, has_another_end
from kgnb.errors import KgnbError, Unavailable, from_code
from kgnb.protocol import codec, events, link, replies
from kgnb.protocol.commands import Cancel, Fork, Pause, Resume
from kgnb.protocol.ids import RunId, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.connections import Connection, Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.run import Run
    from kgnb.broker.runs import LinkOf
    from kgnb.protocol.commands import CommandId

    RunCommand = Cancel | Pause | Resume | Fork

_ACTIONS: dict[type[RunCommand], audit.Action] = {
    Cancel: "cancel",
    Pause: "pause",
    Resume: "resume",
    Fork: "fork",
}
_REMEMBERED = 1000
"""Orders carried out whose repetitions are answered from memory."""


class _Pending:
    """An order under way, and who waits for its reply."""

    def __init__(
        self, target: Link, run: Run, key: str, command: RunCommand, until: float
    ) -> None:
        self.target = target
        self.run_id = run.id
        self.workflow = run.row.workflow
        self.action: audit.Action = _ACTIONS[type(command)]
        self.key = key
        self.until = until
        self.waiting: list[tuple[Connection, CommandId | None]] = []

    def refuse(self, error: KgnbError) -> None:
        for conn, command_id in self.waiting:
            conn.refuse(error, command_id)

    def acknowledge(self, run_id: RunId) -> None:
        for conn, command_id in self.waiting:
            conn.reply(replies.Ack(id=command_id, run_id=run_id))


class Orders:
    """Orders to kernels, and their replies."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        link_of: LinkOf,
        declare: Callable[[Run, Declaration, float], None],
    ) -> None:
        self._effects = effects
        self._limits = limits
        self._link_of = link_of
        self._declare = declare
        self._last_id = 0
        self._pending: dict[int, _Pending] = {}
        self._by_key: dict[str, _Pending] = {}
        self._done: OrderedDict[str, RunId] = OrderedDict()

    def forward(
        self, conn: Connection, command: RunCommand, run: Run, now: float
    ) -> None:
        """Hand a command to the kernel that has the run.

        Raises:
            Conflict: The run has ended, and is neither lost nor to be forked.
            Unavailable: Its kernel's link is down.
        """
        key = _key(conn, command)
        if key in self._done:
            conn.reply(replies.Ack(id=command.id, run_id=self._done[key]))
            return
        if key in self._by_key:
            self._by_key[key].waiting.append((conn, command.id))
            return
        if isinstance(command, Cancel) and run.row.can_go_on:
            self._give_up(conn, command, run, key, now)
            return
        if run.row.has_ended and not isinstance(command, Fork):
            raise has_another_end(run.row)
        target = self._link_of(run.row.process_id)
        if target is None:
            raise Unavailable(
                f"run {run.id!r}: its kernel cannot be reached now",
                retry_after=self._limits.retry_after,
            )
        self._last_id += 1
        until = now + self._limits.order_timeout
        pending = _Pending(target, run, key, command, until)
        pending.waiting.append((conn, command.id))
        self._pending[self._last_id] = pending
        if key:
            self._by_key[key] = pending
        target.reply(
            link.Order(
                order_id=self._last_id,
                run_id=run.id,
                command=msgspec.Raw(codec.encode(command)),
                by=msgspec.to_builtins(by_of(conn, now)),
            )
        )

    def _give_up(
        self, conn: Connection, command: Cancel, run: Run, key: str, now: float
    ) -> None:
        """End a lost run for good, which no kernel has."""

        def done(error: KgnbError | None) -> None:
            if error is not None:
                conn.refuse(error, command.id)
                return
            self._remember(key, run.id)
            conn.reply(replies.Ack(id=command.id, run_id=run.id))

        if run.is_in_doubt:
            raise doubts.unsure("the command", self._limits)
        if now < run.retry_at:
            raise doubts.refused("nothing was done", self._limits)
        facts = {"run_id": run.id, "workflow": run.row.workflow}
        entry = audit.entry_by(conn.peer, now, "cancel", "done", **facts)
        by = by_of(conn, now)
        end = Declaration("given up", by=by, entry=entry, done=done)
        self._declare(run, end, now)

    def _remember(self, key: str, run_id: RunId) -> None:
        if key:
            self._done[key] = run_id
            while len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)

    def answered(self, source: Link, reply: link.OrderReply, now: float) -> None:
        """The kernel did it, or says why not."""
        pending = self._pending.get(reply.order_id)
        if pending is None or pending.target is not source:
            return
        self._forget(reply.order_id)
        self._note(pending, reply.code, now)
        if reply.code is not None:
            pending.refuse(from_code(reply.code, reply.message))
            return
        run_id = reply.run_id or pending.run_id
        self._remember(pending.key, run_id)
        pending.acknowledge(run_id)

    def _note(self, pending: _Pending, code: str | None, now: float) -> None:
        conn, _command_id = pending.waiting[0]
        entry = audit.entry_by(
            conn.peer,
            now,
            pending.action,
            "done" if code is None else "refused",
            run_id=pending.run_id,
            workflow=pending.workflow,
            code=code,
        )
        audit.write(self._effects, entry)

    def _forget(self, order_id: int) -> None:
        pending = self._pending.pop(order_id)
        self._by_key.pop(pending.key, None)

    def link_closed(self, closed: Link, now: float) -> None:
        """Nobody will answer any more; whether it was done is not known."""
        for order_id, pending in list(self._pending.items()):
            if pending.target is closed:
                self._forget(order_id)
                self._note(pending, Unavailable.code, now)
                pending.refuse(_in_doubt(pending, "its kernel's link was cut"))

    def tick(self, now: float) -> None:
        """Give up on kernels that say nothing."""
        for order_id, pending in list(self._pending.items()):
            if pending.until <= now:
                self._forget(order_id)
                self._note(pending, Unavailable.code, now)
                seconds = self._limits.order_timeout
                why = f"its kernel did not answer within {seconds:g} s"
                pending.refuse(_in_doubt(pending, why))


def _in_doubt(pending: _Pending, why: str) -> Unavailable:
    return Unavailable(
        f"run {pending.run_id!r}: {why}; whether the {pending.action} was carried "
        f"out is not known: look at the run before you send it again"
    )


def by_of(conn: Connection, now: float) -> events.By:
    """Who gives the order."""
    return events.By(
        user=conn.peer.identity.shown,
        via=conn.peer.via,
        at=timestamp(now),
        kind="script" if conn.peer.via == "script" else "human",
    )


def _key(conn: Connection, command: RunCommand) -> str:
    """Names a command for its repetitions; empty where it has no id."""
    if command.id is None:
        return ""
    content = [
        conn.peer.identity.user,
        conn.peer.client_id,
        msgspec.to_builtins(command),
    ]
    encoded = msgspec.json.encode(content, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]
