"""The handle of a run, and how to wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Literal

from kgnb.broker.doorway import door
from kgnb.engines.checkpoints import Fork
from kgnb.errors import InvalidValue, WrongThread
from kgnb.runtime import checkpoints, commanding, process
from kgnb.runtime.exporting import Exporting
from kgnb.runtime.exports import of_run
from kgnb.runtime.following import follow
from kgnb.runtime.relays import FrameChannel
from kgnb.runtime.result import Answer, Approval, Result
from kgnb.runtime.sharing import share
from kgnb.runtime.waiting import TICK, Interrupts, is_on, wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, MutableMapping

    from kgnb.engines.checkpoints import Checkpoint
    from kgnb.protocol import events as e
    from kgnb.protocol.view import RunStatus, RunView
    from kgnb.runtime.answering import Answers
    from kgnb.runtime.checkpoints import Reading
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.exports import Origin
    from kgnb.runtime.sharing import ShareLink

RESTART_WAIT = 2.0
"""Seconds in which a kernel that was interrupted ends, if it is restarted."""
INTERRUPTED_WAIT = 2.0
"""Seconds that a cell which was stopped waits for its run to end."""


class Run(Exporting):
    """A run: ``await`` it, or block on ``result()``. Made by ``kgnb.run``.

    Every member may be used on any thread, unless it says otherwise.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    # What it is.

    @property
    def id(self) -> str:
        """Cannot be guessed; who has it and may read the log can watch the run."""
        return self._execution.id

    @property
    def workflow(self) -> str:
        """The name shown."""
        return self._execution.options.workflow

    @property
    def status(self) -> RunStatus:
        """As the log has it."""
        return self._execution.reader.status

    @property
    def shared(self) -> MutableMapping[Any, Any]:
        """What the nodes share: the very object, live."""
        return self._execution.shared

    @property
    def view(self) -> RunView:
        """The fold of all events so far; what any browser has, too. A copy."""
        return self._execution.reader.view

    @property
    def approvals(self) -> list[Approval]:
        """What was asked so far, in the order of asking."""
        return [Approval.of(view) for view in self.view.approvals]

    @property
    def url(self) -> str | None:
        """The run's own page; None where the log is the kernel's."""
        base = self._execution.port.page_url
        return None if base is None else f"{base}runs/{self.id}"

    # What the panel asks besides.

    @property
    def graph(self) -> e.GraphSpec:
        """The graph as it is drawn now; before the first event, as far as declared."""
        return self._execution.graph

    @property
    def panel(self) -> Any:
        """What the caller of ``run`` asked for."""
        return self._execution.options.panel

    @property
    def display_mode(self) -> process.Mode:
        """Who watches: a person, nobody, or a comparison."""
        return self._execution.options.mode

    @property
    def sign(self) -> bool:
        """Whether the record names the run, its times and who answered."""
        return self._execution.options.sign

    @property
    def log_host(self) -> Literal["server", "kernel"]:
        """Who keeps the run's log."""
        return self._execution.port.log_host

    @property
    def kernel_id(self) -> str | None:
        """The kernel's id; None where none is known."""
        return process.kernel_id()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each event that ``view`` took in.

        It is called on the link's thread and must only note the fact. The value
        returned takes the listener away again.
        """
        return self._execution.reader.on_change(listener)

    def open_channel(
        self, *, via: str, receive: Callable[[list[dict[str, Any]]], None]
    ) -> FrameChannel:
        """Open a client socket to the broker that keeps the run's log.

        ``receive`` gets the frames that came together, on the link's thread; it
        must only enqueue.
        """
        execution = self._execution
        return FrameChannel(execution.home, execution.port.conversation, via, receive)

    # Waiting.

    def __await__(self) -> Generator[Any, None, Result]:
        return self._wait().__await__()

    async def _wait(self) -> Result:
        with Interrupts() as interrupts:
            try:
                return await wait_async(self._execution.done, tick=TICK)
            except (asyncio.CancelledError, KeyboardInterrupt):
                if interrupts.just_came and self._interrupted():
                    with contextlib.suppress(Exception, asyncio.CancelledError):
                        # The record is to stand in the cell that was stopped.
                        await asyncio.wait_for(
                            wait_async(self._execution.done, tick=TICK),
                            INTERRUPTED_WAIT,
                        )
                raise

    def result(self, timeout: float | None = None) -> Result:
        """Block until the run has ended.

        Args:
            timeout: Seconds.

        Raises:
            TimeoutError: It has not ended in time; it goes on.
            RunCancelled: It was cancelled.
            RunLost: It goes on elsewhere, or was given up.
            WrongThread: This is the loop on which the run lives, or that of the
                server that keeps its log; use await.
            BaseException: What a node raised, with a note that names it.
        """
        done = self._execution.done
        is_mine = is_on(self._execution.working_loop) or door.is_mine
        if not done.done() and is_mine:
            raise WrongThread(
                f"run {self.workflow!r}: .result() would block the loop on which the "
                f"run or its log lives; use await"
            )
        try:
            return wait_blocking(done, timeout)
        except KeyboardInterrupt:
            if self._interrupted():
                with contextlib.suppress(BaseException):
                    wait_blocking(done, INTERRUPTED_WAIT)
            raise

    def _interrupted(self) -> bool:
        """Who waits was interrupted: cancel the run, and say if that is done.

        Jupyter interrupts a kernel that it is about to restart, which is no reason to
        give a durable run up: it is lost then. So its end waits for the kernel's.
        """
        execution = self._execution
        if execution.durable is None:
            self.cancel()
            return True
        link = execution.home.link
        link.call_soon(link.loop.call_later, RESTART_WAIT, execution.cancel)
        return False

    def events(self, since: int | str | None = None) -> AsyncIterator[e.AnyEvent]:
        """The run's events as they come, to its last.

        Args:
            since: The last seq that one has, or ``log_id:seq``; None begins at the
                first event.
        """
        return follow(self._execution, since)

    # Orders.

    def cancel(self, *, after: Literal["step"] | None = None) -> None:
        """End it; returns at once.

        Async nodes get ``CancelledError``; sync nodes stop at the next phase, item,
        attempt or wait.

        Args:
            after: ``"step"`` lets the step that is under way in a LangGraph graph end,
                and be stored, first. A run that waits or is paused ends at once.

        Raises:
            Unavailable: ``after`` for another graph, or an older LangGraph.
        """
        if after is None:
            self._execution.cancel()
        elif after == "step":
            checkpoints.stop_after_step(self._execution)
        else:
            raise InvalidValue(f"cancel(after={after!r}): expected 'step' or None")

    def pause(self) -> None:
        """Let nothing more begin, until ``resume()``."""
        self._execution.pause()

    def resume(self) -> None:
        """End a pause."""
        self._execution.resume()

    # Its past: of a durable run, and of a LangGraph graph that has a checkpointer.

    def state(self) -> Reading[Checkpoint]:
        """The latest checkpoint: the state as it is stored now.

        ``await run.state()``, or ``run.state().result()`` in sync code; also while
        the run waits, and after its end. Of a LangGraph graph it is its thread's.

        Raises:
            Unavailable: The run keeps none: it is neither durable nor of a LangGraph
                graph with a checkpointer; or the loop on which that lives is closed.
        """
        return checkpoints.read_state(self._execution)

    def history(self, limit: int | None = None) -> Reading[list[Checkpoint]]:
        """The checkpoints, the newest first; see ``state``.

        Of a durable run one for each visit of a node that ended, inner ones too, and
        the start. Of a LangGraph graph they are its thread's: those of earlier runs
        and of forks are among them. ``parent`` tells which follows which.

        Args:
            limit: The most to give; None gives all.
        """
        return checkpoints.read_history(self._execution, limit)

    def fork(
        self,
        at: Checkpoint | str | int | Any = None,
        shared: Any = None,
        *,
        as_node: str | None = None,
        answers: Answers | None = None,
    ) -> Run:
        """Begin a new run from a checkpoint of this one, which stays as it was.

        Later nodes run, and ask, again. The new run is called as this one was, has an
        id and a display of its own, and is durable, too: it can be forked in turn.
        Keys that are transient it has from this run's ``shared``, or from the edits.

        Of a LangGraph graph the fork is on the same thread, and goes on as LangGraph
        does after ``update_state``; what is wrong with ``at`` or ``shared`` shows when
        the new run is awaited.

        Args:
            at: A checkpoint of ``history()`` or its id; the number of its step, of
                which 0 is the start; or a node, for the state in which its last visit
                began, or a visit, ``"Draft:2"``. None: the latest checkpoint. Of a
                LangGraph graph a ``StateSnapshot``, too, and no visits; of several
                steps of one number the newest.
            shared: Edits of the state, a dict of keys. A LangGraph graph's reducers
                take them (a list appends); at a checkpoint whose source is ``"input"``
                they are another input.
            as_node: Of a LangGraph graph the node that is to have made the edits,
                which tells what follows it; asked for where it cannot know.
            answers: As ``kgnb.run`` takes them.

        Raises:
            Unavailable: The run keeps no checkpoints, or the log cannot be reached.
            InvalidValue: There is no such checkpoint, or an edit cannot be kept.
            WrongThread: The log is kept on this very loop; give one of
                ``await run.history()``.
        """
        where = Fork(at=at, values=shared, as_node=as_node)
        return checkpoints.fork(self._execution, where, answers)

    def answer(
        self,
        approval_id: str,
        value: Any,
        *,
        reason: str | None = None,
        payload: Any = None,
    ) -> None:
        """Answer an approval; returns when the log has it.

        Args:
            approval_id: Which; ``run.approvals`` lists them.
            value: The option, the text, an instance of the type of a form (or its
                JSON), a ``File`` or a path; or an ``Answer``, with all that follows.
            reason: Why.
            payload: Of ``kind="edit"`` with options: what is to become of the payload;
                None leaves it as it was.

        Raises:
            AlreadyAnswered: Another answer was first; the error holds it.
            InvalidValue: The value does not fit the options, the schema or the type.
            NoSuchApproval: The run has none of that id.
            Expired: Its deadline has passed.
            Unavailable: The log cannot be reached.
        """
        if not isinstance(value, Answer):
            value = Answer(value, reason=reason, payload=payload)
        commanding.answer(self._execution, approval_id, value)

    def send_input(self, node_id: str, data: Any) -> None:
        """Give a node the input that it waits for; returns when the log has it.

        A node that does not wait yet takes it when it does. An approval of the node is
        answered by it, as by ``answer``.

        Raises:
            Conflict: One input is kept for the node already; or it asks several
                questions; or the run has ended.
            InvalidValue: There is no such node, or an approval cannot be answered so.
            Unavailable: The log cannot be reached.
        """
        commanding.send_input(self._execution, node_id, data)

    def share(
        self, *, role: str = "view", ttl: float | None = None, label: str = ""
    ) -> ShareLink:
        """Make a link to this run for somebody who has no login here.

        Returns when the server has it. Shown in a cell it is a QR code.

        Args:
            role: ``view``, ``answer`` or ``control``: each includes those before.
            ttl: Seconds until it ends; by default an hour, at most the server's
                ``share_link_max_ttl``.
            label: Shown as the name of whoever comes by it.

        Raises:
            Unavailable: The run's log is the kernel's own: sharing needs a server. Or
                the server cannot be reached.
            InvalidValue: A role, ttl or label that cannot be.
        """
        return share(self._execution, role, ttl, label)

    def _exported(self) -> tuple[RunView, Origin]:
        return self.view, of_run(self._execution)

    def __repr__(self) -> str:
        # Neither status nor id nor address: a cell's output must not change.
        return f"<kgnb.Run {self.workflow!r}>"
