"""The LangGraph tutorial as a reader has it: all cells run, every question clicked."""

import re

import pytest
from harness import REPO, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
TUTORIAL = "04_langgraph.ipynb"
RECORD = "application/vnd.kgnb.run+json"


@pytest.fixture
def tutorial(lab, open_notebook):
    """Open, with all of its cells begun."""
    lab.copy_in(REPO / "notebooks" / TUTORIAL)
    notebook = open_notebook(lab, TUTORIAL)
    notebook.execute("notebook:clear-all-cell-outputs")
    notebook.execute("notebook:run-all-cells")
    return notebook


def answer(notebook, question, button):
    asked = notebook.card(question)
    asked.get_by_role("button", name=button, exact=True).click()
    expect(asked).to_have_count(0)


def runs_of(saved):
    """The records of a saved notebook's runs, and its texts."""
    outputs = [out for cell in saved.cells for out in cell.get("outputs", ())]
    assert not [out for out in outputs if out.output_type == "error"]
    bundles = [out["data"] for out in outputs if "data" in out]
    texts = "".join(out.text for out in outputs if out.output_type == "stream")
    return [bundle[RECORD]["record"] for bundle in bundles if RECORD in bundle], texts


def test_tutorial_is_clicked_through_to_its_end(tutorial, lab):
    answer(tutorial, "Draft 1: is it fit to publish?", "revise")
    answer(tutorial, "Draft 2: is it fit to publish?", "publish")
    chat = tutorial.page.locator(".jp-Notebook .kgnb-compact").first
    expect(chat).to_contain_text("completed")
    expect(chat.locator(".kgnb-column").first).to_be_hidden()  # no step runs any more

    answer(tutorial, "Keep the text on trees?", "drop")
    answer(tutorial, "Keep the text on light?", "keep")
    place = tutorial.card("Where shall it appear?")
    place.get_by_label("Copies").fill("7")
    place.get_by_role("button", name="Send", exact=True).click()
    mail = tutorial.card("Send this mail?")
    mail.get_by_label("Text").first.fill("High tide is at noon, and at midnight.")
    answer(tutorial, "Send this mail?", "approve")
    forked = tutorial.card("Draft 2: is it fit to publish?")
    expect(forked).to_contain_text("Twice a day the Moon lifts the sea")
    answer(tutorial, "Draft 2: is it fit to publish?", "publish")

    last = tutorial.js(
        "() => jupyterapp.shell.currentWidget.content.widgets"
        ".findLastIndex((cell) => cell.model.type === 'code')"
    )
    until(
        lambda: re.search(r"\d", tutorial.prompt(last)),
        what="the last cell",
        timeout=60,
    )
    tutorial.save()
    records, printed = runs_of(lab.read(TUTORIAL))
    assert [record["status"] for record in records] == ["completed"] * 7
    values = [each["value"] for record in records for each in record["approvals"]]
    assert values == [
        *("revise", "publish", "keep", "drop"),
        {"channels": "web", "copies": 7},
        *("approve", "publish"),
    ]
    assert "to ann: High tide is at noon, and at midnight." in printed
    assert tutorial.errors == []
