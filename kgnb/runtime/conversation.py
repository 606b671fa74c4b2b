"""The kernel's half of a link, without its socket.

What a run sends is kept until the log says that it is stored, so that after a
break the rest can be sent again; channels are opened again. Everything here
belongs to the link's thread.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec

from kgnb.errors import KgnbError
from kgnb.protocol import codec, link
from kgnb.runtime.mail import Mail
from kgnb.runtime.reader import settle
from kgnb.runtime.recalling import Recalling
from kgnb.runtime.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.progress import Checkpoint
    from kgnb.protocol.ids import RunId

PROCESS_ID = uuid.uuid4().hex
"""Of this process; a forked child never dials, so it needs no other."""
WINDOW = 4_000
"""Events of one run under way; more wait with the producer, where text is joined."""
WINDOW_SIZE = 512 * 1024
"""Bytes of them, likewise. What is stored comes back to the run's own reader by the
same link: more at a time, and a kernel that is busy would be a reader too slow."""
FRAME_SIZE = 512 * 1024
"""Bytes of events in one frame, more only where a single event is larger."""
FRAME_EVENTS = 256


class Orders(Protocol):
    """Carries out what clients order."""

    def carry_out(
        self, order: link.Order, reply: Callable[[link.OrderReply], None]
    ) -> None:
        """Act on a run, and reply, once, on the link's thread."""

    def welcomed(self, conversation: Conversation) -> None:
        """The other end is there, again perhaps."""

    def told(
        self,
        frame: link.Published | link.Start | link.TellSteps,
        conversation: Conversation,
    ) -> None:
        """Something about workflows, or the steps of a run."""


class Channel:
    """A virtual client socket. Made by ``Conversation.open_channel``.

    Args:
        conversation: Who carries it.
        name: Unique in the conversation.
        via: By which way the view reached the kernel.
        receive: Gets each frame, on the link's thread.
        opened: Called each time it is open, also again after a break; None closes
            it at a break instead.
        closed: Called when the other end closed it.
    """

    def __init__(
        self,
        conversation: Conversation,
        name: str,
        via: str,
        receive: Callable[[bytes], None],
        *,
        opened: Callable[[], None] | None,
        closed: Callable[[int, str], None],
    ) -> None:
        self.name = name
        self.via = via
        self.receive = receive
        self.opened = opened
        self.closed = closed
        self._conversation = conversation

    def send(self, frame: bytes) -> None:
        """Send a frame of a client; lost where the link is down."""
        self._conversation.send(
            link.ChannelFrame(channel=self.name, frame=msgspec.Raw(frame))
        )

    def close(self) -> None:
        """Go away; safe to call twice."""
        self._conversation.forget(self)


class Outgoing:
    """The events of one run that are not known to be stored.

    Args:
        conversation: Who carries them.
        run_id: The run.
        epoch: The producer's fence.
        key: See ``link.AppendFrame``.
        on_room: Called when events were stored and more may be sent.
        on_refused: Called when the log takes no more of this run.
    """

    def __init__(
        self,
        conversation: Conversation,
        run_id: RunId,
        epoch: int,
        *,
        on_room: Callable[[], None],
        on_refused: Callable[[KgnbError], None],
        key: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.epoch = epoch
        self._key = key
        self._checkpoints: dict[int, Checkpoint] = {}
        """Those that are not stored, by the ``n`` of their event."""
        self.unstored: deque[bytes] = deque()
        self.stored_n = 0
        self._size = 0
        """Bytes that are not stored."""
        self.is_refused = False
        self._conversation = conversation
        self._on_room = on_room
        self._on_refused = on_refused

    @property
    def has_room(self) -> bool:
        """See ``producer.Outlet``."""
        is_full = len(self.unstored) >= WINDOW or self._size >= WINDOW_SIZE
        return self._conversation.is_up and not is_full

    def append(
        self, payloads: list[bytes], checkpoints: dict[int, Checkpoint] | None = None
    ) -> None:
        """See ``producer.Outlet``."""
        if self.is_refused:
            return
        n = self.stored_n + len(self.unstored) + 1
        for index, checkpoint in (checkpoints or {}).items():
            self._checkpoints[n + index] = checkpoint
        self.unstored.extend(payloads)
        self._size += sum(map(len, payloads))
        self._send(n, payloads)

    def stored(self, n: int) -> None:
        """Everything up to ``n`` is stored."""
        for _ in range(min(n - self.stored_n, len(self.unstored))):
            self._size -= len(self.unstored.popleft())
            self.stored_n += 1
            if self._checkpoints:
                self._settle(self.stored_n)
        self._on_room()

    def _settle(self, n: int) -> None:
        checkpoint = self._checkpoints.pop(n, None)
        if checkpoint is not None:
            settle(checkpoint.stored)

    def refused(self, frame: link.Refused) -> None:
        """An append was not taken: go on from where the log is, or give up."""
        last = self.stored_n + len(self.unstored)
        if frame.epoch != self.epoch:
            return
        if frame.expected is not None and self.stored_n < frame.expected <= last:
            self.resend(frame.expected - 1)
            return
        self.is_refused = True
        self.unstored.clear()
        self._checkpoints.clear()
        self._size = 0
        self._on_refused(KgnbError(frame.message, code=frame.code))

    def resend(self, stored_n: int | None) -> None:
        """The link is up again; ``stored_n`` is the last that the log has."""
        if stored_n is not None:
            self.stored(stored_n)
        self._send(self.stored_n + 1, list(self.unstored))
        self._on_room()

    def _send(self, n: int, payloads: list[bytes]) -> None:
        start = 0
        while start < len(payloads):
            end, size = start, 0
            while end < len(payloads) and end - start < FRAME_EVENTS:
                size += len(payloads[end])
                if self._checkpoints and (n + end) in self._checkpoints:
                    size += len(self._checkpoints[n + end].data)
                if size > FRAME_SIZE and end > start:
                    break
                end += 1
            frame = link.AppendFrame(
                run_id=self.run_id,
                epoch=self.epoch,
                n=n + start,
                events=[msgspec.Raw(payload) for payload in payloads[start:end]],
            )
            if self._checkpoints:
                frame.records = self._records(n + start, n + end)
            if frame.n == 1:
                frame.key = self._key
            self._conversation.send(frame)
            start = end

    def _records(self, first: int, end: int) -> list[link.Kept]:
        kept = self._checkpoints
        return [
            link.Kept(at=n - first, record=msgspec.Raw(kept[n].data))
            for n in range(first, end)
            if n in kept
        ]


class Conversation:
    """Hello, appends, channels and orders over whatever carries frames.

    Whoever has the socket calls ``connected``, ``received`` and ``disconnected``.
    """

    def __init__(self, kernel_id: str, orders: Orders) -> None:
        self._kernel_id = kernel_id
        self._orders = orders
        self._owner_token: str | None = None
        self._write: Callable[[bytes], None] | None = None
        self._names = itertools.count(1)
        self._channels: dict[str, Channel] = {}
        self._outgoing: dict[RunId, Outgoing] = {}
        self.is_up = False
        """Whether the other end has said welcome."""
        self.log_id: str | None = None
        self.knows_people = False
        """Whether votes can be counted there, as its last welcome said."""
        self.mail = Mail(self.send)
        self.sharing = Sharing(self.send)
        self.recalling = Recalling(self.send)
        self.on_up: Callable[[], None] = lambda: None

    # The socket's side.

    def connected(self, write: Callable[[bytes], None]) -> None:
        """The socket is open: say who we are."""
        self._write = write
        hello = link.LinkHello(
            kernel_id=self._kernel_id,
            process_id=PROCESS_ID,
            pid=os.getpid(),
            owner_token=self._owner_token,
        )
        write(codec.encode(hello))

    def disconnected(self) -> None:
        """The socket is gone. Safe to call twice."""
        self._write = None
        self.is_up = False
        self.sharing.disconnected()
        self.recalling.disconnected()
        for channel in list(self._channels.values()):
            if channel.opened is None:
                del self._channels[channel.name]
                channel.closed(1012, "the kernel's link was cut")

    def received(self, data: bytes | str) -> None:
        """Take one frame.

        Raises:
            BadFrame: It is none; the socket should be closed.
        """
        frame = codec.decode_server_frame(data)
        match frame:
            case link.Welcome():
                self._welcome(frame)
            case link.Order():
                self._order(frame)
            case link.ChannelFrames() | link.ChannelFrame() | link.ChannelClosed():
                self._on_channel(frame)
            case link.Appended() | link.Refused():
                self._on_append(frame)
            case link.Handled():
                self.mail.handled(frame)
            case link.Shared():
                self.sharing.answered(frame)
            case link.Recalled():
                self.recalling.answered(frame)
            case link.ClientChanged():
                self.mail.changed(frame)
            case link.Published() | link.Start() | link.TellSteps():
                self._orders.told(frame, self)

    def _on_append(self, frame: link.Appended | link.Refused) -> None:
        outgoing = self._outgoing.get(frame.run_id)
        if outgoing is None:
            return
        if isinstance(frame, link.Appended):
            outgoing.stored(frame.n)
        else:
            outgoing.refused(frame)

    def _on_channel(
        self, frame: link.ChannelFrames | link.ChannelFrame | link.ChannelClosed
    ) -> None:
        channel = self._channels.get(frame.channel)
        if channel is None:
            return
        if isinstance(frame, link.ChannelFrames):
            for each in frame.frames:
                channel.receive(bytes(each))
        elif isinstance(frame, link.ChannelFrame):
            channel.receive(bytes(frame.frame))
        else:
            del self._channels[frame.channel]
            channel.closed(frame.code, frame.reason)

    def send(self, frame: link.KernelFrame) -> None:
        """Send a frame; dropped where the link is down."""
        if self._write is not None and self.is_up:
            self._write(codec.encode(frame))

    def _welcome(self, frame: link.Welcome) -> None:
        self.is_up = True
        self.log_id = frame.log_id
        self.knows_people = frame.knows_people
        self._owner_token = frame.owner_token
        known = {run.run_id: run for run in frame.runs}
        for outgoing in list(self._outgoing.values()):
            run = known.get(outgoing.run_id)
            outgoing.resend(run.n if run and run.epoch == outgoing.epoch else None)
        for channel in list(self._channels.values()):
            self._open(channel)
        self.mail.welcomed(frame)
        self._orders.welcomed(self)
        self.on_up()

    def _order(self, order: link.Order) -> None:
        self._orders.carry_out(order, self.send)

    # The runtime's side.

    def produce(
        self,
        run_id: RunId,
        *,
        on_room: Callable[[], None],
        on_refused: Callable[[KgnbError], None],
        epoch: int = 1,
        key: str | None = None,
    ) -> Outgoing:
        """Begin to send the events of a run."""
        outgoing = Outgoing(
            self, run_id, epoch, on_room=on_room, on_refused=on_refused, key=key
        )
        self._outgoing[run_id] = outgoing
        return outgoing

    def finished(self, run_id: RunId) -> None:
        """A run has ended and its events are stored, or are given up."""
        self._outgoing.pop(run_id, None)

    def open_channel(
        self,
        via: str,
        receive: Callable[[bytes], None],
        *,
        opened: Callable[[], None] | None = None,
        closed: Callable[[int, str], None] = lambda _code, _reason: None,
    ) -> Channel:
        """Open a virtual client socket; its first frame is the broker's hello."""
        name = f"{via}-{next(self._names)}"
        channel = Channel(self, name, via, receive, opened=opened, closed=closed)
        self._channels[name] = channel
        if self.is_up:
            self._open(channel)
        return channel

    def _open(self, channel: Channel) -> None:
        self.send(link.OpenChannel(channel=channel.name, via=channel.via))
        if channel.opened is not None:
            channel.opened()

    def forget(self, channel: Channel) -> None:
        """Close a channel from our side."""
        if self._channels.pop(channel.name, None) is not None:
            self.send(link.CloseChannel(channel=channel.name))
