"""A thread that does one thing soon after it is asked, but not too often."""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("kgnb.panel")


class Pump:
    """Calls ``work`` after ``wake``, at most once per ``interval``.

    The thread is a daemon and runs in the context in which the pump was made,
    so what ``work`` prints stays in that cell. It ends after :meth:`stop`, or
    when ``work`` returns False.

    Args:
        work: Called on the pump's thread only. An error in it is logged, with
            its traceback, and the pump goes on.
        interval: Seconds between two calls.
    """

    def __init__(self, work: Callable[[], bool], interval: float) -> None:
        self._work = work
        self._interval = interval
        self._woken = threading.Event()
        self._stopped = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name="kgnb-panel", daemon=True
        )

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def wake(self) -> None:
        """Ask for a call; from any thread, never waits."""
        self._woken.set()

    def stop(self) -> None:
        """Ask the thread to end; from any thread, itself included, never waits."""
        self._stopped.set()
        self._woken.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end, ``timeout`` seconds at most; whether it came."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.wait()
            self._woken.clear()
            if self._stopped.is_set():
                return
            try:
                goes_on = self._work()
            except Exception:
                _logger.exception("the panel could not be brought up to date")
                goes_on = True
            if not goes_on:
                return
            self._stopped.wait(self._interval)
