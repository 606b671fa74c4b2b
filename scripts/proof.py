"""Find anew what README and docs/benchmarks.md tell of faults, bad input and speed.

    python scripts/proof.py FOLDER [--short] [--only soak,fuzz] [--print]

What each part prints is kept in the folder as ``<part>.txt``, and a part that is there
is not run again. Then the blocks between the marks of both files are written. Takes
some two hours, ``--short`` (the bounds of CI) a quarter of that; it needs the extra
``dev`` installed and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.results import Line, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPO = Path(__file__).parent.parent
README = REPO / "README.md"
PAGE = REPO / "docs" / "benchmarks.md"
THREATS = REPO / "tests" / "threats" / "threats.toml"
MEASURES = (sys.executable, "-m")
PARTS = {
    "faults": ["scripts/faults"],
    "fuzz": ["scripts/fuzz"],
    "forms": ["scripts/test", "tests/web/test_web_safety.py"],
    "soak": [*MEASURES, "benchmarks.soak"],
    "benchmarks": [*MEASURES, "benchmarks", "--json", "{folder}/benchmarks.json"],
}
SHORT = {
    "faults": ["scripts/test", "tests/faults"],
    "fuzz": ["scripts/fuzz", "--messages", "50000", "--hypothesis", "5000"],
    "forms": PARTS["forms"],
    "soak": [*PARTS["soak"], "--short"],
    "benchmarks": [*PARTS["benchmarks"], "--short"],
}
SHOWN = (
    ("a step, watched, sync", "LangGraph astream"),
    ("a step, watched, sync", "pydantic-graph iter"),
    ("a durable node, a small state", "LangGraph, AsyncSqliteSaver, sync"),
    ("an async item, watched", "LangGraph Send"),
    ("5,000 tokens, flat out: until all are seen", "ipywidgets.HTML"),
    ("5,000 tokens, flat out: received", "ipywidgets.HTML"),
    ("click to node, kernel asleep, p50", ""),
    ("click to node, kernel busy, p50", ""),
    ("deliveries a second", "Starlette"),
    ("p99", "Starlette"),
    ("server: CPU a delivery", "Starlette"),
    ("all caught up", ""),
    ("import kgnb", "import ipywidgets"),
)
"""Lines of the benchmarks for the README: words of the line, how its peer begins."""


def run(part: str, folder: Path, *, is_short: bool) -> str:
    """What a part prints, of this time or of an earlier one.

    Raises:
        SystemExit: It failed; the folder has what it said.
    """
    kept = folder / f"{part}.txt"
    if not kept.exists():
        command = [
            word.format(folder=folder) for word in (SHORT if is_short else PARTS)[part]
        ]
        print(f"{part}: {' '.join(command)}", flush=True)
        said = folder / f"{part}.part"
        with said.open("w") as file:
            done = subprocess.run(command, cwd=REPO, stdout=file, check=False)
        if done.returncode:
            sys.exit(f"{part} failed: see {said}")
        said.rename(kept)
    return kept.read_text("utf-8")


# ---- what they print, in a line each


def of_faults(text: str) -> str:
    """The line that counts faults, without the list of their kinds."""
    return _found(r"^faults: ([^(\n]+) \(", text)


def of_fuzz(text: str) -> str:
    """Its two lines of counts."""
    frames = _found(r"^bad input: (.+), \d+ s$", text)
    return f"{frames}; then {_found(r'^next: (.+)$', text)}"


def of_forms(text: str) -> str:
    """How many there are of each, and what they reached."""
    xss, exfiltration = (
        _found(rf"^counted: (\d+) forms of {kind} in Chromium", text)
        for kind in ("XSS", "exfiltration")
    )
    asked = _found(r"^counted: (\d+) requests that these made$", text)
    return (
        f"{xss} forms of XSS and {exfiltration} of exfiltration in Chromium, streamed "
        f"in pieces, as text and as Markdown: {asked} requests, no script ran"
    )


def of_soak(text: str) -> str:
    """What a server that was kept busy lost and held."""
    told = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE))
    return (
        f"{told['clients at a time']} clients for {told['minutes']} minutes, of which "
        f"{told['of which read too slowly']} read too slowly, and which left and came "
        f"back {told['times that one left and came back']} times: "
        f"{told['deliveries checked']} deliveries of {told['runs ended']} runs, "
        f"{told['missing']} missing, {told['out of order, or twice']} out of order or "
        f"twice; memory {told['memory before, at most, after']} before, at most and "
        f"after; file descriptors {told['file descriptors before, after']}"
    )


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"nothing looks like {pattern!r}; run that part again")
    return found[1]


def lines_of(sections: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[Line]]:
    """The benchmarks' lines as they were, by section."""
    derived = ("ratio", "met")
    return {
        title: [
            Line(**{name: value for name, value in each.items() if name not in derived})
            for each in found
        ]
        for title, found in sections.items()
    }


def picked(sections: Mapping[str, list[Line]]) -> Iterator[Line]:
    """Those of ``SHOWN``, in its order."""
    lines = [line for found in sections.values() for line in found]
    for what, peer in SHOWN:
        fits = (e for e in lines if what in e.what and e.peer.startswith(peer))
        yield from islice(fits, 1)


# ---- the blocks


def block(said: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """The README's."""
    threats = len(tomllib.loads(THREATS.read_text("utf-8"))["threat"])
    table = {
        "[faults](tests/faults/README.md), `scripts/faults`": of_faults(said["faults"]),
        "bad input, `scripts/fuzz`": of_fuzz(said["fuzz"]),
        "text that attacks, `tests/web/test_web_safety.py`": of_forms(said["forms"]),
        "a busy server, `python -m benchmarks.soak`": of_soak(said["soak"]),
        "[threats](docs/security.md)": f"{threats}, each with tests of its own",
    }
    told = ["| | |", "|---|---|", *(f"| {name} | {v} |" for name, v in table.items())]
    sections = lines_of(found["sections"])
    return "\n".join([*told, "", *rows(picked(sections)), "", conditions(found)])


def tables(found: Mapping[str, Any]) -> str:
    """Those of docs/benchmarks.md."""
    told = [conditions(found)]
    for title, lines in lines_of(found["sections"]).items():
        told += ["", f"### {title}", "", *rows(lines)]
    return "\n".join(told)


def conditions(found: Mapping[str, Any]) -> str:
    """Where it was measured, with which versions."""
    versions = ", ".join(f"{name} {text}" for name, text in found["versions"].items())
    mode = "Short mode. " if found["short"] else ""
    return f"{mode}{found['machine']}. {versions}."


def replaced(text: str, mark: str, new: str) -> str:
    """A text whose block of this name is another one.

    Raises:
        SystemExit: It has no such block.
    """
    pattern = rf"<!-- {mark} -->.*<!-- /{mark} -->"
    if not re.search(pattern, text, re.DOTALL):
        sys.exit(f"there is no block <!-- {mark} -->")
    whole = f"<!-- {mark} -->\n{new}\n<!-- /{mark} -->"
    return re.sub(pattern, lambda _: whole, text, flags=re.DOTALL)


def main() -> None:
    """Run what is missing, and write both blocks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true", help="the bounds of CI")
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--print", action="store_true", help="change no file")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    parts = options.only.split(",") if options.only else list(PARTS)
    said = {part: run(part, folder, is_short=options.short) for part in parts}
    if said.keys() != PARTS.keys():
        return
    found = json.loads((folder / "benchmarks.json").read_text("utf-8"))
    if options.print:
        print(block(said, found))
        return
    README.write_text(replaced(README.read_text("utf-8"), "proof", block(said, found)))
    PAGE.write_text(replaced(PAGE.read_text("utf-8"), "benchmarks", tables(found)))


if __name__ == "__main__":
    main()
