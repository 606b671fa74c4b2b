"""One question of a run, and whoever waits for its answer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from kgnb.errors import ApprovalTimeout, Unanswerable, Unavailable, WrongThread
from kgnb.protocol import commands, ids
from kgnb.protocol import events as e
from kgnb.runtime.result import Answer
from kgnb.runtime.shapes import Misfit
from kgnb.runtime.waiting import is_on, wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import Generator

    from kgnb.graph.context import NodeVisit
    from kgnb.runtime.answering import Script
    from kgnb.runtime.asking import Given, Terms
    from kgnb.runtime.questions import Questions

AWAY = 10.0
"""Seconds past a deadline after which an unreachable log fails the question."""
_TICK = 0.5


class Asker(Protocol):
    """What a question needs of its run; ``Execution`` has it."""

    id: ids.RunId
    working_loop: asyncio.AbstractEventLoop | None
    script: Script | None
    must_be_scripted: bool
    """Nobody watches: what no script answers is an error."""

    @property
    def is_log_reachable(self) -> bool:
        """Whether the log takes events now."""
        ...

    def put(self, event: e.AnyEvent) -> None:
        """Send an event at once."""

    def status(self, visit: NodeVisit, status: e.NodeStatus) -> None:
        """A visit waits, or goes on."""

    def fail(self, error: BaseException) -> None:
        """End the run by ``error``, whatever its node makes of it."""

    def nobody_counts(self, data: e.ApprovalData) -> Unanswerable | None:
        """Why a question for several or named people cannot be asked, if so."""
        ...

    def send_scripted(
        self, command: commands.AnyCommand
    ) -> concurrent.futures.Future[Any]:
        """Send a script's command. On the link's thread."""
        ...

    def attend(self, asked: Asked) -> None:
        """Look after a question that blocks a thread, every half second."""


class Asked:
    """An open question: await it, or block on ``result()``. Both count as reading.

    Unread when its node ends, the question is cancelled.
    """

    def __init__(
        self,
        questions: Questions,
        visit: NodeVisit,
        terms: Terms,
        key: str | int,
        until: float | None,
    ) -> None:
        self.visit = visit
        self.terms = terms
        self.data = terms.data
        self.key = key
        """What tells it from the other questions of its visit."""
        self.until = until
        """Seconds of ``time.monotonic``, or None for ever."""
        self.asked_at = time.monotonic()
        self.scripted: Given | None = None
        self.is_asked = False
        self.is_read = False
        self.is_attended = False
        """Whether somebody was called to it; see ``prompting``."""
        self.future: concurrent.futures.Future[e.ResolvedData] = (
            concurrent.futures.Future()
        )
        self._questions = questions
        self._asker = questions.asker
        self._concluding = threading.Lock()
        self._conclusion: Answer | Asked | None = None

    @property
    def approval_id(self) -> ids.ApprovalId:
        """Its id."""
        return self.data.approval_id

    @property
    def latest(self) -> Asked:
        """This question, or the one that was asked in its place."""
        asked = self
        while isinstance(asked._conclusion, Asked):
            asked = asked._conclusion
        return asked

    def command(self, given: Given) -> commands.AnswerApproval:
        """The command that answers it."""
        return commands.AnswerApproval(
            approval_id=self.approval_id,
            value=given.value,
            edited_payload=given.edited_payload,
            args_hash=self.data.args_hash,
            reason=given.reason,
        )

    def result(self) -> Answer:
        """Block until it is decided. From any thread but the run's loop.

        An answer that the type in ``schema=`` does not take opens the question again,
        with what is wrong with it; this waits for that one, then.

        Raises:
            ApprovalTimeout: The deadline passed, and no ``on_timeout`` was given.
            ApprovalCancelled: It was closed with no answer.
            InvalidValue: A script's answer does not fit.
            Unavailable: The log was away past the deadline.
            WrongThread: This is the loop that must do the work.
        """
        asked = self
        while True:
            asked.is_read = True
            asked._block()
            concluded = asked._conclude()
            if isinstance(concluded, Answer):
                return concluded
            asked = concluded

    def _block(self) -> None:
        if not self.future.done() and is_on(self._asker.working_loop):
            raise WrongThread(
                f"ask({self.data.message!r}).result() would block the loop on which "
                f"the run lives; in an async node use await"
            )
        while not self.future.done():
            try:
                wait_blocking(self.future, _TICK)
            except ApprovalTimeout:
                raise
            except TimeoutError:
                self._check_reach()
                self._asker.attend(self)

    def __await__(self) -> Generator[Any, None, Answer]:
        self.is_read = True
        return self._wait().__await__()

    async def _wait(self) -> Answer:
        asked = self
        while True:
            asked.is_read = True
            await asked._wait_decided()
            concluded = asked._conclude()
            if isinstance(concluded, Answer):
                return concluded
            asked = concluded

    async def _wait_decided(self) -> None:
        waiting = asyncio.ensure_future(wait_async(self.future))
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=_TICK)
                if not waiting.done():
                    self._check_reach()
                    self._asker.attend(self)
            waiting.result()
        finally:
            waiting.cancel()

    def _conclude(self) -> Answer | Asked:
        """The answer, or the question that is asked in this one's place.

        Where it is read, never on the link's thread: the user's validators run here.
        """
        decided = self.future.result()
        with self._concluding:
            if self._conclusion is None:
                try:
                    self._conclusion = self.terms.take(decided)
                except Misfit as misfit:
                    self._conclusion = self._questions.ask_again(self, decided, misfit)
            return self._conclusion

    def _check_reach(self) -> None:
        is_late = self.until is not None and time.monotonic() > self.until + AWAY
        if is_late and not self._asker.is_log_reachable:
            raise Unavailable(
                f"ask({self.data.message!r}): its deadline has passed, and the log "
                f"that decides it cannot be reached"
            )

    def __repr__(self) -> str:
        return f"<kgnb.ask {self.data.message!r}>"
