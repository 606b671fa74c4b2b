"""How much memory the broker's process has."""

from __future__ import annotations

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Memory that this process has in RAM; None where the system does not say."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def is_above(limit: int | None) -> bool:
    """Whether the process has more than ``limit`` bytes; no, where there is none."""
    return limit is not None and (resident_bytes() or 0) > limit
