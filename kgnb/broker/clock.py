"""The broker's clock: shows the time of day, and is set by nobody."""

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
