"""What a cell waits for before anything runs: imports, and the sizes of what is loaded.

Each import is a process of its own, less one that imports nothing; they take turns, and
medians count. Sizes are of the files that are installed.

    python -m benchmarks.imports [--short]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.results import Line, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REPO = Path(__file__).parent.parent
ROUNDS, SHORT_ROUNDS = 15, 5
WEB = REPO / "kgnb" / "web"
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


def at_start() -> list[Path]:
    """What JupyterLab loads for a page that shows no run: its container and modules."""
    extension = WEB / "labextension"
    package = json.loads((extension / "package.json").read_text("utf-8"))
    container = extension / package["jupyterlab"]["_build"]["load"]
    found = [container]
    wanted = re.findall(r'import\("\./([^"]+)"\)', container.read_text("utf-8"))
    while wanted:
        path = extension / "static" / wanted.pop()
        if path not in found:
            found.append(path)
            wanted += re.findall(r'from"\./([^"]+)"', path.read_text("utf-8"))
    return found


def bytes_of(paths: Iterable[Path]) -> int:
    """How large these files are together."""
    return sum(path.stat().st_size for path in paths)


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    found = imports(SHORT_ROUNDS if is_short else ROUNDS)
    mine = found.pop("kgnb")
    yield Line("import kgnb", "ms", mine, target=100)
    for name, theirs in found.items():
        yield Line("import kgnb", "ms", mine, f"import {MODULES[name]}", theirs)
    panel, start = bytes_of([WEB / "kgnb.js"]), bytes_of(at_start())
    yield Line("the panel's JavaScript", "kB", panel / 1000, target=120)
    yield Line("what JupyterLab loads at its start", "kB", start / 1000)
    if not is_short:
        yield Line("the wheel", "kB", wheel_size() / 1000)


if __name__ == "__main__":
    print_lines(lines)
