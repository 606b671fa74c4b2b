"""The kernel as a reader of its own run: what ``run.view`` and every wait rest on.

The view is folded from what the log gives back, numbered and in order, so it is
what any browser has; and an answer that was given while the kernel was away is
found there like any other event.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue, KgnbError, Unavailable, from_code
from kgnb.protocol import codec, commands, replies
from kgnb.protocol import events as e
from kgnb.protocol.view import ENDED, RunStatus, RunView, fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.protocol.ids import RunId
    from kgnb.runtime.cassette.recorder import Recorder
    from kgnb.runtime.conversation import Channel, Conversation

RETRY = 1.0
"""Seconds before a refused subscription or a closed channel is tried again."""

_command_ids = itertools.count(1)
_EVENTS = (e.Event, e.Custom)


class Commander:
    """Sends commands on a channel and gives back their replies.

    ``ask`` belongs to the link's thread; the futures may be waited for anywhere.

    Args:
        later: Calls a function on the link's thread after so many seconds.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._later = later
        self._waiting: dict[str, tuple[commands.AnyCommand, _Reply]] = {}
        self.channel: Channel | None = None
        self._is_closed = False

    def ask(self, command: commands.AnyCommand) -> _Reply:
        """Send a command; its reply's data, or the error that it is."""
        command.id = f"k{next(_command_ids)}"
        future: _Reply = concurrent.futures.Future()
        if self._is_closed:
            settle(future, error=Unavailable("the run has ended"))
            return future
        self._waiting[command.id] = (command, future)
        self._send(command)
        return future

    def _send(self, command: commands.AnyCommand) -> None:
        if self.channel is not None and command.id in self._waiting:
            self.channel.send(codec.encode(command))

    def again(self) -> None:
        """The channel was opened again: repeat what has no reply yet."""
        for command, _ in list(self._waiting.values()):
            self._send(command)

    def reply(self, frame: replies.AnyReply) -> None:
        """Take a reply of the broker."""
        found = self._waiting.get(str(getattr(frame, "id", None)))
        if found is None:
            return
        command, future = found
        if isinstance(frame, replies.ErrorReply):
            if frame.code == "rate_limited":
                self._later(frame.retry_after or 1.0, lambda: self._send(command))
                return
            settle(future, error=_error(frame))
        else:
            settle(future, value=getattr(frame, "data", None))
        del self._waiting[str(command.id)]

    def close(self) -> None:
        """Nobody will answer any more."""
        self._is_closed = True
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            settle(future, error=Unavailable("the run's log was closed"))
        if self.channel is not None:
            self.channel.close()


_Reply = concurrent.futures.Future[Any]


def _error(frame: replies.ErrorReply) -> KgnbError:
    facts = frame.data if isinstance(frame.data, dict) else {}
    if frame.code == "invalid":  # our frames are none that break the protocol
        return InvalidValue(frame.message, **facts)
    return from_code(frame.code, frame.message, **facts)


def settle(
    future: concurrent.futures.Future[Any],
    *,
    value: Any = None,
    error: BaseException | None = None,
) -> bool:
    """Decide a future, unless somebody else was first. From any thread."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)
    except concurrent.futures.InvalidStateError:
        return False
    return True


class RunReader:
    """Reads one run's log. Belongs to the link's thread, but for what says so.

    Args:
        run_id: The run.
        conversation: Where its log is.
        on_event: Told of each new event, after the view has it.
        later: Calls a function on the link's thread after so many seconds.
        after: The last event of earlier processes, of a run that goes on: the view
            has these too, but nothing follows from them.
    """

    def __init__(
        self,
        run_id: RunId,
        conversation: Conversation,
        on_event: Callable[[e.AnyEvent], None],
        later: Callable[[float, Callable[[], None]], None],
        *,
        after: int = 0,
    ) -> None:
        self._after = after
        self._run_id = run_id
        self._conversation = conversation
        self._on_event = on_event
        self._later = later
        self._lock = threading.Lock()
        self._view = RunView(run_id=run_id)
        self._copy: RunView | None = None
        self._listeners: list[Callable[[], None]] = []
        self.commander = Commander(later)
        self.scripts = Commander(later)
        """Its answers are marked as a script's."""
        self.ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        """Decided when the run's last event was read; to be waited for anywhere."""
        self._is_frozen = False
        self.recorder: Recorder | None = None
        """Gets every event, those of earlier processes too."""

    def start(self) -> None:
        """Open the channel and read from the first event."""
        self.commander.channel = self._conversation.open_channel(
            "kernel", self._receive, opened=self._opened, closed=self._closed
        )

    def _opened(self) -> None:
        # Called within open_channel at first, before it has returned.
        self._later(0.0, self._subscribe)

    def _subscribe(self) -> None:
        channel = self.commander.channel
        if channel is None or self.ended.done():
            return
        since = commands.Since(seq=self._view.seq, log_id=self._conversation.log_id)
        subscribe = commands.Subscribe(run_id=self._run_id, since=since)
        channel.send(codec.encode(subscribe))
        self.commander.again()

    def _closed(self, _code: int, _reason: str) -> None:
        self.commander.channel = None
        if not self.ended.done():
            self._later(RETRY, self.start)

    def script(self, command: commands.AnyCommand) -> _Reply:
        """Send a command that stands under ``answers=``, not under a person."""
        if self.scripts.channel is None:
            self.scripts.channel = self._conversation.open_channel(
                "script", self._receive_reply, opened=self._script_opened
            )
        return self.scripts.ask(command)

    def _script_opened(self) -> None:
        self._later(0.0, self.scripts.again)

    def _receive_reply(self, data: bytes) -> None:
        frame = codec.decode_frame(data)
        if isinstance(frame, replies.AnyReply):
            self.scripts.reply(frame)

    def _receive(self, data: bytes) -> None:
        frame = codec.decode_frame(data)
        if self._is_frozen:
            return
        if isinstance(frame, _EVENTS):
            if frame.seq > self._view.seq:
                self._take(frame)
        elif isinstance(frame, replies.Snapshot):
            self._replace(msgspec.convert(frame.view, RunView))
        elif isinstance(frame, replies.ErrorReply) and frame.id is None:
            # The subscription: the run's first event is not stored yet.
            self._later(RETRY, self._subscribe)
        else:
            self.commander.reply(frame)

    def _take(self, event: e.AnyEvent) -> None:
        with self._lock:
            fold(self._view, event)
            self._copy = None
            is_past = self._view.seq <= self._after
            has_ended = self._view.status in ENDED and not is_past
        if self.recorder is not None:
            self.recorder.take(event)
        if not is_past:
            self._on_event(event)
        if has_ended:
            settle(self.ended)
        self._tell()

    def _replace(self, view: RunView) -> None:
        with self._lock:
            self._view = view
            self._copy = None
            has_ended = view.status in ENDED and view.seq > self._after
        if has_ended:
            settle(self.ended)
        self._tell()

    def take_locally(self, payloads: list[bytes]) -> None:
        """Fold what could not be stored: the log is away, and the run has ended.

        From then on nothing is read: the same events may reach the log later.
        """
        if self.ended.done():
            return
        self._is_frozen = True
        for payload in payloads:
            self._take(codec.decode_event(payload))
        settle(self.ended)

    def close(self) -> None:
        """Read no more."""
        self.commander.close()
        self.scripts.close()

    # From any thread.

    @property
    def view(self) -> RunView:
        """The fold so far: a copy that no later event changes."""
        with self._lock:
            if self._copy is None:
                plain = msgspec.to_builtins(self._view)
                self._copy = msgspec.convert(plain, RunView)
            return self._copy

    @property
    def seq(self) -> int:
        """Of the last event in the view."""
        return self._view.seq

    @property
    def status(self) -> RunStatus:
        """Of the view, without copying it."""
        return self._view.status

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` on the link's thread after each event; see ``Run``."""
        with self._lock:
            self._listeners.append(listener)

        def remove() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return remove

    def _tell(self) -> None:
        if not self._listeners:  # as of most runs; and one that comes now is in time
            return
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
