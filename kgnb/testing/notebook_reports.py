"""What is kept of a notebook that was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
from nbconvert import HTMLExporter

if TYPE_CHECKING:
    from pathlib import Path


def write_report(executed: nbformat.NotebookNode, path: Path) -> Path:
    """Keep an executed notebook, and a page of it; returns the page's path.

    Args:
        executed: As far as it came.
        path: Of the notebook to write; the page stands beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed, path)  # type: ignore[no-untyped-call]  # upstream
    page = path.with_suffix(".html")
    exporter = HTMLExporter()  # type: ignore[no-untyped-call]  # upstream
    body, _ = exporter.from_notebook_node(executed)
    page.write_text(body, encoding="utf-8")
    return page
