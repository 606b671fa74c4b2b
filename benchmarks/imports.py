"""What a cell waits for before anything runs: imports, and the sizes of what is loaded.

Each import is a process of its own, less one that imports nothing; they take turns, and
medians count. Sizes are of the files that are installed.

    python -m benchmarks.imports [--short]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.results import Line, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).parent.parent
ROUNDS, SHORT_ROUNDS = 15, 5
LAB_BUNDLE = REPO / "kgnb" / "web" / "kgnb.js"
MODULES = {
    "kgnb": "kgnb",
    "ipywidgets": "ipywidgets",
    "langgraph": "langgraph.graph",
    "anywidget": "anywidget",
}


def seconds(source: str) -> float:
    """Of a new Python that runs this."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True, cwd="/")
    return time.perf_counter() - began


def imports(rounds: int) -> dict[str, float]:
    """Milliseconds that each import adds."""
    sources = {"": "pass", **{k: f"import {v}" for k, v in MODULES.items()}}
    for source in sources.values():
        seconds(source)  # what is compiled the first time is not counted
    found: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(rounds):
        for name, source in sources.items():
            found[name].append(seconds(source))
    nothing = median(found.pop(""))
    return {name: (median(each) - nothing) * 1000 for name, each in found.items()}


def wheel_size() -> int:
    """Bytes of kgnb's wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        subprocess.run([*command, "--wheel-dir", folder, REPO], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.stat().st_size


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    found = imports(SHORT_ROUNDS if is_short else ROUNDS)
    mine = found.pop("kgnb")
    yield Line("import kgnb", "ms", mine, target=100)
    for name, theirs in found.items():
        yield Line("import kgnb", "ms", mine, f"import {MODULES[name]}", theirs)
    bundle = LAB_BUNDLE.stat().st_size / 1024
    yield Line("the panel's JavaScript", "KiB", bundle, target=120)
    if not is_short:
        yield Line("the wheel", "KiB", wheel_size() / 1024)


if __name__ == "__main__":
    print_lines(lines)
