"""The panel fits its place and can be used by everybody."""

import pytest
import scenes
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SCENES = ["drafting", "checking", "paused", "waiting", "finished"]

LONG = "a_word_that_is_far_too_long_for_any_phone_" * 6


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scene", SCENES)
def test_axe_finds_nothing_serious(open_harness, scene, theme):
    harness = open_harness(theme=theme)
    harness.push(*getattr(scenes, scene)())
    harness.live()
    harness.page.wait_for_timeout(700)  # the buttons are armed by then
    for summary in harness.page.locator(".kgnb-fold:not([open]) > summary").all():
        if summary.is_visible():
            summary.click()
    found = Axe().run(harness.page, options={"resultTypes": ["violations"]}).response
    serious = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    # The harness page has no heading of its own; what is told is the panel's.
    assert serious == []


@pytest.mark.parametrize("width", [360, 480, 1100])
@pytest.mark.parametrize("scene", SCENES)
def test_nothing_overflows_sideways(open_harness, scene, width):
    harness = open_harness(width=width)
    harness.push(*getattr(scenes, scene)())
    harness.live()
    expect(harness.page.locator(".kgnb-node-row").first).to_be_visible()
    assert_fits(harness.page, width)


def test_long_words_do_not_overflow_a_phone(open_harness):
    harness = open_harness(width=360)
    nodes = [{"id": LONG, "label": LONG, "kind": "node", "path": [LONG]}]
    harness.push(
        {"type": "workflow_started", "workflow": LONG, "graph": {"nodes": nodes}},
        scenes.update(LONG, 1, "running", message=LONG),
        *scenes.tokens(LONG, 1, LONG * 3),
        scenes.item(LONG, LONG, 40),
        scenes.log(LONG, LONG),
        scenes.ask("a1", LONG, message=LONG, payload={LONG: LONG}, options=[LONG, "b"]),
        {"type": "result", "node_id": LONG, "data": LONG},
    )
    harness.live()
    expect(harness.page.locator(".kgnb-card")).to_be_visible()
    assert_fits(harness.page, 360)


def assert_fits(page, width):
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        """() => [...document.querySelectorAll('.kgnb *')].filter(element => {
            if (element.closest('svg, .kgnb-unseen, .kgnb-picture')) return false;
            const box = element.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1;
        }).map(element => element.className)"""
    )
    assert wide == []


def test_reduced_motion_stops_what_moves(open_harness):
    harness = open_harness(reduced_motion="reduce")
    harness.push(*scenes.checking())
    harness.live()
    expect(harness.page.locator(".kgnb-run-chip")).to_have_text("running")
    assert harness.js("() => document.getAnimations().length") == 0


def test_focus_is_visible(open_harness):
    harness = open_harness()
    harness.push(*scenes.waiting())
    harness.live()
    button = harness.page.get_by_role("button", name="revise")
    expect(button).to_be_enabled(timeout=2000)
    harness.page.get_by_role("button", name="publish").focus()
    harness.page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"


def test_states_differ_by_shape_and_word(open_harness):
    harness = open_harness()
    harness.push(*scenes.waiting())
    harness.live()
    chips = harness.page.locator(".kgnb-node-chip")
    expect(chips).to_have_text(["completed", "completed", "waiting", "idle"])
    shapes = chips.locator("path").evaluate_all(
        "ps => ps.map(p => p.getAttribute('d'))"
    )
    assert len(set(shapes)) == 3


@pytest.mark.parametrize(
    ("attribute", "expected"), [("true", "light"), ("false", "dark")]
)
def test_jupyters_theme_wins_over_the_systems(open_harness, attribute, expected):
    harness = open_harness(theme="dark" if expected == "light" else "light")
    harness.js("value => document.body.dataset.jpThemeLight = value", attribute)
    harness.push(*scenes.drafting())
    harness.live()
    panel = harness.page.locator(".kgnb")
    assert panel.evaluate("p => getComputedStyle(p).colorScheme") == expected
