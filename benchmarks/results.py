"""What the benchmarks found, as one table: Markdown to read, JSON to compare."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.rounds import Cost

PEERS = (
    "kgnb",
    "ipykernel",
    "ipywidgets",
    "jupyterlab",
    "jupyter-server",
    "jupyter-ui-poll",
    "anywidget",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "pocketflow",
    "pydantic-graph",
    "starlette",
    "tornado",
    "uvicorn",
    "websockets",
)
"""The packages whose versions matter."""


@dataclass(frozen=True)
class Line:
    """One figure of kgnb's, beside a peer's of the same go where there is one."""

    what: str
    unit: str
    kgnb: float
    peer: str = ""
    theirs: float | None = None
    """None: it cannot do this at all, or nobody is measured beside."""
    is_more_better: bool = False
    target: float | None = None
    """For ``kgnb``, in the unit; at most that, or at least where more is better."""
    target_ratio: float | None = None
    """The same for ``ratio``."""

    @property
    def ratio(self) -> float | None:
        """kgnb's figure as a multiple of the peer's."""
        return self.kgnb / self.theirs if self.theirs else None

    @property
    def is_met(self) -> bool | None:
        """Whether the targets are; None where it has none."""
        found = [
            value >= target if self.is_more_better else value <= target
            for value, target in (
                (self.kgnb, self.target),
                (self.ratio, self.target_ratio),
            )
            if value is not None and target is not None
        ]
        return all(found) if found else None

    def cells(self) -> list[str]:
        """The columns of the Markdown table."""
        aims = []
        sign = "≥" if self.is_more_better else "≤"
        if self.target is not None:
            aims.append(f"{sign} {_told(self.target)} {self.unit}")
        if self.target_ratio is not None:
            aims.append(f"{sign} {self.target_ratio:g} of theirs")
        met = {None: "", True: " ✓", False: " ✗"}[self.is_met]
        return [
            self.what,
            f"{_told(self.kgnb)} {self.unit}",
            self.peer,
            "" if self.theirs is None else f"{_told(self.theirs)} {self.unit}",
            "" if self.ratio is None else f"{self.ratio:.3g}",
            ", ".join(aims) + met,
        ]


@dataclass
class Table:
    """The lines of one go, by the title of what measured them."""

    is_short: bool
    sections: dict[str, list[Line]] = field(default_factory=dict)

    def add(self, title: str, lines: Iterable[Line]) -> list[Line]:
        """Take what a benchmark found."""
        found = list(lines)
        self.sections.setdefault(title, []).extend(found)
        return found

    def summary(self) -> str:
        """How many targets are met, and which are not."""
        lines = [line for found in self.sections.values() for line in found]
        aimed = [line for line in lines if line.is_met is not None]
        missed = [line.what for line in aimed if not line.is_met]
        told = f"{len(aimed) - len(missed)} of {len(aimed)} targets met"
        return f"{told}; missed: {'; '.join(missed)}" if missed else told

    def markdown(self) -> str:
        """All of it."""
        told = [f"{machine()}. {versions_text()}.", ""]
        if self.is_short:
            told[:0] = [
                "Short mode: fewer pieces and rounds than the targets ask for.",
                "",
            ]
        for title, lines in self.sections.items():
            told += [f"### {title}", "", *rows(lines), ""]
        return "\n".join(told)

    def json(self) -> str:
        """All of it, for programs."""
        sections = {
            title: [
                asdict(line) | {"ratio": line.ratio, "met": line.is_met}
                for line in lines
            ]
            for title, lines in self.sections.items()
        }
        found = {
            "machine": machine(),
            "short": self.is_short,
            "versions": versions(),
            "sections": sections,
        }
        return json.dumps(found, indent=1, ensure_ascii=False)


def rows(lines: Iterable[Line]) -> list[str]:
    """A Markdown table."""
    head = ["", "kgnb", "beside", "theirs", "kgnb / theirs", "target"]
    table = [head, ["---"] * len(head), *(line.cells() for line in lines)]
    return [f"| {' | '.join(row)} |" for row in table]


def beside(
    what: str,
    costs: Mapping[str, Cost],
    *,
    ours: str = "kgnb",
    scale: float = 1e6,
    unit: str = "µs",
    **aims: Any,
) -> list[Line]:
    """A line for each peer in ``costs``; the first also has the target.

    Args:
        what: Is measured.
        costs: Of kgnb, under the key ``ours``, and of all others.
        ours: See there; other keys that begin with "kgnb" are left out.
        scale: From seconds to the unit.
        unit: Of the line.
        aims: ``target`` and ``target_ratio`` of the first line.
    """
    mine = costs[ours].wall * scale
    found = [
        Line(what, unit, mine, name, cost.wall * scale)
        for name, cost in costs.items()
        if not name.startswith("kgnb")
    ]
    first = found[0]
    return [Line(what, unit, mine, first.peer, first.theirs, **aims), *found[1:]]


def print_lines(lines: Callable[..., Iterable[Line]]) -> None:
    """Be the command of one benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="fewer pieces and rounds")
    logging.disable(logging.INFO)
    print("\n".join(rows(lines(is_short=parser.parse_args().short))))


def machine() -> str:
    """What it ran on."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({processor}), {platform.system()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the end"
    )


def versions() -> dict[str, str]:
    """Of the packages that were measured, by name."""
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def versions_text() -> str:
    """The same, to read."""
    return ", ".join(f"{name} {number}" for name, number in versions().items())


def _told(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return []
