"""Client sockets to a broker, opened from any thread of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.conversation import Channel, Conversation
    from kgnb.runtime.home import Home

Frame = dict[str, Any]


class RawChannel:
    """A client socket to the broker at the other end of a conversation.

    ``send`` and ``close`` may be called from any thread and never wait; ``receive``
    and ``closed`` are called on the link's thread.

    Args:
        home: Of this process.
        conversation: With the broker.
        via: By which way the client reached the kernel.
        receive: Gets each frame.
        closed: Called when the other end closed it, with the code and the reason.
    """

    def __init__(
        self,
        home: Home,
        conversation: Conversation,
        via: str,
        receive: Callable[[bytes], None],
        closed: Callable[[int, str], None] = lambda _code, _reason: None,
    ) -> None:
        self._link = home.link
        self._conversation = conversation
        self._receive = receive
        self._closed = closed
        self._channel: Channel | None = None
        self._is_closed = False
        if not self._link.call_soon(self._open, via):
            self._ended(1001, "the kernel exits")

    def _open(self, via: str) -> None:
        if self._is_closed:
            return
        if not self._conversation.is_up:
            self._ended(1013, "the log cannot be reached now")
            return
        self._channel = self._conversation.open_channel(
            via, self._take, closed=self._ended
        )

    def _take(self, frame: bytes) -> None:
        if not self._is_closed:
            self._receive(frame)

    def _ended(self, code: int, reason: str) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._closed(code, reason)

    def send(self, frame: bytes) -> None:
        """Send a client's frame."""
        self._link.call_soon(self._send, frame)

    def _send(self, frame: bytes) -> None:
        if self._channel is not None and not self._is_closed:
            self._channel.send(frame)

    def close(self) -> None:
        """Leave; nothing is received after it. Safe to call twice."""
        self._is_closed = True
        self._link.call_soon(self._leave)

    def _leave(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None


class FrameChannel:
    """The same for a view: frames are dicts, and come in batches.

    Args:
        home: Of this process.
        conversation: With the broker.
        via: ``control`` or ``comm`` for a view; it stands under its decisions.
        receive: Gets the frames that came together; on the link's thread.
        closed: See ``RawChannel``.
    """

    def __init__(
        self,
        home: Home,
        conversation: Conversation,
        via: str,
        receive: Callable[[list[Frame]], None],
        closed: Callable[[int, str], None] = lambda _code, _reason: None,
    ) -> None:
        self._home = home
        self._receive = receive
        self._closed = closed
        self._batch: list[Frame] = []
        self._raw = RawChannel(home, conversation, via, self._take, self._ended)

    def _take(self, frame: bytes) -> None:
        self._batch.append(msgspec.json.decode(frame))
        if len(self._batch) == 1:
            self._home.later(0.0, self._flush)

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            self._receive(batch)

    def _ended(self, code: int, reason: str) -> None:
        self._flush()
        self._closed(code, reason)

    def send(self, frame: Frame) -> None:
        """Hand one ``kgnb.v1`` frame to the broker; never waits."""
        self._raw.send(msgspec.json.encode(frame))

    def close(self) -> None:
        """Leave. Nothing is received after it."""
        self._raw.close()
