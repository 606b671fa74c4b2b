"""The panel in Lab, beside it and on a page of its own: readable by everybody."""

import cells
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import NotebookPage

pytestmark = pytest.mark.browser

THEMES = {"light": None, "dark": "JupyterLab Dark"}
STATES = {"waiting": 1, "failed": 2, "completed": 3}
CELLS = [
    cells.MANY_STATES,
    "waiting = kgnb.run(letter(), {})",
    "failed = kgnb.run(broken(), {})",
    'completed = kgnb.run(letter(), {}, answers=["yes"])',
    'print("ids:", waiting.id, failed.id, completed.id)',
]
TOO_WIDE = """
() => [...document.querySelectorAll('.kgnb *')].filter(element => {
    if (element.closest('svg, .kgnb-unseen, .kgnb-picture')) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.right > innerWidth + 1;
}).map(element => element.className)
"""


def serious(page, place):
    """What axe-core finds serious or critical in a place, by its CSS selector."""
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context={"include": [[place]]}, options=options)
    return [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def unfold(place):
    for summary in place.locator("details:not([open]) > summary").all():
        if summary.is_visible():
            summary.click()


@pytest.fixture(scope="module", params=THEMES)
def looked(start_jupyter, chromium, request):
    """A notebook with a waiting, a failed and a completed run, in one theme."""
    theme = request.param
    lab = start_jupyter(theme=THEMES[theme])
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1000}, color_scheme=theme
    )
    context.set_default_timeout(20_000)
    lab.write("looks.ipynb", *CELLS)
    notebook = NotebookPage(context.new_page(), lab, "looks.ipynb").open()
    for index in range(len(CELLS)):
        notebook.run(index)
    notebook.wait_done(4)
    for status, index in STATES.items():
        notebook.panel(index).locator(".kgnb-run-chip").get_by_text(status).wait_for()
    notebook.theme = theme
    notebook.ids = dict(zip(STATES, notebook.output(4).split()[-3:], strict=True))
    yield notebook
    assert notebook.errors == []
    context.close()


@pytest.mark.parametrize("status", STATES)
def test_panel_in_lab_is_accessible(looked, status):
    panel = looked.panel(STATES[status])
    panel.scroll_into_view_if_needed()
    unfold(panel)
    looked.page.wait_for_timeout(700)  # the buttons are armed by then
    run = looked.ids[status]
    assert serious(looked.page, f'.kgnb-panel[data-run="{run}"]') == []
    looked.screenshot(f"looks-{looked.theme}-{status}")


def test_side_panel_is_accessible(looked):
    looked.js("() => jupyterapp.shell.activateById('kgnb-runs')")
    looked.page.locator("#kgnb-runs .kgnb-card").wait_for()
    looked.page.wait_for_timeout(700)
    assert serious(looked.page, "#kgnb-runs") == []
    looked.screenshot(f"looks-{looked.theme}-side")


def test_payload_breaks_between_words(looked):
    # JupyterLab's own rule for a pre in an output is break-all.
    box = looked.panel(1).locator(".kgnb-card .kgnb-value")
    assert box.evaluate("box => getComputedStyle(box).wordBreak") == "normal"


@pytest.mark.parametrize("width", [480, 360])
@pytest.mark.parametrize("status", STATES)
def test_page_of_a_run_is_accessible_and_fits(looked, status, width):
    lab, run = looked.jupyter, looked.ids[status]
    page = looked.page.context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{lab.url}kgnb/runs/{run}?token={lab.token}")
    panel = page.locator(".kgnb-panel")
    panel.locator(".kgnb-run-chip").get_by_text(status).wait_for()
    unfold(panel)
    page.wait_for_timeout(700)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate(TOO_WIDE) == []
    assert serious(page, "html") == []
    NotebookPage(page, lab, "").screenshot(f"looks-{looked.theme}-{status}-{width}")
    page.close()
