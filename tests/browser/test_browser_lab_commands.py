"""Commands in JupyterLab's palette, and settings that take effect at once."""

import desk
import pytest
from desk import card, from_palette, look_away, side, tab, tell_kernel, toast, toasts
from harness import NotebookPage, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LISTED = {
    "Show Runs and Approvals",
    "Next Open Approval",
    "Open Current Run in a Tab",
    "Open All Runs in a Tab",
    "Notify of New Approvals",
}
STATE_OF = """id => {
    const { commands } = jupyterapp;
    return {
        label: commands.label(id),
        caption: commands.caption(id),
        isEnabled: commands.isEnabled(id),
        isToggled: commands.isToggled(id),
    };
}"""


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def opened(lab, context):
    """A notebook whose cell 1 has shown a run that waits, and cell 2 is long."""
    lab.write("commands.ipynb", desk.ASK, 'run = asking("letter", "Send?")', desk.LONG)
    notebook = NotebookPage(context.new_page(), lab, "commands.ipynb").open()
    notebook.run(0)
    notebook.wait_done(0)
    return notebook


@pytest.fixture
def notebook(opened, lab):
    """With a question in cell 1; afterwards every setting is as it was."""
    opened.run(1)
    card(opened, "Send?").wait_for()
    yield opened
    desk.answer_all(lab)
    opened.page.keyboard.press("Escape")
    if opened.js("() => jupyterapp.shell.currentWidget.id") == "setting-editor":
        opened.js("() => jupyterapp.shell.currentWidget.close()")
    assert opened.errors == []


@pytest.fixture
def settings(notebook):
    """The settings editor, at kgnb's settings."""
    page = notebook.page
    notebook.js(
        "() => void jupyterapp.commands.execute('settingeditor:open', { query: 'kgnb' })"
    )
    editor = page.locator("#setting-editor")
    editor.get_by_text("Notify of approvals").first.wait_for()
    yield editor
    notebook.js("() => jupyterapp.shell.activateById('setting-editor')")
    if changed(notebook.jupyter):
        editor.get_by_role("button", name="Restore to Defaults").first.click()
    until(lambda: not changed(notebook.jupyter), what="the defaults to be saved")
    notebook.js(
        """() => {
            const editor = [...jupyterapp.shell.widgets('main')]
                .find(widget => widget.id === 'setting-editor');
            editor?.close();
        }"""
    )


def changed(lab):
    """Names of the settings that are saved with another value than the default."""
    told = desk.call(lab, "lab/api/settings/kgnb:runs")
    default = told["schema"]["properties"]
    saved = told["settings"].items()
    return [name for name, value in saved if value != default[name]["default"]]


def state(notebook, command):
    return notebook.js(STATE_OF, f"kgnb:{command}")


def shown(notebook):
    """Labels of what the palette lists under our name."""
    notebook.execute("apputils:activate-command-palette")
    notebook.page.locator(".lm-CommandPalette-input").fill("kgnb")
    notebook.page.wait_for_timeout(200)
    labels = notebook.page.locator(
        ".lm-CommandPalette-item[data-command^='kgnb:'] .lm-CommandPalette-itemLabel"
    ).all_inner_texts()
    notebook.page.keyboard.press("Escape")
    return set(labels)


def test_palette_lists_what_can_be_done_with_the_current_run(notebook):
    listed = shown(notebook)
    assert listed >= LISTED
    assert {"Pause Run “letter”", "Cancel Run “letter”"} <= listed
    for command in notebook.js(
        "() => jupyterapp.commands.listCommands().filter(id => id.startsWith('kgnb:'))"
    ):
        found = notebook.js(STATE_OF, command)
        assert found["label"], command
        assert found["caption"], command


def test_next_approval_goes_round(notebook, lab):
    tell_kernel(notebook, 'asking("other", "And this?")')
    until(lambda: len(desk.open_approvals(lab)) == 2, what="two questions")
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "2")
    look_away(notebook)
    from_palette(notebook, "Next Open Approval")
    desk.expect_focused(card(notebook, "Send?"))
    from_palette(notebook, "Next Open Approval")
    other = side(notebook).locator(".kgnb-card").filter(has_text="And this?")
    desk.expect_focused(other)
    from_palette(notebook, "Next Open Approval")
    desk.expect_focused(card(notebook, "Send?"))
    notebook.js("() => jupyterapp.shell.collapseLeft()")


def test_current_run_and_all_runs_open_in_a_tab(notebook, context):
    notebook.js("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    with context.expect_page() as opening:
        from_palette(notebook, "Open Current Run in a Tab")
    run = notebook.panel(1).get_attribute("data-run")
    assert opening.value.url == f"{notebook.jupyter.url}kgnb/runs/{run}"
    opening.value.locator(".kgnb-title").get_by_text("letter").wait_for()
    opening.value.close()
    with context.expect_page() as opening:
        from_palette(notebook, "Open All Runs in a Tab")
    assert opening.value.url == f"{notebook.jupyter.url}kgnb/"
    opening.value.close()


def test_current_run_is_paused_resumed_and_cancelled(notebook):
    chip = notebook.panel(1).locator(".kgnb-run-chip")
    assert not state(notebook, "resume-run")["isEnabled"]
    from_palette(notebook, "Pause Run “letter”")
    expect(chip).to_have_text("paused")
    until(lambda: state(notebook, "resume-run")["isEnabled"], what="resume")
    assert not state(notebook, "pause-run")["isEnabled"]
    from_palette(notebook, "Resume Run “letter”")
    expect(chip).to_have_text("waiting")
    until(lambda: state(notebook, "cancel-run")["isEnabled"], what="cancel")
    from_palette(notebook, "Cancel Run “letter”")
    expect(chip).to_have_text("cancelled")
    until(lambda: not state(notebook, "cancel-run")["isEnabled"], what="the end")


def test_notifications_are_toggled_by_a_command(notebook):
    look_away(notebook)
    tell_kernel(notebook, 'asking("memo", "Heard?")')
    toast(notebook, "Heard?").wait_for()
    from_palette(notebook, "Notify of New Approvals")
    expect(toasts(notebook)).to_have_count(0)
    assert not state(notebook, "toggle-notifications")["isToggled"]
    tell_kernel(notebook, 'asking("memo", "Unheard?")')
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "3")
    notebook.page.wait_for_timeout(1300)
    assert toasts(notebook).count() == 0
    from_palette(notebook, "Notify of New Approvals")
    until(
        lambda: state(notebook, "toggle-notifications")["isToggled"], what="the setting"
    )
    tell_kernel(notebook, 'asking("memo", "Heard again?")')
    toast(notebook, "Heard again?").wait_for()
    assert toasts(notebook).count() == 1


def test_settings_editor_switches_each_part_off_and_on(notebook, settings, lab):
    page = notebook.page
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "1")
    notebook.screenshot("lab-settings")
    badge = settings.get_by_label("Badge", exact=True)
    badge.uncheck()
    expect(tab(notebook)).not_to_have_attribute("data-kgnb-count", "1")
    badge.check()
    expect(tab(notebook)).to_have_attribute("data-kgnb-count", "1")
    panel = settings.get_by_label("Side panel", exact=True)
    panel.uncheck()
    expect(tab(notebook)).to_have_count(0)
    assert not state(notebook, "show-runs")["isEnabled"]
    panel.check()
    expect(tab(notebook)).to_be_visible()
    tell_kernel_of(notebook, 'asking("memo", "Noted?")')
    toast(notebook, "Noted?").wait_for()
    notices = settings.get_by_label("Notify of approvals", exact=True)
    notices.uncheck()
    expect(toasts(notebook)).to_have_count(0)
    notices.check()
    commands = settings.get_by_label("Commands", exact=True)
    commands.uncheck()
    until(lambda: shown(notebook) & LISTED == set(), what="an empty palette")
    commands.check()
    until(lambda: shown(notebook) >= LISTED, what="the commands to be back")
    assert page.locator(".jp-Dialog").count() == 0


def tell_kernel_of(notebook, code):
    """While something else than the notebook is in front."""
    notebook.js(
        """async code => {
            const [first] = [...jupyterapp.shell.widgets('main')]
                .filter(widget => widget.sessionContext);
            const { kernel } = first.sessionContext.session;
            await kernel.requestExecute({ code, store_history: false }).done;
        }""",
        code,
    )


def test_open_in_a_tab_is_set_to_jupyterlab_and_to_nowhere(notebook, settings, context):
    page = notebook.page
    where = settings.locator("select")
    link = page.locator(".jp-Notebook .kgnb-open").first
    where.select_option(label="Nowhere: leave the links out")
    until(
        lambda: not state(notebook, "open-inbox")["isEnabled"], what="the links to go"
    )
    desk.go_to(notebook, notebook.name)
    card(notebook, "Send?").scroll_into_view_if_needed()
    expect(link).to_be_hidden()
    notebook.js("() => jupyterapp.shell.activateById('setting-editor')")
    where.select_option(label="A tab of JupyterLab")
    until(lambda: state(notebook, "open-inbox")["isEnabled"], what="the links")
    desk.go_to(notebook, notebook.name)
    pages = len(context.pages)
    link.click()
    drawn = page.locator(".kgnb-main .kgnb-panel")
    expect(drawn.locator(".kgnb-title")).to_have_text("letter")
    assert len(context.pages) == pages
    notebook.screenshot("lab-tab")
    title = "() => jupyterapp.shell.currentWidget.title.label"
    assert notebook.js(title) == "letter"
    drawn.get_by_role("button", name="publish").click()
    expect(drawn.locator(".kgnb-run-chip")).to_have_text("completed")
    notebook.js("() => jupyterapp.shell.currentWidget.close()")
    expect(drawn).to_have_count(0)


def test_settings_of_an_earlier_day_hold_from_the_start(notebook, lab, context):
    desk.put_settings(lab, sidePanel=False, notifications=False)
    other = NotebookPage(context.new_page(), lab, "commands.ipynb").open()
    until(
        lambda: other.js("() => jupyterapp.commands.hasCommand('kgnb:show-runs')"),
        what="the commands",
    )
    assert tab(other).count() == 0
    other.page.wait_for_timeout(1300)
    assert toasts(other).count() == 0
    desk.put_settings(lab)
    other.page.close()


def test_question_opens_its_page_where_there_is_no_panel(notebook, lab, context):
    desk.put_settings(lab, sidePanel=False)
    other = NotebookPage(context.new_page(), lab, "commands.ipynb").open()
    tell_kernel(other, 'asking("memo", "On a page?")')
    with context.expect_page() as opening:
        toast(other, "On a page?").get_by_role("button", name="Show").click()
    opening.value.locator(".kgnb-card").get_by_text("On a page?").wait_for()
    opening.value.close()
    desk.put_settings(lab)
    other.page.close()
