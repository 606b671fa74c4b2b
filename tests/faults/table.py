"""Writes README.md beside it from the table of faults."""

import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE / "README.md"

HEAD = """# Faults

What is broken on purpose, with what, and by which tests. Server, kernel and clients are
processes of their own; clients and nodes keep journals outside of kgnb, and
[`journals.py`](journals.py) compares them with what the store holds in the end: no
event, answer or message that was acknowledged may be lost, doubled or out of order, and
no node that ended may run again. A few fixed schedules run with every test run;
`scripts/faults` runs all of them and ends with a line that counts what was injected and
checked. Written by `table.py` from `faults.toml`; a test fails when one of these tests
is gone.
"""


def faults():
    """The table, in its order."""
    return tomllib.loads((HERE / "faults.toml").read_text())["fault"]


def page():
    """README.md."""
    rows = ["| fault | made by | tests |", "|---|---|---|"]
    for each in faults():
        names = [
            f"[`{name.partition('::')[2]}`](../../{name.partition('::')[0]})"
            for name in each["tests"]
        ]
        if "but" in each:
            names.append(f"**But:** {each['but']}")
        rows.append(f"| {each['fault']} | {each['tool']} | {'<br>'.join(names)} |")
    return "\n".join([HEAD, *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
