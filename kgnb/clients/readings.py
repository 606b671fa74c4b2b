"""Readings: what one iterator of events has had, and what is still to come.

No I/O. A server has one cursor for each run and socket, and may be sent back by a
second reading of the same run; each reading passes over what it has had.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import Gap
from kgnb.protocol.events import TERMINAL
from kgnb.protocol.topics import wants

if TYPE_CHECKING:
    from kgnb.errors import KgnbError

Frame = dict[str, Any]

MOST_QUEUED = 10_000
"""Events that wait for a slow reader; the others are asked for again later."""
_ENDED = frozenset(kind.removeprefix("workflow_") for kind in TERMINAL)


class Place(msgspec.Struct):
    """How far one run was read."""

    seq: int = 0
    texts: dict[tuple[Any, ...], int] = msgspec.field(default_factory=dict)
    """By stream, kind and tool call: the code points that were handed on."""
    has_ended: bool = False

    def take(self, frame: Frame) -> Frame | None:
        """Move on; None where nothing of the frame is new."""
        kind = frame["type"]
        seq = frame["view"]["seq"] if kind == "snapshot" else frame["seq"]
        status = frame["view"]["status"] if kind == "snapshot" else None
        self.has_ended = self.has_ended or kind in TERMINAL or status in _ENDED
        if seq <= self.seq:
            return None
        self.seq = seq
        if kind == "token":
            return self._rest(frame)
        if kind == "snapshot" or self.has_ended:
            self.texts.clear()
        return frame

    def _rest(self, frame: Frame) -> Frame | None:
        """A token frame without the text that came before.

        Text is joined for slow sockets, so that a frame which is sent again may
        begin earlier than what is missing.
        """
        call = frame.get("call") or {}
        key = (frame["stream"], frame.get("kind", "text"), call.get("number"))
        index, text = frame.get("index", 0), frame["data"]
        had = self.texts.get(key, 0)
        self.texts[key] = max(had, index + len(text))
        if index >= had:
            return frame
        rest = text[had - index :]
        if not rest and not frame.get("final"):
            return None
        return {**frame, "data": rest, "index": had}


class Reading:
    """What one iterator reads: a run, or all runs and what the application sends.

    Belongs to the client's loop.
    """

    def __init__(
        self, run_id: str | None, topics: frozenset[str], seq: int = 0
    ) -> None:
        self.run_id = run_id
        self.topics = topics
        self.places: dict[str, Place] = {}
        if run_id is not None:
            self.places[run_id] = Place(seq)
        self.accepts = False
        """Whether the server has begun to send for it: frames that are still on
        their way from before are not its own."""
        self.has_looked_back = seq == 0
        """Whether it is known that its run had not ended where it began."""
        self.is_behind = False
        """Whether events were left out because too many waited."""
        self._queue: deque[Frame] = deque()
        self._error: KgnbError | None = None
        self._is_over = False
        self._changed = asyncio.Event()

    def covers(self, run_id: str) -> bool:
        """Whether it reads that run."""
        return self.run_id in (None, run_id)

    def seq_of(self, run_id: str) -> int:
        """The last event of a run that it has had."""
        return self.places[run_id].seq if run_id in self.places else 0

    def unfinished(self) -> list[str]:
        """Runs whose end it has not seen."""
        return [key for key, place in self.places.items() if not place.has_ended]

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._is_over or self._error is not None

    def take(self, frame: Frame) -> None:
        """Take an event or a snapshot of a run."""
        run_id = frame["run_id"]
        is_reading = self.accepts or self.is_behind
        if not is_reading or self.is_over or not self.covers(run_id):
            return
        place = self.places.get(run_id)
        if place is None:
            if frame.get("seq") != 1 and frame["type"] != "snapshot":
                return  # of a run that another reading came into in its middle
            place = self.places[run_id] = Place()
        if self.is_behind:
            return
        if len(self._queue) >= MOST_QUEUED:
            self.accepts, self.is_behind = False, True
            return
        had = place.seq
        new = place.take(frame)
        if new is not None and self._wants(new):
            self._queue.append(new)
        self._is_over = self.run_id is not None and place.has_ended
        if place.seq != had or self._is_over:
            self._changed.set()

    def take_letter(self, frame: Frame) -> None:
        """Take a message that belongs to no run."""
        if self.run_id is not None or self.is_over:
            return
        if len(self._queue) >= MOST_QUEUED:
            self.fail(
                Gap(
                    f"more than {MOST_QUEUED} messages waited to be read; read them as "
                    f"they come, and call events() again for those that follow"
                )
            )
            return
        self._queue.append(frame)
        self._changed.set()

    def _wants(self, frame: Frame) -> bool:
        return frame["type"] == "snapshot" or wants(self.topics, frame["type"])

    def passed(self, run_id: str, seq: int) -> None:
        """The server has come to ``seq``; what lies before was not asked for."""
        if self.accepts and run_id in self.places:
            place = self.places[run_id]
            place.seq = max(place.seq, seq)

    def fail(self, error: KgnbError) -> None:
        """End it by an error, after what waits to be read."""
        if not self.is_over:
            self._error = error
            self._changed.set()

    def has_drained(self) -> bool:
        """Whether it fell behind, and has handed on all that waited."""
        return self.is_behind and not self._queue and not self.is_over

    def next_nowait(self) -> Frame | None:
        """The next event, if one waits.

        Raises:
            StopAsyncIteration: The run has ended.
            KgnbError: What ended the reading.
        """
        if self._queue:
            return self._queue.popleft()
        if self._error is not None:
            raise self._error
        if self._is_over:
            raise StopAsyncIteration
        self._changed.clear()
        return None

    async def wait(self) -> None:
        """Wait until :meth:`next_nowait` may have something to say."""
        await self._changed.wait()
