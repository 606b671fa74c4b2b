"""The widget's comm as a way to the broker: one channel per browser client.

The browser sends ``{"kgnb": {"client", "frames", "final"?}}`` and gets
``{"kgnb": {"client", "frames", "closed"?: {"code", "reason"}}}``. All views of
a widget share its comm, so each client looks for its own name.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.panel.ports import ChannelPort, Frame, RunPort

MOST_CLIENTS = 32
MOST_PENDING = 10_000
"""Frames that wait for the front end; past it the client must come back."""
SLOW_CONSUMER = 4009
NO_ROOM = 4013
_LONGEST_NAME = 64


class Relay:
    """Hands frames to and fro. Every method may be called on any thread.

    Args:
        run: Whose broker it is.
        wake: Called when :meth:`messages` has something new.
    """

    def __init__(self, run: RunPort, wake: Callable[[], None]) -> None:
        self._run = run
        self._wake = wake
        self._lock = threading.Lock()
        self._channels: dict[str, ChannelPort] = {}
        self._pending: dict[str, deque[Frame]] = {}
        self._closed: dict[str, dict[str, Any]] = {}
        self._is_open = True

    def take(self, message: Any) -> None:
        """Take a custom message of the widget; one that is not ours is left."""
        told = message.get("kgnb") if isinstance(message, dict) else None
        if not isinstance(told, dict):
            return
        client, frames = told.get("client"), told.get("frames")
        if not isinstance(client, str) or len(client) > _LONGEST_NAME:
            return
        channel = self._channel(client)
        if channel is None:
            return
        for frame in frames if isinstance(frames, list) else ():
            if isinstance(frame, dict):
                channel.send(frame)
        if told.get("final"):
            self._leave(client)

    def messages(self) -> list[dict[str, Any]]:
        """What is to be sent to the browser by now; each frame once."""
        with self._lock:
            made = []
            for client in {**self._pending, **self._closed}:
                frames = list(self._pending.pop(client, ()))
                told: dict[str, Any] = {"client": client, "frames": frames}
                if client in self._closed:
                    told["closed"] = self._closed.pop(client)
                made.append({"kgnb": told})
            return made

    def close(self) -> None:
        """Close every channel; later messages are left."""
        with self._lock:
            self._is_open = False
            channels = list(self._channels.values())
            self._channels.clear()
            self._pending.clear()
        for channel in channels:
            channel.close()

    def _channel(self, client: str) -> ChannelPort | None:
        with self._lock:
            if not self._is_open:
                return None
            known = self._channels.get(client)
            if known is None and len(self._channels) >= MOST_CLIENTS:
                self._closed[client] = {"code": NO_ROOM, "reason": "too many views"}
                self._wake()
                return None
        if known is not None:
            return known
        # Outside the lock: the broker may answer before open_channel returns.
        opened = self._run.open_channel(
            via="comm", receive=lambda frames: self._receive(client, frames)
        )
        kept: ChannelPort | None = None
        with self._lock:
            if self._is_open:
                kept = self._channels.setdefault(client, opened)
        if kept is not opened:  # closed meanwhile, or another thread was first
            opened.close()
        return kept

    def _receive(self, client: str, frames: list[Frame]) -> None:
        with self._lock:
            if not self._is_open:
                return
            pending = self._pending.setdefault(client, deque())
            pending.extend(frames)
            slow = None
            if len(pending) > MOST_PENDING:
                pending.clear()
                slow = self._channels.pop(client, None)
                self._closed[client] = {"code": SLOW_CONSUMER, "reason": "slow"}
        if slow is not None:
            slow.close()
        self._wake()

    def _leave(self, client: str) -> None:
        with self._lock:
            channel = self._channels.pop(client, None)
            self._pending.pop(client, None)
        if channel is not None:
            channel.close()
