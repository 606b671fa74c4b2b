"""The log of the application that this very process serves.

Belongs to the link's thread; the broker is on the server's loop, behind the doorway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Literal

from kgnb.broker.doorway import KERNEL_ID, InnerLink, door
from kgnb.errors import BadFrame
from kgnb.runtime.conversation import Conversation

if TYPE_CHECKING:
    from kgnb.broker.doorway import Opening
    from kgnb.runtime.conversation import Orders

logger = logging.getLogger("kgnb.link")

AGAIN = 0.2
"""Seconds until the next try, where the broker hung up and is there all the same."""


class HostedPort:
    """See ``ports.LogPort``. Outlives the application, and finds it when it is back.

    While the door is open it can be written to, though the other end may not have
    said welcome yet: nothing is in the way but the server's loop, which may be busy,
    or be waiting for the caller.
    """

    log_host: Literal["server", "kernel"] = "server"

    def __init__(self, orders: Orders) -> None:
        self.conversation = Conversation(KERNEL_ID, orders)
        self._opening: Opening | None = None
        self._link: InnerLink | None = None
        self._again: asyncio.TimerHandle | None = None

    @property
    def page_url(self) -> str | None:
        """See ``ports.LogPort``; None until the first request has told it."""
        opening = door.opening
        return None if opening is None else opening.page_url()

    async def start(self) -> None:
        """See ``ports.LogPort``."""
        self.look()

    async def aclose(self) -> None:
        """See ``ports.LogPort``."""
        self._leave()

    def look(self) -> None:
        """The door may have been opened, or closed."""
        opening = door.opening
        if opening is self._opening and self._link is not None:
            return
        self._leave()
        self._opening = opening
        if opening is not None:
            link = InnerLink(opening, received=self._received, closed=self._cut)
            self._link = link
            self.conversation.connected(link.send)

    def arrived(self) -> None:
        """What is published is known there. From any thread."""
        opening = self._opening
        if opening is not None:
            with contextlib.suppress(RuntimeError):  # its loop was closed meanwhile
                opening.arrived()

    def _received(self, frame: bytes) -> None:
        try:
            self.conversation.received(frame)
        except BadFrame:
            logger.exception("the broker sent a frame that is none")

    def _cut(self) -> None:
        self._link = None
        self.conversation.disconnected()
        if door.opening is not None:
            self._again = asyncio.get_running_loop().call_later(AGAIN, self.look)

    def _leave(self) -> None:
        if self._again is not None:
            self._again.cancel()
        link, self._link = self._link, None
        if link is not None:
            link.close()
            self.conversation.disconnected()
