"""How far a durable run is: what its checkpoints are made from, and resumed from.

A ``Walk`` says where it goes next, a batch what its items gave; whoever reports the
end of a visit or of an item takes the checkpoint that goes with the report. A run
that is not durable has no ``Progress``, and none of this is called.

May be used from any thread. ``lock`` is held from making a checkpoint to handing it
on, so that the checkpoints of a run are stored in the order in which they were made.
"""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import GraphError, InvalidValue
from kgnb.graph.keeping import Keeper, encoded, restored
from kgnb.graph.near import did_you_mean
from kgnb.graph.observe import NO_RESULT, Via
from kgnb.graph.records import Position, Record, State, encode
from kgnb.graph.spec import label_of, members

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kgnb.graph.context import NodeVisit
    from kgnb.graph.records import Kind, Values
    from kgnb.graph.spec import Scope
    from kgnb.graph.watched_steps import VisitStep

_Key = tuple[str, int | None]
"""A visit's task id, and the index of an item of it."""


class Checkpoint:
    """One record on its way to the log.

    Attributes:
        data: The record.
        stored: Decided once the log has it; never, if the run is given up before.
    """

    __slots__ = ("data", "stored")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stored: Future[None] = Future()


class Progress:
    """The progress of one durable run.

    Args:
        shared: What the run's nodes share.
        transient: Its keys that are not kept.
        state: What an earlier process left; None: the run begins.
    """

    def __init__(
        self,
        shared: Any,
        transient: Collection[str] = (),
        state: State | None = None,
    ) -> None:
        if not isinstance(shared, MutableMapping):
            raise InvalidValue(
                f"run(durable=True): shared is kept key by key, and so must be a "
                f"dict; got {shared!r:.60} ({type(shared).__name__})"
            )
        self.lock = threading.RLock()
        self.transient = frozenset(transient)
        self._state = State() if state is None else msgspec.structs.replace(state)
        self._resumed = dict(self._state.places)
        self._given = dict(self._state.items)
        """Results of items that an earlier process finished, by task id."""
        self._shared = Keeper(shared, self.transient)
        self._inner: dict[str, Keeper] = {}
        self._places: dict[str, Position] = dict(self._state.places)
        self._moved: set[str] = set()
        """Places whose position no record has yet."""
        self._left: dict[str, tuple[str, Position]] = {}
        """What visits left that are not reported yet, by task id."""
        self._items: dict[_Key, msgspec.Raw] = {}
        """What items gave that are not reported yet."""
        self._refusals: dict[_Key, str] = {}
        self._on_the_way: dict[_Key, Checkpoint] = {}
        self._visits = dict(self._state.visits)
        if state is not None:
            self._shared.restore(state.values)

    def values(self) -> Values:
        """What ``shared`` holds by now.

        Raises:
            InvalidValue: Something in it cannot be stored.
        """
        self._shared.capture()
        return self._shared.everything()

    # The start.

    def start(self, at: str) -> Checkpoint:
        """The first checkpoint of this process: everything, as it stands.

        Raises:
            InvalidValue: Something in ``shared`` cannot be stored.
        """
        state = self._state
        record = Record(
            kind="start",
            at=at,
            full=True,
            values=self.values(),
            inner=state.inner,
            places=dict(state.places),
            items=state.items,
            visits=state.visits,
            result=msgspec.UNSET if state.result is None else state.result,
            transient=sorted(self.transient),
        )
        self._shared.news()  # all of it is told by this
        state.values = {}  # which may be large, and are not asked for again
        return Checkpoint(encode(record))

    # The graph's side.

    def enter(self, place: str, graph: Any, scope: Scope, shared: Any) -> Pass:
        """A pass through a graph begins, or goes on where it stood.

        Raises:
            GraphError: It stood before a node that the graph no longer has.
        """
        with self.lock:
            found = self._resumed.pop(place, None)
            keeper = self._shared
            if shared is not self._shared.shared:
                keeper = self._inner[place] = Keeper(shared, self.transient)
                kept = self._state.inner.get(place)
                # None of a pass that no visit had left: it has what it was given.
                if found is not None and kept is not None:
                    keeper.restore(kept)
            if found is None:
                self._places.pop(place, None)
        return Pass(self, place, graph, scope, keeper=keeper, found=found)

    def begin(self, place: str, node_id: str, via: Via | None) -> int:
        """A visit begins: its number, from 1."""
        with self.lock:
            known = self._places.get(place)
            if known is None or known.next != node_id:
                edge = None if via is None else (via.node_id, via.action)
                known = Position(next=node_id, via=edge)
            number = known.visit or self._visits.get(node_id, 0) + 1
            self._visits[node_id] = max(self._visits.get(node_id, 0), number)
            self._places[place] = msgspec.structs.replace(known, visit=number)
            self._moved.add(place)
            return number

    def items_of(self, task_id: str) -> dict[str, msgspec.Raw]:
        """What items of a visit gave that an earlier process finished, by index."""
        return self._given.get(task_id, {})

    def item_gave(self, visit: NodeVisit, value: Any) -> None:
        """An item is done, and what it gave is to be kept, if it can be."""
        try:
            data = encoded(value, f"what item {visit.item} gave")
        except InvalidValue as error:
            self._refusals[_key(visit)] = str(error)
            return
        self._items[_key(visit)] = msgspec.Raw(data)

    def refusal(self, visit: NodeVisit) -> str | None:
        """Why what an item gave is not kept, if it is not; once."""
        return self._refusals.pop(_key(visit), None)

    def leave(self, visit: NodeVisit, at: Pass, position: Position) -> None:
        """A visit is about to end: take down what it leaves.

        Raises:
            InvalidValue: Something in ``shared`` cannot be stored.
        """
        try:
            at.keeper.capture()
        except InvalidValue as error:
            text = f"node {visit.node_id!r}: {error}"
            raise InvalidValue(text, node_id=visit.node_id, **error.data) from None
        self._left[visit.task_id] = (at.place, position)

    def on_the_way(self, visit: NodeVisit) -> Checkpoint | None:
        """The checkpoint of a visit or item, which may not be stored yet; once."""
        return self._on_the_way.pop(_key(visit), None)

    # The reporter's side; the lock is held.

    def finished(
        self, visit: NodeVisit, at: str, action: str | None, result: Any
    ) -> Checkpoint | None:
        """The checkpoint of a visit that ended well; None for one that is not kept.

        Args:
            visit: Which.
            at: RFC 3339.
            action: By which it was left.
            result: The run's result by now, as JSON has it; ``NO_RESULT``: none.
        """
        left = self._left.pop(visit.task_id, None)
        if left is None:
            return None
        place, position = left
        self._places[place] = position
        self._moved.add(place)
        self._forget_inside(visit.task_id)
        record = self._record("state", visit, at)
        record.inner = self._news_of(place)
        record.action = action
        if result is not NO_RESULT:
            record.result = msgspec.Raw(msgspec.json.encode(result))
        return self._send(visit, record)

    def item_finished(self, visit: NodeVisit, at: str) -> Checkpoint | None:
        """The checkpoint of an item that ended well; None where it is not kept."""
        index = visit.item or 0
        data = self._items.pop(_key(visit), None)
        if data is None:
            return None
        self._forget_place(f"{visit.task_id}#{index}")
        record = self._record("item", visit, at)
        record.item = index
        record.items = {visit.task_id: {str(index): data}}
        return self._send(visit, record)

    def asked(self, visit: NodeVisit, at: str) -> Checkpoint | None:
        """The checkpoint of a question: it needs the numbers of what is under way."""
        if not self._moved:
            return None
        return Checkpoint(encode(self._record("asked", visit, at)))

    def _record(self, kind: Kind, visit: NodeVisit, at: str) -> Record:
        record = Record(kind=kind, task_id=visit.task_id, node_id=visit.node_id, at=at)
        record.places = {place: self._places.get(place) for place in self._moved}
        self._moved.clear()
        if kind != "asked":
            record.values, record.gone = self._shared.news()
        return record

    def _news_of(self, place: str) -> dict[str, Values]:
        """The data of one pass alone, if it has some of its own.

        What a visit beside this one has left in its own goes with the end of that:
        stored before, it would be there already when that visit began again.
        """
        keeper = self._inner.get(place)
        if keeper is None or not keeper.has_news:
            return {}
        keeper.news()
        return {place: keeper.everything()}

    def _send(self, visit: NodeVisit, record: Record) -> Checkpoint:
        made = self._on_the_way[_key(visit)] = Checkpoint(encode(record))
        return made

    def _forget_inside(self, task_id: str) -> None:
        self._given.pop(task_id, None)
        inside = [
            place
            for place in self._places
            if place == task_id or place.startswith(f"{task_id}#")
        ]
        for place in inside:
            self._forget_place(place)

    def _forget_place(self, place: str) -> None:
        self._inner.pop(place, None)
        if self._places.pop(place, None) is not None:
            self._moved.add(place)


def _key(visit: NodeVisit) -> _Key:
    return visit.task_id, visit.item


class Pass:
    """One pass through one graph, whose position is kept.

    Args:
        progress: The run's.
        place: See ``records.Position``.
        graph: The graph.
        scope: The names of its nodes.
        keeper: Of what its nodes share.
        found: Where an earlier process left it; None: it begins.
    """

    def __init__(
        self,
        progress: Progress,
        place: str,
        graph: Any,
        scope: Scope,
        *,
        keeper: Keeper,
        found: Position | None,
    ) -> None:
        self.progress = progress
        self.place = place
        self.keeper = keeper
        self.found = found
        self._scope = scope
        self._counts: dict[str, int] = {} if found is None else dict(found.counts)
        self.start: Any = graph.start_node
        """The node to begin with; None where the pass had ended."""
        if found is not None:
            self.start = None if found.next is None else self._node(graph, found.next)

    def _node(self, graph: Any, node_id: str) -> Any:
        named = {self._scope.name(node).id: node for node in members(graph)}
        if node_id in named:
            return named[node_id]
        raise position_gone(label_of(graph), node_id, named)

    @property
    def action(self) -> Any:
        """Of the node before."""
        return None if self.found is None else restored(self.found.action)

    @property
    def via(self) -> Via | None:
        """The edge that led to where it begins."""
        if self.found is None or self.found.via is None:
            return None
        return Via(*self.found.via)

    @property
    def value(self) -> Any:
        """What the last node gave, of a pass that had ended."""
        if self.found is None or self.found.value is msgspec.UNSET:
            return NO_RESULT
        return restored(msgspec.json.decode(self.found.value))

    def count(self, node: Any) -> int:
        """Count one more visit of a node whose visits are limited."""
        name = self._scope.name(node).id
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]

    def leave(
        self, step: VisitStep, via: Via | None, following: Any, action: Any
    ) -> None:
        """A node's visit is about to end.

        Args:
            step: The visit.
            via: The edge to what follows.
            following: The node that does; None ends the pass.
            action: As the node gave it.

        Raises:
            InvalidValue: Something in ``shared`` cannot be stored.
        """
        position = Position(action=_action(action), counts=dict(self._counts))
        if following is not None:
            position.next = self._scope.name(following).id
            position.via = None if via is None else (via.node_id, via.action)
        elif step.level.value is not NO_RESULT:
            value = _raw_or_none(step.level.value)
            position.value = msgspec.UNSET if value is None else value
        self.progress.leave(step.visit, self, position)


def _action(action: Any) -> Any:
    """An action as JSON, or its text where it is something odd."""
    if action is None or type(action) is str:
        return action
    data = _raw_or_none(action)
    return str(action) if data is None else msgspec.json.decode(data)


def _raw_or_none(value: Any) -> msgspec.Raw | None:
    try:
        return msgspec.Raw(encoded(value, "it"))
    except InvalidValue:
        return None


def position_gone(graph: str, node_id: str, known: Iterable[str]) -> GraphError:
    """The graph has changed since the run was there."""
    names = sorted(known)
    return GraphError(
        f"{graph}: the run stood before node {node_id!r}, which the graph no longer "
        f"has; there are {', '.join(names) or 'none'}{did_you_mean(node_id, names)}. "
        f"Resume it with the graph as it was, or begin anew by resume=False",
        node=node_id,
    )


def check_places(state: State, graph: str, known: Collection[str]) -> None:
    """Refuse a state whose run could not go on in the graph as it is.

    Args:
        state: What the run left.
        graph: The graph's name.
        known: The ids of all its nodes, nested ones too.

    Raises:
        GraphError: A node is gone.
    """
    for position in state.places.values():
        if position.next is not None and position.next not in known:
            raise position_gone(graph, position.next, known)
