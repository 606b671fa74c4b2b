"""One connection's frames on their way out: bounded, merged when it is slow.

Past the high-water mark token frames of one stream join and progress frames
keep the newest, within a stretch of the run that holds nothing else. Text goes
to the *earlier* frame, which keeps its own seq, and the stretch's last frame
takes the highest seq. So a socket's seq only rises; and a client that is cut
off in between and comes back with the last seq it saw is sent some text again
(its ``index`` says so) but misses none.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from kgnb.broker.peer import OutFrame

_SEQ = re.compile(rb'\A\{"seq":\d+')
_ENVELOPE = 64
"""Bytes that a queued frame costs besides its payload, roughly."""


class _Token(msgspec.Struct):
    data: str
    index: int = 0
    final: bool = False
    call: Any = None
    usage: Any = None


_token = msgspec.json.Decoder(_Token)


class _Entry:
    """A queued frame, and what was merged into it."""

    __slots__ = ("frame", "payload", "seq", "size", "tokens")

    def __init__(self, frame: OutFrame) -> None:
        self.frame = frame
        self.payload = frame.payload
        self.seq = frame.seq
        self.size = len(frame.payload) + _ENVELOPE
        self.tokens: list[_Token] = []

    def merge(self, frame: OutFrame) -> bool:
        """Take in a later frame with the same key; False if text would be missing."""
        if frame.topic != "token":
            self.payload = frame.payload
            self.size = len(frame.payload) + _ENVELOPE
            return True
        later = _token.decode(frame.payload)
        last = self.tokens[-1] if self.tokens else _token.decode(self.payload)
        if last.index + len(last.data) != later.index:
            return False
        if not self.tokens:
            self.tokens.append(last)
        self.tokens.append(later)
        # JSON escapes rarely lengthen text much; close enough for a bound.
        self.size += len(later.data.encode())
        return True

    def finish(self) -> bytes:
        """The bytes to send."""
        if self.tokens:
            fields: dict[str, Any] = msgspec.json.decode(self.payload)
            fields["data"] = "".join(token.data for token in self.tokens)
            fields["seq"] = self.seq
            last = self.tokens[-1]
            told = {"final": last.final, "call": last.call, "usage": last.usage}
            fields |= {name: value for name, value in told.items() if value}
            return msgspec.json.encode(fields)
        if self.seq == 0:
            return self.payload
        return _SEQ.sub(b'{"seq":%d' % self.seq, self.payload, count=1)


class Outbox:
    """A bounded queue of frames for one connection; not thread-safe.

    Args:
        high_water: Bytes past which frames are merged.
        limit: Bytes past which ``put`` refuses: the reader is too slow. Only one
            frame that comes below the high-water mark may pass it.
    """

    def __init__(self, *, high_water: int = 65_536, limit: int = 1_048_576) -> None:
        self.high_water = high_water
        self.limit = limit
        self.size = 0
        """Bytes queued."""
        self.merged = 0
        """Frames merged into others, since the start."""
        self._queue: deque[_Entry] = deque()
        self._stretches: dict[str, dict[tuple[str, ...], _Entry]] = {}
        """Per run: entries that may still be merged into, since the last that
        may not; in the order of the queue."""

    def __len__(self) -> int:
        """Frames queued."""
        return len(self._queue)

    @property
    def is_congested(self) -> bool:
        """Whether it is past the high-water mark."""
        return self.size > self.high_water

    def put(self, frame: OutFrame) -> bool:
        """Queue a frame.

        Returns:
            False if that would pass ``limit``: the frame was not taken, and the
            connection is to be closed with 4009.
        """
        key = frame.merge_key
        if key is not None and self.is_congested and self._merge(frame, key):
            return self.size <= self.limit
        entry = _Entry(frame)
        # A single frame may be larger than the limit; a reader that keeps up gets it.
        if self.is_congested and self.size + entry.size > self.limit:
            return False
        self._queue.append(entry)
        self.size += entry.size
        if key is not None:
            stretch = self._stretches.setdefault(frame.run_id, {})
            stretch.pop(key, None)
            stretch[key] = entry
        elif frame.run_id:
            self._stretches.pop(frame.run_id, None)
        return True

    def _merge(self, frame: OutFrame, key: tuple[str, ...]) -> bool:
        stretch = self._stretches.get(frame.run_id, {})
        earlier = stretch.get(key)
        if earlier is None:
            return False
        last = next(reversed(stretch.values()))
        if last.seq >= frame.seq:  # a replay that was asked for began behind it
            return False
        before = earlier.size
        if not earlier.merge(frame):
            return False
        self.size += earlier.size - before
        self.merged += 1
        last.seq = frame.seq
        return True

    def pop(self) -> bytes | None:
        """The next frame to send, or None."""
        if not self._queue:
            return None
        entry = self._queue.popleft()
        self.size -= entry.size
        key, run_id = entry.frame.merge_key, entry.frame.run_id
        stretch = self._stretches.get(run_id)
        if key is not None and stretch is not None and stretch.get(key) is entry:
            del stretch[key]
            if not stretch:
                del self._stretches[run_id]
        return entry.finish()
