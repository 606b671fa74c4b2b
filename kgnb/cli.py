"""The ``kgnb`` command.

``kgnb doctor`` says what of kgnb works in this environment and what to do
about the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PACKAGES = (
    "kgnb",
    "jupyter-server",
    "jupyterlab",
    "notebook",
    "ipykernel",
    "ipywidgets",
    "anywidget",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="kgnb", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="check this environment")
    parser.parse_args(arguments)
    return doctor()


def doctor() -> int:
    """Print what was found; 1 if something that should work does not."""
    for name in _PACKAGES:
        try:
            print(f"      {name} {version(name)}")
        except PackageNotFoundError:
            print(f"      {name} is not installed")
    is_well = True
    for is_ok, sentence in _findings():
        is_well = is_well and is_ok
        print(f"{'ok' if is_ok else 'MEND':<5} {sentence}")
    return 0 if is_well else 1


def _findings() -> Iterator[tuple[bool, str]]:
    yield _drawing()
    yield _server_extension()
    yield _lab_extension()


def _drawing() -> tuple[bool, str]:
    from kgnb.drawing import draw  # noqa: PLC0415  # only where it is asked for

    spec = {
        "name": "probe",
        "start": "A",
        "nodes": [{"id": "A", "label": "A", "kind": "node", "path": []}],
        "edges": [],
    }
    if draw(spec) is None:
        return False, "graphs are listed, not drawn: pip install pygraphviz"
    return True, "graphs are drawn"


def _server_extension() -> tuple[bool, str]:
    from jupyter_core.paths import jupyter_config_path  # noqa: PLC0415  # only here

    for folder in jupyter_config_path():
        found = Path(folder) / "jupyter_server_config.d" / "kgnb.json"
        if found.is_file():
            settings = json.loads(found.read_text())
            enabled = settings["ServerApp"]["jpserver_extensions"].get("kgnb")
            if enabled:
                return True, f"the server extension is enabled by {found}"
            return False, f"the server extension is switched off in {found}"
    return False, (
        "the server extension is not enabled in this environment: "
        "pip install --force-reinstall kgnb, into the environment that runs Jupyter"
    )


def _lab_extension() -> tuple[bool, str]:
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415  # only here

    for folder in jupyter_path("labextensions"):
        found = Path(folder) / "kgnb" / "package.json"
        if found.is_file():
            return True, f"the JupyterLab and Notebook extension is in {found.parent}"
    return False, (
        "the JupyterLab and Notebook extension is missing: "
        "pip install --force-reinstall kgnb, into the environment that runs Jupyter"
    )


if __name__ == "__main__":
    sys.exit(main())
