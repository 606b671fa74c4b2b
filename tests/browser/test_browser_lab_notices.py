"""A notification in JupyterLab leads to the approval; a badge counts what is open."""

import desk
import pytest
from desk import card, go_to, look_away, side, tab, tell_kernel, toast, toasts
from harness import NotebookPage, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETTLED = 1300
"""Milliseconds after which a question that is not notified will not be."""

CONNECTION = """
    const all = [...globalThis[Symbol.for('kgnb.connections.v1')].values()];
    const connection = all.find(one => one.transport.name === 'websocket');
"""
REDIAL = f"""() => {{
    {CONNECTION}
    connection.close();
    connection.watchAll(() => {{}}, AbortSignal.timeout(60_000));
}}"""
IS_LIVE = f"() => {{ {CONNECTION} return connection.state.kind === 'live'; }}"


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def opened(lab, context):
    """Two notebooks in one Lab, each with a kernel and its questions in cell 1."""
    lab.write("first.ipynb", desk.ASK, 'run = asking("first", "Send it?")', desk.LONG)
    blocking = 'asking("second", "Print \u202e<b>it</b>?").result().shared["answer"]'
    lab.write("second.ipynb", desk.ASK, blocking, desk.LONG)
    notebook = NotebookPage(context.new_page(), lab, "first.ipynb").open()
    notebook.run(0)
    notebook.wait_done(0)
    go_to(notebook, "second.ipynb")
    notebook.ready()
    notebook.run(0)
    notebook.wait_done(0)
    return notebook


@pytest.fixture
def notebook(opened, lab):
    """The first one in front, looking away from its questions; none is open."""
    go_to(opened, "first.ipynb")
    look_away(opened)
    yield opened
    desk.answer_all(lab)
    expect(toasts(opened)).to_have_count(0)
    assert opened.errors == []


def ask(notebook, question, name="memo"):
    tell_kernel(notebook, f"asking({name!r}, {question!r})")


def test_notification_leads_to_the_card_of_a_blocked_cell(notebook, lab):
    go_to(notebook, "second.ipynb")
    notebook.run(1)
    look_away(notebook)
    go_to(notebook, "first.ipynb")
    told = toast(notebook, "second asks: Print [U+202E]<b>it</b>?")
    told.wait_for()
    notebook.screenshot("lab-notice")
    told.get_by_role("button", name="Show").click()
    asked = card(notebook, "it</b>?")
    desk.expect_focused(asked)
    notebook.screenshot("lab-shown")
    assert notebook.js("() => jupyterapp.shell.currentWidget.context.path") == (
        "second.ipynb"
    )
    expect(toasts(notebook)).to_have_count(0)
    asked.get_by_role("button", name="revise").click()
    notebook.wait_done(1)
    drawn = "() => jupyterapp.shell.currentWidget.content.widgets[1].node.innerText"
    assert "'revise'" in notebook.js(drawn)


def test_notification_goes_when_the_question_is_decided_elsewhere(notebook, lab):
    ask(notebook, "Keep it?")
    ask(notebook, "Burn it?")
    toast(notebook, "memo asks: Keep it?").wait_for()
    toast(notebook, "memo asks: Burn it?").wait_for()
    (kept,) = [each for each in desk.open_approvals(lab) if "Keep" in each["message"]]
    path = f"kgnb/api/approvals/{kept['approval_id']}"
    desk.call(lab, path, {"value": "publish"}, "POST")
    expect(toast(notebook, "Keep it?")).to_have_count(0)
    expect(toast(notebook, "Burn it?")).to_have_count(1)


def test_question_before_ones_eyes_is_not_notified(notebook):
    notebook.run(1)
    card(notebook, "Send it?").wait_for()
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "1")
    notebook.page.wait_for_timeout(SETTLED)
    assert toasts(notebook).count() == 0


def test_question_without_a_cell_is_shown_in_the_side_panel(notebook):
    ask(notebook, "Nowhere?")
    toast(notebook, "Nowhere?").get_by_role("button", name="Show").click()
    asked = side(notebook).locator(".kgnb-card").filter(has_text="Nowhere?")
    desk.expect_focused(asked)
    notebook.js("() => jupyterapp.shell.collapseLeft()")


def drawn_badge(notebook):
    return tab(notebook).evaluate(
        """tab => {
            const { content, height } = getComputedStyle(tab, "::before");
            return `${content.split(" / ")[0]} ${height}`;
        }"""
    )


def test_badge_counts_what_is_open_and_names_the_tab(notebook, lab):
    for count in (1, 2):
        ask(notebook, f"Question {count}?")
        expect(tab(notebook)).to_have_attribute("data-kgnb-count", str(count))
    named = notebook.page.get_by_role("tab", name="kgnb runs: 2 waiting for an answer")
    expect(named).to_be_visible()
    assert drawn_badge(notebook).startswith('"2" 16px')
    notebook.screenshot("lab-badge")
    tab(notebook).click()  # JupyterLab draws something of its own on the open one
    expect(side(notebook)).to_be_visible()
    assert drawn_badge(notebook).startswith('"2" 16px')
    notebook.js("() => jupyterapp.shell.collapseLeft()")
    desk.answer_all(lab)
    expect(
        notebook.page.get_by_role("tab", name="kgnb runs", exact=True)
    ).to_be_visible()
    assert tab(notebook).get_attribute("data-kgnb-count") is None


def test_reload_repeats_nothing_and_a_new_session_sums_up(notebook, lab, context):
    for question in ("One?", "Two?"):
        ask(notebook, question)
        toast(notebook, question).wait_for()
    notebook.page.reload()
    notebook.ready()
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "2")
    notebook.page.wait_for_timeout(SETTLED)
    assert toasts(notebook).count() == 0
    other = NotebookPage(context.new_page(), lab, "first.ipynb").open()
    expect(toasts(other)).to_have_count(1)
    told = toast(other, "2 approvals wait for you.")
    told.get_by_role("button", name="Show").click()
    expect(side(other).locator(".kgnb-card")).to_have_count(2)
    ask(other, "Three?")
    expect(toasts(notebook)).to_have_count(1)
    other.page.close()


def test_connection_that_comes_back_repeats_nothing(notebook, lab):
    ask(notebook, "Still?")
    toast(notebook, "Still?").locator(".jp-Notification-Toast-Close").click()
    expect(toasts(notebook)).to_have_count(0)
    notebook.js(REDIAL)
    until(lambda: notebook.js(IS_LIVE), what="the connection to be back")
    notebook.page.wait_for_timeout(SETTLED)
    assert toasts(notebook).count() == 0
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "1")
