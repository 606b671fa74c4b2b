"""Commits to a store over the network, and those whose answer was lost on the way."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("kgnb.storage")

PAUSE = 0.25
"""Seconds between two tries to learn what became of a commit."""


class Disconnected(Unavailable):
    """The connection was dead, or died, and nothing was done; another one may do."""


def taken_over(name: str) -> Unavailable:
    """Why a log refuses what an older opener writes."""
    return Unavailable(
        f"{name}: another process has taken this log over; end one of the two, or give "
        f"each a log of its own"
    )


class Ask(Protocol):
    """Reads the mark of the last commit, so that none is still under way."""

    def __call__(self) -> Awaitable[str]:
        """The mark.

        Raises:
            Unavailable: The store cannot be reached now.
        """
        ...


async def is_stored(
    mark: str, ask: Ask, *, name: str, is_open: Callable[[], bool]
) -> bool:
    """Whether a commit was carried out whose answer was lost.

    Waits for the store to be back, for as long as the log is open.

    Args:
        mark: What the commit would have left.
        ask: Reads what the last one left.
        name: What to call the log.
        is_open: Whether it is still to be waited for.

    Raises:
        Unavailable: The log was closed meanwhile.
    """
    logger.warning("%s: the answer to a commit is lost; asking for it", name)
    while True:
        try:
            return await ask() == mark
        except Unavailable:
            if not is_open():
                raise
        await asyncio.sleep(PAUSE)
