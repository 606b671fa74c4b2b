"""The tutorial on streaming with a real small model, in JupyterLab."""

import nbformat
import pytest
from harness import REPO
from playwright.sync_api import expect

from kgnb.llm import weights

pytestmark = [pytest.mark.browser, pytest.mark.llm]
COMPARE = 6
"""The cell in which two replies stream side by side; here it is the last but one."""


@pytest.fixture(scope="module")
def lab(start_jupyter):
    env = {"KGNB_LLM": "local", "KGNB_MODELS": str(weights.folder())}
    return start_jupyter(env=env)


@pytest.fixture
def tutorial(lab, open_notebook):
    notebook = nbformat.read(REPO / "notebooks" / "02_streaming.ipynb", as_version=4)
    del notebook.cells[COMPARE + 1 :]
    source = "type(kgnb.llm.reply(TIDES)).__name__"
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, lab.work / "02_streaming.ipynb")
    page = open_notebook(lab, "02_streaming.ipynb")
    page.execute("notebook:clear-all-cell-outputs")
    return page


def test_tutorial_streams_from_the_model(tutorial):
    page = tutorial.page
    tutorial.execute("notebook:run-all-cells")
    live = page.locator(".jp-Notebook .kgnb:visible").filter(has_text="two drafts")
    drafts = live.locator(".kgnb-stream").filter(has_text="the")
    expect(drafts.first).to_be_visible(timeout=60_000)
    live.first.scroll_into_view_if_needed()
    tutorial.screenshot("llm02-live")
    card = page.locator(".jp-Notebook .kgnb-card:visible")
    expect(card).to_have_count(1, timeout=60_000)
    card.scroll_into_view_if_needed()
    tutorial.screenshot("llm02")
    card.get_by_role("button", name="for children", exact=True).click()
    last = page.locator(".jp-Notebook .jp-OutputArea").last
    expect(last).to_contain_text("Live", timeout=30_000)
    assert tutorial.errors == []
