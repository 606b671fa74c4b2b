"""The kernel's half of the connection manager: its orders, and who is connected.

One ``Mail`` per conversation with a broker. An order is sent again after a break
until it is answered, under its number, so that it takes effect once. Who is connected
is a copy of what the broker tells, so that counting asks nobody.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypedDict, TypeVar

import msgspec

from kgnb.broker.doorway import door
from kgnb.errors import InvalidValue, KgnbError, Unavailable, WrongThread, from_code
from kgnb.protocol import link
from kgnb.runtime.reader import settle
from kgnb.runtime.waiting import wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from kgnb.runtime.loops import LoopThread

T = TypeVar("T")
logger = logging.getLogger("kgnb.manager")

PATIENCE = 30.0
"""Seconds that an order waits for the broker's answer, a break of the link included."""

_numbers = itertools.count(1)
# Of the process, not of a conversation: the server knows the process by its id, and
# a number that comes again is a repetition to it.


class Client(TypedDict):
    """One client that is connected."""

    client_id: str
    user: str
    """The identity's key."""
    name: str | None
    """What people are shown of the identity."""
    via: str
    connected_at: str
    """RFC 3339."""
    connections: int
    groups: list[str]
    subscriptions: list[str]


class Recipients(int):
    """How many clients a message was sent to."""

    queued: int = 0
    """Clients that are away, and get it when they are back."""

    @classmethod
    def of(cls, frame: link.Handled) -> Self:
        """As the broker counted."""
        made = cls(frame.count)
        made.queued = frame.queued
        return made


class Order(Generic[T]):
    """A call that is under way: ``await`` it, or ``.result()`` in sync code.

    Dropping it leaves the call to itself; if it fails then, that is logged.

    Args:
        what: Names the call, for the log.
        loop: The thread on which ``result`` must not wait.
    """

    def __init__(self, what: str, loop: LoopThread) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._what = what
        self._loop = loop
        self._is_read = False
        mine = weakref.ref(self)

        def told(future: concurrent.futures.Future[T]) -> None:
            if mine() is None:
                _lament(what, future)

        self.future.add_done_callback(told)

    def __await__(self) -> Generator[Any, None, T]:
        self._is_read = True
        return wait_async(self.future).__await__()

    def result(self, timeout: float | None = None) -> T:
        """Block until it is done.

        Args:
            timeout: Seconds, then ``TimeoutError``; the call goes on.

        Raises:
            WrongThread: This is the thread of async nodes, or the loop of the server
                of this process; use await there.
        """
        if (self._loop.is_current or door.is_mine) and not self._is_read:
            raise WrongThread(
                f"manager.{self._what}().result() would block the loop of all async "
                f"nodes, or of the server: use await"
            )
        self._is_read = True
        return wait_blocking(self.future, timeout)

    def __del__(self) -> None:
        if not self._is_read and self.future.done():
            _lament(self._what, self.future)


def _lament(what: str, future: concurrent.futures.Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.warning("manager.%s() failed: %s", what, error)


class _Known(Generic[T]):
    """A value of this moment; awaited, the value once the broker has been reached."""

    _again: Callable[[], Awaitable[T]]

    def __await__(self) -> Generator[Any, None, T]:
        return self._again().__await__()


class Counted(int, _Known[int]):
    """A count that may be awaited."""

    def __new__(cls, value: int, again: Callable[[], Awaitable[int]]) -> Self:
        """Of ``value``; ``again`` counts with the broker reached."""
        made = super().__new__(cls, value)
        made._again = again
        return made


class Seconds(float, _Known[float]):
    """A time that may be awaited."""

    def __new__(cls, value: float, again: Callable[[], Awaitable[float]]) -> Self:
        """Of ``value``; ``again`` reads it with the broker reached."""
        made = super().__new__(cls, value)
        made._again = again
        return made


class Listing(list[Client], _Known[list[Client]]):
    """A list of clients that may be awaited."""

    def __init__(
        self, clients: list[Client], again: Callable[[], Awaitable[list[Client]]]
    ) -> None:
        super().__init__(clients)
        self._again = again


Key = tuple[str, str]
Changed = Callable[["Mail", link.ClientChange, Client, str], None]


class _Waiting(msgspec.Struct):
    """An order without an answer yet."""

    frame: link.Post | link.Enrol
    future: concurrent.futures.Future[link.Handled]
    until: asyncio.TimerHandle


class Mail:
    """Orders and clients of one conversation.

    Belongs to the link's thread, but for what says so.

    Args:
        send: Sends a frame; drops it where the link is down.
    """

    def __init__(self, send: Callable[[link.KernelFrame], None]) -> None:
        self.known: concurrent.futures.Future[None] = concurrent.futures.Future()
        """Decided when the broker has been reached once. From any thread."""
        self.max_message_size = link.MESSAGE_SIZE
        self.on_change: Changed = lambda *_: None
        """Called on the link's thread."""
        self._send = send
        self._waiting: dict[int, _Waiting] = {}
        self._lock = threading.Lock()
        self._clients: dict[Key, link.ClientInfo] = {}
        self._delivered = 0
        self._up_since = 0.0

    # From any thread.

    @property
    def connections(self) -> int:
        """Of all clients."""
        with self._lock:
            return sum(info.connections for info in self._clients.values())

    @property
    def delivered(self) -> int:
        """Messages that reached a client, counted for each."""
        return self._delivered

    @property
    def uptime(self) -> float:
        """Seconds; 0 before the broker has been reached."""
        return time.monotonic() - self._up_since if self._up_since else 0.0

    @property
    def clients(self) -> list[Client]:
        """Who is connected, in the order of their coming."""
        with self._lock:
            found = list(self._clients.values())
        return [shown(info) for info in found]

    # Orders.

    def place(
        self,
        frame: link.Post | link.Enrol,
        future: concurrent.futures.Future[link.Handled],
    ) -> None:
        """Send an order, once the broker can be reached; it sets ``n``."""
        frame.n = next(_numbers)
        loop = asyncio.get_running_loop()
        until = loop.call_later(PATIENCE, self._give_up, frame.n)
        self._waiting[frame.n] = _Waiting(frame, future, until)
        self._send(frame)

    def _give_up(self, n: int) -> None:
        error = Unavailable(
            f"the broker did not answer within {PATIENCE:g} s: whether the order took "
            f"effect is not known"
        )
        settle(self._waiting.pop(n).future, error=error)

    def handled(self, frame: link.Handled) -> None:
        """An order was carried out, or refused."""
        waiting = self._waiting.pop(frame.n, None)
        if waiting is None:
            return
        waiting.until.cancel()
        if frame.code is not None:
            settle(waiting.future, error=_error(frame))
            return
        if isinstance(waiting.frame, link.Post):
            self._delivered += frame.count
        settle(waiting.future, value=frame)

    def close(self) -> None:
        """Nobody will answer any more."""
        left, self._waiting = self._waiting, {}
        for waiting in left.values():
            waiting.until.cancel()
            settle(waiting.future, error=Unavailable("the link was closed"))

    # Clients.

    def welcomed(self, frame: link.Welcome) -> None:
        """The broker is there, again perhaps: what is known, and what has no answer."""
        self.max_message_size = frame.max_message_size
        self._up_since = time.monotonic() - frame.uptime
        found = {_key(info): info for info in frame.clients}
        with self._lock:
            before, self._clients = self._clients, found
        settle(self.known)
        for key, info in before.items():
            if key not in found:
                self._tell("disconnected", info)
        for key, info in found.items():
            if key not in before:
                self._tell("connected", info)
        for waiting in list(self._waiting.values()):
            self._send(waiting.frame)

    def changed(self, frame: link.ClientChanged) -> None:
        """A client came, went, or is in other groups."""
        with self._lock:
            if frame.change == "disconnected":
                self._clients.pop(_key(frame.client), None)
            else:
                self._clients[_key(frame.client)] = frame.client
        if frame.change is not None:
            self._tell(frame.change, frame.client, frame.name)

    def _tell(
        self, change: link.ClientChange, info: link.ClientInfo, name: str = ""
    ) -> None:
        self.on_change(self, change, shown(info), name)


def _key(info: link.ClientInfo) -> Key:
    return info.user, info.client_id


def shown(info: link.ClientInfo) -> Client:
    """A client as node authors get it."""
    fields: Client = msgspec.to_builtins(info)
    return fields


def _error(frame: link.Handled) -> KgnbError:
    if frame.code == "invalid":  # a value of the author's, not a frame of ours
        return InvalidValue(frame.message)
    return from_code(frame.code or "internal", frame.message)
