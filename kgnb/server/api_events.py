"""``kgnb/api/runs/{id}/events``: a run as Server-Sent Events.

A reader is a client of the broker like any socket, with the same send queue: one
frame at a time is with tornado, the rest waits in the outbox, which merges, and
past its bound the reader is cut off and comes back with ``Last-Event-ID``.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
from tornado.iostream import StreamClosedError

from kgnb.broker.peer import OutFrame
from kgnb.errors import BadFrame, KgnbError, Unavailable, from_code
from kgnb.protocol import codec
from kgnb.protocol.commands import Since, Subscribe
from kgnb.protocol.events import TERMINAL
from kgnb.server import closecodes
from kgnb.server.api import Api, may_read
from kgnb.server.api_runs import one_line
from kgnb.server.sendqueue import SocketSink

if TYPE_CHECKING:
    from asyncio import Future

    from kgnb.server.host import Host

BEAT = 15.0
"""Seconds between comments that keep proxies from hanging up, at most."""
_BEAT = OutFrame(b"")
_NOTHING_MORE = 204
"""The status at which an ``EventSource`` stops coming back."""


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


class RunEvents(Api):
    """One reader of one run; the wire of its send queue."""

    _track_activity = False  # a page left open is no reason to keep a server

    def initialize(self, *, host: Host) -> None:
        """A reader that has begun nothing yet."""
        super().initialize(host=host)
        self._over = asyncio.Event()
        self._has_begun = False
        self._end: tuple[int, str] | None = None
        self._refusal: KgnbError | None = None
        self._writing: Future[None] | None = None
        self._sink: SocketSink | None = None
        self._last = 0
        """The run's last seq when the reader came."""

    # ---- the request

    @may_read
    async def get(self, run_id: str) -> None:
        """Send what the reader has not had, then what happens, until the run ends.

        Raises:
            KgnbError: Nothing was sent yet: there is no such run, for one.
        """
        self._run_id = run_id
        driver = self.driver
        self._log_id = driver.log_id
        self._since = self._read_since()
        topics = [name for name in (self._query("topics") or "all").split(",") if name]
        subscribe = Subscribe(run_id=run_id, topics=topics, since=self._since)  # type: ignore[arg-type]  # a path is no RunId to mypy
        sink = self._sink = SocketSink(self)
        attachment = driver.connect(await self.peer(), sink)
        self.host.sockets.add(self)
        try:
            attachment.receive(codec.encode(subscribe))
            await self._stay(sink)
        finally:
            self.host.sockets.discard(self)
            attachment.close()
            sink.drop()
        await self._finish()

    def _read_since(self) -> Since | None:
        """Where the reader is; a browser that reconnects says it in its header."""
        given = self.request.headers.get("Last-Event-ID") or self._query("since")
        if not given:
            return None
        log_id, _, seq = given.rpartition(":")
        if not log_id or not (seq.isascii() and seq.isdigit() and len(seq) < 16):  # noqa: PLR2004  # digits
            raise BadFrame(f"since: expected log_id:seq, got {given[:80]!r}")
        return Since(seq=int(seq), log_id=log_id)

    async def _stay(self, sink: SocketSink) -> None:
        """Until the run's end or the reader's; a reader that stands still has gone."""
        stuck: Future[None] | None = None
        period = min(BEAT, self.host.settings.ping_interval or BEAT)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(period):
                    await self._over.wait()
                    return
            if self.is_writing and self._writing is stuck:
                self.leave(*closecodes.IDLE)
            elif self.is_writing:
                stuck = self._writing
            elif self._has_begun:
                sink.send_nowait(_BEAT)

    async def _finish(self) -> None:
        if not self._has_begun:
            if self._refusal is not None:
                raise self._refusal
            if self._end is not None:
                raise Unavailable(self._end[1] or "the server ended the connection")
        if self._end in (closecodes.SLOW, closecodes.IDLE) and self._has_begun:
            # What is unsent would wait for the reader as long as it likes.
            self.detach().close()
            return
        with contextlib.suppress(StreamClosedError):
            await self.finish(set_content_type="text/event-stream")

    # ---- the wire, as the send queue sees it

    @property
    def queued_bytes(self) -> int:
        """That wait for the reader."""
        return self._sink.queued_bytes if self._sink is not None else 0

    @property
    def is_writing(self) -> bool:
        """Whether a frame is with tornado still: there is never more than one."""
        return self._writing is not None and not self._writing.done()

    def write_frame(self, payload: bytes) -> Future[None] | None:
        """Send one frame as an event; None once it is over."""
        if self._over.is_set():
            return None
        if not payload:
            return self._write(b":\n\n")
        frame = _peek.decode(payload)
        match frame.type:
            case "hello":
                return _done()
            case "subscribed":
                return self._begin(frame.seq or 0)
            case "error" if not self._has_begun:
                self._refusal = from_code(frame.code, frame.message)
                self._over.set()
                return None
        return self._tell(frame, payload)

    def _tell(self, frame: _Peek, payload: bytes) -> Future[None]:
        seq = frame.view.seq if frame.view is not None else frame.seq or 0
        head = self._id(seq) if seq else b""
        if frame.type == "cursor":  # where to go on from, and no event
            return self._write(head + b"\n")
        written = self._write(head + b"data: " + one_line(payload) + b"\n\n")
        is_whole = frame.type in TERMINAL or frame.view is not None
        if is_whole and self._has_ended(seq):
            written.add_done_callback(lambda _written: self._over.set())
        return written

    def _id(self, seq: int) -> bytes:
        return f"id: {self._log_id}:{seq}\n".encode()

    def _has_ended(self, seq: int) -> bool:
        """Whether nothing follows; a dead run that was resumed has two ends."""
        row = self.host.driver.run(self._run_id) if self.host.driver else None
        return row is None or (row.has_ended and seq >= self._last)

    def _begin(self, last: int) -> Future[None]:
        self._last = last
        self._has_begun = True
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")  # nginx would keep events back
        since = self._since
        is_ours = since is not None and since.log_id == self._log_id
        if (
            is_ours
            and since is not None
            and since.seq == last
            and self._has_ended(last)
        ):
            self.set_status(_NOTHING_MORE)
            self._over.set()
            return _done()
        return self._write(b": kgnb\n\n")

    def _write(self, data: bytes) -> Future[None]:
        self.write(data)
        self._writing = self.flush()
        return self._writing

    def leave(self, code: int, reason: str) -> None:
        """The server ends it; the reader may come back."""
        if not self._over.is_set():
            self._end = (code, reason)
            self._over.set()

    def on_connection_close(self) -> None:
        """The reader has gone, which is nothing special."""
        super().on_connection_close()
        self._over.set()


def _done() -> Future[None]:
    done: Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done
