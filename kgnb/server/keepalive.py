"""Finds dead peers: a ping now and then, and a verdict when nothing comes back.

Jupyter's WebSocketMixin counts in milliseconds and closes healthy clients when
its time-out is shorter than its interval; tornado's own pinger closes with 1000
and waits five more seconds. Hence one of our own, that counts in seconds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LATE = 1.0
"""Seconds by which a timer may be late before the loop, not the peer, is blamed."""


class KeepAlive:
    """Pings a peer every ``interval`` seconds and reports it lost.

    Belongs to one event loop. Any frame from the peer counts as life. After
    :meth:`stop` nothing is called any more.

    Args:
        interval: Seconds between pings; 0 sends none.
        timeout: Seconds without any frame after a ping until the peer is lost.
        ping: Sends a ping; may do nothing when the socket is closing.
        lost: Called once, when the peer is given up.
    """

    def __init__(
        self,
        *,
        interval: float,
        timeout: float,
        ping: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._heard = self._loop.time()
        self._sent = self._heard

    def start(self) -> None:
        """Begin; the first ping goes out after one interval."""
        if self._interval > 0:
            self._timer = self._loop.call_later(self._interval, self._send)

    def stop(self) -> None:
        """End; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self) -> None:
        """Something came from the peer."""
        self._heard = self._loop.time()

    def _send(self) -> None:
        self._sent = self._loop.time()
        self._ping()
        due = self._sent + self._timeout
        self._timer = self._loop.call_at(due, self._judge, due)

    def _judge(self, due: float) -> None:
        now = self._loop.time()
        if self._heard >= self._sent:
            following = max(now, self._sent + self._interval)
            self._timer = self._loop.call_at(following, self._send)
        elif now - due > _LATE:
            # This loop itself was held up, and the pong may lie unread in the
            # socket: the peer gets its time again.
            again = now + self._timeout
            self._timer = self._loop.call_at(again, self._judge, again)
        else:
            self._timer = None
            self._lost()
