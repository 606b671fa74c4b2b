"""The broker without I/O: frames and the time in, effects out.

It never awaits and never asks the time. A host calls one of its methods, then
carries out ``effects.take()``; :mod:`kgnb.broker.driver` is that host for
asyncio. Not thread-safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker import rows
from kgnb.broker.approvals import Approvals
from kgnb.broker.audience import Audience
from kgnb.broker.checkpoints import Checkpoints
from kgnb.broker.clients import Clients
from kgnb.broker.connections import OF_THE_KERNEL, Channel, Connection, Link
from kgnb.broker.effects import Effects
from kgnb.broker.inputs import Inputs
from kgnb.broker.joining import Joining
from kgnb.broker.kernel_shares import KernelShares
from kgnb.broker.kernels import FORBIDDEN, Kernels
from kgnb.broker.letters import mark_of
from kgnb.broker.limits import BrokerLimits
from kgnb.broker.mail import Mail
from kgnb.broker.managers import Managers
from kgnb.broker.orders import Orders
from kgnb.broker.peer import ConnectionId, Peer, Voters
from kgnb.broker.replays import Replays
from kgnb.broker.retention import Retention
from kgnb.broker.runs import Runs
from kgnb.broker.sessions import Sessions
from kgnb.broker.shares import Shares
from kgnb.broker.starts import Starts
from kgnb.broker.subscriptions import Subscriptions
from kgnb.broker.workflows import Workflows
from kgnb.errors import BadFrame, KgnbError
from kgnb.protocol import codec, link, replies

if TYPE_CHECKING:
    from kgnb.broker.shares import Tokens
    from kgnb.storage.base import Record, Row, StreamState

Word = (
    link.OrderReply
    | link.Post
    | link.Enrol
    | link.Publish
    | link.Started
    | link.Share
    | link.Unshare
    | link.Recall
)
"""What a kernel says for itself: no run's events, and no view's frames."""

AT_CAPACITY = 4013
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
UNAUTHORIZED = (4001, "Unauthorized")


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one moment."""

    connections: int
    """Clients' sockets; neither links nor what they carry."""
    channels: int
    links: int
    runs: int
    """Unfinished ones."""
    runs_stored: int
    open_approvals: int
    total_messages: int
    """Frames sent to clients and kernels since the start."""
    uptime: float
    """Seconds."""


class Broker:
    """Connections and what they may do; the rest is in its parts.

    Args:
        log_id: Of the log.
        now: Seconds since the epoch.
        server: Named in the greeting.
        limits: Bounds and periods.
        voters: Whether the host can tell people apart; None: it cannot.
        tokens: Signs share links; None: there are none.
    """

    def __init__(
        self,
        log_id: str,
        now: float,
        *,
        server: str = "jupyter",
        limits: BrokerLimits | None = None,
        voters: Voters | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.log_id = log_id
        self.voters = voters or Voters()
        self.limits = limits or BrokerLimits()
        self.effects = Effects()
        self._server = server
        self._started_at = now
        self._last_id = 0
        self._connections: dict[ConnectionId, Connection] = {}
        self.kernels = Kernels(
            log_id,
            self.effects,
            self.limits,
            started_at=now,
            knows_people=self.voters.are_known,
        )
        self.runs = Runs(self.effects, self.limits, self.kernels.link_of)
        self.approvals = Approvals(self.effects, self.limits, self.runs, self.voters)
        self.subscriptions = Subscriptions(log_id, self.effects, self.limits, self.runs)
        self.replays = Replays(self.effects, self.runs, self.subscriptions)
        self.audience = Audience(self.effects, self.limits, self.kernels.links)
        self.mail = Mail(self.effects, self.limits, self.runs, self.audience)
        self.managers = Managers(
            self.effects, self.limits, self.audience, self.mail, self.kernels.link_of
        )
        self.orders = Orders(
            self.effects, self.limits, self.kernels.link_of, self.runs.declare
        )
        self.inputs = Inputs(self.limits, self.runs, self.approvals)
        self.workflows = Workflows(self.effects, self.limits)
        self.starts = Starts(
            self.effects, self.limits, self.runs, self.workflows, self.kernels.link_of
        )
        self.shares = Shares(
            self.effects, self.limits, self.runs, self.workflows, tokens
        )
        self.kernel_shares = KernelShares(self.shares)
        self.checkpoints = Checkpoints(self.effects, self.limits, self.runs)
        self.sessions = Sessions(
            self.limits,
            self.runs,
            self.approvals,
            inputs=self.inputs,
            starts=self.starts,
            workflows=self.workflows,
            shares=self.shares,
        )
        self.clients = Clients(
            self.limits,
            self.runs,
            self.approvals,
            joining=Joining(self.limits, self.audience, self.subscriptions),
            orders=self.orders,
            inputs=self.inputs,
            sessions=self.sessions,
        )
        self.retention = Retention(
            self.effects,
            self.limits,
            self.runs,
            self.approvals,
            starts=self.starts,
            subscriptions=self.subscriptions,
            started_at=now,
        )
        self._introduce()

    def _introduce(self) -> None:
        """Let those parts know each other that need one another."""
        self.kernels.runs = self.runs
        self.kernels.audience = self.audience
        self.kernels.managers = self.managers
        self.runs.approvals = self.approvals
        self.runs.inputs = self.inputs
        self.runs.subscriptions = self.subscriptions
        self.kernels.workflows = self.workflows
        self.kernels.starts = self.runs.starts = self.starts
        self.runs.sessions = self.starts.sessions = self.sessions
        self.starts.subscriptions = self.sessions.subscriptions = self.subscriptions
        self.subscriptions.tell_steps = self.starts.tell_steps
        self.shares.ended = self._share_ended

    def load(
        self,
        runs: list[Row],
        streams: list[StreamState],
        approvals: list[Row],
        kernels: list[Row],
        now: float,
    ) -> None:
        """Take in what the log holds; before anybody connects."""
        self.runs.load(runs, streams)
        self.approvals.load(approvals)
        self.kernels.load(kernels, now)

    def load_workflows(self, published: list[Row]) -> None:
        """Take in what kernels publish, and who waits for whom; after ``load``."""
        self.workflows.load(published, self.kernels.known)
        self.starts.load()
        self.sessions.load()

    def load_shares(self, shares: list[Row], now: float) -> None:
        """Take in the share links that hold."""
        self.shares.load(shares, now)

    def load_mail(self, clients: list[Row], managers: list[Row], now: float) -> None:
        """Take in who may come back for messages; after ``load``."""
        self.audience.load(clients, now)
        self.managers.load(managers, self.kernels.known)

    def load_stream(self, state: StreamState, newest: list[Record]) -> None:
        """Take in a stream of messages, as far as anybody can have missed it."""
        marks = [mark_of(record.payload) for record in newest]
        self.mail.loaded(marks)
        name = state.stream.removeprefix(rows.MAIL)
        self.audience.load_stream(name, state.seq, marks)

    # Connections

    def _new_id(self) -> ConnectionId:
        self._last_id += 1
        return ConnectionId(self._last_id)

    def sockets(self) -> list[Connection]:
        """Clients' connections but those that kernels carry, oldest first."""
        return [
            conn
            for conn in self._connections.values()
            if not isinstance(conn, Link | Channel)
        ]

    def connect(self, peer: Peer, now: float, *, is_full: bool = False) -> ConnectionId:
        """Greet a client, or close at once with 4013.

        Args:
            peer: The client.
            now: Seconds.
            is_full: Whether the host has no memory left for one more.
        """
        conn = Connection(self._new_id(), peer, self.effects)
        sockets = self.sockets()
        user = peer.identity.user
        same = sum(other.peer.identity.user == user for other in sockets)
        if len(sockets) >= self.limits.max_connections:
            conn.close(AT_CAPACITY, "at capacity")
        elif same >= self.limits.max_connections_per_identity:
            conn.close(AT_CAPACITY, "too many connections of one identity")
        elif is_full:
            conn.close(AT_CAPACITY, "short of memory")
        elif peer.share_id is not None and not self.shares.holds(peer.share_id, now):
            conn.close(*UNAUTHORIZED)
        else:
            self._connections[conn.id] = conn
            self._welcome(conn, now)
        return conn.id

    def _welcome(self, conn: Connection, now: float) -> None:
        client = self.audience.connected(conn, now)
        if client is None or not client.is_named:
            self._greet(conn)
            return
        self._greet(conn, self.mail.position_of(conn, client))
        self.mail.returned(conn, client, now)

    def _greet(self, conn: Connection, position: int | None = None) -> None:
        if conn.is_document:
            return
        identity = conn.peer.identity
        conn.reply(
            replies.Hello(
                protocol="kgnb.v1",
                server=self._server,
                log_id=self.log_id,
                limits={
                    "max_message_size": self.limits.frame.max_size,
                    "rate_limit_messages": self.limits.rate_limit_messages,
                    "rate_limit_window": int(self.limits.rate_limit_window),
                    "max_subscriptions": self.limits.max_subscriptions,
                },
                identity={
                    "user": identity.user if identity.kind == "user" else None,
                    "name": identity.shown,
                    "kind": identity.kind,
                    "role": conn.peer.role,
                    "client_id": conn.client,
                    "voter": self.voters.mark(identity),
                },
                features=["approvals", "orders", "replay", "sessions", "workflows"],
                position=position,
            )
        )

    def connect_link(self, peer: Peer) -> ConnectionId:
        """Take in a kernel, which says hello next."""
        source = Link(self._new_id(), peer, self.effects)
        self._connections[source.id] = source
        return source.id

    def _share_ended(self, share_id: str) -> None:
        """A share link was revoked or is over: so is whoever came by it."""
        for conn in self.sockets():
            if conn.peer.share_id == share_id:
                conn.close(*UNAUTHORIZED)

    def disconnect(self, conn_id: ConnectionId, now: float) -> None:
        """A connection is gone, whoever ended it; again does nothing."""
        conn = self._connections.pop(conn_id, None)
        if conn is None:
            return
        conn.is_open = False
        self.subscriptions.drop(conn)
        self.mail.drop(conn)
        self.audience.disconnected(conn, now)
        if isinstance(conn, Channel):
            conn.carrier.channels.pop(conn.name, None)
        elif isinstance(conn, Link):
            for channel in list(conn.channels.values()):
                self.disconnect(channel.id, now)
            self.kernels.link_closed(conn, now)
            self.orders.link_closed(conn, now)

    def carrier_of(self, conn_id: ConnectionId) -> ConnectionId | None:
        """The connection whose sink its frames go to; None when it is gone."""
        conn = self._connections.get(conn_id)
        if conn is None or not conn.is_open:
            return None
        return conn.carrier.id if isinstance(conn, Channel) else conn.id

    def close_all(self, code: int, reason: str) -> None:
        """Close everything: the host stops."""
        for conn in self._connections.values():
            if not isinstance(conn, Channel):
                conn.close(code, reason)

    def failed(self, conn_id: ConnectionId) -> None:
        """A frame of this connection ran into an error of ours."""
        conn = self._connections.get(conn_id)
        if isinstance(conn, Link):
            conn.close(INTERNAL_ERROR, "internal error")
        elif conn is not None:
            conn.refuse(KgnbError("internal error"))

    def receive(self, conn_id: ConnectionId, frame: bytes | str, now: float) -> None:
        """Take one frame of a client or of a kernel's link."""
        conn = self._connections.get(conn_id)
        if conn is None or not conn.is_open:
            return
        if isinstance(conn, Link):
            self._receive_link(conn, frame, now)
        else:
            self._receive_client(conn, frame, now)

    def _receive_client(self, conn: Connection, frame: bytes | str, now: float) -> None:
        self.clients.receive(conn, frame, now)
        if not conn.is_open:
            self.disconnect(conn.id, now)

    # A kernel's frames

    def _receive_link(self, source: Link, raw: bytes | str, now: float) -> None:
        try:
            frame = codec.decode_kernel_frame(raw)
        except BadFrame as error:
            source.close(POLICY_VIOLATION, str(error)[:100])
            return
        if isinstance(frame, link.LinkHello):
            self.kernels.hello(source, frame, now)
            return
        if not source.kernel_id:
            source.close(FORBIDDEN, "expected a hello first")
            return
        match frame:
            case link.AppendFrame():
                self.runs.append(source, frame, now)
            case link.OpenChannel():
                self._open_channel(source, frame, now)
            case link.ChannelFrame() | link.CloseChannel():
                self._receive_channel(source, frame, now)
            case _:
                self._receive_word(source, frame, now)

    def _receive_word(self, source: Link, frame: Word, now: float) -> None:
        match frame:
            case link.OrderReply():
                self.orders.answered(source, frame, now)
            case link.Post() | link.Enrol():
                self.managers.receive(source, frame, now)
            case link.Publish():
                self.workflows.receive(source, frame)
            case link.Started():
                self.starts.answered(source, frame, now)
            case link.Share() | link.Unshare():
                self.kernel_shares.receive(source, frame, now)
            case link.Recall():
                self.checkpoints.receive(source, frame)

    def _receive_channel(
        self,
        source: Link,
        frame: link.ChannelFrame | link.CloseChannel,
        now: float,
    ) -> None:
        channel = source.channels.get(frame.channel)
        if isinstance(frame, link.CloseChannel):
            if channel is not None:
                self.disconnect(channel.id, now)
        elif channel is not None:
            self._receive_client(channel, bytes(frame.frame), now)
        else:
            reason = "no such channel"
            closed = link.ChannelClosed(
                channel=frame.channel, code=INTERNAL_ERROR, reason=reason
            )
            source.reply(closed)

    def _open_channel(self, source: Link, frame: link.OpenChannel, now: float) -> None:
        old = source.channels.get(frame.channel)
        if old is not None:
            self.disconnect(old.id, now)
        if len(source.channels) >= self.limits.max_channels:
            source.reply(
                link.ChannelClosed(
                    channel=frame.channel, code=AT_CAPACITY, reason="too many channels"
                )
            )
            return
        peer = Peer(
            identity=source.identity,
            # Whoever reaches the kernel may do to its runs what it may, no more.
            role="owner" if frame.via in OF_THE_KERNEL else "start",
            via=frame.via,
            client_id=f"{source.kernel_id}/{frame.channel}",
            may_join=True,
            kernel_id=source.kernel_id,
        )
        channel = Channel(
            self._new_id(), peer, self.effects, carrier=source, name=frame.channel
        )
        source.channels[frame.channel] = channel
        self._connections[channel.id] = channel
        self._welcome(channel, now)

    # Time

    def tick(self, now: float) -> None:
        """Do what is due; to be called a few times a second."""
        self.approvals.tick(now)
        self.shares.tick(now)
        self.kernels.tick(now)
        self.orders.tick(now)
        self.starts.tick(now)
        self.runs.retry(now)
        self.retention.tick(now)
        self.audience.tick(now)
        self.mail.tick(now)
        self.subscriptions.tick(now, list(self._connections.values()))
        self.clients.tick(now)

    def statistics(self, now: float) -> Statistics:
        """Counts of this moment."""
        unfinished = self.runs.unfinished()
        kinds: list[type[Any]] = [type(conn) for conn in self._connections.values()]
        return Statistics(
            connections=kinds.count(Connection),
            channels=kinds.count(Channel),
            links=kinds.count(Link),
            runs=len(unfinished),
            runs_stored=len(self.runs.by_id),
            open_approvals=sum(len(r.open_approvals) for r in self.runs.awaited()),
            total_messages=self.effects.sent,
            uptime=now - self._started_at,
        )
