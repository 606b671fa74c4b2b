"""All benchmarks in one go, as one table of ratios.

    python -m benchmarks [--short] [--only steps,fanout] [--json FILE] [--markdown FILE]

Each is a process of its own, one after the other. The short mode takes less than five
minutes on two cores, the whole some twenty. Exits with 1 if a benchmark failed
(kgnb lost something, say); a target that is missed has its ✗ in the table.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Line, Table, rows

TITLES = {
    "steps": "What a step costs",
    "watching": "What watching other libraries' graphs costs",
    "durability": "What it costs that a run can be resumed",
    "batches": "A thousand items at once",
    "executors": "Items in other processes",
    "tokens": "Tokens to the screen",
    "clicks": "From a click to the node that waits",
    "fanout": "A run that many read",
    "storms": "When its server dies",
    "stores": "Storing",
    "imports": "Before anything runs",
    "growth": "How costs grow",
}
LONG_ONLY = ("executors", "stores")
"""What the short mode leaves out."""


def find(name: str, *, is_short: bool) -> list[Line]:
    """What one benchmark finds, in this process."""
    module = importlib.import_module(f"benchmarks.{name}")
    return list(module.lines(is_short=is_short))


def find_apart(name: str, *, is_short: bool) -> list[Line]:
    """The same in a process of its own.

    Raises:
        subprocess.CalledProcessError: It failed, and has said why.
    """
    command = [sys.executable, "-m", "benchmarks", "--one", name]
    if is_short:
        command.append("--short")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Line(**each) for each in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Print the table, section by section."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="under five minutes")
    parser.add_argument("--only", default="", help=f"some of {', '.join(TITLES)}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        logging.disable(logging.INFO)
        found = find(options.one, is_short=options.short)
        print(json.dumps([asdict(line) for line in found]))
        return
    names = [name for name in options.only.split(",") if name]
    if unknown := set(names) - set(TITLES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if not names:
        names = [n for n in TITLES if not (options.short and n in LONG_ONLY)]
    table, failed = Table(is_short=options.short), []
    for name in names:
        began = time.monotonic()
        try:
            found = find_apart(name, is_short=options.short)
        except subprocess.CalledProcessError:
            failed.append(name)
            print(f"\n{name} FAILED", flush=True)
            continue
        print(f"\n### {TITLES[name]} ({time.monotonic() - began:.0f} s)\n")
        print("\n".join(rows(table.add(TITLES[name], found))), flush=True)
    print(f"\n{table.summary()}")
    for path, text in (
        (options.json, table.json()),
        (options.markdown, table.markdown()),
    ):
        if path is not None:
            path.write_text(text + "\n", "utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
