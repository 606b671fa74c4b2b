"""Notifications and commands in Notebook 7, and without the server extension."""

import desk
import pytest
from desk import card, look_away, side, tell_kernel, toast, toasts
from harness import NotebookPage, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

UPSTREAM = "Cannot read properties of undefined (reading 'schema')"
"""Notebook 7.6's own, when it loads its menus' settings, without kgnb too."""


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="dark"
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def open_in(start_jupyter, context):
    """Open a notebook that can ask, in an application of its own."""

    def open_(**options):
        jupyter = start_jupyter(**options)
        jupyter.write("n.ipynb", desk.ASK, 'run = asking("letter", "Send?")', desk.LONG)
        page = context.new_page()
        warnings = []
        page.on(
            "console",
            lambda told: "kgnb" in told.text and warnings.append(told.text),
        )
        notebook = NotebookPage(page, jupyter, "n.ipynb").open()
        notebook.warnings = warnings
        notebook.run(0)
        notebook.wait_done(0)
        return notebook

    return open_


@pytest.fixture(scope="module")
def seven(open_in):
    return open_in(app="notebook")


@pytest.fixture(scope="module")
def dark(open_in):
    return open_in(theme="JupyterLab Dark")


@pytest.fixture(scope="module")
def alone(open_in):
    return open_in(extension=False)


def test_notification_in_notebook_7_leads_to_the_card(seven):
    seven.run(1)
    look_away(seven)
    told = toast(seven, "letter asks: Send?")
    told.wait_for()
    seven.page.wait_for_timeout(600)  # it has slid in
    seven.screenshot("lab-notebook7")
    told.get_by_role("button", name="Show").click()
    asked = card(seven, "Send?")
    desk.expect_focused(asked)
    asked.get_by_role("button", name="publish").click()
    expect(asked).to_have_count(0)
    assert set(seven.errors) <= {UPSTREAM}


def test_notification_in_notebook_7_leads_to_the_side_panel(seven):
    tell_kernel(seven, 'asking("memo", "Nowhere?")')
    toast(seven, "Nowhere?").get_by_role("button", name="Show").click()
    desk.expect_focused(side(seven).locator(".kgnb-card"))
    seven.screenshot("lab-notebook7-side")
    desk.answer_all(seven.jupyter)
    expect(side(seven).locator(".kgnb-card")).to_have_count(0)


def test_palette_of_notebook_7_has_the_commands(seven, context):
    desk.put_settings(seven.jupyter, openIn="lab")
    seven.save()
    seven.page.reload()
    seven.ready()
    seven.js("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    can_open = "() => jupyterapp.commands.isEnabled('kgnb:open-run')"
    until(lambda: seven.js(can_open), what="the run to be listed")
    with context.expect_page() as opening:  # Notebook 7 has no tabs of its own
        desk.from_palette(seven, "Open Current Run in a Tab")
    assert "/user/ana/kgnb/runs/" in opening.value.url
    opening.value.close()


def test_notification_and_badge_on_the_list_of_files(seven, context):
    tree = context.new_page()
    tree.goto(f"{seven.jupyter.url}tree?token={seven.jupyter.token}")
    tree.wait_for_function(
        "() => window.jupyterapp?.commands?.hasCommand('kgnb:show-runs')"
    )
    tell_kernel(seven, 'asking("memo", "From afar?")')
    listed = NotebookPage(tree, seven.jupyter, "")
    told = toast(listed, "memo asks: From afar?")
    told.get_by_role("button", name="Show").click()
    desk.expect_focused(side(listed).locator(".kgnb-card"))
    desk.answer_all(seven.jupyter)
    tree.close()


def test_notification_in_the_dark_theme(dark):
    dark.run(1)
    look_away(dark)
    toast(dark, "letter asks: Send?").wait_for()
    dark.page.wait_for_timeout(600)  # it has slid in
    dark.screenshot("lab-dark-notice")
    toast(dark, "Send?").get_by_role("button", name="Show").click()
    desk.expect_focused(card(dark, "Send?"))
    dark.screenshot("lab-dark-shown")
    desk.answer_all(dark.jupyter)


def test_without_the_server_extension_nothing_is_told_but_why(alone):
    alone.run(1)
    asked = card(alone, "Send?")
    asked.wait_for()
    look_away(alone)
    alone.page.wait_for_timeout(1300)
    assert toasts(alone).count() == 0
    enabled = alone.js(
        "() => jupyterapp.commands.listCommands().filter(id => id.startsWith('kgnb:')"
        " && jupyterapp.commands.isEnabled(id))"
    )
    assert set(enabled) == {"kgnb:show-runs", "kgnb:toggle-notifications"}
    desk.from_palette(alone, "Show Runs and Approvals")
    side(alone).get_by_text("The kgnb server extension does not answer").wait_for()
    assert alone.errors == []
    noise = [text for text in alone.warnings if "WebSocket" not in text]
    assert noise == []
