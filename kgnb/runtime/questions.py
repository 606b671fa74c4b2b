"""The approvals of one run, from the side that asks.

A question opens by an event and closes by an event, both as the log has them: the
kernel decides nothing alone, not even a time-out. ``Questions`` may be used from any
thread; what the reader tells it comes on the link's thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import (
    AlreadyAnswered,
    ApprovalTimeout,
    Conflict,
    Expired,
    InvalidValue,
    KgnbError,
    Unanswerable,
)
from kgnb.protocol import events as e
from kgnb.protocol import ids
from kgnb.runtime import voting
from kgnb.runtime.answering import SKIP, TIME_OUT
from kgnb.runtime.asked import Asked
from kgnb.runtime.asking import Given, Wanted, terms_of
from kgnb.runtime.reader import settle
from kgnb.runtime.result import Answer, Approval
from kgnb.runtime.shapes import Misfit, plain_of

if TYPE_CHECKING:
    import concurrent.futures

    from kgnb.graph.context import NodeVisit
    from kgnb.protocol.approval_view import ApprovalView
    from kgnb.runtime.asked import Asker
    from kgnb.runtime.voting import Rules


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
        terms = terms_of(Wanted(**wanted))
        data, timeout = terms.data, wanted.get("timeout")
        data.name = name
        rules.apply(data)
        until = None if timeout is None else time.monotonic() + timeout
        data.expires_at = None if timeout is None else _in(timeout)
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
            shown = Approval(node_id=asked.visit.node_id, **known)
            try:
                value = asker.script.pick(shown)
            except Unanswerable as refusal:
                asker.fail(refusal)
                raise
        if value is TIME_OUT:
            _pass_deadline(asked)
            return None
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
            asked.until = time.monotonic() + seconds
            asked.terms.expire(_in(seconds), on_timeout)
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
            text = (
                f"ask({asked.data.message!r}): nobody answered in time; "
                f"on_timeout= gives a value to go on with"
            )
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
        if task_id not in self._open:
            return
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


def _in(seconds: float) -> str:
    """A time of day; the log takes it for a duration where our clock is wrong."""
    return ids.timestamp(time.time() + seconds)


def _pass_deadline(asked: Asked) -> None:
    """Let a question that is not asked yet time out at once."""
    data = asked.data
    if data.expires_at is None:
        raise InvalidValue(
            f"answers=: TIME_OUT for approval {data.message!r}: it has no timeout="
        )
    asked.until = time.monotonic()
    data.expires_at = _in(0)


def _has_answer(asked: Asked) -> bool:
    return asked.future.exception() is None


def closed_error(shown: ApprovalView) -> KgnbError:
    """Why an answer comes too late, as the log would say it."""
    text = f"approval {shown.message!r}"
    facts = {"value": shown.value, "by": shown.by, "outcome": shown.state}
    if shown.state == "answered":
        return AlreadyAnswered(f"{text} was answered: {shown.value!r}", **facts)
    if shown.state == "timed_out":
        return Expired(f"{text}: its deadline has passed", **facts)
    return Conflict(f"{text} was cancelled: {shown.reason or 'no reason'}", **facts)
