"""Where the outboxes of a process are emptied: one ``Post`` for each way home.

In the other process. A post has one thread, which ends when it has had nothing to do
for a while. What is told is sent a little later, with what was told meanwhile; a call
that has ended before takes it home in its outcome.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from kgnb.runtime.afar import reports
from kgnb.runtime.afar.frames import Frames, framed
from kgnb.runtime.afar.outbox import weight

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from kgnb.runtime.afar.outbox import Outbox
    from kgnb.runtime.afar.reports import Batch

logger = logging.getLogger("kgnb.runtime")

IDLE = 30.0
"""Seconds after which a thread without work ends."""
CONNECT_WAIT = 5.0


class Post(ABC):
    """Sends what outboxes hold, and knows which calls are no longer wanted.

    May be used from any thread.
    """

    interval: ClassVar[float]
    """Seconds between two messages."""
    limit: ClassVar[int]
    """Bytes of a message, about."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Outbox, float] = {}
        self._watched: dict[int, tuple[Callable[[], bool], Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None

    def collect(self, outbox: Outbox) -> None:
        """Empty an outbox soon; may be asked again and again."""
        if outbox in self._due:  # read without the lock: asked with each report
            return
        with self._changed:
            self._due.setdefault(outbox, time.monotonic() + self.interval)
            self._wake()

    def forget(self, outbox: Outbox) -> None:
        """Its call has ended."""
        with self._changed:
            self._due.pop(outbox, None)

    @contextlib.contextmanager
    def watching(
        self, is_over: Callable[[], bool], let_go: Callable[[], None]
    ) -> Iterator[None]:
        """Call ``let_go``, in the post's thread, if ``is_over`` becomes true."""
        key = id(let_go)
        with self._changed:
            self._watched[key] = (is_over, let_go)
            self._wake()
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(key, None)

    @abstractmethod
    def is_stopped(self, line: str) -> bool:
        """Whether nobody waits for a call any more. Asked at each step of a loop."""

    @abstractmethod
    def _send(self, payload: bytes) -> None:
        """Send a message home; blocks until it is on its way."""

    # The thread.

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._serve, name="kgnb-post", daemon=True
            )
            self._thread.start()
        self._changed.notify()

    def _serve(self) -> None:
        while (ripe := self._ripe()) is not None:
            try:
                batches = self._taken(ripe)
                if batches:
                    self._send(reports.encode(batches))
                for is_over, let_go in list(self._watched.values()):
                    if is_over():
                        let_go()
            except Exception:
                # The root of the thread's work: others may get home all the same.
                logger.exception("some output of nodes could not be sent")

    def _taken(self, outboxes: list[Outbox]) -> list[Batch]:
        """As much of what waits as one message may hold."""
        batches, size = [], 0
        for place, outbox in enumerate(outboxes):
            if size >= self.limit:
                self._put_off(outboxes[place:])
                break
            batch = outbox.take(self.limit - size)
            if batch is None:
                continue
            batches.append(batch)
            size += sum(map(weight, batch.reports))
            if outbox.has_more:
                self.collect(outbox)
        return batches

    def _ripe(self) -> list[Outbox] | None:
        """Wait for outboxes whose time has come; None after a while without any."""
        with self._changed:
            idle_at = time.monotonic() + IDLE
            while True:
                now = time.monotonic()
                if self._due and min(self._due.values()) <= now:
                    # One comes along with the first: they leave as one message.
                    ripe = list(self._due)
                    self._due.clear()
                    return ripe
                if self._watched:
                    if not self._changed.wait(self.interval):
                        return []
                elif self._due:
                    self._changed.wait(min(self._due.values()) - now)
                elif now >= idle_at:
                    self._thread = None
                    return None
                else:
                    self._changed.wait(idle_at - now)

    def _put_off(self, outboxes: list[Outbox]) -> None:
        with self._changed:
            for outbox in outboxes:
                self._due.setdefault(outbox, time.monotonic() + self.interval)


class NoPost(Post):
    """No way home but the outcome."""

    interval = 3600.0
    limit = 0

    def collect(self, outbox: Outbox) -> None:
        """See ``Post.collect``."""

    @contextlib.contextmanager
    def watching(
        self,
        is_over: Callable[[], bool],  # noqa: ARG002
        let_go: Callable[[], None],  # noqa: ARG002
    ) -> Iterator[None]:
        """See ``Post.watching``: nothing is ever heard."""
        yield

    def is_stopped(self, line: str) -> bool:  # noqa: ARG002
        """See ``Post.is_stopped``."""
        return False

    def _send(self, payload: bytes) -> None:
        """See ``Post``: never asked."""


class SocketPost(Post):
    """The way to a kernel on this machine.

    Args:
        port: Where the kernel listens.
        secret: What it wants to hear first.
    """

    interval = 1 / 30
    limit = 256 * 1024

    def __init__(self, port: int, secret: bytes) -> None:
        super().__init__()
        self._port = port
        self._secret = secret
        self._socket: socket.socket | None = None
        self._is_closed = False
        self._stopped: frozenset[str] = frozenset()

    def is_stopped(self, line: str) -> bool:
        """See ``Post.is_stopped``; all are once the kernel closed its run, or died."""
        return self._is_closed or line in self._stopped

    def _send(self, payload: bytes) -> None:
        """See ``Post``; what the kernel wants no more goes nowhere."""
        if self._is_closed:
            return
        try:
            if self._socket is None:
                self._socket = self._connected()
            self._socket.sendall(framed(payload))
        except OSError:
            self._close()

    def _connected(self) -> socket.socket:
        here = ("127.0.0.1", self._port)
        connection = socket.create_connection(here, timeout=CONNECT_WAIT)
        connection.settimeout(None)
        connection.sendall(framed(self._secret))
        threading.Thread(
            target=self._listen, args=(connection,), name="kgnb-post-in", daemon=True
        ).start()
        return connection

    def _listen(self, connection: socket.socket) -> None:
        """Hear which calls are to end."""
        frames = Frames()
        with contextlib.suppress(OSError):
            while received := connection.recv(65536):
                for payload in frames.add(received):
                    lines = msgspec.msgpack.decode(payload, type=list[str])
                    self._stopped = self._stopped.union(lines)
        self._close()
        connection.close()

    def _close(self) -> None:
        self._is_closed = True
        posts.remove(self)


class DaskPost(Post):
    """The way of a Dask worker: its events, which the scheduler hands on.

    The scheduler keeps the last thousand of a topic, hence the small messages.

    Args:
        worker: The ``distributed.Worker``.
        topic: What the kernel listens for.
    """

    interval = 0.2
    limit = 32 * 1024

    def __init__(self, worker: Any, topic: str) -> None:
        super().__init__()
        self._worker = worker
        self._topic = topic

    def is_stopped(self, line: str) -> bool:
        """See ``Post.is_stopped``.

        A task that is cancelled while it runs, also because its client is gone, stays
        known to its worker, in another state.
        """
        task = self._worker.state.tasks.get(line)
        return task is None or task.state not in ("executing", "long-running")

    def _send(self, payload: bytes) -> None:
        self._worker.log_event(self._topic, payload)


class Posts:
    """Those of this process: each is made at the first call that needs it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: a forked child has none of its parent's threads."""
        self._lock = threading.Lock()
        self._known: dict[Hashable, Post] = {}

    def get(self, key: Hashable, make: Callable[[], Post]) -> Post:
        """The post of an address."""
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
            return self._known[key]

    def remove(self, post: Post) -> None:
        """It leads nowhere any more."""
        with self._lock:
            self._known = {k: p for k, p in self._known.items() if p is not post}


posts = Posts()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=posts.reset)
