"""The one part of the broker that waits: it runs the core's effects.

Everything here belongs to the event loop on which ``start`` was awaited; no
method may be called from another thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from kgnb.broker import memory
from kgnb.broker.clock import steady_clock
from kgnb.broker.core import Broker
from kgnb.broker.effects import Close, Commit, Get, Read, Send
from kgnb.broker.known import StoreLoad
from kgnb.broker.limits import BrokerLimits
from kgnb.broker.loading import load
from kgnb.broker.sharing import Sharing
from kgnb.broker.writer import Writer
from kgnb.errors import Unavailable
from kgnb.storage.base import Put, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kgnb.broker.effects import Effect
    from kgnb.broker.peer import ConnectionId, OutFrame, Peer, Sink, Voters
    from kgnb.broker.shares import Tokens
    from kgnb.protocol.events import AnyEvent
    from kgnb.storage.base import Log, Outcome, Record, Row

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger("kgnb.broker")

TICK = 0.2
"""Seconds between two looks at deadlines."""
CLOSE_TIMEOUT = 5.0
SAVE_TIMEOUT = 1.0
GONE_TIMEOUT = 10.0
PROBE_TIMEOUT = 5.0
PROBE_INTERVAL = 1.0
GET_TIMEOUT = 1.5
"""Seconds that the log gets for a row: a command waits for it."""
READ_TIMEOUT = 5.0
"""Seconds that it gets for a page."""
SERVICE_RESTART = 1012
_CONGESTION_POLL = 0.02
_PROBE = Transaction(puts=(Put("probe", b""),))
"""A write that means nothing but that the log can be written."""


class Attachment:
    """One client's connection. Call ``close`` when its socket has gone."""

    def __init__(self, driver: BrokerDriver, conn_id: ConnectionId) -> None:
        self._driver = driver
        self._conn_id = conn_id

    @property
    def is_open(self) -> bool:
        """Whether frames still go either way."""
        return self._driver.is_connected(self._conn_id)

    def receive(self, frame: bytes | str) -> None:
        """Take one frame of the client; refusals go out through the sink."""
        self._driver.receive(self._conn_id, frame)

    def close(self) -> None:
        """The client is gone; safe to call twice."""
        self._driver.disconnect(self._conn_id)


class LinkAttachment(Attachment):
    """A kernel's link: its first frame must be the hello."""


class BrokerDriver(Sharing):
    """A broker with its log and its clock.

    Args:
        log: Not yet open; the driver opens and closes it.
        clock: Seconds since the epoch; None: a clock that nobody can set.
        limits: What clients may use.
        server: Which host this is: ``jupyter``, ``kernel`` or ``asgi``.
        voters: Whether people can be told apart; None: they cannot.
        tokens: Signs share links; None: there are none.
    """

    def __init__(
        self,
        log: Log,
        *,
        clock: Callable[[], float] | None = None,
        limits: BrokerLimits | None = None,
        server: str = "jupyter",
        voters: Voters | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self._log = log
        self._voters = voters
        self._tokens = tokens
        self._clock = clock or steady_clock()
        self._limits = limits or BrokerLimits()
        self._server = server
        self._broker: Broker | None = None
        self._sinks: dict[ConnectionId, Sink] = {}
        self._writer = Writer(log, self._settle, self._doubt, self._perform)
        self._reads: deque[Read] = deque()
        self._gets: asyncio.Queue[Get] = asyncio.Queue()
        self._has_reads = asyncio.Event()
        self._all_stored = asyncio.Event()
        self._reading = 0
        self._is_performing = False
        self._probe: asyncio.Future[None] | None = None
        self._next_probe = 0.0
        self._main: asyncio.Task[None] | None = None
        self._is_broken = False
        self._is_unreadable = False

    @property
    def is_healthy(self) -> bool:
        """Whether the log takes what it is given, all that it was given included."""
        if self._is_broken or not self._writer.is_healthy:
            return False
        return self._broker is None or not self._broker.runs.are_behind

    async def start(self) -> None:
        """Open the log, load what is unfinished; after this call ``aclose``.

        Raises:
            Unavailable: The log cannot be opened or read.
        """
        await self._log.open()
        try:
            now = self._clock()
            broker = Broker(
                self._log.log_id,
                now,
                server=self._server,
                limits=self._limits,
                voters=self._voters,
                tokens=self._tokens,
            )
            await load(broker, self._log, now, kept=self._limits.offline_queue)
        except BaseException:
            await self._log.aclose()
            raise
        self._broker = broker
        self._all_stored.set()
        self._main = asyncio.create_task(self._run(), name="kgnb-broker")

    async def aclose(self) -> None:
        """Finish what is queued, at most 5 s, close every connection and the log."""
        main, self._main = self._main, None
        if main is None:
            return
        broker = self._core
        if not main.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self.wait_stored()
        broker.close_all(SERVICE_RESTART, "the server stops")
        self._perform()
        if not main.done():
            # How far each client has read is written when it has gone.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_TIMEOUT):
                    await self.wait_stored()
        self._broker = None
        main.cancel()
        await asyncio.wait([main])
        await self._log.aclose()

    # Connections

    @property
    def is_short_of_memory(self) -> bool:
        """Whether the process is above ``memory_limit``, and takes no more clients."""
        return memory.is_above(self._limits.memory_limit)

    def connect(self, peer: Peer, sink: Sink) -> Attachment:
        """Take in a client that the host has authenticated.

        At capacity the sink is closed with 4013 at once.

        Raises:
            Unavailable: The driver is not started, or closed.
        """
        is_full = self.is_short_of_memory
        conn_id = self._core.connect(peer, self._clock(), is_full=is_full)
        return Attachment(self, self._attach(conn_id, sink))

    def connect_link(self, peer: Peer, sink: Sink) -> LinkAttachment:
        """Take in a kernel whose secret the host has checked.

        Raises:
            Unavailable: The driver is not started, or closed.
        """
        conn_id = self._core.connect_link(peer)
        return LinkAttachment(self, self._attach(conn_id, sink))

    def replay(self, recorded: Sequence[AnyEvent], kernel_id: str) -> None:
        """Store the next events of a recorded run; see ``replays.Replays.take``.

        Raises:
            Unavailable: The driver is not started, or closed.
        """
        self._core.replays.take(recorded, kernel_id, self._clock())
        self._perform()

    def _attach(self, conn_id: ConnectionId, sink: Sink) -> ConnectionId:
        self._sinks[conn_id] = sink
        self._perform()
        return conn_id

    def is_connected(self, conn_id: ConnectionId) -> bool:
        """Whether the connection is open on our side."""
        return conn_id in self._sinks

    def receive(self, conn_id: ConnectionId, frame: bytes | str) -> None:
        """A frame of a connection; use :meth:`Attachment.receive`."""
        broker = self._broker
        if broker is None or conn_id not in self._sinks:
            return
        try:
            broker.receive(conn_id, frame, self._clock())
        except Exception:
            # The root of a frame's handling: the client learns no details, and
            # the frame, which may hold a secret, is not logged.
            logger.exception("a frame ran into an error")
            broker.failed(conn_id)
        self._perform()

    def disconnect(self, conn_id: ConnectionId) -> None:
        """A connection is gone; use :meth:`Attachment.close`."""
        self._sinks.pop(conn_id, None)
        if self._broker is not None:
            self._broker.disconnect(conn_id, self._clock())
            self._perform()

    async def kernel_gone(
        self, kernel_id: str, reason: str, *, processes: Collection[str] | None = None
    ) -> None:
        """The kernel's process is dead: its unfinished runs are lost.

        Returns when that is stored, or after 10 s if the log fails; then it is
        tried again in the background. Safe to cancel.

        Args:
            kernel_id: Which.
            reason: Shown to people, for example ``"the kernel was restarted"``.
            processes: The dead ones, as their hellos named them: a successor may
                have said hello already. None: all that were this kernel.
        """
        self._core.kernels.gone(kernel_id, reason, self._clock(), processes=processes)
        self._perform()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_TIMEOUT):
                await self.wait_stored()

    async def wait_stored(self) -> None:
        """Wait until nothing waits to be stored. Safe to cancel."""
        await self._all_stored.wait()

    async def probe(self) -> bool:
        """Whether the log can be written now; tried at most once a second.

        Answers within ``PROBE_TIMEOUT`` seconds: a disk that does not answer counts as
        one that cannot be written. Safe to cancel.
        """
        if self._main is None or self._main.done():
            return False
        probe = self._probe_again()
        done, _ = await asyncio.wait([probe], timeout=PROBE_TIMEOUT)
        return bool(done) and self.is_healthy

    def _probe_again(self) -> asyncio.Future[None]:
        """The probe under way, or a new one if the last is old."""
        now = asyncio.get_running_loop().time()
        if self._probe is None or (self._probe.done() and now >= self._next_probe):
            self._probe = self._begin_probe()
            self._next_probe = now + PROBE_INTERVAL
        return self._probe

    def _begin_probe(self) -> asyncio.Future[None]:
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(*_: object) -> None:
            if not tried.done():
                tried.set_result(None)

        self._core.effects.commit(_PROBE, done, done)
        self._perform()
        return tried

    def store(self) -> StoreLoad:
        """How busy the log is at this moment."""
        return StoreLoad(
            pool_size=3,
            pool_in_use=self._writer.is_storing + self._reading,
            waiting=self._writer.waiting + len(self._reads) + self._gets.qsize(),
            trouble=self._writer.trouble,
        )

    # Effects

    def _perform(self) -> None:
        """Carry out what the core asked for; sinks may call back into it."""
        if self._is_performing or self._broker is None:
            return
        self._is_performing = True
        try:
            while effects := self._broker.effects.take():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._is_performing = False
        if self._reads:
            self._has_reads.set()
        self._note_stored()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(conn_id, frame):
                self._send(conn_id, frame)
            case Close(conn_id, code, reason):
                self._close(conn_id, code, reason)
            case Commit():
                self._writer.put(effect)
            case Read():
                self._reads.append(effect)
            case Get():
                self._gets.put_nowait(effect)

    def _send(self, conn_id: ConnectionId, frame: OutFrame) -> None:
        sink = self._sinks.get(conn_id)
        if sink is None:
            return
        try:
            sink.send_nowait(frame)
        except Exception:
            # The root of a host's code in ours: one broken sink must not stop the
            # log for everybody else.
            logger.exception("a sink broke its promise never to raise")
            self._sinks.pop(conn_id, None)
            self._core.disconnect(conn_id, self._clock())

    def _close(self, conn_id: ConnectionId, code: int, reason: str) -> None:
        sink = self._sinks.pop(conn_id, None)
        if sink is not None:
            try:
                sink.close_nowait(code, reason)
            except Exception:
                # As in _send.
                logger.exception("a sink broke its promise never to raise")
        self._core.disconnect(conn_id, self._clock())

    def _note_stored(self) -> None:
        if self._writer.is_idle:
            self._all_stored.set()
        else:
            self._all_stored.clear()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._writer.run())
                tasks.create_task(self._read_forever(tasks))
                tasks.create_task(self._get_forever(tasks))
                tasks.create_task(self._tick_forever())
        except Exception:
            # The root of the broker's tasks: without them nothing can go on.
            logger.exception("the broker stopped working")
            self._is_broken = True
            if self._broker is not None:
                self._broker.close_all(1011, "internal error")
                self._perform()

    def _settle(self, commit: Commit, outcome: Outcome | None) -> None:
        self._call_back(commit.done, outcome, self._clock())

    def _doubt(self, commit: Commit) -> None:
        if commit.doubt is not None:
            self._call_back(commit.doubt, self._clock())

    async def _read_forever(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._has_reads.wait()
            read = self._next_read()
            if not self._reads:
                self._has_reads.clear()
            if read is None:
                if self._reads:
                    await asyncio.sleep(_CONGESTION_POLL)
                continue
            reading = tasks.create_task(self._read(read))
            records = await self._within(READ_TIMEOUT, reading)
            self._call_back(read.done, records, self._clock())
            self._perform()

    async def _get_forever(self, tasks: asyncio.TaskGroup) -> None:
        """Look up rows, beside the pages that may take longer."""
        while True:
            get = await self._gets.get()
            looking = tasks.create_task(self._look_up(get.key))
            found = await self._within(GET_TIMEOUT, looking)
            self._call_back(get.done, found, self._clock())
            self._perform()

    async def _within(self, seconds: float, task: asyncio.Task[T | None]) -> T | None:
        """What the log gives in time; None if nothing."""
        self._reading += 1
        # Not a time-out around it: its cancellation may take as long as the log.
        await asyncio.wait([task], timeout=seconds)
        self._reading -= 1
        if task.done():
            return task.result()
        self._cannot_read(Unavailable("it does not answer"))
        task.cancel()
        return None

    async def _read(self, read: Read) -> list[Record] | None:
        try:
            records = await self._log.read(read.stream, read.after, read.limit)
        except Unavailable as error:
            self._cannot_read(error)
            return None
        self._is_unreadable = False
        return records

    async def _look_up(self, key: str) -> list[Row] | None:
        try:
            row = await self._log.get(key)
        except Unavailable as error:
            self._cannot_read(error)
            return None
        return [] if row is None else [row]

    def _cannot_read(self, error: Unavailable) -> None:
        if not self._is_unreadable:  # each reader tries again with each tick
            logger.warning("the log cannot be read: %s", error)
        self._is_unreadable = True

    def _next_read(self) -> Read | None:
        """The first read whose connection can take what it brings."""
        for _ in range(len(self._reads)):
            read = self._reads.popleft()
            if read.conn is None:
                return read
            carrier = self._core.carrier_of(read.conn)
            sink = self._sinks.get(carrier) if carrier is not None else None
            if sink is None:
                continue  # its connection is gone
            if not sink.is_congested:
                return read
            self._reads.append(read)
        return None

    async def _tick_forever(self) -> None:
        broker = self._core  # while it is closed there is none for a moment
        while True:
            await asyncio.sleep(TICK)
            self._writer.look()
            if not self.is_healthy and self._writer.is_idle:
                self._probe_again()
            self._call_back(broker.tick, self._clock())
            self._perform()

    def _call_back(
        self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        try:
            call(*args, **kwargs)
        except Exception:
            # The root of one piece of work: the others must go on.
            logger.exception("the broker ran into an error")
