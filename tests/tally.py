"""What tests count for the end of the run: pytest prints it, of all its processes."""

import threading
from collections import Counter

_LOCK = threading.Lock()
_COUNTS = Counter()
_KEY = "kgnb_tally"


def count(what, number=1):
    """Add to a sum; what is counted as 0 is printed, too. From any thread."""
    with _LOCK:
        _COUNTS[what] += number


def hand_over(config):
    """At the end of a process of pytest-xdist's: to the one that prints."""
    if hasattr(config, "workeroutput"):
        config.workeroutput[_KEY] = dict(_COUNTS)


def take(node):
    """What such a process handed over; none where it died."""
    _COUNTS.update(getattr(node, "workeroutput", {}).get(_KEY, {}))


def lines():
    """The sums, one a line, in the order in which they were begun."""
    return [f"{number:,} {what}" for what, number in _COUNTS.items()]
