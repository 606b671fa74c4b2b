"""The one part of the broker that waits: it runs the core's effects.

Everything here belongs to the event loop on which ``start`` was awaited; no
method may be called from another thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.core import Statistics
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.peer import Peer, Sink
    from kgnb.broker.runs import RunRow
    from kgnb.storage.base import Log


class Attachment:
    """One client's connection. Call ``close`` when its socket has gone."""

    def receive(self, frame: bytes | str) -> None:
        """Take one frame of the client; refusals go out through the sink."""
        raise NotImplementedError

    def close(self) -> None:
        """The client is gone; safe to call twice."""
        raise NotImplementedError


class LinkAttachment(Attachment):
    """A kernel's link: its first frame must be the hello."""


class BrokerDriver:
    """A broker with its log and its clock.

    Args:
        log: Not yet open; the driver opens and closes it.
        clock: Seconds since the epoch.
        limits: What clients may use.
        server: Which host this is: ``jupyter``, ``kernel`` or ``asgi``.
    """

    def __init__(
        self,
        log: Log,
        *,
        clock: Callable[[], float] = time.time,
        limits: BrokerLimits | None = None,
        server: str = "jupyter",
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Open the log, load what is unfinished; after this call ``aclose``.

        Raises:
            Unavailable: The log cannot be opened or read.
        """

    async def aclose(self) -> None:
        """Finish what is queued, at most 5 s, close every connection and the log."""

    def connect(self, peer: Peer, sink: Sink) -> Attachment:
        """Take in a client that the host has authenticated.

        At capacity the sink is closed with 4013 at once.
        """
        raise NotImplementedError

    def connect_link(self, peer: Peer, sink: Sink) -> LinkAttachment:
        """Take in a kernel whose secret the host has checked."""
        raise NotImplementedError

    async def kernel_gone(self, kernel_id: str, reason: str) -> None:
        """The kernel's process is dead: its unfinished runs are lost.

        Returns when that is stored.
        """

    async def wait_idle(self) -> None:
        """Wait until nothing is queued for the log."""

    def statistics(self) -> Statistics:
        """Counts of this moment."""
        raise NotImplementedError

    def runs_of_kernel(self, kernel_id: str) -> list[RunRow]:
        """Unfinished runs of a kernel."""
        raise NotImplementedError
