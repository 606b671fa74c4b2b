"""The clients of applications: who is connected or away, in which groups and topics.

A *named* client is an identity with a ``client_id``: it has a row in the log, keeps
its groups and topics while it is away, and can be written to. Any other socket is a
client of its own, which is gone with it. Kernels are told of each change, so that
node authors can count without asking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.broker import rows
from kgnb.broker.connections import OF_THE_KERNEL, Channel
from kgnb.broker.members import GROUP, TOPIC, Client, Stream, digest, is_visible
from kgnb.errors import Conflict, InvalidValue
from kgnb.protocol import link
from kgnb.protocol.ids import timestamp
from kgnb.storage.base import Put, Transaction, Trim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kgnb.broker.connections import Connection, Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.members import Key
    from kgnb.protocol.link import ClientChange
    from kgnb.storage.base import Outcome, Row

SAVE_INTERVAL = 1.0
"""Seconds between two writings of how far clients have read."""
FORGET_INTERVAL = 60.0
FORGET_AFTER = 30 * 86_400.0
"""Seconds after which a client that stayed away is no longer known."""
MOST_NAMED = 1_000
"""Clients of one identity that are remembered; past it the longest away is not."""

_CHANGES: dict[tuple[str, bool], ClientChange] = {
    (GROUP, True): "joined",
    (GROUP, False): "left",
    (TOPIC, True): "subscribed",
    (TOPIC, False): "unsubscribed",
}


class Audience:
    """All clients and streams.

    Args:
        effects: Where rows are written.
        limits: Bounds.
        links: The links of kernels that have said hello.
    """

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        links: Callable[[], Iterable[Link]],
    ) -> None:
        self._effects = effects
        self._limits = limits
        self._links = links
        self.clients: dict[Key, Client] = {}
        self.streams: dict[str, Stream] = {}
        self._next_save = 0.0
        self._next_forget = 0.0

    def load(self, found: Iterable[Row], now: float) -> None:
        """Take in the rows of named clients; all are away at first."""
        for stored in found:
            row = rows.decode(stored.value, rows.ClientRow)
            client = Client((row.user, row.client_id), is_named=True)
            client.left_at = row.left_at if row.left_at is not None else now
            client.places = row.places
            self.clients[client.key] = client
            for name in client.places:
                self._add(self.stream(name), client)

    def load_stream(self, name: str, seq: int, marks: Iterable[int]) -> None:
        """Take in where a stream ends, and its newest messages' positions.

        One without members is dropped: nobody can come back for it. While the broker
        runs its place is kept, since messages may be on their way to the log.
        """
        stream = self.streams.get(name)
        if stream is None:
            drop = Transaction(drops=(rows.MAIL + name,))
            # If the log fails it stays behind, and does no harm.
            self._effects.commit(drop, lambda _outcome, _at: None)
            return
        stream.seq = seq
        stream.marks.extend(marks)

    def stream(self, name: str) -> Stream:
        """The stream of that name, made where there is none."""
        found = self.streams.get(name)
        if found is None:
            found = self.streams[name] = Stream(name, self._limits.offline_queue)
        return found

    # Connections

    def connected(self, conn: Connection, now: float) -> Client | None:
        """A connection was greeted; None where it is a kernel's own."""
        is_channel = isinstance(conn, Channel)
        if is_channel and conn.peer.via in OF_THE_KERNEL:
            return None
        key = conn.peer.identity.user, conn.client
        client = self.clients.get(key)
        if client is None:
            is_named = conn.peer.client_id is not None and not is_channel
            client = self._new(key, is_named=is_named)
        is_back = not client.sockets
        client.sockets[conn.id] = conn
        conn.member = client
        if is_back:
            client.connected_at = timestamp(now)
            client.left_at = None
            client.is_changed = True
        self._tell("connected" if is_back else None, client)
        return client

    def _new(self, key: Key, *, is_named: bool) -> Client:
        client = Client(key, is_named=is_named)
        if is_named:
            self._make_room(client.user)
            self._enter(client, client.own_stream)
            self.save(client)
        self.clients[key] = client
        return client

    def _make_room(self, user: str) -> None:
        same = [c for c in self.clients.values() if c.user == user and c.is_named]
        away = [client for client in same if client.left_at is not None]
        if len(same) >= MOST_NAMED and away:
            self._forget(min(away, key=lambda client: client.left_at or 0.0))

    def disconnected(self, conn: Connection, now: float) -> None:
        """A connection is gone."""
        client, conn.member = conn.member, None
        if client is None:
            return
        info = client.info()
        del client.sockets[conn.id]
        if client.sockets:
            self._tell(None, client)
            return
        if client.is_named:
            client.left_at = now
            self.save(client)
        else:
            self._forget(client)
        self._send("disconnected", info, conn.peer.kernel_id)

    def find(self, client_id: str, user: str | None, kernel_id: str) -> Client | None:
        """The client that a kernel names, if it may know of one.

        Raises:
            Conflict: Several identities have one of that name.
        """
        found = [
            client
            for client in self.clients.values()
            if client.client_id == client_id
            and user in (None, client.user)
            and is_visible(client, kernel_id)
        ]
        if len(found) > 1:
            users = ", ".join(sorted(repr(client.user) for client in found)[:5])
            raise Conflict(
                f"client {client_id!r}: {len(found)} identities have one of that name "
                f"({users}); say which with user="
            )
        return found[0] if found else None

    # Groups and topics

    def enrol(
        self,
        client: Client,
        names: Collection[str],
        done: Callable[[bool], None],
        *,
        is_member: bool,
    ) -> None:
        """Make a client a member of streams, or end that.

        ``done`` hears when it is stored, and whether it could be.

        Raises:
            InvalidValue: It would be a member of too many.
        """
        changed = [name for name in names if (name in client.places) != is_member]
        most = self._limits.max_subscriptions + client.is_named
        if is_member and len(client.places) + len(changed) > most:
            raise InvalidValue(
                f"client {client.client_id!r}: expected at most "
                f"{self._limits.max_subscriptions} groups and topics"
            )
        for name in changed:
            if is_member:
                self._enter(client, name)
            else:
                self._leave(client, name)
            kind, _, title = name.partition("/")
            self._tell(_CHANGES[kind + "/", is_member], client, title)
        if changed and client.is_named:
            self.save(client, done=done)
        else:
            done(True)  # a callback's only argument

    def _enter(self, client: Client, name: str) -> None:
        stream = self.stream(name)
        client.places[name] = rows.Place(joined=stream.seq, had=stream.seq)
        client.is_changed = True
        self._add(stream, client)

    @staticmethod
    def _add(stream: Stream, client: Client) -> None:
        stream.members[client.key] = client
        stream.named += client.is_named

    def _leave(self, client: Client, name: str) -> None:
        del client.places[name]
        client.is_changed = True
        stream = self.streams[name]
        del stream.members[client.key]
        stream.named -= client.is_named
        if not stream.named and stream.marks:
            stream.marks.clear()
            self._trim(stream)
        if not stream.members and not stream.seq:
            del self.streams[name]

    def _trim(self, stream: Stream) -> None:
        """Nobody can ask for these any more."""
        trim = Trim(rows.MAIL + stream.name, stream.seq)
        # If the log fails they stay behind, and do no harm.
        self._effects.commit(Transaction(trims=(trim,)), lambda _outcome, _at: None)

    def _forget(self, client: Client) -> None:
        for name in list(client.places):
            self._leave(client, name)
        del self.clients[client.key]
        if client.is_named:
            put = Put(rows.CLIENT + digest(client.key), None)
            self._effects.commit(Transaction(puts=(put,)), lambda _outcome, _at: None)

    # Rows

    def save(
        self, *clients: Client, done: Callable[[bool], None] = lambda _is_stored: None
    ) -> None:
        """Write clients' rows; ``done`` hears whether they are stored."""
        for client in clients:
            client.is_changed = False
        puts = tuple(
            Put(rows.CLIENT + digest(client.key), rows.encode(client.row()))
            for client in clients
        )

        def stored(outcome: Outcome | None, _at: float) -> None:
            if outcome is None:  # tried again with the next tick
                for client in clients:
                    client.is_changed = True
            done(outcome is not None)

        self._effects.commit(Transaction(puts=puts), stored)

    def tick(self, now: float) -> None:
        """Write what has changed; forget who has been away for long."""
        if now >= self._next_save:
            self._next_save = now + SAVE_INTERVAL
            changed = [c for c in self.clients.values() if c.is_changed and c.is_named]
            if changed:
                self.save(*changed)
        if now >= self._next_forget:
            self._next_forget = now + FORGET_INTERVAL
            for client in list(self.clients.values()):
                if client.left_at is not None and client.left_at < now - FORGET_AFTER:
                    self._forget(client)

    # What kernels are told

    def infos(self, kernel_id: str) -> list[link.ClientInfo]:
        """Who is connected, of those that a kernel may know of."""
        return [
            client.info()
            for client in self.clients.values()
            if client.sockets and is_visible(client, kernel_id)
        ]

    def _tell(
        self, change: ClientChange | None, client: Client, name: str = ""
    ) -> None:
        if client.sockets:
            peer = next(iter(client.sockets.values())).peer
            self._send(change, client.info(), peer.kernel_id, name)

    def _send(
        self,
        change: ClientChange | None,
        info: link.ClientInfo,
        kernel_id: str | None,
        name: str = "",
    ) -> None:
        frame = link.ClientChanged(change=change, client=info, name=name)
        for target in self._links():
            if kernel_id in (None, target.kernel_id):
                target.reply(frame)
