"""Everything that a graph can be, in one panel of a real JupyterLab."""

import pytest
from harness import until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = '''
import dataclasses, pathlib, time
import kgnb


@kgnb.node(writes="pages")
def plan():
    return ["tides", "waves", "currents", "wind"]


class Fetch(kgnb.ParallelBatchNode):
    """Four items at once, each with a bar of its own; the last one takes its time."""

    def prep(self, shared):
        return shared["pages"]

    def exec(self, page):
        for part in kgnb.track(range(4)):
            while page == "wind" and part == 2 and not pathlib.Path("go").exists():
                time.sleep(0.02)
        return page.upper()


class Write(kgnb.AsyncNode):
    """Its first attempt breaks off in the middle of the text."""

    async def exec_async(self, _):
        async def tokens():
            for word in "The tides are slow breathing".split():
                yield word + " "
                if word == "tides" and self.cur_retry == 0:
                    raise ConnectionError("the model hung up")

        return await kgnb.stream(tokens(), name="article")


@dataclasses.dataclass
class Details:
    title: str
    pages: int = 3


@kgnb.node(writes="told")
def publish(details: Details):
    return f"{details.title}, {details.pages} pages"


fetch, write = Fetch(max_workers=4), Write(max_retries=2)
fetch >> write
research = kgnb.Graph(fetch, name="Research")
details = kgnb.Form("Details of the article", schema=Details, writes="details")
plan >> research >> details >> publish
graph = kgnb.Graph(plan, name="article")
'''

RUN = """
run = kgnb.run(graph, {}, pause_before=["publish"])
result = run.result()
print("told:", result.shared["told"])
"""


def node(panel, name):
    return panel.locator(f'.kgnb-picture [data-node="{name}"]')


def test_panel_shows_the_whole_language_while_the_cell_blocks(lab, open_notebook):
    gate = lab.work / "go"
    gate.unlink(missing_ok=True)
    notebook = open_notebook(lab, "language.ipynb", SETUP, RUN)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)

    # A nested graph, and in it items at the same time: three are done, one is not.
    expect(node(panel, "Research/Fetch")).to_have_attribute("data-state", "running")
    bars = panel.get_by_role("progressbar")
    until(lambda: bars.count() >= 4, what="a bar for each item")
    notebook.screenshot("language-items")
    gate.touch()

    # A failed attempt's text stands there as superseded, and a form asks.
    expect(panel.get_by_text("superseded").first).to_be_visible()
    panel.get_by_label("Title", exact=True).fill("Tides")
    notebook.screenshot("language-form")
    assert notebook.is_busy(1)
    panel.get_by_role("button", name="Send").click()

    # The answer has come; the run stands at its breakpoint until it is let go on.
    expect(node(panel, "publish")).to_have_attribute("data-state", "paused")
    notebook.screenshot("language-paused")
    assert notebook.is_busy(1)
    panel.get_by_role("button", name="Resume run").click()
    notebook.wait_done(1)
    assert "told: Tides, 3 pages" in notebook.output(1)
    notebook.screenshot("language-done")
    assert notebook.errors == []
