"""Write the README's table of settings from the extension's traits."""

from __future__ import annotations

import re
from pathlib import Path

from traitlets import Undefined

from kgnb.server.app import KgnbApp

README = Path(__file__).parent.parent / "README.md"


def render() -> str:
    """The table, a row a trait."""
    rows = ["| `KgnbApp.` | default | what |", "|---|---|---|"]
    for name, trait in sorted(KgnbApp.class_own_traits(config=True).items()):
        default = trait.default_value
        shown = "[]" if default is Undefined else repr(default)
        rows.append(f"| `{name}` | `{shown}` | {trait.help} |")
    return "\n".join(rows)


def replaced(text: str) -> str:
    """The README's text with the table of this version."""
    table = f"<!-- settings -->\n{render()}\n<!-- /settings -->"
    return re.sub(
        r"<!-- settings -->.*<!-- /settings -->",
        lambda _: table,
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(replaced(README.read_text()))
