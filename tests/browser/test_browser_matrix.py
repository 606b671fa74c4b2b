"""JupyterLab and Notebook 7, with the older ipykernels and the newest one.

``KGNB_MATRIX=full`` tries each with each; without it every one is tried once.
"""

import os

import cells
import pytest
from harness import until

pytestmark = [pytest.mark.browser, pytest.mark.matrix]

APPS = ["lab", "notebook"]
KERNELS = ["ipykernel-6.31", "ipykernel-7.3", "python3"]
ONCE = [("lab", "ipykernel-6.31"), ("lab", "python3"), ("notebook", "ipykernel-7.3")]
FULL = [(app, kernel) for app in APPS for kernel in KERNELS]
PAIRS = FULL if os.environ.get("KGNB_MATRIX") == "full" else ONCE
# Notebook 7.6 raises this at start, with kgnb or without.
UPSTREAM = "Cannot read properties of undefined (reading 'schema')"


@pytest.fixture(scope="module")
def jupyters(start_jupyter, kernel_folders):
    return {app: start_jupyter(app=app, kernels=kernel_folders) for app in APPS}


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture
def jupyter(jupyters, pair):
    return jupyters[pair[0]]


@pytest.fixture
def kernel(pair):
    return pair[1]


def answer(notebook, index, option):
    notebook.panel(index).get_by_role("button", name=option, exact=True).click()


def await_status(notebook, index, status):
    panel = notebook.panel(index)
    until(
        lambda: panel.get_attribute("data-status") == status,
        what=f"the panel to say {status}",
        timeout=5,
    )


def test_click_reaches_every_kind_of_blocked_cell(jupyter, open_notebook, kernel):
    notebook = open_notebook(
        jupyter,
        f"{kernel}.ipynb",
        cells.GATE,
        cells.BLOCKED_IN_RESULT,
        cells.AWAITING,
        cells.RUN,
        cells.ASLEEP,
        cells.RUN,
        cells.BUSY_LOOP,
        kernel=kernel,
    )
    notebook.run(0)
    notebook.run(1)
    answer(notebook, 1, "publish")
    notebook.wait_done(1, timeout=10)
    assert "answer: publish" in notebook.output(1)
    notebook.run(2)
    answer(notebook, 2, "revise")
    notebook.wait_done(2, timeout=10)
    assert "answer: revise" in notebook.output(2)
    for run, blocker in ((3, 4), (5, 6)):
        notebook.run(run)
        notebook.wait_done(run)
        notebook.run(blocker)
        until(lambda blocker=blocker: notebook.is_busy(blocker), what="the cell to run")
        answer(notebook, run, "publish")
        await_status(notebook, run, "completed")
        assert notebook.is_busy(blocker)
        notebook.wait_done(blocker)
    assert [error for error in notebook.errors if error != UPSTREAM] == []


def test_reload_beside_a_blocked_cell(jupyter, open_notebook, kernel):
    notebook = open_notebook(
        jupyter,
        f"reload-{kernel}.ipynb",
        cells.GATE,
        cells.BLOCKED_IN_RESULT,
        kernel=kernel,
    )
    notebook.run(0)
    notebook.run(1)
    button = notebook.panel(1).get_by_role("button", name="publish", exact=True)
    button.wait_for()
    notebook.save()
    notebook.reload()
    answer(notebook, 1, "publish")
    await_status(notebook, 1, "completed")
    assert [error for error in notebook.errors if error != UPSTREAM] == []


def test_stop_button_ends_the_run_that_a_cell_waits_for(jupyter, open_notebook, kernel):
    notebook = open_notebook(
        jupyter,
        f"stop-{kernel}.ipynb",
        cells.GATE,
        cells.BLOCKED_IN_RESULT,
        cells.AWAITING,
        kernel=kernel,
    )
    notebook.run(0)
    for index in (1, 2):
        notebook.run(index)
        button = notebook.panel(index).get_by_role("button", name="publish", exact=True)
        button.wait_for()
        notebook.execute("notebook:interrupt-kernel")
        await_status(notebook, index, "cancelled")
        notebook.wait_done(index, timeout=5)
        assert "KeyboardInterrupt" in notebook.output(index)
