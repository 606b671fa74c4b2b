"""The ways that two runs took: their visits in a steady order, aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.protocol.record import visit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kgnb.protocol.view import RunView
    from kgnb.protocol.visit_view import VisitView


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a node, without what chance made of it."""

    node: str
    number: int
    """Of the node's visits, from 1."""
    outcome: str
    action: str | None = None

    @property
    def name(self) -> str:
        """Such as ``"Draft:2"``; also what ``run.fork(at=...)`` takes."""
        return f"{self.node}:{self.number}"


class PathStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a path: a visit of either run, or one that both made."""

    a: Visit | None = None
    b: Visit | None = None

    @property
    def kind(self) -> Literal["same", "changed", "added", "removed"]:
        """``added``: only ``b`` made it. ``changed``: another action or outcome."""
        if self.a is None:
            return "added"
        if self.b is None:
            return "removed"
        return "same" if self.a == self.b else "changed"

    @property
    def node(self) -> str:
        """The node's id."""
        visit = self.a or self.b
        return "" if visit is None else visit.node

    def __repr__(self) -> str:
        return f"{_MARKS[self.kind]} {self.words}"

    @property
    def words(self) -> str:
        """The visits, and what became of them."""
        a, b = self.a, self.b
        if a is None or b is None:
            visit = a or b
            return "" if visit is None else f"{visit.name} {became(visit)}"
        if a == b:
            return f"{a.name} {became(a)}"
        other = "" if a.name == b.name else f"{b.name} "
        return f"{a.name} {became(a)} | {other}{became(b)}"


_MARKS = {"same": " ", "changed": "~", "added": "+", "removed": "-"}


def became(visit: Visit) -> str:
    """A visit's outcome in words: where it led, if it was completed."""
    if visit.outcome != "completed":
        return visit.outcome
    return "completed" if visit.action is None else f"→ {visit.action}"


def visits_of(view: RunView) -> list[Visit]:
    """A run's visits, in an order in which chance has no part.

    One after the other as they began. Those of one graph that overlapped, as parallel
    branches do, stand in the graph's order; a graph's inner visits follow its own.
    """
    return [
        _visit(entry) for entry in _Sorted(view).all() if entry.status != "interrupted"
    ]  # such a one began again, in another process


def _visit(entry: VisitView) -> Visit:
    return Visit(
        node=entry.node_id,
        number=visit_of(entry.task_id),
        outcome=entry.status,
        action=entry.action,
    )


def last_visits(record: Mapping[str, Any]) -> dict[str, Visit]:
    """Each node's last visit, in the graph's order: all that a record tells."""
    return {
        node_id: Visit(
            node=node_id,
            number=node["visits"],
            outcome=node["status"],
            action=node.get("action"),
        )
        for node_id, node in record["nodes"].items()
        if node["visits"]
    }


def side_by_side(
    a: Mapping[str, Visit], b: Mapping[str, Visit]
) -> tuple[PathStep, ...]:
    """The last visits of either run's nodes, one line a node."""
    names = [*a, *(name for name in b if name not in a)]
    return tuple(PathStep(a=a.get(name), b=b.get(name)) for name in names)


class _Sorted:
    """A view's timeline, level by level."""

    def __init__(self, view: RunView) -> None:
        nodes = view.graph.nodes
        self._place: dict[str, int] = {
            node.id: place for place, node in enumerate(nodes)
        }
        self._level: dict[str, str] = {node.id: "/".join(node.path) for node in nodes}
        self._by_level: dict[str, list[VisitView]] = {}
        for entry in view.timeline:
            level = self._level.get(entry.node_id, "")
            self._by_level.setdefault(level, []).append(entry)
        self._end = view.ended_at or "\uffff"

    def all(self) -> Iterator[VisitView]:
        yield from self._within("", "", self._end)
        # What no visit that is known contains: its own was dropped as too old.
        for left in list(self._by_level.values()):
            yield from self._in_order(left)

    def _within(self, level: str, begin: str, end: str) -> Iterator[VisitView]:
        """The visits at a level that began in a span of time, each with its inner."""
        all_here = self._by_level.get(level, [])
        here = [entry for entry in all_here if begin <= entry.started_at <= end]
        self._by_level[level] = [entry for entry in all_here if entry not in here]
        for entry in self._in_order(here):
            yield entry
            ended = entry.ended_at or self._end
            yield from self._within(entry.node_id, entry.started_at, ended)

    def _in_order(self, visits: list[VisitView]) -> Iterator[VisitView]:
        """Visits of one level: those that overlap in the graph's order."""
        together: list[VisitView] = []
        until = ""
        for entry in sorted(visits, key=lambda entry: entry.started_at):
            if together and entry.started_at >= until:
                yield from sorted(together, key=self._key)
                together = []
            together.append(entry)
            until = max(until, entry.ended_at or self._end)
        yield from sorted(together, key=self._key)

    def _key(self, entry: VisitView) -> tuple[int, str, int]:
        place = self._place.get(entry.node_id, len(self._place))
        return place, entry.node_id, visit_of(entry.task_id)


def with_past(fork: Sequence[Visit], origin: Sequence[Visit]) -> list[Visit]:
    """A fork's path with what it has of the run that it was forked from."""
    names = [visit.name for visit in origin]
    is_known = bool(fork) and fork[0].name in names
    place = names.index(fork[0].name) if is_known else len(names)
    return [*origin[:place], *fork]


def align(a: Sequence[Visit], b: Sequence[Visit]) -> tuple[PathStep, ...]:
    """Both paths in one: as many visits as can be stand side by side.

    The same visit of a node is the same, whatever became of it: where two runs part,
    the line at which they do shows both actions.
    """
    longest = _longest(a, b)
    steps: list[PathStep] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i].name == b[j].name:
            steps.append(PathStep(a=a[i], b=b[j]))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            steps.append(PathStep(a=a[i]))
            i += 1
        else:
            steps.append(PathStep(b=b[j]))
            j += 1
    steps += [PathStep(a=visit) for visit in a[i:]]
    steps += [PathStep(b=visit) for visit in b[j:]]
    return tuple(steps)


def _longest(a: Sequence[Visit], b: Sequence[Visit]) -> list[list[int]]:
    """The longest common subsequence's length of what follows each pair of places.

    A view keeps 1,000 visits at most, so a million steps are the worst.
    """
    rows = [[0] * (len(b) + 1)]
    others = [visit.name for visit in b]
    for visit in reversed(a):
        name, below = visit.name, rows[-1]
        row = [0] * (len(b) + 1)
        for j in range(len(b) - 1, -1, -1):
            if name == others[j]:
                row[j] = below[j + 1] + 1
            else:
                row[j] = max(below[j], row[j + 1])
        rows.append(row)
    rows.reverse()
    return rows


def first_difference(steps: Iterable[PathStep]) -> PathStep | None:
    """Where two paths part."""
    return next((step for step in steps if step.kind != "same"), None)


class Same(msgspec.Struct, frozen=True):
    """Some visits that both made alike, in a path that is shown."""

    steps: tuple[PathStep, ...]

    def __repr__(self) -> str:
        return f"  … {len(self.steps)} visits alike"


def folded(path: tuple[PathStep, ...], around: int = 2) -> list[PathStep | Same]:
    """A path with what is the same on both sides taken together.

    Args:
        path: The path.
        around: How many equal visits stay before and after one that differs.
    """
    near = {
        place + shift
        for place, step in enumerate(path)
        if step.kind != "same"
        for shift in range(-around, around + 1)
    }
    shown: list[PathStep | Same] = []
    run: list[PathStep] = []
    for place, step in enumerate((*path, None)):
        if step is not None and place not in near:
            run.append(step)
            continue
        # One alone takes no more room than the word that it was left out.
        shown += run if len(run) <= 1 else [Same(tuple(run))]
        run = []
        if step is not None:
            shown.append(step)
    return shown
