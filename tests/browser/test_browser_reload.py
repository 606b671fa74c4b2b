"""The page is reloaded in mid-run: everything is back at once, and clickable."""

import json
import re

import cells
import pytest
from harness import until

pytestmark = pytest.mark.browser

RUN_AND_BLOCK = """
run = kgnb.run(article, {})
print("answer:", run.result().shared["answer"])
"""
RUN_AND_AWAIT = """
run = kgnb.run(article, {})
print("answer:", (await run).shared["answer"])
"""
RUN_IDLE = "run = kgnb.run(article, {})"


def shown_view(notebook):
    return notebook.panel(1).evaluate("panel => panel.kgnb.view")


def kernel_view(notebook, index):
    notebook.run(index)
    notebook.wait_done(index)
    text = re.search(r"view: (\{.*\})", notebook.output(index)).group(1)
    return json.loads(text)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(RUN_AND_BLOCK, id="blocked"),
        pytest.param(RUN_AND_AWAIT, id="awaiting"),
        pytest.param(RUN_IDLE, id="idle"),
    ],
)
def test_reload_brings_the_panel_back_with_everything(
    lab, open_notebook, source, request
):
    notebook = open_notebook(
        lab,
        f"reload-{request.node.callspec.id}.ipynb",
        cells.STREAM_THEN_ASK,
        source,
        cells.SHOW_VIEW,
    )
    notebook.run(0)
    notebook.run(1)
    button = notebook.panel(1).get_by_role("button", name="publish", exact=True)
    button.wait_for()
    before = shown_view(notebook)
    assert before["workflow"] == "article"
    assert before["streams"][0]["text"].startswith("The ocean tides")
    notebook.save()
    notebook.reload()
    panel = notebook.panel(1)
    panel.get_by_role("button", name="publish", exact=True).wait_for(timeout=10_000)
    assert shown_view(notebook) == before
    assert panel.get_attribute("data-connection") == "live"
    panel.get_by_role("button", name="publish", exact=True).click()
    notebook.page.wait_for_function(
        "() => document.querySelector('.kgnb-panel')?.dataset.status === 'completed'"
    )
    after = shown_view(notebook)
    assert after["approvals"][0]["value"] == "publish"
    assert after["results"] == {"Publish": ["WEB", "MAIL"]}
    until(
        lambda: notebook.js(
            "() => jupyterapp.shell.currentWidget.sessionContext.session"
            "?.kernel?.status === 'idle'"
        ),
        what="the kernel to be idle",
    )
    assert kernel_view(notebook, 2)["approvals"] == after["approvals"]
    assert notebook.errors == []


def test_view_of_the_page_deep_equals_the_kernels(lab, open_notebook):
    notebook = open_notebook(
        lab, "equal.ipynb", cells.STREAM_THEN_ASK, RUN_IDLE, cells.SHOW_VIEW
    )
    notebook.run(0)
    notebook.run(1)
    notebook.wait_done(1)
    notebook.panel(1).get_by_role("button", name="publish", exact=True).wait_for()
    notebook.save()
    notebook.reload()
    notebook.panel(1).get_by_role("button", name="publish", exact=True).wait_for()
    assert shown_view(notebook) == kernel_view(notebook, 2)


def test_side_panel_has_the_open_approval_after_a_reload(lab, open_notebook):
    notebook = open_notebook(lab, "side.ipynb", cells.STREAM_THEN_ASK, RUN_AND_BLOCK)
    notebook.run(0)
    notebook.run(1)
    notebook.panel(1).get_by_role("button", name="publish", exact=True).wait_for()
    notebook.page.reload()  # unsaved: the output is not in the file
    notebook.ready(kernel=False)
    notebook.js("() => jupyterapp.shell.activateById('kgnb-runs')")
    side = notebook.page.locator("#kgnb-runs")
    side.get_by_role("button", name="revise", exact=True).first.click()
    side.get_by_role("button", name="publish", exact=True).first.wait_for()
    side.get_by_role("button", name="publish", exact=True).first.click()
    until(
        lambda: lab.get("kgnb/api/runs")["runs"][0]["status"] == "completed",
        what="the run to complete",
    )
