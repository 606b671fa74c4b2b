"""A durable run's past: its checkpoints one after the other, each with its state.

A *step* is the end of a visit: step 0 is the run's start, step n the state after n
visits, those of nested graphs among them. Between two steps there may be checkpoints
of batch items and of questions, from which a resumed run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.graph.checkpoint_values import read
from kgnb.graph.near import did_you_mean
from kgnb.graph.records import State, decode, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kgnb.graph.records import Record


class Moment(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One checkpoint, and the state that all up to it add up to."""

    seq: int
    """Its place among the run's checkpoints, from 1."""
    step: int
    is_step: bool
    """Whether it is the step itself, or one between it and the next."""
    record: Record
    state: State

    @property
    def values(self) -> dict[str, Any]:
        """What the nodes shared, but for transient keys. Made anew each time.

        Raises:
            InvalidValue: A value is of a class that is not loaded here.
        """
        return {
            key: read(msgspec.json.decode(raw))
            for key, raw in self.state.values.items()
        }

    @property
    def next(self) -> tuple[str, ...]:
        """The nodes that come next, or are being visited; none at the end."""
        places = self.state.places
        open_places = [place for place, at in places.items() if at.next is not None]
        return tuple(
            at.next
            for at in places.values()
            if at.next is not None and not _holds(f"{at.next}:{at.visit}", open_places)
        )


def _holds(task_id: str, places: Iterable[str]) -> bool:
    """Whether a visit is of a graph, and nodes of that come next."""
    return any(each == task_id or each.startswith(f"{task_id}#") for each in places)


class Past:
    """All checkpoints of a run. Belongs to whoever made it.

    Args:
        run_id: The run's.
        records: What the log has, each with its seq, in order.

    Raises:
        InvalidValue: One of them is none: somebody wrote over the log.
    """

    def __init__(self, run_id: str, records: Iterable[tuple[int, bytes]]) -> None:
        self.run_id = run_id
        self._records = [(seq, decode(data, run_id, seq)) for seq, data in records]

    def moments(self) -> Iterator[Moment]:
        """Each checkpoint, the oldest first."""
        state, step, has_begun = State(), 0, False
        for seq, record in self._records:
            fold(state, record)
            # A process that goes on with the run begins with a start of its own.
            is_step = record.kind == "state" or not has_begun
            step += is_step and has_begun
            has_begun = True
            yield Moment(
                seq=seq, step=step, is_step=is_step, record=record, state=_copy(state)
            )

    def steps(self) -> list[Moment]:
        """The steps, the newest first."""
        return [moment for moment in self.moments() if moment.is_step][::-1]

    def find(self, at: int | str | None) -> Moment:
        """A checkpoint.

        Args:
            at: The number of a step; the id of a checkpoint, as ``key`` makes it; a
                visit (``"Draft:2"``) or a node (its last visit), for the last
                checkpoint before that began; None: the last of all.

        Raises:
            InvalidValue: There is none.
        """
        moments = list(self.moments())
        if not moments:
            raise InvalidValue(f"run {self.run_id!r} has no checkpoints yet")
        if at is None:
            return moments[-1]
        if isinstance(at, int):
            found = (m for m in moments if m.is_step and m.step == at)
            missing = f"no step {at}; its last is {moments[-1].step}"
        elif at.startswith(f"{self.run_id}:"):
            found = (m for m in moments if self.key(m.seq) == at)
            missing = f"no checkpoint {at!r}"
        else:
            return self._before(at, moments)
        for moment in found:
            return moment
        raise InvalidValue(f"run {self.run_id!r} has {missing}", at=at)

    def key(self, seq: int) -> str:
        """The id of a checkpoint."""
        return f"{self.run_id}:{seq}"

    def _before(self, name: str, moments: list[Moment]) -> Moment:
        """The last checkpoint that does not know of a visit yet."""
        visits = _with_those_that_come(moments[-1].state)
        node_id, visit = name, visits.get(name, 0)
        if not visit:
            node_id, _, number = name.rpartition(":")
            visit = int(number) if number.isdecimal() else 0
        if not 1 <= visit <= visits.get(node_id, 0):
            known = sorted(each for each, count in visits.items() if count)
            raise InvalidValue(
                f"run {self.run_id!r} has not come to {name!r}; it came to "
                f"{', '.join(known) or 'none'}{did_you_mean(name, known)}",
                at=name,
            )
        before = [m for m in moments if m.state.visits.get(node_id, 0) < visit]
        if not before:
            raise InvalidValue(
                f"run {self.run_id!r} was forked after {node_id}:{visit} began; fork "
                f"the run that it was forked from",
                at=name,
            )
        return before[-1]


def _with_those_that_come(state: State) -> dict[str, int]:
    """The number of each node's last visit, of those too that no checkpoint has yet.

    A visit that fails leaves none, and neither does the one that is under way.
    """
    visits = dict(state.visits)
    for position in state.places.values():
        if position.next is not None and not position.visit:
            visits[position.next] = state.visits.get(position.next, 0) + 1
    return visits


def _copy(state: State) -> State:
    """As it is now: the fold changes these in place."""
    return State(
        values=dict(state.values),
        inner=dict(state.inner),
        places=dict(state.places),
        items={task_id: dict(items) for task_id, items in state.items.items()},
        visits=dict(state.visits),
        result=state.result,
        transient=list(state.transient),
    )
