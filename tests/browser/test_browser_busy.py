"""An approval is clicked while the kernel is busy, in every way it can be."""

import time

import cells
import pytest
from harness import until

pytestmark = pytest.mark.browser


def click(panel, name):
    button = panel.get_by_role("button", name=name, exact=True)
    button.click()
    return time.monotonic()


def test_click_reaches_a_cell_that_blocks_in_result(lab, open_notebook):
    notebook = open_notebook(lab, "result.ipynb", cells.GATE, cells.BLOCKED_IN_RESULT)
    notebook.run(0)
    notebook.run(1)
    clicked = click(notebook.panel(1), "publish")
    notebook.wait_done(1)
    assert time.monotonic() - clicked < 5
    assert "answer: publish" in notebook.output(1)
    assert notebook.errors == []


def test_click_reaches_a_cell_that_awaits(lab, open_notebook):
    notebook = open_notebook(lab, "await.ipynb", cells.GATE, cells.AWAITING)
    notebook.run(0)
    notebook.run(1)
    click(notebook.panel(1), "revise")
    notebook.wait_done(1)
    assert "answer: revise" in notebook.output(1)
    assert notebook.errors == []


@pytest.mark.parametrize("name", ["ASLEEP", "BUSY_LOOP"])
def test_click_reaches_a_run_beside_a_blocked_cell(lab, open_notebook, name):
    notebook = open_notebook(
        lab,
        f"{name}.ipynb",
        cells.GATE,
        cells.RUN,
        getattr(cells, name),
        cells.SHOW_ANSWER,
    )
    notebook.run(0)
    notebook.run(1)
    notebook.wait_done(1)
    notebook.run(2)
    until(lambda: notebook.is_busy(2), what="the blocking cell to run")
    panel = notebook.panel(1)
    click(panel, "publish")
    panel.get_by_text("completed").first.wait_for(timeout=4000)
    assert notebook.is_busy(2), "the panel must say so while the cell still blocks"
    notebook.run(3)
    notebook.wait_done(3)
    assert "answer: publish" in notebook.output(3)
    assert notebook.errors == []
