"""What a durable run's checkpoints are made of, and how they add up to its state.

A checkpoint is one JSON record that is stored with an event of its run: the values
of ``shared`` that changed since the one before it, where the graph stands, and what
became of batch items. The state is what all records up to one add up to; a *full*
record begins the sum anew.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kgnb.errors import InvalidValue

Kind = Literal["start", "state", "item", "asked"]
Values = dict[str, msgspec.Raw]
"""By key; as ``checkpoint_values.Writer`` writes them."""

ROOT = ""
"""The place of the run's own graph."""


class Position(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where one pass through one graph stands.

    Its *place* is ``""`` for the run's graph, the task id of the visit whose nodes
    they are for a nested one (``"Review:2"``), with ``#`` and the index of the pass
    or the graph where there are several (``"EachFile:1#3"``).
    """

    next: str | None = None
    """The id of the node that comes next, or is being visited; None: it has ended."""
    visit: int = 0
    """The number of that visit, if it has begun: a resumed one has it again."""
    via: tuple[str, str] | None = None
    """The node and the action that led there."""
    action: Any = None
    """The action of the node before it, as JSON; the pass's own where it has ended."""
    counts: dict[str, int] = {}
    """Visits in this pass by node, where they are limited."""
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """What the pass's last node gave, where it has ended and that can be kept."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One checkpoint. What is left out is as it was."""

    kind: Kind = "state"
    """Why it was made: the run's start, the end of a visit or of a batch item, or a
    question that opened."""
    task_id: str = ""
    """The visit that made it: that of the event it is stored with."""
    node_id: str = ""
    item: int | None = None
    action: str | None = None
    """By which the node was left, of a ``state``."""
    at: str = ""
    """RFC 3339."""
    full: bool = False
    """Whether it holds everything: what came before it does not count."""
    values: Values = {}
    """Of the run's ``shared``: what is new or changed."""
    gone: list[str] = []
    """Its keys that are gone."""
    inner: dict[str, Values] = {}
    """By place: data that a nested graph has of its own, all of it."""
    places: dict[str, Position | None] = {}
    """Positions that are new or changed; None: the visit around it has ended."""
    items: dict[str, dict[str, msgspec.Raw]] = {}
    """By task id and index: what finished items gave."""
    visits: dict[str, int] = {}
    """How often each node was visited; of a full record, else it is counted up."""
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """The run's result so far, where this visit gave one."""
    transient: list[str] = []
    """Keys of ``shared`` that are not kept; of the start."""


class State(msgspec.Struct, kw_only=True):
    """What the records of a run add up to."""

    values: Values = {}
    inner: dict[str, Values] = {}
    places: dict[str, Position] = {}
    items: dict[str, dict[str, msgspec.Raw]] = {}
    visits: dict[str, int] = {}
    result: msgspec.Raw | None = None
    transient: list[str] = []


def fold(state: State, record: Record) -> None:
    """Add one record to what came before it."""
    if record.full:
        state.values, state.inner, state.places = {}, {}, {}
        state.items, state.visits, state.result = {}, {}, None
    state.values.update(record.values)
    for key in record.gone:
        state.values.pop(key, None)
    state.inner.update(record.inner)
    for node_id, count in record.visits.items():
        _count(state, node_id, count)
    if record.kind == "state" and record.task_id:
        state.items.pop(record.task_id, None)
        visited, _, visit = record.task_id.rpartition(":")
        _count(state, visited, int(visit))
    for place, position in record.places.items():
        _place(state, place, position)
    for task_id, results in record.items.items():
        state.items.setdefault(task_id, {}).update(results)
    if record.result is not msgspec.UNSET:
        state.result = record.result
    if record.kind == "start":
        state.transient = record.transient


def _place(state: State, place: str, position: Position | None) -> None:
    if position is None:
        state.places.pop(place, None)
        state.inner.pop(place, None)
        return
    state.places[place] = position
    if position.next is not None:
        _count(state, position.next, position.visit)


def _count(state: State, node_id: str, visit: int) -> None:
    state.visits[node_id] = max(state.visits.get(node_id, 0), visit)


def encode(record: Record) -> bytes:
    """A record's JSON."""
    return msgspec.json.encode(record)


def decode(data: bytes, run_id: str = "", seq: int = 0) -> Record:
    """A record as it was encoded.

    Args:
        data: The record.
        run_id: Whose it is, to say in an error.
        seq: Its place, likewise.

    Raises:
        InvalidValue: It is none: somebody wrote over the log.
    """
    try:
        return msgspec.json.decode(data, type=Record)
    except msgspec.MsgspecError as error:
        text = f"run {run_id!r}: checkpoint {seq} cannot be read: {error}"
        raise InvalidValue(text) from error
