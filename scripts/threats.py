"""Write docs/security.md, and the README's sentences, from the tables of threats."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

REPO = Path(__file__).parent.parent
README = REPO / "README.md"
TABLES = REPO / "tests" / "threats"
PAGE = REPO / "docs" / "security.md"

_HEAD = """# Security

What was considered, what kgnb does, and the tests that try it. A test fails when one
of these tests is gone. Written by `scripts/threats.py` from
`tests/threats/threats.toml` and `tests/threats/advisories.toml`.
"""
_HOLES = """
## Holes of others

Advisories of what kgnb builds on, or is like, and what keeps each out here.
"""


def threats() -> list[dict[str, Any]]:
    """The table, in its order."""
    found: list[dict[str, Any]] = _read("threats.toml")["threat"]
    return found


def advisories() -> list[dict[str, Any]]:
    """The holes of others, in their order."""
    found: list[dict[str, Any]] = _read("advisories.toml")["advisory"]
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((TABLES / name).read_text())


def page() -> str:
    """docs/security.md."""
    rows = ["| | threat | what is done | tests |", "|---|---|---|---|"]
    for each in threats():
        told = each["answer"] + (f" **But:** {each['but']}" if "but" in each else "")
        cells = (str(each["number"]), each["threat"], told, _linked(each["tests"]))
        rows.append(f"| {' | '.join(cells)} |")
    holes = ["| advisory | what it was | what is done | tests |", "|---|---|---|---|"]
    for each in advisories():
        ids = "<br>".join(each["ids"])
        cells = (ids, each["hole"], each["answer"], _linked(each["tests"]))
        holes.append(f"| {' | '.join(cells)} |")
    return "\n".join([_HEAD, *rows, _HOLES, *holes, ""])


def _linked(tests: list[str]) -> str:
    """Ids of tests as links to their files."""
    return "<br>".join(
        f"[`{test.partition('::')[2]}`](../{test.partition('::')[0]})" for test in tests
    )


def sentences() -> str:
    """What is left to others, or not done: for the README."""
    return "\n".join(f"* {each['but']}" for each in threats() if "but" in each)


def replaced(text: str) -> str:
    """The README's text with the sentences of this version."""
    block = f"<!-- threats -->\n{sentences()}\n<!-- /threats -->"
    return re.sub(
        r"<!-- threats -->.*<!-- /threats -->", lambda _: block, text, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    README.write_text(replaced(README.read_text()))
