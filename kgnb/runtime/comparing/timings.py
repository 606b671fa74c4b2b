"""How long two runs took, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec


class Timing(msgspec.Struct, frozen=True):
    """Seconds of either run; None where it is not known."""

    a: float | None
    b: float | None

    @property
    def ratio(self) -> float | None:
        """``b`` by ``a``: 2.0 where ``b`` took twice as long."""
        if not self.a or self.b is None:
            return None
        return self.b / self.a


class Timings(Mapping[str, Timing]):
    """Seconds by node id, all visits together; ``total`` from start to end.

    Args:
        nodes: By node id.
        total: Of the runs, waiting for people included.
    """

    def __init__(self, nodes: Mapping[str, Timing], total: Timing) -> None:
        self._nodes = dict(nodes)
        self.total = total

    def __getitem__(self, node_id: str) -> Timing:
        return self._nodes[node_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        rows = [("", "a", "b", "b/a")]
        rows += [_row(name, timing) for name, timing in self._nodes.items()]
        rows.append(_row("total", self.total))
        first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, *cells in rows:
            right = [f"{c:>{w}}" for c, w in zip(cells, others, strict=True)]
            lines.append("  ".join([f"{name:<{first}}", *right]).rstrip())
        return "\n".join(lines)


def _row(name: str, timing: Timing) -> tuple[str, str, str, str]:
    ratio = "" if timing.ratio is None else f"{timing.ratio:.2f}"
    return name, seconds(timing.a), seconds(timing.b), ratio


def seconds(value: float | None) -> str:
    """A duration as text; a dash where it is not known."""
    return "-" if value is None else f"{value:.3f} s"


def timings_between(
    a: Mapping[str, float] | None,
    b: Mapping[str, float] | None,
    totals: tuple[float | None, float | None],
) -> Timings:
    """Both runs' durations side by side, in the order of ``a``."""
    mine, other = a or {}, b or {}
    names = [*mine, *(name for name in other if name not in mine)]
    nodes = {name: Timing(mine.get(name), other.get(name)) for name in names}
    return Timings(nodes, Timing(*totals))
