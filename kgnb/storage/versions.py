"""Versions of what the stores hold. Each is brought to the present one when opened."""

from __future__ import annotations

from kgnb.errors import Unavailable


def newer(name: str, known: int, found: int) -> Unavailable:
    """Why a log is not opened that a newer kgnb has written."""
    return Unavailable(
        f"{name}: expected schema version {known} or less, got {found}; it belongs to "
        f"a newer version of kgnb"
    )
