"""``kgnb.compare``: two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.runtime import hooks
from kgnb.runtime.comparing.paths import (
    PathStep,
    align,
    first_difference,
    folded,
    last_visits,
    side_by_side,
    visits_of,
    with_past,
)
from kgnb.runtime.comparing.sides import Side, side_of
from kgnb.runtime.comparing.timings import Timings, timings_between
from kgnb.runtime.comparing.values import Difference, differences, equal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgnb.protocol.view import RunView
    from kgnb.runtime.result import Result
    from kgnb.runtime.run import Run

    Comparable = Run | Result | RunView | Mapping[str, Any] | str

MOST_LINES = 60
"""Lines of a path or of differences that are shown; the attributes have all."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs, ``a`` and ``b``, as they were when compared.

    What it shows has no ids and no times, so that equal runs show the same in every
    execution; ``timings`` has the times.
    """

    names: tuple[str, str]
    """The workflows."""
    statuses: tuple[str, str]
    path: tuple[PathStep, ...]
    """The visits of both, side by side; the last 1,000 of each run."""
    is_ordered: bool
    """Whether the path is the order of the visits. A saved record has only how often
    each node was visited: then the last visits stand in the graph's order."""
    state: tuple[Difference, ...] | None
    """Where what the nodes shared differs; of a LangGraph graph, its state. None where
    it is not known of both: neither the log nor a saved record has it."""
    results: tuple[Difference, ...]
    """Where what the nodes gave differs, the run's result and its error."""
    timings: Timings

    @property
    def same(self) -> bool:
        """Whether nothing differs but times."""
        return (
            self.statuses[0] == self.statuses[1]
            and self.diverges is None
            and not self.state
            and not self.results
        )

    @property
    def diverges(self) -> PathStep | None:
        """The first visit that differs; None where both went the same way."""
        return first_difference(self.path)

    def __repr__(self) -> str:
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str | None:
        display = hooks.display()
        return display.comparison(self) if isinstance(display, hooks.Compares) else None


def compare(a: Comparable, b: Comparable) -> Comparison:
    """Two runs side by side: the way each took, what it left, how long it took.

    Either may be a ``Run`` (also one that has not ended: as far as it is), a
    ``Result``, the id of a run that this kernel's log has, or a saved record: an
    output of a notebook as a dict, or what it has for kgnb.

    What the nodes shared is compared place by place, whatever is in it; of two runs
    over one dict it is the same. Of a run of an earlier process it is the latest
    checkpoint's, where the run was durable, and transient keys are left out.

    Raises:
        InvalidValue: One is none of these.
        NoSuchRun: The log has no run of that id.
    """
    mine, other = side_of(a), side_of(b)
    return Comparison(
        names=(mine.name, other.name),
        statuses=(mine.status, other.status),
        path=_path(mine, other),
        is_ordered=mine.view is not None and other.view is not None,
        state=_state(mine, other),
        results=_results(mine, other),
        timings=timings_between(
            mine.durations, other.durations, (mine.total, other.total)
        ),
    )


def _path(a: Side, b: Side) -> tuple[PathStep, ...]:
    if a.view is None or b.view is None:
        return side_by_side(last_visits(a.record), last_visits(b.record))
    mine, other = visits_of(a.view), visits_of(b.view)
    if b.is_fork_of(a):
        other = with_past(other, mine)
    elif a.is_fork_of(b):
        mine = with_past(mine, other)
    return align(mine, other)


def _state(a: Side, b: Side) -> tuple[Difference, ...] | None:
    if not (a.has_state and b.has_state):
        return None
    unknown = a.unknown | b.unknown
    return differences(_without(a, unknown), _without(b, unknown), "shared")


def _without(side: Side, unknown: frozenset[str]) -> Any:
    """What a run's nodes shared, but for what is not known of the other."""
    shared = side.shared
    if not unknown or not isinstance(shared, Mapping):
        return shared
    return {key: each for key, each in list(shared.items()) if key not in unknown}


def _results(a: Side, b: Side) -> tuple[Difference, ...]:
    return tuple(
        each
        for name in a.results
        if not equal(a.results[name], b.results[name])
        for each in differences(a.results[name], b.results[name], name)
    )


# As text.


def verdict(comparison: Comparison) -> str:
    """In what two runs differ, in one sentence."""
    c = comparison
    if c.same:
        unknown = "" if c.state is not None else " (what they shared is not known)"
        return f"the same{unknown}"
    parts = []
    if c.statuses[0] != c.statuses[1]:
        parts.append("outcome")
    if (first := c.diverges) is not None:
        parts.append(f"path (from {(first.a or first.b).name} on)")  # type: ignore[union-attr]  # it has one
    for name, found in (("state", c.state), ("results", c.results)):
        if found:
            places = "place" if len(found) == 1 else "places"
            parts.append(f"{name} ({len(found)} {places})")
    return f"differ in {', '.join(parts)}"


def _lines(c: Comparison) -> Iterator[str]:
    yield f"{title(c)}: {verdict(c)}"
    if c.diverges is not None:
        yield "path" if c.is_ordered else "path (saved records do not tell the order)"
        yield from _shortened([f"  {step!r}" for step in folded(c.path)])
    for name, found in (("state", c.state), ("results", c.results)):
        if found:
            yield name
            yield from _shortened([f"  {each!r}" for each in found])


def title(comparison: Comparison) -> str:
    """Which runs, by name and status."""
    (a, b), (mine, other) = comparison.names, comparison.statuses
    return f"a: {a} {mine} | b: {b} {other}"


def _shortened(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"  … and {len(lines) - MOST_LINES} more"
