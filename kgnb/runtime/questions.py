"""The approvals of one run, from the side that asks.

A question opens by an event and closes by an event, both as the log has them: the
kernel decides nothing alone, not even a time-out. ``Questions`` may be used from any
thread; what the reader tells it comes on the link's thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kgnb.errors import (
    ApprovalTimeout,
    InvalidValue,
    KgnbError,
    Unanswerable,
    Unavailable,
    WrongThread,
)
from kgnb.protocol import commands, ids
from kgnb.protocol import events as e
from kgnb.runtime import voting
from kgnb.runtime.answering import SKIP, Script
from kgnb.runtime.asking import Given, Terms, Wanted, terms_of
from kgnb.runtime.reader import settle
from kgnb.runtime.result import Answer, Approval
from kgnb.runtime.shapes import Misfit, plain_of
from kgnb.runtime.waiting import wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import Generator

    from kgnb.graph.context import NodeVisit
    from kgnb.runtime.voting import Rules

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
        """Seconds since the epoch, or None for ever."""
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
        if not self.future.done() and _is_on(self._asker.working_loop):
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
        is_late = self.until is not None and time.time() > self.until + AWAY
        if is_late and not self._asker.is_log_reachable:
            raise Unavailable(
                f"ask({self.data.message!r}): its deadline has passed, and the log "
                f"that decides it cannot be reached"
            )

    def __repr__(self) -> str:
        return f"<kgnb.ask {self.data.message!r}>"


def _is_on(loop: asyncio.AbstractEventLoop | None) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class Questions:
    """All questions of one run."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._lock = threading.Lock()
        self._by_id: dict[str, Asked] = {}
        self._open: dict[str, set[str]] = {}
        """Ids of open questions, by the tasks that asked and have not ended."""
        self._is_cancelled = False

    def ask(self, visit: NodeVisit, ordinal: int, **shown: Any) -> Asked:
        """Open a question at once; see ``prepare``."""
        asked = self.prepare(visit, ordinal, **shown)
        self.open(asked)
        return asked

    def prepare(
        self,
        visit: NodeVisit,
        ordinal: int,
        *,
        name: str | None,
        rules: Rules = voting.ANYBODY,
        **wanted: Any,
    ) -> Asked:
        """Make a question, or find again the one that an earlier attempt asked.

        ``wanted`` are the fields of ``asking.Wanted``.

        Raises:
            Unanswerable: Nobody can answer it in this mode.
            InvalidValue: It cannot be asked so.
        """
        now = time.time()
        terms = terms_of(Wanted(**wanted))
        data, timeout = terms.data, wanted.get("timeout")
        data.name = name
        rules.apply(data)
        until = None if timeout is None else now + timeout
        data.expires_at = None if until is None else ids.timestamp(until)
        key: str | int = name or ordinal
        if visit.item is not None:
            key = f"{visit.item}:{key}"
        asked = Asked(self, visit, terms, key, until)
        with self._lock:
            earlier = self._identify(asked)
        if earlier is not None:
            return earlier.latest
        asked.scripted = self._pick(asked)
        if asked.scripted is None and rules.count_people:
            refusal = self.asker.nobody_counts(data)
            if refusal is not None:
                settle(asked.future, error=refusal)
                raise refusal
        return asked

    def ask_again(self, asked: Asked, decided: e.ResolvedData, misfit: Misfit) -> Asked:
        """Ask anew what was answered by what its asker cannot take.

        A decision stands for ever, so this is a question of its own; it holds what was
        typed and what is wrong with it, and the deadline of the first.

        Raises:
            InvalidValue: A script answered, or the node that asked has ended.
        """
        data = asked.data
        is_scripted = decided.by is not None and decided.by.kind == "script"
        if is_scripted or asked.visit.task_id not in self._open:
            raise InvalidValue(
                f"ask({data.message!r}): the answer does not fit: {misfit}"
            )
        is_payload = data.kind == "edit" and data.options is not None
        value = decided.edited_payload if is_payload else decided.value
        correction = e.Correction(value=value, problems=misfit.problems)
        terms = asked.terms.with_data(
            msgspec.structs.replace(data, correction=correction)
        )
        again = Asked(self, asked.visit, terms, f"{asked.key}'", asked.until)
        with self._lock:
            # In a later attempt it is there already.
            earlier = self._identify(again)
        if earlier is not None:
            return earlier
        self.open(again)
        return again

    def encode(self, approval_id: str, answer: Answer) -> Given:
        """An answer as the wire has it. Runs the validators of a type in ``schema=``.

        Raises:
            InvalidValue: It does not fit the type that was asked for.
        """
        asked = self._by_id.get(approval_id)
        if asked is None:  # of another process; the log judges
            return Given(plain_of(answer.value), None, answer.reason)
        try:
            return asked.terms.encode(answer)
        except (InvalidValue, Misfit) as error:
            raise InvalidValue(f"approval {asked.data.message!r}: {error}") from None

    def _identify(self, asked: Asked) -> Asked | None:
        """Give it its id; an equal question that is not closed is the same one."""
        visit, run_id = asked.visit, self.asker.id
        while True:
            found_id = ids.approval_id(run_id, ids.TaskId(visit.task_id), asked.key)
            earlier = self._by_id.get(found_id)
            if earlier is None:
                asked.data.approval_id = found_id
                self._by_id[found_id] = asked
                return None
            is_same = earlier.data.args_hash == asked.data.args_hash
            if is_same and (not earlier.future.done() or _has_answer(earlier)):
                return earlier
            asked.key = f"{asked.key}'"

    def _pick(self, asked: Asked) -> Given | None:
        """What a script answers; None leaves it to people."""
        data, asker = asked.data, self.asker
        value: Any = SKIP
        if asker.script is not None:
            names = Approval.__struct_fields__
            known = {k: getattr(data, k) for k in names if hasattr(data, k)}
            value = asker.script.pick(Approval(node_id=asked.visit.node_id, **known))
        if value is SKIP and asker.must_be_scripted:
            called = f"{data.name!r} ({data.message})" if data.name else data.message
            error = Unanswerable(
                f"approval {called!r} of node {asked.visit.node_id!r}: nobody can "
                f"answer it here. Give run(..., answers={{{data.message!r}: ...}}), "
                f"set KGNB_ANSWERS, or drive the run yourself with mode='live'"
            )
            asker.fail(error)
            raise error
        if value is SKIP:
            return None
        try:
            return asked.terms.encode(value)
        except (InvalidValue, Misfit) as error:
            raise InvalidValue(
                f"answers=: {value!r:.80} for approval {data.message!r}: {error}"
            ) from None

    def open(self, asked: Asked) -> None:
        """Ask a prepared question, unless it has been asked."""
        visit, asker = asked.visit, self.asker
        with self._lock:
            if self._is_cancelled:
                raise asyncio.CancelledError
            if asked.is_asked:
                return
            asked.is_asked = True
            waiting = self._open.setdefault(visit.task_id, set())
            waiting.add(asked.approval_id)
            self._put(asked)
            if len(waiting) == 1:
                asker.status(visit, "waiting")

    def expire(self, asked: Asked, seconds: float, on_timeout: Any) -> None:
        """Give a question a deadline that it has not had: ``seconds`` from now."""
        with self._lock:
            asked.until = time.time() + seconds
            asked.terms.expire(ids.timestamp(asked.until), on_timeout)
            if asked.is_asked and not asked.future.done():
                # The same question again; the log takes over the deadline.
                self._put(asked)

    def _put(self, asked: Asked) -> None:
        visit = asked.visit
        self.asker.put(
            e.ApprovalRequest(
                run_id=self.asker.id,
                node_id=ids.NodeId(visit.node_id),
                task_id=ids.TaskId(visit.task_id),
                attempt=visit.attempt,
                path=list(visit.path),
                data=asked.data,
            )
        )

    # What the log says, on the link's thread.

    def opened(self, event: e.ApprovalRequest) -> None:
        """The log has the question: a script may answer it."""
        asked = self._by_id.get(event.data.approval_id)
        if asked is None or asked.scripted is None or asked.future.done():
            return
        answer = asked.command(asked.scripted)

        def replied(future: concurrent.futures.Future[Any]) -> None:
            error = future.exception()
            # Somebody who was faster is no error: his answer is under way.
            if isinstance(error, KgnbError) and error.code == "invalid":
                settle(asked.future, error=InvalidValue(f"answers=: {error}"))

        self.asker.send_scripted(answer).add_done_callback(replied)

    def resolved(self, event: e.ApprovalResolved) -> None:
        """The log has the decision."""
        asked = self._by_id.get(event.data.approval_id)
        if asked is None:
            return
        with self._lock:
            self._close(asked)
        data = event.data
        if data.outcome == "cancelled":
            settle(asked.future, error=voting.cancelled_error(asked.data, data))
        elif data.outcome == "timed_out" and asked.data.on_timeout is msgspec.UNSET:
            text = f"ask({asked.data.message!r}): nobody answered in time"
            settle(asked.future, error=ApprovalTimeout(text))
        else:
            settle(asked.future, value=data)

    def _close(self, asked: Asked) -> None:
        waiting = self._open.get(asked.visit.task_id)
        if waiting is None or asked.approval_id not in waiting:
            return  # its node has ended, or it was closed before
        waiting.discard(asked.approval_id)
        if not waiting and not self._is_cancelled:
            self.asker.status(asked.visit, "running")

    # What the run does.

    def end_task(self, task_id: str) -> None:
        """A visit ends: what it left open is cancelled."""
        with self._lock:
            left = self._open.pop(task_id, set())
        for key in sorted(left):
            asked = self._by_id[key]
            reason = "its node ended" if asked.is_read else "its node ended unread"
            self.asker.put(
                e.ApprovalResolved(
                    run_id=self.asker.id,
                    node_id=ids.NodeId(asked.visit.node_id),
                    task_id=ids.TaskId(task_id),
                    attempt=asked.visit.attempt,
                    path=list(asked.visit.path),
                    data=e.ResolvedData(
                        approval_id=asked.approval_id,
                        outcome="cancelled",
                        reason=reason,
                    ),
                )
            )

    def cancel(self) -> None:
        """The run is cancelled: whoever waits gets ``CancelledError``."""
        with self._lock:
            self._is_cancelled = True
            asked = list(self._by_id.values())
        for one in asked:
            settle(one.future, error=asyncio.CancelledError())


def _has_answer(asked: Asked) -> bool:
    return asked.future.exception() is None
