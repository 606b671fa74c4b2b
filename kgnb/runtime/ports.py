"""Where a run's log is: the server's, or the kernel's own. Chosen once per run."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Literal, Protocol

from kgnb.broker.driver import BrokerDriver
from kgnb.broker.peer import KERNEL
from kgnb.runtime.conversation import Conversation
from kgnb.storage import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgnb.broker.driver import Attachment
    from kgnb.broker.peer import OutFrame
    from kgnb.protocol.events import AnyEvent
    from kgnb.runtime.conversation import Orders


class LogPort(Protocol):
    """A way to a log. Belongs to the link's thread."""

    log_host: Literal["server", "kernel"]
    conversation: Conversation

    @property
    def page_url(self) -> str | None:
        """The address under which the log's pages are, with a slash at the end."""

    async def start(self) -> None:
        """Begin; after this you must ``aclose``."""

    async def aclose(self) -> None:
        """End; what was not stored is lost."""


class LocalPort:
    """The broker in the kernel itself, with its log in memory unless told otherwise."""

    log_host: Literal["server", "kernel"] = "kernel"
    page_url = None

    def __init__(
        self,
        kernel_id: str,
        orders: Orders,
        log_url: str = "memory://",
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._kernel_id = kernel_id
        self.conversation = Conversation(kernel_id, orders)
        self._driver = BrokerDriver(open_log(log_url), clock=clock, server="kernel")
        self._attachment: Attachment | None = None

    async def start(self) -> None:
        """See ``LogPort``; the conversation is up, or soon will be."""
        await self._driver.start()
        self._attachment = self._driver.connect_link(KERNEL, _Sink(self.conversation))
        is_up = asyncio.Event()
        self.conversation.on_up = is_up.set
        self.conversation.connected(self._attachment.receive)
        await is_up.wait()

    def replay(self, recorded: Sequence[AnyEvent]) -> None:
        """Store the next events of a recorded run.

        Raises:
            Unavailable: The port is closed.
        """
        self._driver.replay(recorded, self._kernel_id)

    async def aclose(self) -> None:
        """See ``LogPort``."""
        self.conversation.disconnected()
        if self._attachment is not None:
            self._attachment.close()
        await self._driver.aclose()


class _Sink:
    """The broker's way to the conversation, which must not be called from within."""

    is_congested = False

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._loop = asyncio.get_running_loop()
        self._frames: deque[bytes] = deque()
        self._is_due = False

    def send_nowait(self, frame: OutFrame) -> None:
        """See ``broker.peer.Sink``."""
        self._frames.append(frame.payload)
        self._deliver_soon()

    def _deliver_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """Hand on what waits; what comes of it waits for the loop's next round."""
        try:
            for _ in range(len(self._frames)):
                self._conversation.received(self._frames.popleft())
        finally:
            # Also where a frame ran into an error: the others must not stay behind.
            self._is_due = False
            if self._frames:
                self._deliver_soon()

    def close_nowait(self, code: int, reason: str) -> None:
        """See ``broker.peer.Sink``."""
        del code, reason
        self._loop.call_soon(self._conversation.disconnected)
