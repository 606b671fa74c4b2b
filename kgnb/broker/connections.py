"""Connections: sockets of clients, links of kernels, and channels within links."""

from __future__ import annotations

import secrets
import uuid
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker.peer import Identity, OutFrame
from kgnb.protocol import codec, link, replies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgnb.broker.effects import Effects
    from kgnb.broker.frames import StoredEvent
    from kgnb.broker.members import Client
    from kgnb.broker.peer import ConnectionId, Peer
    from kgnb.broker.subscriptions import Reader, Scope
    from kgnb.errors import KgnbError
    from kgnb.protocol.commands import CommandId

OF_THE_KERNEL = ("kernel", "script")
"""Values of ``via`` that are the kernel itself, not a view behind it: these
channels may do anything to its runs, and are not rate limited."""

MOST_TOGETHER = 128 * 1024
"""Bytes of events in one frame of a link, more only where a single one is larger."""

FAILURE = (1011, "Internal error")
NO_MORE = (1000, "")
"""Codes and reasons with which a document-mode connection ends."""

_SILENT_IN_DOCUMENTS = (
    replies.Ack
    | replies.Subscribed
    | replies.Unsubscribed
    | replies.JoinedGroup
    | replies.LeftGroup
)
"""Replies that a document-mode client gets only where it sent an ``id``."""


class Connection:
    """One end that reads events and sends commands, or one kernel's link."""

    def __init__(self, conn_id: ConnectionId, peer: Peer, effects: Effects) -> None:
        self.id = conn_id
        self.peer = peer
        self.is_open = True
        self._effects = effects
        self.subscriptions: dict[Scope, frozenset[str]] = {}
        self.readers: dict[str, Reader] = {}
        """By run id."""
        self.catching_up: deque[Reader] = deque()
        """Readers that need pages of the log; one page is under way at a time."""
        self.is_reading = False
        self.client = peer.client_id or f"socket {secrets.token_hex(8)}"
        """Its client's name among those of its identity. A made-up one cannot be
        chosen, having a space, and is no other's after a restart."""
        self.started: set[str] = set()
        """Unfinished runs that it started or spoke to: until it subscribes to some
        of their topics it reads all of them."""
        self.is_bare = False
        """Whether it said a message without a type: then it gets the steps too."""
        self._session_id: str | None = None
        self.member: Client | None = None
        """Whom messages of applications are for, once it is greeted."""

    @property
    def is_document(self) -> bool:
        """Whether it speaks as the documents do."""
        return self.peer.protocol == "document"

    def send(self, frame: OutFrame) -> None:
        """Send a frame, unless it is closed."""
        if self.is_open:
            self._effects.send(self.id, frame)

    def send_events(self, events: Iterable[StoredEvent]) -> None:
        """Send events of a run in the client's own way of speaking."""
        for event in events:
            self.send(event.document_frame if self.is_document else event.frame)

    def reply(self, message: msgspec.Struct) -> None:
        """Send a reply that is no error."""
        if (
            self.is_document
            and isinstance(message, _SILENT_IN_DOCUMENTS)
            and message.id is None
        ):
            return
        topic = str(message.__struct_config__.tag)
        # With its run, so that no later text is merged to before what it says.
        run_id = getattr(message, "run_id", None) or ""
        self.send(OutFrame(codec.encode(message), topic, run_id=run_id))

    def refuse(
        self,
        error: KgnbError,
        command_id: CommandId | None = None,
        *,
        data: object = None,
    ) -> None:
        """Send an ``error`` frame."""
        self.reply(
            replies.ErrorReply(
                code=error.code,
                message=str(error),
                id=command_id,
                retry_after=error.data.get("retry_after"),
                data=data,
            )
        )

    def own_session(self) -> str:
        """The session of a client that names none; it cannot be guessed."""
        if self._session_id is None:
            self._session_id = uuid.uuid4().hex
        return self._session_id

    def refuse_start(self, error: KgnbError, command_id: CommandId | None) -> None:
        """Say that a run will not be, for which a document's client would wait on."""
        facts = {key: error.data[key] for key in error.data if key != "retry_after"}
        self.refuse(error, command_id, data=facts or None)
        if self.is_document and not self.started:
            self.close(*(FAILURE if error.code == "internal" else NO_MORE))

    def run_ended(self, run_id: str, event_type: str) -> None:
        """A run's last event was sent: a document's client waits for one kind only."""
        if run_id not in self.started:
            return
        self.started.discard(run_id)
        if self.is_document and not self.started:
            if event_type in ("workflow_failed", "workflow_lost"):
                self.close(*FAILURE)
            elif event_type != "workflow_completed":
                self.close(*NO_MORE)

    def close(self, code: int, reason: str) -> None:
        """End it from our side."""
        if self.is_open:
            self.is_open = False
            self._effects.close(self.id, code, reason)


class Link(Connection):
    """A kernel's link; ``kernel_id`` is empty before its hello."""

    kernel_id = ""
    process_id = ""

    def __init__(self, conn_id: ConnectionId, peer: Peer, effects: Effects) -> None:
        super().__init__(conn_id, peer, effects)
        self.channels: dict[str, Channel] = {}

    @property
    def identity(self) -> Identity:
        """Of whoever acts through it, after its hello.

        Not the peer's own, which all kernels have in common: what belongs to an
        identity, such as a session, is no other kernel's.
        """
        return Identity(user=f"kernel {self.kernel_id}", kind="kernel")


class Channel(Connection):
    """A virtual client connection that a kernel carries over its link."""

    def __init__(
        self,
        conn_id: ConnectionId,
        peer: Peer,
        effects: Effects,
        *,
        carrier: Link,
        name: str,
    ) -> None:
        super().__init__(conn_id, peer, effects)
        self.carrier = carrier
        self.name = name

    def send(self, frame: OutFrame) -> None:
        """Send a frame wrapped for the link."""
        if self.is_open:
            wrapped = link.ChannelFrame(
                channel=self.name, frame=msgspec.Raw(frame.payload)
            )
            self.carrier.send(OutFrame(codec.encode(wrapped), "frame"))

    def send_events(self, events: Iterable[StoredEvent]) -> None:
        """Send events of a run, many in one frame of the link."""
        together: list[bytes] = []
        size = 0
        for event in events:
            payload = event.frame.payload
            if size + len(payload) > MOST_TOGETHER:
                self._send_together(together)
                together, size = [], 0
            together.append(payload)
            size += len(payload)
        self._send_together(together)

    def _send_together(self, payloads: list[bytes]) -> None:
        if self.is_open and payloads:
            frames = [msgspec.Raw(payload) for payload in payloads]
            wrapped = link.ChannelFrames(channel=self.name, frames=frames)
            self.carrier.send(OutFrame(codec.encode(wrapped), "frames"))

    def close(self, code: int, reason: str) -> None:
        """End it, and tell the kernel."""
        if self.is_open:
            self.is_open = False
            self.carrier.channels.pop(self.name, None)
            self.carrier.reply(
                link.ChannelClosed(channel=self.name, code=code, reason=reason)
            )
