"""The broker's clock: shows the time of day, and is set by nobody but a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _running() -> float:
    """Seconds of a clock that only runs, also while the machine sleeps."""
    # Linux and macOS have such a clock under different names, neither of them
    # what time.monotonic reads; on Windows that one counts sleep.
    number = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if number is None else time.clock_gettime(number)


def steady_clock() -> Callable[[], float]:
    """A clock of seconds since the epoch, right as of this call, that then runs on.

    Deadlines and periods are counted by it: when somebody sets the clock of the
    machine, no wait ends early and none is held up. Its timestamps keep the
    old reckoning until the process is started again.
    """
    offset = time.time() - _running()
    return lambda: offset + _running()


class AdvancingClock:
    """A steady clock that a test may set forward, and nobody back.

    May be read and set from any thread.
    """

    def __init__(self) -> None:
        self._clock = steady_clock()
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Be so many seconds further at once."""
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): expected seconds from 0 up")
        self._ahead += seconds

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self._clock() + self._ahead
