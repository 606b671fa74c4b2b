"""Fixtures: Chromium once a session, servers once a module."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import PINNED, Jupyter, NotebookPage


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def kernel_folders(tmp_path_factory):
    """Kernel name to the folder of its ipykernel; None is the installed one."""
    folders = {"python3": None}
    for name, version in PINNED.items():
        folder = tmp_path_factory.mktemp(name)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "--target",
                str(folder),
                f"ipykernel=={version}",
            ],
            check=True,
        )
        folders[name] = folder
    return folders


@pytest.fixture(scope="module")
def start_jupyter(tmp_path_factory, request):
    """Start a server; every one is stopped when the module ends."""
    started = []

    def start(**options):
        jupyter = Jupyter(tmp_path_factory.mktemp("jupyter"), **options)
        started.append(jupyter)
        return jupyter.start()

    yield start
    for jupyter in started:
        jupyter.stop()


@pytest.fixture(scope="module")
def lab(start_jupyter):
    return start_jupyter()


@pytest.fixture
def open_notebook(context):
    """Write a notebook of the given cells and open it in a new tab."""

    def open_(jupyter, name, *cells, kernel="python3"):
        if cells:
            jupyter.write(name, *cells, kernel=kernel)
        return NotebookPage(context.new_page(), jupyter, name).open()

    return open_
