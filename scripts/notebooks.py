"""Write the outputs of the tutorials, as CI mode leaves them.

Run it after a change of a notebook, and read the diff. Answers come from the
notebook's metadata: ``{"kgnb": {"answers": [...]}}``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


def answers_of(notebook: nbformat.NotebookNode) -> str:
    """The scripted answers, as ``KGNB_ANSWERS`` takes them."""
    return json.dumps(notebook.metadata.get("kgnb", {}).get("answers", []))


def execute(path: Path) -> nbformat.NotebookNode:
    """Run one notebook in CI mode and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    told = {"KGNB_ANSWERS": answers_of(notebook), "KGNB_LLM": "recorded"}
    os.environ |= {"KGNB_MODE": "ci"} | told
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "data" in output:
                output["metadata"] = {}  # run ids, times and people stay out of git
    return notebook


if __name__ == "__main__":
    for path in sorted(FOLDER.glob(sys.argv[1] if len(sys.argv) > 1 else "*.ipynb")):
        nbformat.write(execute(path), path)
        print(path.name)
