"""The tutorials as a reader has them: "Run all", and every question answered by hand.

``KGNB_TUTORIALS=all`` tries all of them; otherwise those that ask most, and one that
starts processes of its own. ``04_langgraph`` is in ``test_browser_notebooks``.
"""

import os
import re
import shutil

import pytest
from harness import REPO, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
RECORD = "application/vnd.kgnb.run+json"


def click(notebook, question, button):
    asked = notebook.card(question)
    before = asked.get_attribute("data-approval")
    asked.get_by_role("button", name=button, exact=True).click()
    expect(
        notebook.page.locator(f".jp-Notebook [data-approval='{before}'] button:enabled")
    ).to_have_count(0)


def say(notebook, question, text):
    asked = notebook.card(question)
    asked.get_by_role("textbox").first.fill(text)
    asked.get_by_role("button", name="Send", exact=True).click()


def clicks(*pairs):
    """Somebody who clicks these buttons, one after the other."""

    def reader(notebook):
        for question, button in pairs:
            click(notebook, question, button)

    return reader


def approvals(notebook):
    click(notebook, "What about this mail?", "answer")
    say(
        notebook,
        "What shall the answer say?",
        "Tell her that the next high tide is at noon.",
    )
    click(notebook, "Is this fit to be sent?", "send")
    form = notebook.card("Who comes along?")
    form.get_by_label("Name").fill("Ada")
    form.get_by_label("Guests").fill("2")
    form.get_by_label("Meal").select_option("vegetarian")
    form.get_by_role("button", name="Send", exact=True).click()
    click(notebook, "Ship the new version now?", "wait")
    for language, answer in (("Greek", "no"), ("French", "yes"), ("German", "yes")):
        click(notebook, f"Translate into {language}?", answer)
    notebook.page.get_by_role("button", name="Resume run").click(timeout=60_000)
    click(notebook, "Publish this?", "publish")
    click(notebook, "Still there?", "yes")


def programs(notebook):
    say(notebook, "Which topic?", "the tides")
    click(notebook, "Search for 'photosynthesis'?", "yes")
    click(notebook, "Are the tides worth: 4 pages?", "fine")
    click(notebook, "Draft 1: publish it?", "again")
    click(notebook, "Draft 2: publish it?", "publish")


def chat(notebook):
    for said in ("What makes the tides?", "Shorter, please."):
        box = notebook.page.get_by_role("textbox", name="Your input")
        box.last.fill(said, timeout=60_000)
        notebook.page.get_by_role("button", name="Send", exact=True).last.click()
        expect(box.last).to_have_value("", timeout=60_000)


DRAFT = "Is this draft fit to publish?"
READERS = {
    "01_quickstart": clicks(*[(DRAFT, "revise"), (DRAFT, "publish")] * 2),
    "02_streaming": clicks(
        ("Which one reads better?", "for children"), ("Keep the report?", "keep")
    ),
    "03_approvals": approvals,
    "05_kaygraph_and_functions": programs,
    "06_chat_and_clients": chat,
    "07_scale_out": clicks(),
    "08_recording_and_ci": clicks(
        ("Publish it?", "revise"), ("Publish it?", "publish")
    ),
    "09_durable_runs": clicks(("Dinner for 4?", "fish")),
    "10_deploy": clicks(("Publish this?", "publish")),
}
IN_CI = ("01_quickstart", "03_approvals", "09_durable_runs")
TRIED = list(READERS) if os.environ.get("KGNB_TUTORIALS") == "all" else IN_CI
OTHERWISE = {"06_chat_and_clients": 3}
"""A cell that ends otherwise by hand: nobody says anything, where the script says so."""
PATIENCE = 90
"""Seconds from the last click to the last cell's end."""


def outputs_of(notebook):
    """Of each code cell, what ends up in the file: records, and what is printed."""
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        assert not [out for out in outputs if out.output_type == "error"]
        texts = {}
        for out in outputs:
            if out.output_type == "stream":
                texts[out.name] = texts.get(out.name, "") + out.text
        data = [out.data for out in outputs if "data" in out]
        results = [each.get("text/plain") for each in data if RECORD not in each]
        yield (
            [each[RECORD]["record"] for each in data if RECORD in each],
            texts,
            results,
        )


@pytest.mark.parametrize("name", TRIED)
def test_tutorial_run_and_clicked_leaves_what_is_saved(name, lab, open_notebook):
    for folder in ("notebooks", "docs"):
        shutil.copytree(REPO / folder, lab.work / folder, dirs_exist_ok=True)
    path = f"notebooks/{name}.ipynb"
    saved = list(outputs_of(lab.read(path)))
    notebook = open_notebook(lab, path)
    notebook.execute("notebook:clear-all-cell-outputs")
    notebook.execute("notebook:run-all-cells")
    READERS[name](notebook)
    last = notebook.js(
        "() => jupyterapp.shell.currentWidget.content.widgets"
        ".findLastIndex((cell) => cell.model.type === 'code')"
    )
    until(
        lambda: re.search(r"\d", notebook.prompt(last)),
        what="the last cell",
        timeout=PATIENCE,
    )
    notebook.screenshot(f"tutorial-{name}")
    notebook.save()
    left = list(outputs_of(lab.read(path)))
    if name in OTHERWISE:
        (record,), _, _ = left.pop(OTHERWISE[name])
        assert record["status"] == "completed"
        saved.pop(OTHERWISE[name])
    assert left == saved
    assert notebook.errors == []
