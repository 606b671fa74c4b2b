"""What one server and another tell each other: numbered, acknowledged, bounded.

Sans-I/O. A line never mends what was lost on the way: a gap ends it, and with it the
connections that it carried, whose clients know how to come back.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kgnb.errors import Unavailable
from kgnb.server.backplane.messages import Envelope, Frames

if TYPE_CHECKING:
    from kgnb.broker.peer import OutFrame
    from kgnb.server.backplane.messages import Message

HIGH_WATER = 1024 * 1024
"""Bytes under way past which replays wait."""
MOST = 64 * 1024 * 1024
"""Bytes under way past which the line is given up: the other side does not read."""
ENVELOPE = 512 * 1024
"""Bytes of one envelope, roughly; one message may have more."""
NEWS = 128 * 1024
"""Bytes that are read before the sender is told so at once, not by the next beat."""
_SMALL = 64
"""Bytes that a frame has besides its payload, roughly."""

_Waiting = Frames | msgspec.Raw


class Line:
    """One server's end. Belongs to the server's loop.

    Args:
        me: The server that holds this end.
        other: The one that holds the other.
        session: What both call what is between them.
    """

    def __init__(self, me: str, other: str, session: str) -> None:
        self.other = other
        self.session = session
        self.is_open = True
        self.under_way = 0
        """Bytes that wait here or on the way, roughly."""
        self._me = me
        self._waiting: deque[tuple[_Waiting, int]] = deque()
        self._number = 0
        self._unread: deque[tuple[int, int]] = deque()
        """Number and bytes of each envelope that the other has not read yet."""
        self._seen = 0
        self._news = 0
        """Bytes read since the sender was told last."""

    @property
    def is_congested(self) -> bool:
        """Whether a replay should wait before it sends more."""
        return self.under_way > HIGH_WATER

    @property
    def has_news(self) -> bool:
        """Whether the other should be told soon how far this end has read."""
        return self._news > NEWS

    # ---- out

    def put(self, message: Message) -> None:
        """Say something; what cannot be said in msgpack raises here, not on its way.

        Raises:
            Unavailable: Too much is under way already, or the line is closed.
        """
        encoded = msgspec.Raw(msgspec.msgpack.encode(message))
        self._add(encoded, len(encoded))

    def put_frame(self, channel: int, frame: OutFrame) -> None:
        """Say a frame of a broker that tells the same to many, one after the other.

        Raises:
            Unavailable: As :meth:`put`.
        """
        last = self._waiting[-1][0] if self._waiting else None
        if isinstance(last, Frames) and last.frame is frame:
            last.channels.append(channel)
        else:
            # Encoded when it is taken: others may get it too.
            self._add(Frames([channel], frame), len(frame.payload) + _SMALL)

    def _add(self, message: _Waiting, size: int) -> None:
        if not self.is_open:
            raise Unavailable("backplane: the other server has gone")
        if self.under_way + size > MOST:
            raise Unavailable("backplane: the other server does not read")
        self._waiting.append((message, size))
        self.under_way += size

    def take(self) -> Envelope | None:
        """The next envelope to send, or None."""
        if not self._waiting and not self.has_news:
            return None
        messages: list[_Waiting] = []
        total = 0
        while self._waiting and total < ENVELOPE:
            message, size = self._waiting.popleft()
            messages.append(message)
            total += size
        self._number += 1
        self._unread.append((self._number, total))
        self._news = 0
        return Envelope(
            self._me,
            self.session,
            self._number,
            self._seen,
            messages,  # type: ignore[arg-type]  # encoded ones are as good
        )

    def close(self) -> None:
        """Nothing more is said or heard; what waits is still sent."""
        self.is_open = False

    # ---- in

    def receive(self, envelope: Envelope, size: int) -> list[Message]:
        """What an envelope says that was not said before.

        Args:
            envelope: Of this session.
            size: Bytes that it had on the way.

        Raises:
            Unavailable: Something is missing before it, or it is not the other's.
        """
        if envelope.sender != self.other:
            raise Unavailable("backplane: a message of another server in this session")
        if not self.is_open or envelope.number <= self._seen:
            return []  # sent again, since Redis did not say that it had it
        if envelope.number != self._seen + 1:
            raise Unavailable(
                f"backplane: expected message {self._seen + 1}, got {envelope.number}"
            )
        self._seen = envelope.number
        if envelope.messages:
            self._news += size
        while self._unread and self._unread[0][0] <= envelope.seen:
            self.under_way -= self._unread.popleft()[1]
        return envelope.messages
