"""Views that reach the kernel itself: by its control channel, or by a comm.

The control channel has a thread of its own, so it works while a cell blocks; it
knows only question and answer, so the browser polls. Both only hand frames on to
the link's thread and never run user code.

On the wire: a control message ``kgnb_request {client, frames, final?}`` is answered
by ``kgnb_reply {status, frames, closed?}``; a comm of target ``kgnb`` carries
``{frames}`` to the kernel and ``{frames, closed?}`` back.
"""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Any

from kgnb.runtime import home as homes
from kgnb.runtime import process
from kgnb.runtime.relays import FrameChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.conversation import Conversation
    from kgnb.runtime.home import Home
    from kgnb.runtime.relays import Frame

REQUEST = "kgnb_request"
REPLY = "kgnb_reply"
TARGET = "kgnb"

SILENCE = 30.0
"""Seconds without a poll after which a client is taken to be gone."""
MOST_CLIENTS = 64
MOST_PENDING = 10_000
"""Frames that wait for a client; past it it must come back with its cursor."""
SLOW_CONSUMER = 4009
NO_ROOM = 4013
LONGEST_NAME = 64
"""Characters of a client's name."""


class View:
    """One browser client; its runs may have their logs in two places.

    Args:
        home: Of this process.
        via: ``control`` or ``comm``.
        wake: Called, on the link's thread, when ``take_out`` has something new.
    """

    def __init__(
        self, home: Home, via: str, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._home = home
        self._via = via
        self._wake = wake
        self._lock = threading.Lock()
        self._channels: dict[int, FrameChannel] = {}
        self._pending: list[Frame] = []
        self._closed: dict[str, Any] | None = None
        self._latest: FrameChannel | None = None
        self.heard_at = time.monotonic()
        home.views += 1

    def take_in(self, frames: Any) -> None:
        """Take the client's frames. The first call opens the channel."""
        self.heard_at = time.monotonic()
        if self._latest is None:
            self._latest = self._channel(self._home.conversation_of(None))
        for frame in frames if isinstance(frames, list) else ():
            if not isinstance(frame, dict) or self._closed is not None:
                continue
            run_id = frame.get("run_id")
            if isinstance(run_id, str):
                self._latest = self._channel(self._home.conversation_of(run_id))
            self._latest.send(frame)

    def _channel(self, conversation: Conversation) -> FrameChannel:
        key = id(conversation)
        with self._lock:
            known = self._channels.get(key)
        if known is not None:
            return known
        greets = not self._channels

        def receive(frames: list[Frame]) -> None:
            # One greeting is enough: the client knows of one broker.
            told = [f for f in frames if greets or f.get("type") != "hello"]
            self._receive(told)

        channel = FrameChannel(
            self._home, conversation, self._via, receive, self._ended
        )
        with self._lock:
            self._channels[key] = channel
        return channel

    def _receive(self, frames: list[Frame]) -> None:
        with self._lock:
            self._pending.extend(frames)
            is_slow = len(self._pending) > MOST_PENDING
            if is_slow:
                self._pending.clear()
        if is_slow:
            self._ended(SLOW_CONSUMER, "slow consumer")
        self._wake()

    def _ended(self, code: int, reason: str) -> None:
        with self._lock:
            if self._closed is None:
                self._closed = {"code": code, "reason": reason}
        self._wake()

    @property
    def is_closed(self) -> bool:
        """Whether the broker ended it."""
        return self._closed is not None

    def take_out(self) -> dict[str, Any]:
        """What the client has not had: ``frames`` and, at the end, ``closed``."""
        self.heard_at = time.monotonic()
        with self._lock:
            told: dict[str, Any] = {"frames": self._pending}
            self._pending = []
            if self._closed is not None:
                told["closed"] = self._closed
        return told

    def close(self) -> None:
        """The client is gone."""
        with self._lock:
            channels = list(self._channels.values())
            self._channels.clear()
        for channel in channels:
            channel.close()
        self._home.views -= 1


class ControlViews:
    """Clients of the control channel. ``answer`` is called on its thread."""

    def __init__(self, find_home: Callable[[], Home]) -> None:
        self._find_home = find_home
        self._views: dict[str, View] = {}
        self._lock = threading.Lock()

    def answer(self, content: Any) -> dict[str, Any]:
        """The reply to one request's content."""
        told = content if isinstance(content, dict) else {}
        client = told.get("client")
        if not isinstance(client, str) or not 0 < len(client) <= LONGEST_NAME:
            return {"status": "error", "ename": "invalid", "evalue": "no client"}
        self._forget_silent()
        with self._lock:
            view = self._views.get(client)
            if view is None:
                if len(self._views) >= MOST_CLIENTS:
                    closed = {"code": NO_ROOM, "reason": "too many views"}
                    return {"status": "ok", "frames": [], "closed": closed}
                view = self._views[client] = View(self._find_home(), "control")
        view.take_in(told.get("frames"))
        reply = {"status": "ok", **view.take_out()}
        if told.get("final") or "closed" in reply:
            self._forget(client)
        return reply

    def _forget(self, client: str) -> None:
        with self._lock:
            view = self._views.pop(client, None)
        if view is not None:
            view.close()

    def _forget_silent(self) -> None:
        now = time.monotonic()
        with self._lock:
            silent = [
                name for name, v in self._views.items() if now - v.heard_at > SILENCE
            ]
        for name in silent:
            self._forget(name)

    def handle(self, kernel: Any, stream: Any, ident: Any, message: Any) -> None:
        """A control handler of ipykernel 6 and 7, which both take plain functions."""
        reply = self.answer(message.get("content"))
        kernel.session.send(stream, REPLY, reply, message, ident=ident)


class CommView:
    """One comm that a front end opened.

    ipykernel calls back in the main thread or in a subshell's; frames go out on the
    link's thread, which the kernel's output socket allows. They go in the context of
    the message that was heard last: ipykernel 7.4 hands a comm's messages to the
    shell that it believes to have sent on it last, and of a thread of ours it believes
    that it was the cell that began last, which may be the one that blocks.
    """

    def __init__(self, home: Home, comm: Any) -> None:
        self._comm = comm
        self._heard = contextvars.copy_context()
        self._view = View(home, "comm", self._send)
        comm.on_msg(self._take)
        comm.on_close(lambda _message: self._view.close())

    def take(self, message: Any) -> None:
        """Take a message of the front end."""
        self._take(message)

    def _take(self, message: Any) -> None:
        self._heard = contextvars.copy_context()
        data = message.get("content", {}).get("data")
        self._view.take_in(data.get("frames") if isinstance(data, dict) else None)

    def _send(self) -> None:
        told = self._view.take_out()
        if told["frames"] or "closed" in told:
            self._heard.run(self._comm.send, told)


_control = ControlViews(homes.current)


def register() -> None:
    """Let views reach this kernel; once per kernel, elsewhere nothing."""
    kernel = process.kernel()
    if kernel is None or REQUEST in kernel.control_handlers:
        return
    kernel.control_handlers[REQUEST] = lambda stream, ident, message: _control.handle(
        kernel, stream, ident, message
    )

    def opened(comm: Any, message: Any) -> None:
        CommView(homes.current(), comm).take(message)

    kernel.comm_manager.register_target(TARGET, opened)
