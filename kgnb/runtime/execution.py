"""One run at work: its engine, its brake, its events, from the start to the end.

``main`` runs on the run's loop; what else is called comes from any thread unless it
says otherwise.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.base import DurableEngine, SessionEngine
from kgnb.errors import KgnbError, RunCancelled, RunLost
from kgnb.graph.observe import NO_RESULT
from kgnb.graph.workers import ThreadWorker
from kgnb.protocol import commands, ids
from kgnb.protocol import events as e
from kgnb.runtime import hooks, outcomes, process, prompting, threads, voting
from kgnb.runtime.afar.lines import Lines
from kgnb.runtime.beside import call_beside
from kgnb.runtime.capture import capturing
from kgnb.runtime.control import Control
from kgnb.runtime.exports import of_run
from kgnb.runtime.observer import RunObserver, problem
from kgnb.runtime.producer import Producer
from kgnb.runtime.questions import Questions
from kgnb.runtime.reader import RunReader, settle
from kgnb.runtime.redrawing import Redrawing
from kgnb.runtime.result import Result
from kgnb.runtime.stepping import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from kgnb.engines.base import Engine
    from kgnb.errors import Unanswerable
    from kgnb.graph.context import NodeVisit
    from kgnb.runtime.answering import Script
    from kgnb.runtime.asked import Asked
    from kgnb.runtime.cassette.recorder import Recorder
    from kgnb.runtime.conversation import Outgoing
    from kgnb.runtime.durable import Durable
    from kgnb.runtime.home import Home
    from kgnb.runtime.ports import LogPort
    from kgnb.runtime.run import Run

logger = logging.getLogger("kgnb.runtime")

TASK_WAIT = 10.0
"""Seconds that the async nodes of a cancelled run get to end."""
LOG_WAIT = 2.0
"""Seconds that the end of a run waits for a log that cannot be reached."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run; see ``kgnb.run``."""

    workflow: str
    mode: process.Mode = "live"
    panel: Any = None
    session_id: str | None = None
    timeout: float | None = None
    sign: bool = False
    pause_before: tuple[str, ...] = ()
    executor: Any = None
    params: dict[str, Any] = {}
    """What it was started with, where it is a published workflow."""
    message: Any = None
    """What was said to start it, likewise."""
    is_published: bool = False
    outcome: Callable[[Any], Any] | None = None
    """Picks from ``shared`` what the end of the run carries."""
    steps: Steps = Steps()
    tells_steps: bool = False


class Execution:
    """One run. Made by ``Home.begin``."""

    def __init__(
        self,
        engine: Engine,
        shared: MutableMapping[Any, Any],
        options: Options,
        *,
        home: Home,
        script: Script | None,
        parent: Execution | None,
        run_id: ids.RunId | None = None,
        durable: Durable | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        resumed = None if durable is None else durable.run_id
        self.id = resumed or run_id or ids.RunId(uuid.uuid4().hex)
        self.durable = durable
        self.recorder = recorder
        self.shared = shared
        self.options = options
        self.script = script
        self.must_be_scripted = options.mode == "ci"
        self.parent = parent
        self.home = home
        self.handle: Run | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.working_loop: asyncio.AbstractEventLoop | None = None
        """Known from before the start on, to who must not block it."""
        self.done: concurrent.futures.Future[Result] = concurrent.futures.Future()
        self.own_task: asyncio.Task[None] | None = None
        """Where the run lives on the caller's loop; held, or it could be collected."""
        self.control = Control()
        self.control.on_cancel(self._cancelled)
        self._pausing = threading.Lock()
        """Pauses and their ends are told in the order in which they come."""
        self.questions = Questions(self)
        self.threads = threads.Threads()
        self.lines = Lines(self)
        self.observer = RunObserver(self, options.pause_before)
        self.port: LogPort
        self.producer: Producer
        self.reader: RunReader
        self._outgoing: Outgoing
        self.engine = engine
        self.visits_are_steps = not isinstance(engine, SessionEngine)
        """Whether each visit of a node is a step; else the engine tells them."""
        self._is_over = False
        self._is_forsaken = False
        self.tells_steps = options.tells_steps
        """Whether each step is told; from any thread."""
        self.picture = Redrawing(
            engine.describe,
            options.workflow,
            is_drawn=parent is None,
            publish=lambda graph: self.put(e.GraphChanged(run_id=self.id, graph=graph)),
        )

    @property
    def graph(self) -> e.GraphSpec:
        """The graph as it is shown now."""
        return self.picture.graph

    # The log.

    def open(self, port: LogPort) -> None:
        """Choose the log, for good. On the link's thread."""
        self.port = port
        conversation, durable = port.conversation, self.durable
        self._outgoing = conversation.produce(
            self.id,
            on_room=self._room,
            on_refused=self._refused,
            epoch=1 if durable is None else durable.epoch,
            key=None if durable is None else durable.key,
        )
        self.producer = Producer(
            self.id, self.options.workflow, self._outgoing, self.home.later
        )
        self.reader = RunReader(
            self.id,
            conversation,
            self._read,
            self.home.later,
            after=0 if durable is None else durable.after,
        )
        self.reader.recorder = self.recorder
        started = e.WorkflowStarted(
            run_id=self.id,
            graph=self.graph,
            params=self.options.params,
            session_id=self.options.session_id,
            message=self.options.message,
        )
        if durable is None:
            self.put(started)
        else:
            self.producer.put(durable.marked(started), durable.begun)
        self.producer.flush()
        self.reader.start()

    @property
    def is_log_reachable(self) -> bool:
        """Whether the log takes events now."""
        return self.port.conversation.is_up and not self._outgoing.is_refused

    def _room(self) -> None:
        self.producer.room()
        if self._is_over and not self._outgoing.unstored and not self.producer.waiting:
            self.port.conversation.finished(self.id)

    def _refused(self, error: KgnbError) -> None:
        if self._is_over:
            return
        durable, lost = self.durable, self._lost(error)
        lost.__cause__ = error
        waits_for_log = durable is not None and durable.progress is not None
        if error.code == "conflict" or waits_for_log:
            self.control.cancel(fatal=lost)
        else:
            logger.error("the log takes no more of run %s: %s", self.id, error)
        if durable is not None:
            # Nobody need wait any more for what will never be stored.
            settle(durable.begun.stored, error=lost)

    def _read(self, event: e.AnyEvent) -> None:
        """The log has an event. On the link's thread."""
        if isinstance(event, e.ApprovalRequest):
            self.questions.opened(event)
        elif isinstance(event, e.ApprovalResolved):
            self.questions.resolved(event)
        elif isinstance(event, e.WorkflowLost):
            self.control.cancel(fatal=self._lost(event.reason))

    def _lost(self, reason: object) -> RunLost:
        return RunLost(f"run {self.options.workflow!r} was given up: {reason}")

    def put(self, event: e.AnyEvent) -> None:
        """Send an event at once."""
        if self.durable is not None and isinstance(event, e.ApprovalRequest):
            self.durable.ask(event, self.producer)
        else:
            self.producer.put(event)

    def place(self, visit: NodeVisit) -> dict[str, Any]:
        """The fields that every event of a visit carries."""
        return {
            "run_id": self.id,
            "node_id": ids.NodeId(visit.node_id),
            "task_id": ids.TaskId(visit.task_id),
            "attempt": visit.attempt,
            "path": list(visit.path),
        }

    # What questions need; see ``questions.Asker``.

    def status(self, visit: NodeVisit, status: e.NodeStatus) -> None:
        """A visit waits, or goes on."""
        self.observer.status(visit, status)

    def fail(self, error: BaseException) -> None:
        """End the run by ``error``, whatever its node makes of it."""
        self.control.cancel(fatal=error)

    def nobody_counts(self, data: e.ApprovalData) -> Unanswerable | None:
        """Why a question for several or named people cannot be asked, if so."""
        if self.port.conversation.knows_people:
            return None
        return voting.nobody_counts(data, log_host=self.port.log_host)

    def send_scripted(
        self, command: commands.AnyCommand
    ) -> concurrent.futures.Future[Any]:
        """Send a script's command. On the link's thread."""
        return self.reader.script(command)

    def attend(self, asked: Asked) -> None:
        """Nobody may be watching a question that waits."""
        prompting.attend(self, asked)

    @property
    def has_view(self) -> bool:
        """Whether somebody may see its questions."""
        shows = self.options.panel is not False and self.options.mode == "live"
        on_page = self.port.log_host == "server" and shows
        return self.home.views > 0 or on_page or self.options.is_published

    # Orders.

    def pause(self, by: e.By | None = None, *, before: str | None = None) -> None:
        """Start nothing more for now, here and in the runs that its nodes began."""
        node_id = None if before is None else ids.NodeId(before)
        with self._pausing:
            if self.control.pause():
                paused = e.WorkflowPaused(run_id=self.id, before=node_id, by=by)
                self.put(paused)
        for child in self.home.children_of(self):
            child.pause(by)

    def resume(self, by: e.By | None = None) -> None:
        """Go on after a pause."""
        with self._pausing:
            if self.control.is_paused:
                # Said first: what then begins must stand after it in the log.
                self.put(e.WorkflowResumed(run_id=self.id, by=by))
                self.control.resume()
        for child in self.home.children_of(self):
            child.resume(by)

    def cancel(self, by: e.By | None = None, *, reason: str | None = None) -> None:
        """End it; returns at once."""
        self.control.cancel(by=by, reason=reason)

    def forsake(self) -> None:
        """Stop without a word: whoever goes on with the run is told by its log."""
        self.producer.close()
        self._is_forsaken = True
        self.control.cancel()
        if self.loop is None:  # it has not begun
            self._is_over = True
            self.home.end(self)
            self.home.link.call_soon(self._release)

    def _cancelled(self) -> None:
        self.questions.cancel()
        for child in self.home.children_of(self):
            child.cancel()

    # The work, on the run's loop.

    def begin_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``main`` run there, in a copy of this context. From any thread."""
        self.working_loop = loop

        def begin() -> None:
            self.own_task = loop.create_task(self.main())

        try:
            loop.call_soon_threadsafe(begin)
        except RuntimeError:  # closed meanwhile: it fails on ours, and says why
            self.begin_on(self.home.loop.loop)

    async def main(self) -> None:
        """Run the graph and bring the end into the log."""
        self.loop = asyncio.get_running_loop()
        worker = ThreadWorker(executor=self.options.executor)
        action: Any = None
        error: BaseException | None = None
        try:
            with capturing():
                action, error = await self._work(worker)
                await threads.settle(self, worker, ended=error is None)
                await self.picture.finish()
            self._put_end(error)
            await self._await_end()
            if self.recorder is not None:
                await self.recorder.aclose()
            await self._finish_display()
        except asyncio.CancelledError:
            # The loop is being stopped: the interpreter exits.
            self.control.cancel()
            error = error or asyncio.CancelledError()
            self._put_end(error)
            raise
        except Exception as fault:
            error = error or fault
            logger.exception("run %s broke", self.id)
        finally:
            worker.close()
            self.lines.close()
            self._is_over = True
            self.loop = None
            self.home.end(self)
            self._decide(action, error)

    async def _work(self, worker: ThreadWorker) -> tuple[Any, BaseException | None]:
        async def guarded() -> tuple[Any, BaseException | None]:
            # As a pair: SystemExit out of a task would end the loop for all runs.
            try:
                done = await self._run_engine(worker)
                if self.options.outcome is not None:
                    picked = outcomes.pick(self.options.outcome, self.shared)
                    self.observer.result = await picked
            except BaseException as error:  # noqa: BLE001 - the root of the run's work
                return None, error
            return done, None

        loop = asyncio.get_running_loop()
        task = loop.create_task(guarded(), name=f"kgnb-run {self.options.workflow}")

        self.control.on_cancel(lambda: _call_soon(loop, task.cancel))
        try:
            return await self._outcome(task)
        finally:
            # Whatever still runs in threads comes to its end from here on.
            self.control.cancel()

    async def _run_engine(self, worker: ThreadWorker) -> Any:
        durable, engine = self.durable, self.engine
        if durable is None or not isinstance(engine, DurableEngine):
            return await engine.run(self.shared, self.observer, worker=worker)
        if not durable.begun.stored.done():
            await asyncio.wrap_future(durable.begun.stored)
        return await engine.run(
            self.shared, self.observer, worker=worker, progress=durable.progress
        )

    async def _outcome(
        self, task: asyncio.Task[tuple[Any, BaseException | None]]
    ) -> tuple[Any, BaseException | None]:
        limit = self.options.timeout
        cancelled = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.control.on_cancel(lambda: _call_soon(loop, cancelled.set))
        braked = loop.create_task(cancelled.wait())
        try:
            await asyncio.wait(
                [task, braked], timeout=limit, return_when=asyncio.FIRST_COMPLETED
            )
            if not task.done() and not self.control.is_cancelled:
                text = f"run {self.options.workflow!r} took longer than {limit:g} s"
                self.control.cancel(fatal=TimeoutError(text))
            await asyncio.wait([task], timeout=TASK_WAIT)
        finally:
            braked.cancel()
        fatal = self.control.fatal
        if not task.done():
            return None, fatal or asyncio.CancelledError()
        action, error = (None, None) if task.cancelled() else task.result()
        if fatal is not None:
            return None, fatal
        if self.control.is_behind(error):
            return None, asyncio.CancelledError()
        if error is None and (task.cancelled() or self.control.is_cancelled):
            # Cancelled before it began, or in its very last step.
            return action, asyncio.CancelledError() if task.cancelled() else None
        return action, error

    def _put_end(self, error: BaseException | None) -> None:
        by, reason = self.control.by, self.control.reason
        if error is None:
            result = self.observer.result
            data = None if result is NO_RESULT else result
            self.put(e.WorkflowCompleted(run_id=self.id, data=data))
        elif isinstance(error, asyncio.CancelledError):
            self.put(e.WorkflowCancelled(run_id=self.id, by=by, reason=reason))
        else:
            shown = problem(error, self.observer.failed_node)
            self.put(e.WorkflowFailed(run_id=self.id, error=shown))
        self.producer.close()

    async def _await_end(self) -> None:
        """Wait until the last event was stored and read back."""
        ended = asyncio.wrap_future(self.reader.ended)
        away_for = 0.0
        while not ended.done() and not self._is_forsaken:
            await asyncio.wait([ended], timeout=0.1)
            away_for = 0.0 if self.is_log_reachable else away_for + 0.1
            if away_for >= LOG_WAIT or self._outgoing.is_refused:
                known = [*self._outgoing.unstored, *self.producer.waiting]
                self.home.link.call_soon(self.reader.take_locally, known)

    async def _finish_display(self) -> None:
        handle = self.handle
        if self.parent is None and handle is not None:
            await call_beside(lambda: _finish(handle), "kgnb-display")

    def _decide(self, action: Any, error: BaseException | None) -> None:
        name = self.options.workflow
        self.home.link.call_soon(self._release)
        if self.reader.status == "lost" and not isinstance(error, RunLost):
            # Its questions were closed first, and a node may have failed by that.
            error = self._lost("the log says so")
        if error is None:
            has_panel = process.kernel() is not None and self.options.panel is not False
            view = self.reader.view
            came = Result(
                view, self.shared, action, has_panel=has_panel, origin=of_run(self)
            )
            settle(self.done, value=came)
        elif isinstance(error, asyncio.CancelledError):
            settle(self.done, error=RunCancelled(f"run {name!r} was cancelled"))
        else:
            if self.observer.failed_node is None:
                error.add_note(f"kgnb: in run {name!r}")
            settle(self.done, error=error)

    def _release(self) -> None:
        self.reader.close()
        if self.recorder is not None:
            self.recorder.close()
        self._room()

    def name_failure(self, error: BaseException, visit: NodeVisit) -> None:
        """Say in the exception where it was raised."""
        where = f"node {visit.node_id!r} of run {self.options.workflow!r}"
        error.add_note(f"kgnb: in {where}")
        if self.durable is not None and isinstance(error, LookupError):
            missing = self.durable.missing(error)
            if missing is not None:
                error.add_note(missing)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # closed: the interpreter exits
        loop.call_soon_threadsafe(function)


def _finish(run: Run) -> None:
    try:
        hooks.display().finish(run)
    except Exception:
        # The root of the display's thread: a run is not lost for want of a picture.
        logger.exception("the finished run could not be displayed")
