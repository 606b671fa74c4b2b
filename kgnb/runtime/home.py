"""What all runs of a process share: two threads, the ways to a log, the list of runs.

One ``Home`` per process, made at the first run. A forked child begins with a new
one, which never dials; at the interpreter's exit unfinished runs are cancelled.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import threading
import uuid
import warnings
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from kgnb.broker.clock import AdvancingClock
from kgnb.broker.doorway import door
from kgnb.errors import Conflict, Unavailable
from kgnb.protocol import link
from kgnb.runtime import orders, places, process
from kgnb.runtime.callbacks import Callbacks
from kgnb.runtime.hosted import HostedPort
from kgnb.runtime.link import LinkPort, find_address
from kgnb.runtime.loops import LoopThread
from kgnb.runtime.ports import LocalPort
from kgnb.runtime.publications import Publications
from kgnb.runtime.threads import LoopThreads
from kgnb.runtime.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.conversation import Conversation
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.mail import Mail
    from kgnb.runtime.ports import LogPort

T = TypeVar("T")
logger = logging.getLogger("kgnb.link")

LINK_WAIT = 0.3
"""Seconds that ``run()`` waits for the server's log before it takes its own."""
ANNOUNCE_WAIT = 2.0
"""Seconds that ``publish()`` waits for a server that was never reached."""
START_WAIT = 10.0
MOST_RECENT = 1_000
"""Runs of which it is remembered where their log is."""
EXIT_WAIT = 3.0
"""Seconds that the interpreter's exit waits for cancelled runs."""


class Home:
    """Threads, ports and runs. May be used from any thread."""

    def __init__(self, *, may_dial: bool = True) -> None:
        self.loop = LoopThread("kgnb-loop", LoopThreads)
        self.link = LoopThread("kgnb-link")
        self.clock = AdvancingClock()
        """Of the logs that this process keeps itself."""
        self._watchdog = Watchdog(self.unfinished)
        self._may_dial = may_dial
        self._lock = threading.Lock()
        self._runs: dict[str, Execution] = {}
        self._known: WeakValueDictionary[str, Execution] = WeakValueDictionary()
        self._local: LocalPort | None = None
        self._kept: LocalPort | None = None
        """Ours likewise, for runs that are durable."""
        self._linked: LinkPort | None = None
        self._hosted: HostedPort | None = None
        self._recent: OrderedDict[str, LogPort] = OrderedDict()
        self._choosing = asyncio.Lock()
        self.callbacks = Callbacks(self.loop)
        self.publications = Publications(self)
        self.views = 0
        """Clients that came by the kernel's control channel or a comm."""
        self._forget_door = door.watch(self._door_changed)
        if door.opening is not None:
            self._door_changed()

    # The link's thread, from outside.

    def on_link(self, function: Callable[[], T]) -> T:
        """Call a function on the link's thread and wait for its value."""
        if self.link.is_current:
            return function()

        async def call() -> T:
            return function()

        return self.link.submit(call()).result(START_WAIT)

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function on the link's thread after so many seconds."""
        if seconds <= 0:
            self.link.call_soon(function)
        else:
            self.link.call_soon(self._call_later, seconds, function)

    @staticmethod
    def _call_later(seconds: float, function: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, function)

    # Runs.

    def open(self, execution: Execution, port: LogPort | None = None) -> None:
        """Choose a run's log, unless it is told, and begin to write it."""
        parent = execution.parent
        if parent is not None:
            port = parent.port
        elif port is None:
            may_dial = self._may_dial and execution.options.mode != "ci"
            port = self.link.submit(self._choose_port(may_dial=may_dial)).result(
                START_WAIT
            )
        with self._lock:
            if execution.id in self._runs:
                raise Conflict(
                    f"run {execution.id!r} ({execution.options.workflow}) goes on in "
                    f"this kernel already"
                )
            self._runs[execution.id] = execution
            self._known[execution.id] = execution
            self._note_port(execution.id, port)
        self.on_link(lambda: execution.open(port))
        self.link.call_soon(self._watchdog.wake)

    def _note_port(self, run_id: str, port: LogPort) -> None:
        """Remember where a run's log is. The lock is held."""
        self._recent[run_id] = port
        while len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)

    def port_of_replay(self, run_id: str) -> LocalPort:
        """Our own log, which is to have a recorded run under this id."""
        port = self.link.submit(self._own_port()).result(START_WAIT)
        with self._lock:
            self._note_port(run_id, port)
        return port

    def end(self, execution: Execution) -> None:
        """A run has ended."""
        with self._lock:
            self._runs.pop(execution.id, None)

    def find(self, run_id: str | None) -> Execution | None:
        """An unfinished run."""
        with self._lock:
            return self._runs.get(run_id or "")

    def known(self, run_id: str) -> Execution | None:
        """A run of this process, ended or not, for as long as somebody holds it."""
        with self._lock:
            return self._known.get(run_id)

    def unfinished(self) -> list[Execution]:
        """Runs that have not ended."""
        with self._lock:
            return list(self._runs.values())

    def all_known(self) -> list[Execution]:
        """Those, and the ended ones that somebody holds; in the order of beginning."""
        with self._lock:
            return list(self._known.values())

    def children_of(self, parent: Execution) -> list[Execution]:
        """Unfinished runs that a node of ``parent`` began."""
        with self._lock:
            return [run for run in self._runs.values() if run.parent is parent]

    def conversation_of(self, run_id: str | None) -> Conversation:
        """With the broker that keeps a run's log; of none, with the one at hand."""
        with self._lock:
            port = self._recent.get(run_id or "")
        if port is None:
            port = self.link.submit(self._choose_port(may_dial=True)).result(START_WAIT)
        return port.conversation

    def port_that_keeps(self, mode: process.Mode, run_id: str | None) -> LogPort:
        """The log of a durable run.

        Args:
            mode: Of the run.
            run_id: Of the one to go on with: where this process had it, if it did.

        Raises:
            Unavailable: It cannot be opened.
        """
        with self._lock:
            known = self._recent.get(run_id or "")
        if known is not None:
            return known
        may_dial = self._may_dial and mode != "ci"
        keeps = mode != "ci" or places.LOG_URL in os.environ
        chosen = self._choose_port(may_dial=may_dial, keeps=keeps)
        return self.link.submit(chosen).result(START_WAIT)

    async def _choose_port(self, *, may_dial: bool, keeps: bool = False) -> LogPort:
        """The server's log if it can be had soon. On the link's thread.

        Args:
            may_dial: Whether a server is looked for.
            keeps: Whether a log of our own must outlive the process.
        """
        linked = await self._dial() if may_dial else None
        # A durable run is looked for where it was: never in another log because the
        # server is away just now.
        is_up = linked is not None and await linked.wait_up(LINK_WAIT)
        if linked is not None and (is_up or keeps):
            return linked
        if may_dial and door.opening is not None:
            return self._hosted_port()
        return await (self._kept_port() if keeps else self._own_port())

    async def _kept_port(self) -> LocalPort:
        async with self._choosing:
            if self._kept is None:
                kernel_id, url = places.own_log()
                kept = LocalPort(kernel_id, self, url, clock=self.clock)
                kept.conversation.mail.on_change = self.callbacks.tell
                try:
                    await kept.start()
                except Unavailable as error:
                    raise Unavailable(
                        f"run(durable=True): {error}. Durable runs of this program are "
                        f"kept there; another process of it needs a log of its own: "
                        f"set {places.LOG_URL}=sqlite:///path.db"
                    ) from error
                self._kept = kept
            return self._kept

    def _door_changed(self) -> None:
        """A server of this process started or stopped. On the server's thread."""
        if door.opening is not None or self._hosted is not None:
            self.link.start()
            self.link.call_soon(lambda: self._hosted_port().look())
        early = [run.options.workflow for run in self.unfinished()]
        if door.opening is not None and self._hosted is None and early:
            logger.warning(
                "runs that began before the server keep their own log, and are not "
                "shown by it: %s; begin them later, or publish them",
                ", ".join(early),
            )

    def _hosted_port(self) -> HostedPort:
        """The way to the server of this very process."""
        if self._hosted is None:
            self._hosted = HostedPort(self)
            self._hosted.conversation.mail.on_change = self.callbacks.tell
            self._hosted.look()
        return self._hosted

    def _hosted_at_hand(self) -> HostedPort | None:
        return None if door.opening is None else self._hosted_port()

    async def _dial(self) -> LinkPort | None:
        """The way to the server, up or not; None where there is none to dial."""
        async with self._choosing:
            address = find_address() if self._linked is None else None
            if address is not None:
                linked = LinkPort(
                    address, process.kernel_id() or uuid.uuid4().hex, self
                )
                linked.conversation.mail.on_change = self.callbacks.tell
                await linked.start()
                self._linked = linked
            return self._linked

    async def _own_port(self) -> LocalPort:
        async with self._choosing:
            if self._local is None:
                kernel_id = process.kernel_id() or uuid.uuid4().hex
                local = LocalPort(kernel_id, self, clock=self.clock)
                local.conversation.mail.on_change = self.callbacks.tell
                await local.start()
                self._local = local
            return self._local

    # Mail: see ``kgnb.manager``.

    @property
    def mail_at_hand(self) -> Mail | None:
        """The server's where one was dialled, though it be away now; else ours."""
        hosted = self._hosted if door.opening is not None else None
        port = self._linked or hosted or self._local
        return None if port is None else port.conversation.mail

    async def mail(self) -> Mail:
        """The same, made where there is none. On the link's thread."""
        may_dial = self._may_dial and process.choose_mode(None) != "ci"
        linked = await self._dial() if may_dial else None
        port = linked or self._hosted_at_hand() or await self._own_port()
        return port.conversation.mail

    def carry_out(
        self, order: link.Order, reply: Callable[[link.OrderReply], None]
    ) -> None:
        """See ``conversation.Orders``."""
        orders.carry_out(self, order, reply)

    # Published workflows: see ``kgnb.publish``.

    def announce(self, known: concurrent.futures.Future[None]) -> str | None:
        """Tell every broker that is there what is published.

        Args:
            known: Set once the one at hand knows.

        Returns:
            Where the server's pages are, if there is a server.
        """
        may_dial = self._may_dial and process.choose_mode(None) != "ci"

        async def tell() -> str | None:
            linked = await self._dial() if may_dial else None
            if linked is not None:
                await linked.wait_up(ANNOUNCE_WAIT)
            hosted = self._hosted_at_hand()
            chosen = linked or hosted or await self._own_port()
            for port in (self._linked, self._hosted, self._local, self._kept):
                if port is not None and port.conversation.is_up:
                    awaited = known if port is chosen else None
                    self.publications.announce(port.conversation, awaited)
            if not chosen.conversation.is_up and not known.done():
                known.set_result(None)  # it is told with its welcome
            return None if chosen is self._local else chosen.page_url

        return self.link.submit(tell()).result(START_WAIT)

    def port_of(self, conversation: Conversation) -> LogPort:
        """The way to the log by which an order came."""
        ports: list[LogPort | None] = [
            self._linked,
            self._hosted,
            self._local,
            self._kept,
        ]
        return next(
            port for port in ports if port and port.conversation is conversation
        )

    def welcomed(self, conversation: Conversation) -> None:
        """See ``conversation.Orders``."""
        known: concurrent.futures.Future[None] = concurrent.futures.Future()
        hosted = self._hosted
        if hosted is not None and hosted.conversation is conversation:
            known.add_done_callback(lambda _known: hosted.arrived())
        self.publications.welcomed(conversation, known)

    def told(
        self,
        frame: link.Published | link.Start | link.TellSteps,
        conversation: Conversation,
    ) -> None:
        """See ``conversation.Orders``."""
        match frame:
            case link.Published():
                self.publications.published(frame)
            case link.Start():
                self.publications.start(frame, conversation)
            case link.TellSteps():
                execution = self.find(frame.run_id)
                if execution is not None:
                    execution.tells_steps = True

    # The end.

    def close(self) -> list[str]:
        """Cancel what runs, close the ports, stop the threads.

        Returns:
            The names of the runs that had to be cancelled.
        """
        self._forget_door()
        left = self.unfinished()
        for execution in left:
            if execution.durable is not None:
                # Not cancelled but lost: the next process goes on with it.
                execution.forsake()
            else:
                execution.cancel(reason="its Python process was restarted or ended")
        waiting = [execution.done for execution in left]
        if waiting:
            concurrent.futures.wait(waiting, EXIT_WAIT)
        if self.link.is_running:
            with contextlib.suppress(TimeoutError):
                self.link.submit(self._close_ports()).result(START_WAIT)
        self.loop.stop()
        self.link.stop()
        return [run.options.workflow for run in left if run.durable is None]

    async def _close_ports(self) -> None:
        for port in (self._linked, self._hosted, self._local, self._kept):
            if port is not None:
                port.conversation.mail.close()
                await port.aclose()


class _Current:
    """The process's home; a class, so that a fork can replace it."""

    lock = threading.Lock()
    home: Home | None = None
    was_forked = False


def current() -> Home:
    """The process's home; made where there is none."""
    with _Current.lock:
        if _Current.home is None:
            _Current.home = Home(may_dial=not _Current.was_forked)
        return _Current.home


def shutdown() -> list[str]:
    """End everything; the next run begins anew. Not from a thread of ours.

    Returns:
        The names of the runs that had to be cancelled.
    """
    with _Current.lock:
        home, _Current.home = _Current.home, None
    return [] if home is None else home.close()


def _at_exit() -> None:
    names = shutdown()
    if names:
        listed = ", ".join(repr(name) for name in sorted(names))
        warnings.warn(
            f"the interpreter exits: unfinished runs are cancelled ({listed}); wait "
            f"for them with run.result()",
            RuntimeWarning,
            stacklevel=1,
        )


def _after_fork() -> None:
    # The threads are the parent's; so are its socket and its runs.
    _Current.lock = threading.Lock()
    _Current.home = None
    _Current.was_forked = True


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
