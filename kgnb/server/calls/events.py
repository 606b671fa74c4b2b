"""``kgnb/api/runs/{id}/events``: a run as Server-Sent Events.

A reader is a client of the broker like any socket, with the same send queue: one
frame at a time is with the host, the rest waits in the outbox, which merges, and
past its bound the reader is cut off and comes back with ``Last-Event-ID``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker.peer import OutFrame
from kgnb.errors import BadFrame, Unavailable, from_code
from kgnb.protocol import codec
from kgnb.protocol.commands import Since, Subscribe
from kgnb.protocol.events import TERMINAL
from kgnb.server import closecodes
from kgnb.server.calls.call import Reply
from kgnb.server.calls.runs import one_line
from kgnb.server.entrance import Guest
from kgnb.server.sendqueue import SocketSink

if TYPE_CHECKING:
    from asyncio import Future

    from kgnb.broker.driver import Attachment
    from kgnb.server.calls.call import Call

BEAT = 15.0
"""Seconds between comments that keep proxies from hanging up, at most."""
_BEAT = OutFrame(b"")
_NOTHING_MORE = 204
"""The status at which an ``EventSource`` stops coming back."""
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}


class _View(msgspec.Struct):
    seq: int = 0


class _Peek(msgspec.Struct):
    """As much of a frame as its delivery needs."""

    type: str
    seq: int | None = None
    view: _View | None = None
    code: str = ""
    message: str = ""


_peek = msgspec.json.Decoder(_Peek)


async def events(call: Call) -> Reply:
    """What the reader has not had, then what happens, until the run ends.

    Raises:
        KgnbError: Nothing was sent yet: there is no such run, for one.
    """
    since = _read_since(call)
    topics = [name for name in (call.query.get("topics") or "all").split(",") if name]
    reader = Reader(call, since)
    subscribe = Subscribe(run_id=call.arg(), topics=topics, since=since)  # type: ignore[arg-type]  # a path is no RunId to mypy
    try:
        has_more = await reader.begin(subscribe)
    except BaseException:
        await reader.aclose()
        raise
    if not has_more:
        await reader.aclose()
        return Reply(_NOTHING_MORE)
    return Reply(headers=dict(_HEADERS), body=reader, cut=reader.cut)


def _read_since(call: Call) -> Since | None:
    """Where the reader is; a browser that reconnects says it in its header."""
    given = call.headers.get("last-event-id") or call.query.get("since")
    if not given:
        return None
    log_id, _, seq = given.rpartition(":")
    if not log_id or not (seq.isascii() and seq.isdigit() and len(seq) < 16):  # noqa: PLR2004  # digits
        raise BadFrame(f"since: expected log_id:seq, got {given[:80]!r}")
    return Since(seq=int(seq), log_id=log_id)


class Reader:
    """One reader of one run: the wire of its send queue, and the reply's stream.

    ``aclose`` has to be called, whatever becomes of it.
    """

    def __init__(self, call: Call, since: Since | None) -> None:
        self._call = call
        self.guest: Guest | None = None
        self._host = call.host
        self._run_id = call.arg()
        self._driver = call.driver
        self._since = since
        self._sink = SocketSink(self)
        self._attachment: Attachment | None = None
        self._begun: Future[bool] = asyncio.get_running_loop().create_future()
        self._last = 0
        """The run's last seq when the reader came."""
        self._chunk: bytes | None = None
        self._written: Future[None] | None = None
        """Of the chunk that is with the host, or waits for it."""
        self._stuck: Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._wake = asyncio.Event()
        self.cut = asyncio.Event()

    async def begin(self, subscribe: Subscribe) -> bool:
        """Subscribe; whether there is, or will be, anything to send.

        Raises:
            KgnbError: The broker refused.
        """
        peer = await self._call.peer()
        self.guest = Guest(peer=peer, caller=self._call.caller)
        self._attachment = self._driver.connect(peer, self._sink)
        self._host.sockets.add(self)
        self._attachment.receive(codec.encode(subscribe))
        has_more = await self._begun
        self._look_later()
        return has_more

    # ---- the stream, as the host sees it

    def __aiter__(self) -> Reader:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next event or comment; the one before is out then."""
        if self._chunk is None and self._written is not None:
            written, self._written = self._written, None
            written.set_result(None)
        while self._chunk is None:
            if self._is_over:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        chunk, self._chunk = self._chunk, None
        return chunk

    async def aclose(self) -> None:
        """The reader has gone, or has all."""
        self._end()
        if self._timer is not None:
            self._timer.cancel()
        self._host.sockets.discard(self)
        if self._attachment is not None:
            self._attachment.close()
        self._sink.drop()
        if self._begun.done() and not self._begun.cancelled():
            self._begun.exception()  # looked at, whatever ended the wait

    # ---- the wire, as the send queue sees it

    @property
    def queued_bytes(self) -> int:
        """That wait for the reader."""
        return self._sink.queued_bytes

    @property
    def is_writing(self) -> bool:
        """Whether a frame is with the host still: there is never more than one."""
        return self._written is not None

    def write_frame(self, payload: bytes) -> Future[None] | None:
        """Send one frame as an event; None once it is over."""
        if self._is_over:
            return None
        if not payload:
            return self._write(b":\n\n")
        frame = _peek.decode(payload)
        match frame.type:
            case "hello":
                return _done()
            case "subscribed":
                return self._subscribed(frame.seq or 0)
            case "error" if not self._begun.done():
                self._begun.set_exception(from_code(frame.code, frame.message))
                self._end()
                return None
        return self._tell(frame, payload)

    def leave(self, code: int, reason: str) -> None:
        """The server ends it; the reader may come back."""
        if not self._begun.done():
            told = reason or "the server ended the connection"
            self._begun.set_exception(Unavailable(told))
        elif (code, reason) in (closecodes.SLOW, closecodes.IDLE):
            # What is unsent would wait for the reader as long as it likes.
            self.cut.set()
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._wake.set()

    def _tell(self, frame: _Peek, payload: bytes) -> Future[None]:
        seq = frame.view.seq if frame.view is not None else frame.seq or 0
        head = self._id(seq) if seq else b""
        if frame.type == "cursor":  # where to go on from, and no event
            return self._write(head + b"\n")
        written = self._write(head + b"data: " + one_line(payload) + b"\n\n")
        is_whole = frame.type in TERMINAL or frame.view is not None
        if is_whole and self._has_ended(seq):
            self._end()  # once this is out
        return written

    def _id(self, seq: int) -> bytes:
        return f"id: {self._driver.log_id}:{seq}\n".encode()

    def _has_ended(self, seq: int) -> bool:
        """Whether nothing follows; a dead run that was resumed has two ends."""
        row = self._host.driver.run(self._run_id) if self._host.driver else None
        return row is None or (row.has_ended and seq >= self._last)

    def _subscribed(self, last: int) -> Future[None]:
        self._last = last
        since = self._since
        is_ours = since is not None and since.log_id == self._driver.log_id
        has_all = is_ours and since is not None and since.seq == last
        has_more = not (has_all and self._has_ended(last))
        if not self._begun.done():
            self._begun.set_result(has_more)
        return self._write(b": kgnb\n\n")

    def _write(self, data: bytes) -> Future[None]:
        self._written = asyncio.get_running_loop().create_future()
        self._chunk = data
        self._wake.set()
        return self._written

    # ---- signs of life

    def _look_later(self) -> None:
        period = min(BEAT, self._host.settings.ping_interval or BEAT)
        self._timer = asyncio.get_running_loop().call_later(period, self._look)

    def _look(self) -> None:
        """A comment for a quiet reader; one that stands still has gone."""
        if self._written is not None and self._written is self._stuck:
            self.leave(*closecodes.IDLE)
            return
        if self._written is None:
            if self._is_over:
                return
            self._sink.send_nowait(_BEAT)
        self._stuck = self._written
        self._look_later()


def _done() -> Future[None]:
    done: Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done
