"""docs/api.md is what the docstrings say, and leaves no public name out."""

import re
import runpy
from pathlib import Path

import kgnb
import kgnb.clients
import kgnb.graph
import kgnb.llm
import kgnb.testing

REPO = Path(__file__).parent.parent
PAGE = REPO / "docs" / "api.md"


def test_reference_is_that_of_the_docstrings():
    script = runpy.run_path(str(REPO / "scripts" / "api.py"))
    # Not by ==: pytest would compare the pages for a minute.
    is_same = script["page"]() == PAGE.read_text()
    assert is_same, "docs/api.md is behind the docstrings: python scripts/api.py"


def test_reference_has_every_public_name():
    text = PAGE.read_text()
    headings = set(re.findall(r"^### (?:class )?(\S+)$", text, re.MULTILINE))
    last = {heading.rpartition(".")[2] for heading in headings}
    for module in (kgnb, kgnb.graph, kgnb.llm, kgnb.clients, kgnb.testing):
        public = {name for name in module.__all__ if not name.startswith("__")}
        assert public <= last, public - last
    assert "kgnb.server.asgi.create_app" in headings
