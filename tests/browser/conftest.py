"""Fixtures: Chromium once a session, servers once a module."""

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
def kernel_folders(ipykernel_folder):
    """Kernel name to the folder of its ipykernel; None is the installed one."""
    return {name: ipykernel_folder(name) for name in ("python3", *PINNED)}


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
