"""The panel as a widget in JupyterLab: by its own comm, among a user's own widgets."""

import json
import re

import cells
import pytest
from harness import until

pytestmark = pytest.mark.browser

GRAPH = cells.STREAM_THEN_ASK.replace("speed=20", "speed=0.5")

AS_WIDGET = 'run = kgnb.run(article, {}, panel="widget")'

IN_A_TAB = """
import ipywidgets
from IPython.display import display

run = kgnb.run(article, {}, panel=False)
panel = kgnb.Panel(run)
slider = ipywidgets.IntSlider(value=5, description="size")
moved, status, progress = [], [], []
slider.observe(lambda change: moved.append(change.new), "value")
panel.observe(lambda change: status.append(change.new), "status")
panel.observe(lambda change: progress.append(change.new), "progress")
display(ipywidgets.Tab([panel, slider], titles=["Run", "Size"]))
"""

TELL_CHANGES = """
answer = run.result(5).shared["answer"]
for _ in range(100):
    if panel.status == "completed":
        break
    time.sleep(0.02)
told = {"moved": moved, "status": status, "progress": progress}
print("told:", json.dumps(told | {"answer": answer}))
"""

TWO_VIEWS = """
from IPython.display import display

run = kgnb.run(article, {}, panel=False)
panel, sent, send = kgnb.Panel(run), [], None
send = panel.send

def counted(message, *buffers):
    sent.append(message["kgnb"])
    send(message, *buffers)

panel.send = counted
display(panel)
display(panel)
"""

TELL_FRAMES = """
frames = [
    (told["client"], frame["seq"], frame["data"] if frame["type"] == "token" else "")
    for told in sent for frame in told["frames"] if frame.get("timestamp")
]
whole = run.view.streams[0].text
print("told:", json.dumps({"frames": frames, "whole": whole}))
"""

# As in a front end that gives a widget no more than its own comm.
NO_CONTROL_CHANNEL = """
() => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    const send = kernel.sendControlMessage;
    kernel.sendControlMessage = (message, ...rest) => {
        if (message.header.msg_type === "kgnb_request") throw new Error("none here");
        return send.call(kernel, message, ...rest);
    };
}
"""

# Counts the distinct texts of the first stream.
WATCH = """
() => {
    window.lengths = new Set();
    const look = () => {
        const box = document.querySelector(".kgnb-stream-text");
        if (box) lengths.add(box.textContent.length);
        requestAnimationFrame(look);
    };
    look();
}
"""


@pytest.fixture(scope="module")
def bare(start_jupyter):
    """Without the server extension, so that there is no socket to be had."""
    return start_jupyter(extension=False)


@pytest.fixture
def comm_only(bare, open_notebook):
    """A notebook in which nothing but a widget's comm reaches the kernel."""

    def open_(name, *sources):
        notebook = open_notebook(bare, name, GRAPH, *sources)
        notebook.js(NO_CONTROL_CHANNEL)
        notebook.js(WATCH)
        notebook.run(0)
        notebook.wait_done(0)
        return notebook

    return open_


def panels(notebook, index):
    return notebook.cell(index).locator(".kgnb-panel")


def option(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def told(notebook, index):
    notebook.run(index)
    notebook.wait_done(index)
    return json.loads(re.search(r"told: (\{.*\})", notebook.output(index)).group(1))


def wait_status(panel, status):
    until(
        lambda: panel.get_attribute("data-status") == status,
        what=f"the panel to be {status}",
    )


def way(panel):
    return panel.evaluate("panel => panel.kgnb.connection.via")


def test_run_as_a_widget_is_live_and_clickable_by_its_comm(comm_only):
    notebook = comm_only("as-widget.ipynb", AS_WIDGET, cells.SHOW_ANSWER)
    notebook.run(1)
    panel = panels(notebook, 1).first
    option(panel, "publish").wait_for()
    assert way(panel) == "comm"
    assert notebook.js("() => lengths.size") > 8, "tokens came one by one"
    option(panel, "publish").click()
    wait_status(panels(notebook, 1).first, "completed")
    notebook.run(2)
    notebook.wait_done(2)
    assert "answer: publish" in notebook.output(2)
    assert notebook.errors == []


def test_panel_in_a_tab_lives_beside_a_slider(comm_only):
    notebook = comm_only("tab.ipynb", IN_A_TAB, TELL_CHANGES)
    notebook.run(1)
    notebook.wait_done(1)
    panel = panels(notebook, 1).first
    option(panel, "publish").wait_for()
    assert way(panel) == "comm"
    assert notebook.js("() => lengths.size") > 8, "tokens came one by one"
    tabs = notebook.cell(1).get_by_role("tab")
    tabs.filter(has_text="Size").click()
    notebook.cell(1).get_by_role("slider").first.press("ArrowRight")
    tabs.filter(has_text="Run").click()
    option(panel, "publish").click()
    wait_status(panel, "completed")
    changes = told(notebook, 2)
    assert changes["answer"] == "publish"
    assert changes["moved"] == [6]
    assert changes["status"][0] == "waiting"
    assert changes["status"][-1] == "completed"
    assert changes["progress"][-1] == 100.0
    assert notebook.errors == []


def test_panel_as_a_widget_takes_the_servers_socket_where_it_can(lab, open_notebook):
    notebook = open_notebook(lab, "socket.ipynb", GRAPH, IN_A_TAB, TELL_CHANGES)
    notebook.run(0)
    notebook.run(1)
    panel = panels(notebook, 1).first
    option(panel, "revise").click()
    assert way(panel) == "websocket"
    option(panel, "revise").wait_for(state="detached")
    option(panel, "publish").click()
    wait_status(panel, "completed")
    assert told(notebook, 2)["answer"] == "publish"
    assert notebook.errors == []


def test_two_views_of_one_widget_get_each_frame_once(comm_only):
    notebook = comm_only("views.ipynb", TWO_VIEWS, TELL_FRAMES)
    notebook.run(1)
    notebook.wait_done(1)
    first, second = panels(notebook, 1).first, panels(notebook, 1).last
    option(second, "publish").click()
    wait_status(first, "completed")
    wait_status(second, "completed")
    changes = told(notebook, 2)
    clients = {client for client, _, _ in changes["frames"]}
    assert len(clients) == 2
    for client in clients:
        frames = [frame[1:] for frame in changes["frames"] if frame[0] == client]
        seqs = [seq for seq, _ in frames]
        assert seqs == list(range(1, len(seqs) + 1))
        assert "".join(data for _, data in frames) == changes["whole"]
    for panel in (first, second):
        shown = panel.locator(".kgnb-stream-text").text_content()
        assert shown == changes["whole"]
    assert notebook.errors == []
