"""``run.events()``: a run's log, read on its own from any position."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Protocol

from kgnb.errors import Gap, InvalidValue, KgnbError, from_code
from kgnb.protocol import codec, commands, replies
from kgnb.protocol import events as e
from kgnb.runtime.relays import RawChannel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kgnb.protocol.ids import RunId
    from kgnb.runtime.home import Home
    from kgnb.runtime.ports import LogPort

MOST_WAITING = 2_000
"""Events that wait for a slow reader; past it they are read from the log again."""


RETRY = 0.05
"""Seconds before a channel that ended is opened again."""
_TERMINAL = (
    e.WorkflowCompleted,
    e.WorkflowFailed,
    e.WorkflowCancelled,
    e.WorkflowLost,
)


def position(since: int | str | None) -> commands.Since:
    """The cursor that ``since`` stands for.

    Raises:
        InvalidValue: It is neither a seq nor ``log_id:seq``.
    """
    if since is None:
        return commands.Since(seq=0)
    log_id, _, seq = str(since).rpartition(":")
    if not seq.isdecimal():
        raise InvalidValue(f"since={since!r}: expected a seq or 'log_id:seq'")
    return commands.Since(seq=int(seq), log_id=log_id or None)


class Followed(Protocol):
    """A run, or what shows one."""

    home: Home
    port: LogPort

    @property
    def id(self) -> RunId:
        """The run's id in the log."""
        ...


async def follow(
    execution: Followed, since: int | str | None
) -> AsyncGenerator[e.AnyEvent, None]:
    """Yield the run's events after ``since``, to its last."""
    cursor = position(since)
    while True:
        mailbox = _Mailbox(execution, cursor)
        try:
            while (event := await mailbox.next()) is not None:
                if event.seq > cursor.seq:
                    cursor = commands.Since(seq=event.seq)
                    yield event
                if isinstance(event, _TERMINAL):
                    return
        finally:
            mailbox.close()
        await asyncio.sleep(RETRY)


class _Mailbox:
    """One channel's events, from the link's thread to the reader's loop."""

    def __init__(self, execution: Followed, since: commands.Since) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._events: deque[e.AnyEvent] = deque()
        self._error: KgnbError | None = None
        self._is_over = False
        self._channel = RawChannel(
            execution.home,
            execution.port.conversation,
            "python",
            self._receive,
            self._closed,
        )
        subscribe = commands.Subscribe(run_id=execution.id, since=since)
        self._channel.send(codec.encode(subscribe))

    # The link's thread.

    def _receive(self, data: bytes) -> None:
        frame = codec.decode_frame(data)
        if isinstance(frame, replies.Snapshot):
            text = f"the log no longer has all events: {frame.reason}"
            self._error = Gap(text, view=frame.view)
        elif isinstance(frame, replies.ErrorReply):
            self._error = from_code(frame.code, frame.message)
        elif not isinstance(frame, replies.AnyReply):
            self._events.append(frame)
            if len(self._events) > MOST_WAITING:
                # The reader drains what is here; the rest the log gives again.
                self._is_over = True
                self._channel.close()
        else:
            return
        self._wake()

    def _closed(self, _code: int, _reason: str) -> None:
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the reader's loop was closed
            self._loop.call_soon_threadsafe(self._arrived.set)

    # The reader's loop.

    async def next(self) -> e.AnyEvent | None:
        """The next event; None where the channel ended before the run did.

        Raises:
            KgnbError: The log refuses, or has lost events.
        """
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._is_over:
                return None
            await self._arrived.wait()
            self._arrived.clear()
        return self._events.popleft()

    def close(self) -> None:
        """Leave."""
        self._channel.close()
