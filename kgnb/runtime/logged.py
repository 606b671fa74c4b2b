"""A run of any process, as the log has it: its view and its checkpoints."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, TypeVar

import msgspec

from kgnb.broker.doorway import door
from kgnb.errors import KgnbError, Unavailable, WrongThread, from_code
from kgnb.graph.past import Past
from kgnb.protocol import codec, commands, ids, replies
from kgnb.protocol import events as e
from kgnb.protocol.view import RunView, fold
from kgnb.runtime import process
from kgnb.runtime.reader import settle
from kgnb.runtime.relays import RawChannel
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from kgnb.runtime.conversation import Conversation
    from kgnb.runtime.home import Home
    from kgnb.runtime.recalling import Recollection

T = TypeVar("T")
READ_WAIT = 10.0
"""Seconds that a log has to tell a run."""


def conversation_about(home: Home, run_id: str) -> Conversation:
    """With the log that has a run, or that would have it: the one of durable runs.

    Blocks while a server is looked for, or a log is opened.
    """
    mode = process.choose_mode(None)
    return home.port_that_keeps(mode, run_id).conversation


def view_of(
    home: Home, conversation: Conversation, run_id: str
) -> concurrent.futures.Future[RunView]:
    """A run's view, as far as it has come.

    Returns:
        It; or ``NoSuchRun``, ``Unavailable``.
    """
    return _Reading(home, conversation, run_id).done


def past_of(
    home: Home, conversation: Conversation, run_id: str
) -> concurrent.futures.Future[Past]:
    """A run's checkpoints.

    Returns:
        They; or ``NoSuchRun``, ``Unavailable`` where it is not durable, too.
    """
    past: concurrent.futures.Future[Past] = concurrent.futures.Future()

    def ask() -> None:
        if not conversation.is_up:
            settle(past, error=Unavailable("the run's log cannot be reached now"))
            return
        asked = conversation.recalling.ask(run_id=ids.RunId(run_id))
        asked.add_done_callback(lambda found: _settle(past, found))

    home.on_link(ask)
    return past


def _settle(
    past: concurrent.futures.Future[Past],
    found: concurrent.futures.Future[Recollection],
) -> None:
    try:
        recollection = found.result()
        if not recollection.run.is_durable:
            raise keeps_nothing(recollection.run.workflow, "its past")
        run_id = str(recollection.run.run_id)
        settle(past, value=Past(run_id, recollection.records))
    except KgnbError as error:
        settle(past, error=error)


def keeps_nothing(workflow: str, wanted: str) -> Unavailable:
    """Why a run has no past."""
    return Unavailable(
        f"run {workflow!r}: {wanted} takes checkpoints, and this run keeps none; begin "
        f"it by kgnb.run(graph, durable=True), or run a LangGraph graph that has a "
        f"checkpointer"
    )


def check_may_block(home: Home, wanted: str, instead: str) -> None:
    """Refuse to block a loop that must answer.

    Args:
        home: Of this process.
        wanted: Who would block, to say it.
        instead: What to do.

    Raises:
        WrongThread: This is such a loop.
    """
    if home.link.is_current or door.is_mine:
        raise WrongThread(
            f"{wanted} would block the loop on which the run's log lives; {instead}"
        )


def wait_for_log(future: concurrent.futures.Future[T]) -> T:
    """Block until the log has answered, at most 10 s.

    Raises:
        Unavailable: It did not.
    """
    try:
        return wait_blocking(future, READ_WAIT)
    except TimeoutError as error:
        if isinstance(error, KgnbError):
            raise
        raise Unavailable("the run's log did not answer in time") from None


class _Reading:
    """Folds a run's events up to the one that was the last when it began."""

    def __init__(self, home: Home, conversation: Conversation, run_id: str) -> None:
        self.done: concurrent.futures.Future[RunView] = concurrent.futures.Future()
        self._view = RunView(run_id=run_id)
        self._last: int | None = None
        self._channel = RawChannel(
            home, conversation, "python", self._receive, self._closed
        )
        self.done.add_done_callback(lambda _done: self._channel.close())
        since = commands.Since(seq=0)
        subscribe = commands.Subscribe(run_id=ids.RunId(run_id), since=since)
        self._channel.send(codec.encode(subscribe))

    # The link's thread.

    def _receive(self, data: bytes) -> None:
        frame = codec.decode_frame(data)
        match frame:
            case replies.Subscribed():
                self._last = frame.seq or 0
            case replies.Snapshot():
                self._view = msgspec.convert(frame.view, RunView)
            case replies.ErrorReply():
                settle(self.done, error=from_code(frame.code, frame.message))
            case e.Event() | e.Custom():
                fold(self._view, frame)
        if self._last is not None and self._view.seq >= self._last:
            settle(self.done, value=self._view)

    def _closed(self, _code: int, reason: str) -> None:
        settle(self.done, error=Unavailable(f"the run's log was closed: {reason}"))
