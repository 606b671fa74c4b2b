"""Two kernels, the same graph, both waiting: each answer reaches its own run."""

import cells
import pytest
from harness import NotebookPage, until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def open_pair(chromium, start_jupyter):
    """Open two notebooks, word for word the same, in a kernel and a tab each."""
    contexts = []

    def open_(*, extension):
        jupyter = start_jupyter(extension=extension)
        context = chromium.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(20_000)
        contexts.append(context)
        pair = []
        for name in ("a.ipynb", "b.ipynb"):
            jupyter.write(name, cells.GATE, cells.BLOCKED_IN_RESULT)
            notebook = NotebookPage(context.new_page(), jupyter, name).open()
            notebook.run(0)
            notebook.wait_done(0)
            pair.append(notebook)
        return pair

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def linked(open_pair):
    return open_pair(extension=True)


@pytest.fixture(scope="module")
def unlinked(open_pair):
    return open_pair(extension=False)


def ask_in(pair):
    """Let both cells wait for an answer to what is the same question."""
    for notebook in pair:
        notebook.run(1)
        until(lambda n=notebook: state(n) == "open", what="the question")
    first, second = map(approval, pair)
    assert first["node_id"] == second["node_id"]
    assert first["args_hash"] == second["args_hash"]
    assert first["approval_id"] != second["approval_id"]


def approval(notebook):
    """The run's only one, as the panel knows it; None before there is one."""
    panels = notebook.panel(1)
    read = "panels => panels[0]?.kgnb.view.approvals[0] ?? null"
    return panels.evaluate_all(read)


def state(notebook):
    return (approval(notebook) or {}).get("state")


def answer(notebook, option):
    notebook.panel(1).get_by_role("button", name=option, exact=True).click()


def expect(notebook, option):
    notebook.wait_done(1, timeout=10)
    assert f"answer: {option}" in notebook.output(1)
    until(
        lambda: (approval(notebook) or {}).get("value") == option,
        what=f"the panel to show {option!r}",
    )
    assert notebook.errors == []


def answer_crosswise(first, second):
    answer(second, "revise")
    expect(second, "revise")
    assert first.is_busy(1)
    assert state(first) == "open"
    answer(first, "publish")
    expect(first, "publish")
    assert approval(second)["value"] == "revise"


def test_answers_by_the_server_reach_their_own_runs(linked):
    ask_in(linked)
    answer_crosswise(*linked)


def test_answers_by_the_kernels_reach_their_own_runs(unlinked):
    ask_in(unlinked)
    answer_crosswise(*unlinked)


def side_panel(notebook):
    """It lists the questions of all kernels."""
    notebook.js("() => jupyterapp.shell.activateById('kgnb-runs')")
    return notebook.page.locator("#kgnb-runs")


def test_side_panel_of_one_notebook_answers_the_other(linked):
    ask_in(linked)
    first, second = linked
    ids = [approval(notebook)["approval_id"] for notebook in linked]
    for here, other, option in ((first, 1, "revise"), (second, 0, "publish")):
        card = side_panel(here).locator(f"[data-approval='{ids[other]}']")
        card.get_by_text(linked[other].name).wait_for()
        card.get_by_role("button", name=option, exact=True).click()
        expect(linked[other], option)
        if other == 1:
            assert first.is_busy(1)
    for notebook in linked:
        cards = side_panel(notebook).locator("[data-approval]")
        until(lambda c=cards: c.count() == 0, what="no question to be left")


def test_side_panel_without_the_extension_says_what_it_cannot_do(unlinked):
    side_panel(unlinked[0]).get_by_text(
        "Runs are shown and answered in their cells only."
    ).wait_for()
