"""What is known of a run, whatever one has of it."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.doorway import door
from kgnb.errors import InvalidValue, KgnbError, NoSuchRun, WrongThread, from_code
from kgnb.protocol import codec, commands, ids, replies
from kgnb.protocol import events as e
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunView, fold
from kgnb.runtime import home as homes
from kgnb.runtime.reader import settle
from kgnb.runtime.relays import RawChannel
from kgnb.runtime.result import Result
from kgnb.runtime.run import Run

if TYPE_CHECKING:
    from kgnb.runtime.home import Home

MIME = "application/vnd.kgnb.run+json"
READ_WAIT = 10.0
"""Seconds that a log has to tell a run."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two runs that are compared."""

    record: Mapping[str, Any]
    """The reproducible part; see ``protocol.record``."""
    view: RunView | None = None
    """None of a record alone, which has neither order nor times."""
    shared: Any = None
    has_state: bool = False
    """Whether ``shared`` is known: the log does not have it."""
    durations: Mapping[str, float] | None = None
    total: float | None = None
    """Seconds from start to end."""

    @property
    def name(self) -> str:
        """The workflow's."""
        return str(self.record["workflow"])

    @property
    def status(self) -> str:
        """How it ended, or stands."""
        return str(self.record["status"])

    def is_fork_of(self, other: Side) -> bool:
        """Whether it began in the other one's past."""
        if self.view is None or self.view.forked_from is None or other.view is None:
            return False
        return self.view.forked_from.run_id == other.view.run_id

    @property
    def results(self) -> dict[str, Any]:
        """What the nodes gave, the run's result, and its error."""
        return {
            "results": self.record["results"],
            "result": self.record["result"],
            "error": self.record["error"],
        }


def side_of(thing: Any) -> Side:
    """What is known of a run; see ``compare``.

    Raises:
        InvalidValue: ``thing`` is nothing that tells of a run.
        NoSuchRun: No log here has the run.
    """
    if isinstance(thing, Result):
        return _of_view(thing.view, thing.shared, has_state=True)
    if isinstance(thing, Run):
        return _of_view(thing.view, thing.shared, has_state=True)
    if isinstance(thing, RunView):
        return _of_view(thing)
    if isinstance(thing, str):
        return _of_id(thing)
    if isinstance(thing, Mapping):
        return _of_saved(thing)
    raise _unknown(thing)


def _unknown(thing: Any) -> InvalidValue:
    return InvalidValue(
        f"compare: expected a Run, a Result, a run's id, or a saved record (an output "
        f"of a notebook, or its {MIME!r}), got {thing!r:.80} ({type(thing).__name__})"
    )


def _of_view(view: RunView, shared: Any = None, *, has_state: bool = False) -> Side:
    durations: dict[str, float] = {}
    for visit in view.timeline:
        if visit.duration is not None:
            spent = durations.get(visit.node_id, 0.0) + visit.duration
            durations[visit.node_id] = round(spent, 6)
    return Side(
        record=static_record(view),
        view=view,
        shared=shared,
        has_state=has_state,
        durations=durations,
        total=_seconds_between(view.started_at, view.ended_at),
    )


def _seconds_between(begin: str | None, end: str | None) -> float | None:
    if begin is None or end is None:
        return None
    span = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return span.total_seconds()


def _of_saved(thing: Mapping[str, Any]) -> Side:
    """A notebook's output, its data, its bundle, a record, or a view as JSON."""
    told: Mapping[str, Any] = {}
    if isinstance(thing.get("data"), Mapping) and MIME in thing["data"]:
        told = (thing.get("metadata") or {}).get(MIME) or {}
        thing = thing["data"]
    bundle = thing.get(MIME, thing)
    record = bundle.get("record", bundle.get("view", bundle))
    if not isinstance(record, Mapping) or not isinstance(record.get("nodes"), Mapping):
        raise _unknown(thing)
    try:
        if "timeline" in record:
            return _of_view(msgspec.convert(record, RunView))
        return Side(
            record={**_EMPTY, **record},
            durations=told.get("durations"),
            total=_seconds_between(told.get("started_at"), told.get("ended_at")),
        )
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise InvalidValue(
            f"compare: the saved record cannot be read: {error}"
        ) from error


_EMPTY = static_record(RunView())


def _of_id(run_id: str) -> Side:
    home = homes.current()
    execution = home.known(run_id)
    if execution is not None:
        return _of_view(execution.reader.view, execution.shared, has_state=True)
    return _of_view(read_view(home, run_id))


def read_view(home: Home, run_id: str) -> RunView:
    """Read a run from the log, as far as it has come; blocks, at most 10 s.

    Raises:
        NoSuchRun: The log has none of that id.
        Unavailable: It cannot be reached.
        WrongThread: This is the loop of the server that keeps it.
    """
    if home.link.is_current or door.is_mine:
        raise WrongThread(
            "compare: reading a run by its id would block the loop on which its log "
            "lives; compare the Run or its Result"
        )
    reading = _Reading(home, run_id)
    try:
        return reading.done.result(READ_WAIT)
    except concurrent.futures.TimeoutError:
        raise NoSuchRun(f"the log told nothing of run {run_id!r} in time") from None
    finally:
        reading.close()


class _Reading:
    """Folds a run's events up to the one that was the last when it began."""

    def __init__(self, home: Home, run_id: str) -> None:
        self.done: concurrent.futures.Future[RunView] = concurrent.futures.Future()
        self._view = RunView(run_id=run_id)
        self._last: int | None = None
        self._channel = RawChannel(
            home,
            home.conversation_of(run_id),
            "python",
            self._receive,
            self._closed,
        )
        subscribe = commands.Subscribe(
            run_id=ids.RunId(run_id), since=commands.Since(seq=0)
        )
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
        settle(self.done, error=KgnbError(reason))

    def close(self) -> None:
        """Leave."""
        self._channel.close()
