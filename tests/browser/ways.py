"""Which click reaches a kernel, measured: the table that the tests click through.

``TABLE`` is the one place; ``table_markdown`` is what the README shows of it.
"""

from __future__ import annotations

import itertools

WORKS = "works"
CANNOT = "cannot"

CASES = {
    "idle": "is idle",
    "result": "blocks in `run.result()`",
    "await": "awaits `run`",
    "sleep": "sleeps in another cell",
    "loop": "is in a Python loop of another cell",
}
"""What the kernel does meanwhile."""

KERNELS = {"ipykernel-6.31": "6.31", "ipykernel-7.3": "7.3", "ipykernel-7.4": "7.4"}
"""Kernelspec name to the ipykernel that it runs."""

WAYS = {
    "server": "server extension",
    "control": "without it: control channel",
    "comm": "comm",
    "widget control": "only the widget: control channel",
    "widget comm": "its comm",
}
"""How the click travels. ``widget``: the anywidget alone, without our lab extension."""

_BUSY = {"result", "await", "sleep", "loop"}
DEAF = {
    # One shell for cells and comms.
    ("comm", "ipykernel-6.31"): _BUSY,
    ("widget comm", "ipykernel-6.31"): _BUSY,
    # A comm that the kernel opened is heard where it last sent: in the cells' shell.
    # There comms are heard while a cell awaits.
    ("widget comm", "ipykernel-7.4"): _BUSY - {"await"},
}
"""Way and kernel to what cannot be: there a click waits for the cell's end."""

TABLE = {
    (case, kernel, way): CANNOT if case in DEAF.get((way, kernel), ()) else WORKS
    for case, kernel, way in itertools.product(CASES, KERNELS, WAYS)
}


def table_markdown() -> str:
    """The table, a row for each case and a column for each way."""
    lines = [
        f"ipykernel {', '.join(KERNELS.values())}:",
        "",
        "| while the kernel … | " + " | ".join(WAYS.values()) + " |",
        "|---" * (len(WAYS) + 1) + "|",
    ]
    for case, words in CASES.items():
        row = [_entry(case, way) for way in WAYS]
        lines.append(f"| {words} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _entry(case: str, way: str) -> str:
    deaf = [v for k, v in KERNELS.items() if TABLE[case, k, way] == CANNOT]
    if not deaf:
        return WORKS
    return f"{CANNOT} on {', '.join(deaf)}" if len(deaf) < len(KERNELS) else CANNOT
