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
    ApprovalCancelled,
    ApprovalTimeout,
    InvalidValue,
    KgnbError,
    Unanswerable,
    Unavailable,
    WrongThread,
)
from kgnb.protocol import codec, commands, ids
from kgnb.protocol import events as e
from kgnb.runtime.answering import SKIP, Script
from kgnb.runtime.reader import settle
from kgnb.runtime.result import Answer, Approval
from kgnb.runtime.waiting import wait_async, wait_blocking

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from kgnb.graph.context import NodeVisit

AWAY = 10.0
"""Seconds past a deadline after which an unreachable log fails the question."""
_TICK = 0.5
_KINDS = frozenset({"choice", "text", "edit", "form", "confirm", "input"})
_LARGEST = 1024 * 1024
"""Bytes of JSON that may be shown with one question."""


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
        self, asker: Asker, visit: NodeVisit, data: e.ApprovalData, until: float | None
    ) -> None:
        self.visit = visit
        self.data = data
        self.until = until
        """Seconds since the epoch, or None for ever."""
        self.asked_at = time.monotonic()
        self.scripted: Any = SKIP
        self.is_asked = False
        self.is_read = False
        self.is_attended = False
        """Whether somebody was called to it; see ``prompting``."""
        self.future: concurrent.futures.Future[Answer] = concurrent.futures.Future()
        self._asker = asker

    @property
    def approval_id(self) -> ids.ApprovalId:
        """Its id."""
        return self.data.approval_id

    def result(self) -> Answer:
        """Block until it is decided. From any thread but the run's loop.

        Raises:
            ApprovalTimeout: The deadline passed, and no ``on_timeout`` was given.
            ApprovalCancelled: It was closed with no answer.
            Unavailable: The log was away past the deadline.
            WrongThread: This is the loop that must do the work.
        """
        self.is_read = True
        if not self.future.done() and _is_on(self._asker.working_loop):
            raise WrongThread(
                f"ask({self.data.message!r}).result() would block the loop on which "
                f"the run lives; in an async node use await"
            )
        while not self.future.done():
            try:
                return wait_blocking(self.future, _TICK)
            except ApprovalTimeout:
                raise
            except TimeoutError:
                self._check_reach()
                self._asker.attend(self)
        return self.future.result()

    def __await__(self) -> Generator[Any, None, Answer]:
        self.is_read = True
        return self._wait().__await__()

    async def _wait(self) -> Answer:
        waiting = asyncio.ensure_future(wait_async(self.future))
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=_TICK)
                if not waiting.done():
                    self._check_reach()
                    self._asker.attend(self)
            return waiting.result()
        finally:
            waiting.cancel()

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
        self._asker = asker
        self._lock = threading.Lock()
        self._by_id: dict[str, Asked] = {}
        self._open: dict[str, set[str]] = {}
        """Ids of open questions, by task."""
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
        message: str,
        options: Sequence[Any] | None,
        schema: Any,
        payload: Any,
        kind: str | None,
        timeout: float | None,
        on_timeout: Any,
        name: str | None,
    ) -> Asked:
        """Make a question, or find again the one that an earlier attempt asked.

        Raises:
            Unanswerable: Nobody can answer it in this mode.
            InvalidValue: It cannot be asked so.
        """
        now = time.time()
        data = _describe(message, options, schema, payload, kind)
        data.name = name
        data.on_timeout = on_timeout
        until = None if timeout is None else now + timeout
        data.expires_at = None if until is None else ids.timestamp(until)
        asked = Asked(self._asker, visit, data, until)
        with self._lock:
            earlier = self._identify(asked, name or ordinal)
            if earlier is not None:
                return earlier
        asked.scripted = self._pick(asked)
        return asked

    def _identify(self, asked: Asked, key: str | int) -> Asked | None:
        """Give it its id; an equal question that is not closed is the same one."""
        visit, run_id = asked.visit, self._asker.id
        name: str | int = key if visit.item is None else f"{visit.item}:{key}"
        while True:
            found_id = ids.approval_id(run_id, ids.TaskId(visit.task_id), name)
            earlier = self._by_id.get(found_id)
            if earlier is None:
                asked.data.approval_id = found_id
                self._by_id[found_id] = asked
                return None
            is_same = earlier.data.args_hash == asked.data.args_hash
            if is_same and (not earlier.future.done() or _has_answer(earlier)):
                return earlier
            name = f"{name}'"

    def _pick(self, asked: Asked) -> Any:
        data, asker = asked.data, self._asker
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
        return value

    def open(self, asked: Asked) -> None:
        """Ask a prepared question, unless it has been asked."""
        visit, asker = asked.visit, self._asker
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
            asked.data.expires_at = ids.timestamp(asked.until)
            asked.data.on_timeout = on_timeout
            if asked.is_asked and not asked.future.done():
                # The same question again; the log takes over the deadline.
                self._put(asked)

    def _put(self, asked: Asked) -> None:
        visit = asked.visit
        self._asker.put(
            e.ApprovalRequest(
                run_id=self._asker.id,
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
        if asked is None or asked.scripted is SKIP or asked.future.done():
            return
        value, _ = codec.json_safe(asked.scripted, limit=_LARGEST)
        answer = commands.AnswerApproval(
            approval_id=asked.approval_id, value=value, args_hash=asked.data.args_hash
        )

        def replied(future: concurrent.futures.Future[Any]) -> None:
            error = future.exception()
            # Somebody who was faster is no error: his answer is under way.
            if isinstance(error, KgnbError) and error.code == "invalid":
                settle(asked.future, error=InvalidValue(f"answers=: {error}"))

        self._asker.send_scripted(answer).add_done_callback(replied)

    def resolved(self, event: e.ApprovalResolved) -> None:
        """The log has the decision."""
        asked = self._by_id.get(event.data.approval_id)
        if asked is None:
            return
        with self._lock:
            self._close(asked)
        data = event.data
        if data.outcome == "cancelled":
            text = f"ask({asked.data.message!r}) was cancelled"
            reason = f": {data.reason}" if data.reason else ""
            settle(asked.future, error=ApprovalCancelled(text + reason))
        elif data.outcome == "timed_out" and asked.data.on_timeout is msgspec.UNSET:
            text = f"ask({asked.data.message!r}): nobody answered in time"
            settle(asked.future, error=ApprovalTimeout(text))
        else:
            answer = Answer(data.value, data.outcome, data.by, data.reason)
            settle(asked.future, value=answer)

    def _close(self, asked: Asked) -> None:
        waiting = self._open.get(asked.visit.task_id)
        if waiting is None or asked.approval_id not in waiting:
            return  # its node has ended, or it was closed before
        waiting.discard(asked.approval_id)
        if not waiting and not self._is_cancelled:
            self._asker.status(asked.visit, "running")

    # What the run does.

    def end_task(self, task_id: str) -> None:
        """A visit ends: what it left open is cancelled."""
        with self._lock:
            left = self._open.pop(task_id, set())
        for key in sorted(left):
            asked = self._by_id[key]
            reason = "its node ended" if asked.is_read else "its node ended unread"
            self._asker.put(
                e.ApprovalResolved(
                    run_id=self._asker.id,
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


def _describe(
    message: str,
    options: Sequence[Any] | None,
    schema: Any,
    payload: Any,
    kind: str | None,
) -> e.ApprovalData:
    """All that is shown, and its hash; the id comes later."""
    if isinstance(options, str):
        raise InvalidValue(f"ask({message!r}): options={options!r} is one str; a list?")
    if options is not None and not options:
        raise InvalidValue(f"ask({message!r}): options is empty; nobody could answer")
    if schema is not None and not isinstance(schema, dict):
        shown = getattr(schema, "__name__", schema)
        raise InvalidValue(
            f"ask({message!r}): schema={shown!r}: expected a JSON Schema as a dict"
        )
    if kind is not None and kind not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise InvalidValue(f"ask({message!r}): kind={kind!r}: expected one of {known}")
    shown_options = None if options is None else _plain(list(options), message)
    shown_payload = _plain(payload, message)
    if kind is None:
        kind = "form" if schema else "choice" if options else "text"
    return e.ApprovalData(
        approval_id=ids.ApprovalId(""),
        args_hash=ids.args_hash(message, shown_options, schema, shown_payload),
        message=message,
        options=shown_options,
        payload=shown_payload,
        schema=schema,
        kind=kind,  # type: ignore[arg-type]  # checked above
    )


def _plain(value: Any, message: str) -> Any:
    """What JSON makes of it: the reader must see what the hash is of."""
    shown, was_replaced = codec.json_safe(value, limit=_LARGEST)
    if was_replaced:
        try:
            size = len(msgspec.json.encode(value))
        except (TypeError, ValueError, RecursionError, UnicodeError, OverflowError):
            return shown
        raise InvalidValue(
            f"ask({message!r}): {size} bytes are too much to show; at most {_LARGEST}"
        )
    return shown
