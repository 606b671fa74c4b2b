"""What is known of a run, whatever one has of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunView
from kgnb.runtime import home as homes
from kgnb.runtime import logged
from kgnb.runtime.result import Result
from kgnb.runtime.run import Run

MIME = "application/vnd.kgnb.run+json"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two runs that are compared."""

    record: Mapping[str, Any]
    """The reproducible part; see ``protocol.record``."""
    view: RunView | None = None
    """None of a record alone, which has neither order nor times."""
    shared: Any = None
    has_state: bool = False
    """Whether ``shared`` is known: the log has it of durable runs alone."""
    unknown: frozenset[str] = frozenset()
    """Keys that ``shared`` lacks because they are not kept."""
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
    if isinstance(thing, Result | Run):
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
    logged.check_may_block(
        home, "compare: reading a run by its id", "compare the Run or its Result"
    )
    conversation = logged.conversation_about(home, run_id)
    view = logged.wait_for_log(logged.view_of(home, conversation, run_id))
    if not view.durable:
        return _of_view(view)
    past = logged.wait_for_log(logged.past_of(home, conversation, run_id))
    latest = past.find(None)
    side = _of_view(view, latest.values, has_state=True)
    unknown = frozenset(latest.state.transient)
    return msgspec.structs.replace(side, unknown=unknown)
