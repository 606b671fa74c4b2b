"""A durable run whose kernel is killed goes on in its panel, in a real JupyterLab."""

import os
import re
import signal
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ARTICLE = """
import os
from pathlib import Path

import kgnb

JOURNAL = Path("JOURNAL")


class Draft(kgnb.Node):
    def exec(self, _):
        with JOURNAL.open("a") as journal:
            journal.write(f"Draft {os.getpid()}\\n")
        return "The tides"

    def post(self, shared, _, text):
        shared["draft"] = text


class Review(kgnb.Node):
    def prep(self, shared):
        return shared["draft"]

    def exec(self, draft):
        question = "Is this draft fit to publish?"
        options = ["publish", "revise"]
        return kgnb.ask(question, options=options, payload=draft).result().value

    def post(self, shared, _, answer):
        return answer


class Publish(kgnb.Node):
    def prep(self, shared):
        return shared["draft"]

    def exec(self, draft):
        return f"{draft}, published"


def article():
    draft, review, publish = Draft(), Review(), Publish()
    draft >> review
    review - "revise" >> draft
    review - "publish" >> publish
    return kgnb.Graph(draft, name="article")
"""
RUN = "run = kgnb.run(article(), {}, durable=True)"


def drafted(journal):
    """The processes in which the first node ran, as it wrote them down itself."""
    return [int(line.split()[1]) for line in journal.read_text().splitlines()]


def slider(notebook):
    return notebook.panel(1).get_by_role("slider", name="Timeline")


def test_killed_kernels_run_is_answered_meanwhile_and_goes_on_in_its_panel(
    lab, open_notebook, tmp_path
):
    journal = tmp_path / "journal"
    cells = (ARTICLE.replace('JOURNAL")', f'{journal}")'), RUN)
    notebook = open_notebook(lab, f"durable-{tmp_path.name}.ipynb", *cells)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)
    publish = panel.get_by_role("button", name="publish", exact=True)
    publish.wait_for()
    run_id = panel.get_attribute("data-run")
    os.kill(drafted(journal)[0], signal.SIGKILL)
    killed = time.monotonic()
    notice = panel.locator(".kgnb-loss")
    # Which of both the server sees first is chance.
    said = re.compile(r"The kernel (died|was restarted)\.")
    expect(notice).to_contain_text(said, timeout=10_000)
    assert time.monotonic() - killed < 10
    expect(notice).to_contain_text("Run the cell again to go on after Draft")
    notebook.screenshot("durable-lost")

    # JupyterLab says it too, as soon as it knows.
    notebook.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    publish.click()
    expect(notice).to_contain_text("1 answer stored")
    notebook.screenshot("durable-answered")
    panel.get_by_role("button", name="Run all cells above, then this").click()
    until(
        lambda: notebook.panel(1).get_attribute("data-status") == "completed",
        what="the run to go on to its end",
    )
    panel = notebook.panel(1)
    view = panel.evaluate("panel => panel.kgnb.view")
    assert view["run_id"] == run_id
    assert len(drafted(journal)) == 1
    visits = {node: seen["visits"] for node, seen in view["nodes"].items()}
    assert visits == {"Draft": 1, "Review": 1, "Publish": 1}
    assert view["approvals"][0]["value"] == "publish"
    assert view["result"] == "The tides, published"
    expect(panel.locator(".kgnb-loss")).to_be_hidden()
    notebook.screenshot("durable-resumed")
    looks_back(notebook)
    assert notebook.errors == []


def looks_back(notebook):
    """The keys of the slider are its own, and not the notebook's."""
    panel = notebook.panel(1)
    slider(notebook).focus()
    notebook.page.keyboard.press("Home")
    expect(slider(notebook)).to_have_attribute(
        "aria-valuetext", re.compile("step 1 of 12, Draft started, ")
    )
    expect(panel.locator("[data-node=Draft]")).to_have_attribute(
        "data-state", "running"
    )
    for key in ("ArrowRight", "ArrowUp", "ArrowDown"):
        notebook.page.keyboard.press(key)
        expect(slider(notebook)).to_be_focused()
    expect(panel.locator("[data-node=Draft]")).to_have_attribute(
        "data-state", "completed"
    )
    found = Axe().run(notebook.page, ".kgnb-scrub").response["violations"]
    assert [violation["id"] for violation in found] == []
    notebook.screenshot("durable-past")
    notebook.page.keyboard.press("Escape")
    expect(panel.locator("[data-node=Publish]")).to_have_attribute(
        "data-state", "completed"
    )
