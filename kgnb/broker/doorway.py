"""Where a broker and the runs of its own process meet, each on its own thread.

In an ASGI application the broker lives on the server's loop, and the runs it serves
begin in the same process. A socket between the two would be a detour; but neither may
touch the other's state, nor wait for it. So each end puts frames into a pipe, and the
other's loop takes them out, in order.

The server opens the door when its broker has started; the runtime watches it. Neither
imports the other.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kgnb.broker.peer import KERNEL
from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.peer import Attached, OutFrame, Peer, Sink

SUFFIX = "-app"
"""Ends the kernel id of every process that hosts its own broker."""
KERNEL_ID = f"{uuid.uuid4().hex}{SUFFIX}"
"""This process, as its own broker knows it."""

HIGH_WATER = 1024 * 1024
"""Bytes under way past which a replay waits."""
MOST = 64 * 1024 * 1024
"""Bytes under way past which the link is cut; what is not stored is sent anew."""
_BATCH = 64
"""Frames that a loop takes before it looks after others."""


class Broker(Protocol):
    """What a link needs of a broker: its driver, or the way to one elsewhere."""

    def connect_link(self, peer: Peer, sink: Sink) -> Attached:
        """Take in a kernel.

        Raises:
            Unavailable: The broker is not there, or no longer.
        """
        ...


class Opening(NamedTuple):
    """A broker that may be talked to."""

    driver: Broker
    loop: asyncio.AbstractEventLoop
    page_url: Callable[[], str | None]
    """Where its pages are, if that is known yet. From any thread."""
    arrived: Callable[[], object] = lambda: None
    """Called when the process's workflows are known to it. From any thread."""


class Doorway:
    """At most one open broker of this process. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opening: Opening | None = None
        self._watchers: list[Callable[[], None]] = []

    @property
    def opening(self) -> Opening | None:
        """The broker that is open now."""
        return self._opening

    @property
    def is_watched(self) -> bool:
        """Whether the process has runs or workflows, or had some."""
        return bool(self._watchers)

    @property
    def is_mine(self) -> bool:
        """Whether the caller is on the loop that the open broker needs."""
        opening = self._opening
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return opening is not None and opening.loop is running

    def open(self, opening: Opening) -> bool:
        """Let the process's runs in; False where another broker has them already."""
        with self._lock:
            if self._opening is not None:
                return False
            self._opening = opening
        self._tell()
        return True

    def close(self, driver: Broker) -> None:
        """The broker stops. Safe to call twice, and for one that was not open."""
        with self._lock:
            if self._opening is None or self._opening.driver is not driver:
                return
            self._opening = None
        self._tell()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` at each change, on the thread that makes it.

        It must only note the fact. The value returned takes it away again.
        """
        with self._lock:
            self._watchers.append(changed)

        def forget() -> None:
            with self._lock:
                if changed in self._watchers:
                    self._watchers.remove(changed)

        return forget

    def _tell(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for changed in watchers:
            changed()


door = Doorway()
"""Of this process."""


class InnerLink:
    """A kernel's link to the broker on another loop of the process.

    Belongs to the loop on which it is made; there ``received`` gets each frame, and
    ``closed`` is called once, when the broker has hung up or does not keep pace.

    Args:
        opening: The broker.
        received: Must not raise.
        closed: Called with nothing more to come.
    """

    def __init__(
        self,
        opening: Opening,
        *,
        received: Callable[[bytes], None],
        closed: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._opening = opening
        self._closed: Callable[[], None] | None = closed
        self._attachment: Attached | None = None
        self._received = received
        self._in = Pipe(self._loop, self._take)
        self._out = Pipe(opening.loop, self._hand_over)
        if not _call(opening.loop, self._attach):
            self._loop.call_soon(self._end)

    # This side's loop.

    def send(self, frame: bytes) -> None:
        """Send a frame; lost if the link is being cut."""
        if not self._out.put(frame):
            _call(self._opening.loop, self._detach)
            self._loop.call_soon(self._end)

    def close(self) -> None:
        """Hang up; nothing is received any more. Safe to call twice."""
        self._closed = None
        _call(self._opening.loop, self._detach)

    def _take(self, frame: bytes) -> None:
        if self._closed is not None:
            self._received(frame)

    def _end(self) -> None:
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    # The broker's loop.

    def _attach(self) -> None:
        try:
            self._attachment = self._opening.driver.connect_link(KERNEL, self)
        except Unavailable:  # it was closed since the door was seen open
            self._hang_up()

    def _hand_over(self, frame: bytes) -> None:
        if self._attachment is not None:
            self._attachment.receive(frame)

    def _detach(self) -> None:
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.close()

    def _hang_up(self) -> None:
        self._detach()
        self._in.end(self._end)

    # The sink that the broker writes to.

    @property
    def is_congested(self) -> bool:
        """See ``broker.peer.Sink``."""
        return self._in.size > HIGH_WATER

    def send_nowait(self, frame: OutFrame) -> None:
        """See ``broker.peer.Sink``."""
        if not self._in.put(frame.payload):
            self._hang_up()

    def close_nowait(self, code: int, reason: str) -> None:
        """See ``broker.peer.Sink``."""
        del code, reason
        self._hang_up()


class Pipe:
    """Frames to another loop, in order. Anybody may put, the loop takes.

    Args:
        loop: Where ``take`` is called.
        take: Gets each frame.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[bytes], object]
    ) -> None:
        self._loop = loop
        self._take = take
        self._lock = threading.Lock()
        self._frames: deque[bytes] = deque()
        self._at_end: Callable[[], None] | None = None
        self._is_due = False
        self.size = 0
        """Bytes under way."""

    def put(self, frame: bytes) -> bool:
        """Send; False where too much is under way, or the other loop is closed."""
        with self._lock:
            if self.size + len(frame) > MOST and self._frames:
                return False
            self._frames.append(frame)
            self.size += len(frame)
            is_due, self._is_due = self._is_due, True
        return is_due or _call(self._loop, self._deliver)

    def end(self, at_end: Callable[[], None]) -> None:
        """Call ``at_end`` on the other loop, after all that was put."""
        with self._lock:
            self._at_end = at_end
            is_due, self._is_due = self._is_due, True
        if not is_due:
            _call(self._loop, self._deliver)

    def _deliver(self) -> None:
        """A batch; the rest waits for the loop's next round."""
        try:
            for _ in range(_BATCH):
                with self._lock:
                    if not self._frames:
                        break
                    frame = self._frames.popleft()
                    self.size -= len(frame)
                self._take(frame)
        finally:
            # Also where a frame ran into an error: the others must not stay behind.
            self._go_on()

    def _go_on(self) -> None:
        with self._lock:
            is_empty = not self._frames
            self._is_due = not is_empty
            at_end = self._at_end if is_empty else None
            if is_empty:
                self._at_end = None
        if not is_empty:
            self._loop.call_soon(self._deliver)
        elif at_end is not None:
            at_end()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> bool:
    """Call a function on another loop; False where that is closed."""
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        return False
    return True
