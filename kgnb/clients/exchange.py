"""What is said over a client's socket, whichever socket that is just now.

No I/O: it is told what came and when a socket is up, and puts frames out. Commands
are sent again after a break, under the same id; readings go on where they were.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.clients.readings import MOST_QUEUED, Frame, Reading
from kgnb.errors import FrameTooLarge, Gap, KgnbError, Unavailable, from_code
from kgnb.protocol import codec, commands
from kgnb.protocol.commands import JoinGroup, LeaveGroup, Since, Subscribe, Unsubscribe
from kgnb.protocol.events import TERMINAL
from kgnb.protocol.ids import RunId

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("kgnb.clients")

_READ = "read:"
"""Before the number of a subscription, in its id."""
AGAIN_FOR = 10.0
"""Seconds for which a command is sent again that the server cannot store now."""
_MOST_RUNS = 100
"""Of which one socket reads each by a subscription of its own; a server allows 128."""
_REPLIES = frozenset({"ack", "joined_group", "left_group", "pong"})
_SILENT = frozenset({"hello", "unsubscribed", "subscribed", "cursor", "error"})


class _Pending(msgspec.Struct):
    """A command without its reply."""

    frame: str
    reply: asyncio.Future[Frame]


class _Asked(msgspec.Struct):
    """A subscription without its reply, and for whom it is."""

    run_id: str | None
    readings: list[Reading]


class Exchange:
    """Commands, readings and their replies.

    Args:
        put: Sends a frame over the socket that is up, if one is.
    """

    def __init__(self, put: Callable[[str], None]) -> None:
        self.log_id = ""
        self.identity: dict[str, Any] = {}
        self._put = put
        self._is_up = False
        self._greeted = asyncio.Event()
        self._error: KgnbError | None = None
        self._largest = 0
        """Bytes that a command may have; 0 before the first greeting."""
        self._pending: dict[str, _Pending] = {}
        self._readings: list[Reading] = []
        self._asked: dict[str, _Asked] = {}
        self._asks = 0
        self._begun: set[str] = set()
        """Runs of which this socket was sent something, and that have not ended."""
        self._groups: set[str] = set()
        self._position: int | None = None
        """Of the last numbered message, by which a named client comes back."""
        self._letters: list[Frame] = []
        """Messages that came before anybody read them."""

    # ---- the socket

    async def wait_greeted(self) -> None:
        """Wait for the first greeting.

        Raises:
            KgnbError: There will be none.
        """
        await self._greeted.wait()
        if self._error is not None:
            raise self._error

    def position(self, url: str) -> str:
        """What a named client adds to its URL: how far it has read."""
        if self._position is None or "client_id=" not in url:
            return ""
        return f"&position={self._position}"

    def greeted(self, hello: Frame) -> None:
        """A socket is up, and this is its first frame.

        Raises:
            Unavailable: It is no kgnb server's.
        """
        if hello.get("type") != "hello":
            raise Unavailable("what answers there is no kgnb server")
        log_id = hello["log_id"]
        if self.log_id not in ("", log_id):
            self._start_anew()
        self.log_id = log_id
        self.identity = hello["identity"]
        self._largest = hello["limits"]["max_message_size"]
        if self._position is None:
            self._position = hello.get("position")

    def _start_anew(self) -> None:
        """Another log: what was known by numbers and ids is known no more."""
        text = "the server's log was made anew: {}"
        for reading in list(self._readings):
            if any(place.seq for place in reading.places.values()):
                reading.fail(Gap(text.format("read the run from its start")))
        self.fail_commands(
            Unavailable(text.format("whether the command took effect is not known"))
        )
        self._position = None

    def connected(self) -> None:
        """Say over the new socket what the old one knew or did not confirm."""
        self._is_up = True
        for group in sorted(self._groups):
            self._put(_encoded(JoinGroup(group=group)))
        self._read(self._readings)
        for pending in self._pending.values():
            self._put(pending.frame)
        self._greeted.set()

    def disconnected(self) -> None:
        """No socket is up."""
        self._is_up = False
        self._begun.clear()
        self._asked.clear()
        for reading in self._readings:
            reading.accepts = False

    def fail(self, error: KgnbError) -> None:
        """End everything; nothing can be asked any more."""
        if self._error is None:
            self._error = error
        self._greeted.set()
        self.fail_commands(error)
        for reading in self._readings:
            reading.fail(error)

    def fail_commands(self, error: KgnbError) -> None:
        """Refuse every command that waits for its reply."""
        pending, self._pending = self._pending, {}
        for each in pending.values():
            if not each.reply.done():
                each.reply.set_exception(error)

    # ---- commands

    async def command(self, command: commands.AnyCommand) -> Frame:
        """Send a command, again after each break and to a log in trouble; its reply.

        Cancelling it forgets the reply; the effect may still come.

        Raises:
            KgnbError: The class of the error's code; it was refused.
        """
        if self._error is not None:
            raise self._error
        command.id = uuid.uuid4().hex
        frame = _encoded(command)
        size = len(frame.encode())
        if size > self._largest:
            raise FrameTooLarge(
                f"command: expected at most {self._largest} bytes, got {size}",
                size=size,
                limit=self._largest,
            )
        try:
            answered = await self._answered(command.id, frame)
        finally:
            self._pending.pop(command.id, None)
        if isinstance(command, JoinGroup):
            self._groups.add(command.group)
        elif isinstance(command, LeaveGroup):
            self._groups.discard(command.group)
        return answered

    async def _answered(self, command_id: str, frame: str) -> Frame:
        """The reply to a command, sent again by the same id while the log is away."""
        loop = asyncio.get_running_loop()
        until = loop.time() + AGAIN_FOR
        while True:
            reply = loop.create_future()
            self._pending[command_id] = _Pending(frame, reply)
            if self._is_up:
                self._put(frame)
            try:
                answered: Frame = await reply
            except Unavailable as error:
                pause = error.data.get("retry_after")
                if pause is None or loop.time() + pause > until:
                    raise
                del self._pending[command_id]
                await asyncio.sleep(pause)
                if self._error is not None:
                    raise self._error from None
            else:
                return answered

    # ---- readings

    def open(self, reading: Reading) -> None:
        """Begin to read.

        Raises:
            KgnbError: The client was closed, or gave up.
        """
        if self._error is not None:
            raise self._error
        self._readings.append(reading)
        if reading.run_id is None:
            letters, self._letters = self._letters, []
            for letter in letters:
                reading.take_letter(letter)
        if self._is_up:
            self._read([reading])

    def close(self, reading: Reading) -> None:
        """Read no more."""
        self._readings.remove(reading)
        is_shared = any(other.run_id == reading.run_id for other in self._readings)
        if self._is_up and not is_shared:
            run_id = RunId(reading.run_id) if reading.run_id is not None else None
            self._put(_encoded(Unsubscribe(run_id=run_id)))

    def catch_up(self, reading: Reading) -> None:
        """Ask again for what a reading left out while too much waited."""
        reading.is_behind = False
        if self._is_up:
            self._read([reading])

    def _read(self, readings: list[Reading]) -> None:
        """Have the server send what these readings have not had.

        Runs come first, each from where it was left; then all others. A server that
        was asked for all first would send the known ones from their start.
        """
        runs = {run_id for reading in readings for run_id in reading.unfinished()}
        broad = [reading for reading in readings if reading.run_id is None]
        if broad:
            runs |= self._begun
        for run_id in sorted(runs)[:_MOST_RUNS]:
            self._subscribe(run_id)
        if broad:
            self._subscribe(None)

    def _subscribe(self, run_id: str | None, *, back: int = 0) -> None:
        """One subscription for all who read it; a socket has one cursor for a run."""
        concerned = [
            reading
            for reading in self._readings
            if not reading.is_over
            and (reading.run_id is None if run_id is None else reading.covers(run_id))
        ]
        since = None
        if run_id is not None:
            seq = min((each.seq_of(run_id) for each in concerned), default=0)
            since = Since(seq=max(0, seq - back), log_id=self.log_id)
        self._asks += 1
        name = f"{_READ}{self._asks}"
        self._asked[name] = _Asked(run_id, concerned)
        topics = sorted({topic for each in concerned for topic in each.topics})
        self._put(
            _encoded(
                Subscribe(
                    topics=topics,
                    run_id=RunId(run_id) if run_id is not None else None,
                    since=since,
                    id=name,
                )
            )
        )

    # ---- what comes

    def take(self, frame: Frame) -> None:
        """Take one frame after the greeting."""
        kind = frame.get("type")
        if kind in _REPLIES:
            self._settle(frame)
        elif kind == "error" and "seq" not in frame:
            self._refused(frame)
        elif kind == "subscribed":
            self._subscribed(frame)
        elif kind == "cursor":
            for reading in self._readings:
                reading.passed(frame["run_id"], frame["seq"])
        elif kind == "snapshot" or ("run_id" in frame and "seq" in frame):
            self._event(frame)
        elif kind not in _SILENT:
            self._letter(frame)

    def _event(self, frame: Frame) -> None:
        if frame["type"] in TERMINAL:
            self._begun.discard(frame["run_id"])
        else:
            self._begun.add(frame["run_id"])
        for reading in self._readings:
            reading.take(frame)

    def _letter(self, frame: Frame) -> None:
        if "position" in frame:
            self._position = max(self._position or 0, frame["position"])
        takers = [each for each in self._readings if each.run_id is None]
        for reading in takers:
            reading.take_letter(frame)
        if not takers and len(self._letters) < MOST_QUEUED:
            self._letters.append(frame)

    def _settle(self, reply: Frame) -> None:
        pending = self._pending.get(reply.get("id", ""))
        if pending is not None and not pending.reply.done():
            pending.reply.set_result(reply)

    def _subscribed(self, reply: Frame) -> None:
        asked = self._asked.pop(reply.get("id", ""), None)
        if asked is None:
            return
        for reading in asked.readings:
            reading.accepts = not reading.is_behind
        run_id = asked.run_id
        if run_id is None:
            return
        new = [each for each in asked.readings if not each.has_looked_back]
        for reading in new:
            reading.has_looked_back = True
        if any(each.seq_of(run_id) == reply.get("seq") for each in new):
            # Nothing may follow: its last event says whether the run has ended.
            self._subscribe(run_id, back=1)

    def _refused(self, frame: Frame) -> None:
        error = _error_of(frame)
        name = frame.get("id", "")
        asked = self._asked.pop(name, None)
        if asked is not None:
            for reading in asked.readings:
                if reading.run_id == asked.run_id:
                    reading.fail(error)
        elif name in self._pending:
            reply = self._pending[name].reply
            if not reply.done():
                reply.set_exception(error)
        else:
            logger.warning("the server refused a frame: %s: %s", error.code, error)


def _encoded(command: commands.AnyCommand) -> str:
    return codec.encode(command).decode()


def _error_of(frame: Frame) -> KgnbError:
    data = frame.get("data")
    facts = dict(data) if isinstance(data, dict) else {}
    if frame.get("retry_after") is not None:
        facts["retry_after"] = frame["retry_after"]
    for taken in ("code", "message"):
        facts.pop(taken, None)
    return from_code(frame["code"], frame["message"], **facts)
