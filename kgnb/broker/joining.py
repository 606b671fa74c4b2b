"""Clients' own commands about groups and an application's topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kgnb.broker.members import GROUP, TOPIC
from kgnb.errors import Forbidden, InvalidValue, Unavailable
from kgnb.protocol import replies
from kgnb.protocol.mail import check_name
from kgnb.protocol.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.audience import Audience
    from kgnb.broker.connections import Connection
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.members import Client
    from kgnb.broker.subscriptions import Subscriptions
    from kgnb.protocol.commands import (
        Command,
        JoinGroup,
        LeaveGroup,
        Subscribe,
        Unsubscribe,
    )


class Joining:
    """One method per command; a KgnbError out of one becomes the reply."""

    def __init__(
        self, limits: BrokerLimits, audience: Audience, subscriptions: Subscriptions
    ) -> None:
        self._limits = limits
        self._audience = audience
        self._subscriptions = subscriptions

    def join(self, conn: Connection, command: JoinGroup, _now: float) -> None:
        """Enter a group that is open, or to which its credential gives a right."""
        check_name(command.group, self._limits.max_name)
        if not (conn.peer.may_join or self._is_open(conn, command.group)):
            raise Forbidden(f"group {command.group!r} is not open to you")
        joined = replies.JoinedGroup(group=command.group, id=command.id)
        self._enrol(
            conn,
            command,
            [GROUP + command.group],
            lambda: conn.reply(joined),
            is_member=True,
        )

    def _is_open(self, conn: Connection, group: str) -> bool:
        # A share link is for one thing; its holder is let into groups by a manager.
        return group in self._limits.groups_open and not conn.peer.is_scoped

    def leave(self, conn: Connection, command: LeaveGroup, _now: float) -> None:
        """Leave a group; from one that it is not in, too."""
        left = replies.LeftGroup(group=command.group, id=command.id)
        self._enrol(
            conn,
            command,
            [GROUP + command.group],
            lambda: conn.reply(left),
            is_member=False,
        )

    def subscribe(self, conn: Connection, command: Subscribe, now: float) -> None:
        """Topics of runs and of the application, apart."""
        of_runs, own = _split(command.topics)
        if not own:
            self._subscriptions.subscribe(conn, command, now)
            return
        if conn.peer.is_scoped:
            raise Forbidden(
                f"topic {own[0]!r}: a share link reads the events of what it is for"
            )
        for name in own:
            check_name(name, self._limits.max_name)

        def done() -> None:
            if of_runs:
                rest = msgspec.structs.replace(command, topics=of_runs)
                self._subscriptions.subscribe(conn, rest, now)
            else:
                self._subscriptions.tell_held(conn, command)

        names = [TOPIC + name for name in own]
        self._enrol(conn, command, names, done, is_member=True)

    def unsubscribe(self, conn: Connection, command: Unsubscribe, _now: float) -> None:
        """The same, backwards; without topics and scope, all of both kinds."""
        member = conn.member
        if command.topics is not None:
            of_runs, own = _split(command.topics)
        else:
            is_broad = command.run_id is None and command.workflow is None
            of_runs = []
            own = member.names(TOPIC) if member is not None and is_broad else []
        if not own:
            self._subscriptions.unsubscribe(conn, command)
            return

        def done() -> None:
            if of_runs or command.topics is None:
                topics = of_runs or None
                rest = msgspec.structs.replace(command, topics=topics)
                self._subscriptions.unsubscribe(conn, rest)
            else:
                self._subscriptions.tell_held(conn, command)

        names = [TOPIC + name for name in own]
        self._enrol(conn, command, names, done, is_member=False)

    def _enrol(
        self,
        conn: Connection,
        command: Command,
        names: list[str],
        then: Callable[[], None],
        *,
        is_member: bool,
    ) -> None:
        def done(is_stored: bool) -> None:  # a callback's only argument
            if not is_stored:
                error = Unavailable("the log cannot be written now")
                conn.refuse(error, command.id)
            elif conn.is_open:  # else it would read runs that nobody detaches it from
                then()

        self._audience.enrol(_member(conn), names, done, is_member=is_member)


def _member(conn: Connection) -> Client:
    if conn.member is None:
        raise InvalidValue("this connection is the kernel's own, not a client's")
    return conn.member


def _split(topics: list[str]) -> tuple[list[str], list[str]]:
    """Those that carry runs' events, and the application's."""
    of_runs = [name for name in topics if name in TOPICS]
    return of_runs, [name for name in topics if name not in TOPICS]
