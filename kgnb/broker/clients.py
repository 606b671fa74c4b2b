"""Commands of clients: admitted by the rate limit and the role, then handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.broker.connections import OF_THE_KERNEL, Channel
from kgnb.broker.limits import RATE_LIMIT_MESSAGE, RateLimiter
from kgnb.errors import (
    Forbidden,
    KgnbError,
    NoSuchRun,
    RateLimited,
)
from kgnb.protocol import codec, commands, replies

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.approvals import Approvals
    from kgnb.broker.connections import Connection
    from kgnb.broker.inputs import Inputs
    from kgnb.broker.joining import Joining
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.orders import Orders
    from kgnb.broker.peer import Role
    from kgnb.broker.run import Run
    from kgnb.broker.runs import Runs
    from kgnb.broker.sessions import Sessions

RATE_LIMIT_IGNORED = 4029

_LIGHT = (commands.Ping, commands.Subscribe, commands.Unsubscribe)


class Clients:
    """One method per command. A KgnbError out of one becomes the reply."""

    def __init__(
        self,
        limits: BrokerLimits,
        runs: Runs,
        approvals: Approvals,
        *,
        joining: Joining,
        orders: Orders,
        inputs: Inputs,
        sessions: Sessions,
    ) -> None:
        self._limits = limits
        self._runs = runs
        self._orders = orders
        self._rates = RateLimiter(limits)
        # Any: each handler takes its own command.
        self._handlers: dict[type, Callable[[Connection, Any, float], None]] = {
            commands.Ping: self._ping,
            commands.Subscribe: joining.subscribe,
            commands.Unsubscribe: joining.unsubscribe,
            commands.AnswerApproval: approvals.answer,
            commands.NodeInput: inputs.give,
            commands.Cancel: self._order,
            commands.Pause: self._order,
            commands.Resume: self._order,
            commands.Fork: self._fork,
            commands.StartWorkflow: sessions.start,
            commands.SendMessage: sessions.say,
            commands.EndChat: sessions.say,
            commands.JoinGroup: joining.join,
            commands.LeaveGroup: joining.leave,
        }

    def receive(self, conn: Connection, frame: bytes | str, now: float) -> None:
        """Take one frame of a client, good or bad."""
        try:
            command = codec.decode_command(frame, self._limits.frame)
        except KgnbError as error:
            if self._admit(conn, None, now):
                is_large = len(frame) > self._limits.frame.max_size
                conn.refuse(error, None if is_large else codec.command_id(frame))
            return
        if not self._admit(conn, command, now):
            return
        try:
            self._handlers[type(command)](conn, command, now)
        except KgnbError as error:
            conn.refuse(error, command.id)

    def tick(self, now: float) -> None:
        """Forget clients that have been quiet."""
        self._rates.forget_idle(now)

    def _admit(
        self, conn: Connection, command: commands.AnyCommand | None, now: float
    ) -> bool:
        if isinstance(conn, Channel) and conn.peer.via in OF_THE_KERNEL:
            return True
        verdict = self._rates.check(
            conn.peer.identity.user,
            conn.client,
            now,
            is_light=isinstance(command, _LIGHT),
        )
        if verdict.retry_after is None:
            return True
        retry_after = round(verdict.retry_after, 3)
        conn.refuse(
            RateLimited(RATE_LIMIT_MESSAGE, retry_after=retry_after),
            command.id if command is not None else None,
        )
        if verdict.must_close:
            conn.close(RATE_LIMIT_IGNORED, RATE_LIMIT_MESSAGE)
        return False

    def _run(self, conn: Connection, run_id: str) -> Run:
        run = self._runs.visible(conn.peer, run_id)
        if run is None:
            raise NoSuchRun(f"no run {run_id!r}")
        return run

    def _ping(self, conn: Connection, command: commands.Ping, _now: float) -> None:
        conn.reply(replies.Pong(id=command.id))

    def _order(
        self,
        conn: Connection,
        command: commands.Cancel | commands.Pause | commands.Resume,
        now: float,
    ) -> None:
        run = self._run(conn, command.run_id)
        _need(conn, "control")
        self._orders.forward(conn, command, run, now)

    def _fork(self, conn: Connection, command: commands.Fork, now: float) -> None:
        run = self._run(conn, command.run_id)
        _need(conn, "start")
        if conn.peer.identity.kind == "link":
            # Edits of the state are past all questions, and all checks of params.
            raise Forbidden("fork: who came by a share link may begin runs, not edit")
        self._orders.forward(conn, command, run, now)


def _need(conn: Connection, role: Role) -> None:
    if not conn.peer.may(role):
        raise Forbidden(f"this needs the role {role!r}; yours is {conn.peer.role!r}")
