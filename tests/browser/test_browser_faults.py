"""What goes wrong in a real Lab: stop, restart, a server that goes and comes back."""

import os
import signal
import time

import cells
import pytest
from harness import Jupyter, until

pytestmark = pytest.mark.browser

AWAIT_GATE = "run = kgnb.run(gate, {})\nawait run"
WAIT_GATE = "run = kgnb.run(gate, {})\nrun.result()"


def await_status(notebook, index, status, timeout=10):
    panel = notebook.panel(index)
    until(
        lambda: panel.get_attribute("data-status") == status,
        what=f"the panel to say {status}",
        timeout=timeout,
    )


def waiting(notebook, index):
    notebook.panel(index).get_by_role("button", name="publish", exact=True).wait_for()


@pytest.mark.parametrize(
    "source",
    [pytest.param(WAIT_GATE, id="result"), pytest.param(AWAIT_GATE, id="await")],
)
def test_stop_button_cancels_the_run_that_the_cell_waits_for(
    lab, open_notebook, source, request
):
    notebook = open_notebook(
        lab, f"stop-{request.node.callspec.id}.ipynb", cells.GATE, source
    )
    notebook.run(0)
    notebook.run(1)
    waiting(notebook, 1)
    notebook.execute("notebook:interrupt-kernel")
    pressed = time.monotonic()
    notebook.wait_done(1)
    await_status(notebook, 1, "cancelled")
    assert time.monotonic() - pressed < 5
    assert "KeyboardInterrupt" in notebook.output(1)
    assert notebook.errors == []


def test_kernel_restart_while_waiting_cancels_and_says_why(lab, open_notebook):
    notebook = open_notebook(lab, "restart.ipynb", cells.GATE, cells.RUN)
    notebook.run(0)
    notebook.run(1)
    waiting(notebook, 1)
    notebook.js(
        "async () => { await jupyterapp.shell.currentWidget.sessionContext"
        ".session.kernel.restart() }"
    )
    await_status(notebook, 1, "cancelled")
    panel = notebook.panel(1)
    assert "its Python process was restarted or ended" in panel.inner_text()
    assert panel.get_by_role("button", name="publish", exact=True).count() == 0


def test_kernel_crash_while_waiting_is_shown_as_lost(lab, open_notebook):
    notebook = open_notebook(
        lab, "crash.ipynb", cells.GATE, cells.RUN, "import os; os.kill(os.getpid(), 9)"
    )
    notebook.run(0)
    notebook.run(1)
    waiting(notebook, 1)
    notebook.run(2)
    await_status(notebook, 1, "lost")
    panel = notebook.panel(1)
    assert "kernel" in panel.inner_text().lower()
    assert panel.get_by_role("button", name="publish", exact=True).count() == 0


@pytest.fixture
def own_lab(tmp_path):
    """A server that the test may break."""
    jupyter = Jupyter(tmp_path / "jupyter").start()
    yield jupyter
    jupyter.stop()


def test_server_that_stops_for_a_while_loses_nothing(own_lab, open_notebook):
    lab = own_lab
    notebook = open_notebook(
        lab, "stopped.ipynb", cells.SLOW_STREAM, cells.RUN_SAY, cells.SHOW_TEXT
    )
    notebook.run(0)
    notebook.run(1)
    notebook.panel(1).get_by_text("word1 ").first.wait_for()
    os.kill(lab.process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(lab.process.pid, signal.SIGCONT)
    await_status(notebook, 1, "completed", timeout=20)
    text = notebook.panel(1).evaluate("panel => panel.kgnb.view.streams[0].text")
    assert text == "".join(f"word{number} " for number in range(100))


def test_server_killed_in_mid_run_comes_back_with_all_that_was_seen(
    own_lab, open_notebook
):
    lab = own_lab
    notebook = open_notebook(
        lab, "killed.ipynb", cells.STREAM_THEN_ASK, cells.RUN_ARTICLE
    )
    notebook.run(0)
    notebook.run(1)
    waiting(notebook, 1)
    notebook.save()
    seen = notebook.panel(1).evaluate("panel => panel.kgnb.view")
    lab.kill()  # and with it its kernels
    until(
        lambda: notebook.panel(1).get_attribute("data-connection") != "live",
        what="the panel to notice",
    )
    assert notebook.panel(1).get_attribute("data-status") == "waiting"
    lab.start()
    await_status(notebook, 1, "lost", timeout=40)
    after = notebook.panel(1).evaluate("panel => panel.kgnb.view")
    assert after["streams"] == seen["streams"]
    assert after["seq"] == seen["seq"] + 2  # the approval is cancelled, the run lost
