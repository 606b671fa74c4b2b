"""Write docs/security.md, and the README's sentences, from the table of threats."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

REPO = Path(__file__).parent.parent
README = REPO / "README.md"
TABLE = REPO / "tests" / "threats" / "threats.toml"
PAGE = REPO / "docs" / "security.md"

_HEAD = """# Security

What was considered, what kgnb does, and the tests that try it. A test fails when one
of these tests is gone. Written by `scripts/threats.py` from
`tests/threats/threats.toml`.
"""


def threats() -> list[dict[str, Any]]:
    """The table, in its order."""
    found: list[dict[str, Any]] = tomllib.loads(TABLE.read_text())["threat"]
    return found


def page() -> str:
    """docs/security.md."""
    rows = ["| | threat | what is done | tests |", "|---|---|---|---|"]
    for each in threats():
        names = "<br>".join(
            f"[`{name.partition('::')[2]}`](../{name.partition('::')[0]})"
            for name in each["tests"]
        )
        told = each["answer"] + (f" **But:** {each['but']}" if "but" in each else "")
        rows.append(f"| {each['number']} | {each['threat']} | {told} | {names} |")
    return "\n".join([_HEAD, *rows, ""])


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
