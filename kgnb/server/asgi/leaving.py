"""Hears that the process is to end, before the server has waited for its clients.

ASGI tells an application of the end only when every connection is closed, and a
reader of Server-Sent Events never closes: ``uvicorn --reload`` would wait for it for
ever. So the signal itself is heard, and passed on to whoever had it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndOfProcess:
    """Notes SIGINT and SIGTERM while it listens, and passes them on.

    Does nothing off the main thread, where signals never arrive, and where nobody
    else wants the signal: then the process ends at once, as it should.

    Args:
        heard: Called on the loop that called :meth:`listen`.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def listen(self) -> None:
        """Begin, on the running loop; after this you must :meth:`stop`."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            if callable(previous) and previous is not signal.default_int_handler:
                self._previous[number] = previous
                signal.signal(number, self._note)

    def stop(self) -> None:
        """End; whoever took a signal over meanwhile keeps it. Safe to call twice."""
        self._loop = None
        for number, previous in list(self._previous.items()):
            # Whoever took it over passes it on through us, so the rest is kept.
            if signal.getsignal(number) == self._note:
                signal.signal(number, previous)
                del self._previous[number]

    def _note(self, number: int, frame: FrameType | None) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._heard)
        self._previous[signal.Signals(number)](number, frame)
