"""A recorded run, shown again: its events in this process's own log, under a new id."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Any, Literal

from kgnb.errors import (
    InvalidValue,
    KgnbError,
    RunCancelled,
    RunLost,
    Unavailable,
    WrongThread,
)
from kgnb.protocol import events as e
from kgnb.protocol import ids
from kgnb.runtime import home as homes
from kgnb.runtime import hooks, process, views
from kgnb.runtime.beside import call_beside
from kgnb.runtime.cassette.script import Script
from kgnb.runtime.exporting import Exporting
from kgnb.runtime.exports import Origin
from kgnb.runtime.following import follow
from kgnb.runtime.reader import RunReader, settle
from kgnb.runtime.relays import FrameChannel
from kgnb.runtime.result import Approval, Result
from kgnb.runtime.waiting import TICK, Interrupts, is_on, wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from kgnb.protocol.view import RunStatus, RunView
    from kgnb.runtime.home import Home
    from kgnb.runtime.ports import LocalPort, LogPort

logger = logging.getLogger("kgnb.runtime")

AT_ONCE = 200
"""Events that the log is given before it is seen what became of them."""


class Replay(Exporting):
    """A run that was recorded, shown again: ``await`` it, or block on ``result()``.

    Made by ``kgnb.replay``. It can only be looked at: nothing is executed, and nobody
    can answer. Every member may be used on any thread.
    """

    def __init__(self, playing: _Playing) -> None:
        self._playing = playing

    @property
    def id(self) -> str:
        """Of the replay: the run that was recorded had another."""
        return self._playing.id

    @property
    def workflow(self) -> str:
        """The name shown."""
        return self._playing.first.workflow

    @property
    def status(self) -> RunStatus:
        """As far as it was shown."""
        return self._playing.reader.status

    @property
    def view(self) -> RunView:
        """The fold of all events so far; what any browser has, too. A copy."""
        return self._playing.reader.view

    @property
    def approvals(self) -> list[Approval]:
        """What was asked so far, in the order of asking."""
        return [Approval.of(view) for view in self.view.approvals]

    # What the panel asks besides; see ``Run``.

    @property
    def graph(self) -> e.GraphSpec:
        """The graph as it is drawn at first."""
        return self._playing.first.graph

    @property
    def panel(self) -> Any:
        """What the caller of ``replay`` asked for."""
        return self._playing.panel

    @property
    def display_mode(self) -> process.Mode:
        """Who watches."""
        return self._playing.mode

    @property
    def sign(self) -> bool:
        """Never: the times are not the run's."""
        return False

    @property
    def log_host(self) -> Literal["server", "kernel"]:
        """Always the kernel."""
        return "kernel"

    @property
    def kernel_id(self) -> str | None:
        """The kernel's id; None where none is known."""
        return process.kernel_id()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """See ``Run.on_change``."""
        return self._playing.reader.on_change(listener)

    def open_channel(
        self, *, via: str, receive: Callable[[list[dict[str, Any]]], None]
    ) -> FrameChannel:
        """See ``Run.open_channel``."""
        playing = self._playing
        return FrameChannel(playing.home, playing.port.conversation, via, receive)

    # Waiting.

    def events(self, since: int | str | None = None) -> AsyncIterator[e.AnyEvent]:
        """Its events as they come, to the last; see ``Run.events``."""
        return follow(self._playing, since)

    def finish(self) -> None:
        """Show the rest at once; returns at once."""
        self._playing.hurry.set_threadsafe()

    def __await__(self) -> Generator[Any, None, Result]:
        return self._wait().__await__()

    async def _wait(self) -> Result:
        with Interrupts() as interrupts:
            try:
                return await wait_async(self._playing.done, tick=TICK)
            except (asyncio.CancelledError, KeyboardInterrupt):
                if interrupts.just_came:
                    self.finish()
                raise

    def result(self, timeout: float | None = None) -> Result:
        """Block until all was shown.

        Args:
            timeout: Seconds.

        Returns:
            As of the run; but ``shared`` was not recorded and is empty.

        Raises:
            TimeoutError: It goes on meanwhile.
            RunCancelled: The run was cancelled.
            RunLost: It was lost, or its recording has no end: its process died.
            KgnbError: It failed; the text has the error's.
            WrongThread: This is the loop on which it is shown; use await.
        """
        if not self._playing.done.done() and is_on(self._playing.home.link.loop):
            raise WrongThread("replay(...).result() would block its own log; use await")
        try:
            return wait_blocking(self._playing.done, timeout)
        except KeyboardInterrupt:
            self.finish()
            raise

    def _exported(self) -> tuple[RunView, Origin]:
        return self.view, Origin(self._playing)

    def __repr__(self) -> str:
        return f"<kgnb.Replay {self.workflow!r}>"


def begin(
    recorded: list[e.AnyEvent],
    *,
    speed: float,
    idle: float | None,
    panel: Literal["compact", "widget", False] | None,
) -> Replay:
    """Begin to show a recorded run.

    Raises:
        InvalidValue: The recording does not begin with the run's start.
    """
    first = recorded[0]
    if not isinstance(first, e.WorkflowStarted):
        raise InvalidValue(
            "the recording does not begin with its run's start (a workflow_started); "
            "record the run again"
        )
    playing = _Playing(first, recorded, speed=speed, idle=idle, panel=panel)
    views.register()
    handle = Replay(playing)
    playing.open()
    try:
        hooks.display().show(handle)
    except Exception:
        # As of a run: it goes on unseen.
        logger.exception("the replay could not be displayed")
    playing.home.link.submit(playing.main(handle))
    if playing.mode == "ci":
        wait_blocking(playing.shown)
    return handle


class _Hurry:
    """Says that nobody waits any more. ``wait`` belongs to the link's loop."""

    def __init__(self, home: Home) -> None:
        self._link = home.link
        self._event = asyncio.Event()

    def set_threadsafe(self) -> None:
        """Hurry, from any thread."""
        self._link.call_soon(self._event.set)

    async def wait(self, seconds: float) -> bool:
        """Wait so long, unless there is a hurry; whether there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        return self._event.is_set()


class _Playing:
    """Gives the log a recording's events when they are due.

    Belongs to the link's loop from ``main`` on.
    """

    def __init__(
        self,
        first: e.WorkflowStarted,
        recorded: list[e.AnyEvent],
        *,
        speed: float,
        idle: float | None,
        panel: Any,
    ) -> None:
        self.first = first
        self.panel = panel
        self.mode: process.Mode = process.choose_mode(None)
        self.home = homes.current()
        self.id = ids.RunId(uuid.uuid4().hex)
        self.port: LogPort
        self._log: LocalPort
        """The same."""
        self.reader: RunReader
        self.hurry = _Hurry(self.home)
        self.done: concurrent.futures.Future[Result] = concurrent.futures.Future()
        self.shown: concurrent.futures.Future[None] = concurrent.futures.Future()
        """Decided when its record is in the cell."""
        # A comparison has no use for waiting.
        self._script = Script(
            recorded, self.id, speed=0.0 if self.mode == "ci" else speed, idle=idle
        )
        self._arrived: asyncio.Event

    def open(self) -> None:
        """Give the log the first event, and read it."""
        self.port = self._log = self.home.port_of_replay(self.id)
        self.reader = RunReader(
            self.id, self.port.conversation, self._read, self.home.later
        )

        def start() -> None:
            self._arrived = asyncio.Event()
            self._log.replay([self._script.take()])
            self.reader.start()

        self.home.on_link(start)

    def _read(self, _event: e.AnyEvent) -> None:
        self._arrived.set()

    async def main(self, handle: Replay) -> None:
        """Show all of it, and decide what it came to."""
        try:
            while not self._script.is_over:
                await self._come_to_next()
                self._log.replay(self._script.take_due(AT_ONCE))
                await self._seen()
            await asyncio.wrap_future(self.reader.ended)
            await call_beside(lambda: hooks.display().finish(handle), "kgnb-display")
        except Unavailable:
            pass  # the process exits
        except Exception:
            # The root of the replay's work.
            logger.exception("the replay of %r broke", self.first.workflow)
        finally:
            self.reader.close()
            settle(self.shown)
            self._decide()

    async def _come_to_next(self) -> None:
        wait = self._script.wait
        if wait > 0 and await self.hurry.wait(wait):
            self._script.hurry()

    async def _seen(self) -> None:
        """Wait until the log has given back what it was given."""
        while self.reader.seq < self._script.taken and not self.reader.ended.done():
            self._arrived.clear()
            await self._arrived.wait()

    def _decide(self) -> None:
        view = self.reader.view
        name = f"replayed run {view.workflow!r}"
        if view.status == "completed":
            has_panel = process.kernel() is not None and self.panel is not False
            origin = Origin(self)
            done = Result(view, {}, None, has_panel=has_panel, origin=origin)
            settle(self.done, value=done)
        elif view.error is not None and view.status == "failed":
            where = f" in node {view.error.node_id!r}" if view.error.node_id else ""
            text = f"{name} failed{where}: {view.error.message}"
            settle(self.done, error=KgnbError(text, code=view.error.code))
        elif view.status == "lost":
            settle(self.done, error=RunLost(f"{name} was lost"))
        else:
            settle(self.done, error=RunCancelled(f"{name} was cancelled"))
