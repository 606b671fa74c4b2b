"""Looking back at a run, and one that has lost its kernel, in Chromium."""

import re

import pytest
import scenes
import scenes_durable
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from test_web_looks import assert_fits


@pytest.fixture
def page(harness):
    return harness.page


def slider(page):
    return page.get_by_role("slider", name="Timeline")


def look_at(page, step):
    """The slider, set to a step by the keyboard as far as it goes."""
    slider(page).focus()
    page.keyboard.press("Home")
    for _ in range(step - 1):
        page.keyboard.press("ArrowRight")


def state(page, node):
    return page.locator(f"[data-node='{node}']").get_attribute("data-state")


def states(page):
    return {node: state(page, node) for node in ("Draft", "Check", "Review", "Publish")}


def test_slider_steps_by_the_arrow_keys_and_says_where_it_is(harness, page):
    harness.push(*scenes_durable.finished())
    harness.live()
    expect(slider(page)).to_have_attribute("aria-valuetext", "end, step 25 of 25")
    look_at(page, 8)
    told = "step 8 of 25, Review started, 5.8 s"
    expect(slider(page)).to_have_attribute("aria-valuetext", told)
    expect(page.locator(".kgnb-scrub-told")).to_have_text(
        "8 / 25 \N{MIDDLE DOT} Review started, 5.8 s"
    )
    assert states(page) == {
        "Draft": "completed",
        "Check": "completed",
        "Review": "running",
        "Publish": "idle",
    }
    page.keyboard.press("ArrowRight")
    assert state(page, "Review") == "waiting"
    page.keyboard.press("Escape")
    expect(slider(page)).to_have_attribute("aria-valuetext", "end, step 25 of 25")
    assert set(states(page).values()) == {"completed"}


def test_looking_back_shows_edges_visits_and_progress_as_they_were(harness, page):
    harness.push(*scenes_durable.finished())
    harness.live()
    edge = page.locator("[data-edge='Review|revise|Draft']")
    expect(edge).to_have_attribute("data-count", "1")
    look_at(page, 5)  # Check facts, 50 %
    expect(edge).to_have_attribute("data-count", "0")
    bar = page.get_by_role("progressbar", name="Progress of Check facts")
    expect(bar).to_have_attribute("aria-valuenow", "50")
    expect(page.locator("[data-node=Publish] .kgnb-state")).to_have_text("idle")
    look_at(page, 12)  # Draft again
    expect(edge).to_have_attribute("data-count", "1")
    expect(edge).to_have_attribute("data-active", "true")
    count = page.locator("[data-node=Draft] .kgnb-count")
    expect(count).to_have_text("\N{MULTIPLICATION SIGN}2")


def test_run_goes_on_while_one_looks_back(harness, page):
    harness.push(*scenes_durable.revised())
    harness.live()
    expect(slider(page)).to_have_attribute("aria-valuetext", "live, step 12 of 12")
    look_at(page, 2)
    before = page.locator(".kgnb-columns").bounding_box()
    harness.push(*scenes_durable.asked_again()[len(scenes_durable.revised()) :])
    expect(page.locator(".kgnb-card")).to_be_visible()
    told = "step 2 of 17, Draft completed, 3.2 s"
    expect(slider(page)).to_have_attribute("aria-valuetext", told)
    assert state(page, "Draft") == "completed"
    assert state(page, "Review") == "idle"
    expect(page.locator(".kgnb-run-chip")).to_have_text("waiting")
    after = page.locator(".kgnb-columns").bounding_box()
    assert after["height"] >= before["height"]
    page.get_by_role("button", name="Live", exact=True).click()
    expect(page.locator("[data-node=Review]")).to_have_attribute(
        "data-state", "waiting"
    )
    expect(slider(page)).to_be_focused()


def test_moving_the_slider_moves_nothing_else(harness, page):
    harness.push(*scenes_durable.finished())
    harness.live()
    expect(slider(page)).to_be_visible()

    def tops():
        parts = [".kgnb-scrub", ".kgnb-columns", ".kgnb-folds"]
        return [page.locator(part).bounding_box() for part in parts]

    live = tops()
    look_at(page, 1)
    assert tops() == live
    look_at(page, 9)
    assert tops() == live


def test_tokens_compute_no_moments_anew(harness, page):
    harness.push(*scenes_durable.revised())
    harness.live()
    expect(slider(page)).to_be_visible()
    harness.js(
        "() => { window.parsed = 0; const parse = Date.parse;"
        " Date.parse = text => { window.parsed++; return parse(text) } }"
    )
    for token in scenes.tokens("Draft", 2, scenes.DRAFT):
        harness.push(token)
    harness.settle()
    assert page.get_by_text("the slow breathing").count()
    assert harness.js("() => window.parsed") < 100


def test_saved_record_can_be_looked_back_at_without_a_server(harness, page):
    harness.push(*scenes_durable.finished())
    harness.record()
    requests = len(harness.requests)
    look_at(page, 12)
    told = "step 12 of 25, Draft started, 19 s"
    expect(slider(page)).to_have_attribute("aria-valuetext", told)
    assert state(page, "Draft") == "running"
    assert state(page, "Publish") == "idle"
    assert len(harness.requests) == requests


def test_timeline_shows_when_no_process_had_the_run(harness, page):
    harness.push(*scenes_durable.finished())
    harness.live()
    page.locator(".kgnb-timeline > summary").click()
    rows = page.locator(".kgnb-visit")
    expect(rows.filter(has_text="kernel lost")).to_have_count(1)
    expect(rows.filter(has_text="interrupted")).to_have_count(1)
    expect(page.locator(".kgnb-scrub-break")).to_have_count(1)


def test_lost_run_says_what_to_do_and_takes_an_answer_meanwhile(harness, page):
    harness.push(*scenes_durable.lost())
    harness.live()
    notice = page.locator(".kgnb-loss")
    expect(notice).to_contain_text("The kernel died.")
    expect(notice).to_contain_text("to go on after Check facts")
    expect(notice.locator("code")).to_have_text('kgnb.run(graph, resume="r1")')
    expect(page.locator(".kgnb-error")).to_be_hidden()
    expect(page.locator("[data-node=Review]")).to_have_attribute(
        "data-state", "interrupted"
    )
    page.get_by_role("button", name="publish", exact=True).click()
    expect(notice).to_contain_text("1 answer stored")
    expect(page.locator(".kgnb-card")).to_have_count(0)


def test_lost_run_is_given_up_by_its_cancel_button(harness, page):
    harness.push(*scenes_durable.lost())
    harness.live()
    expect(page.locator(".kgnb-header-orders button:visible")).to_have_count(1)
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator(".kgnb-run-chip")).to_have_text("cancelled")
    assert harness.sent("cancel")[0]["run_id"] == "r1"
    expect(page.locator(".kgnb-loss")).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel run")).to_be_hidden()


def test_line_that_resumes_is_copied(open_harness):
    harness = open_harness(permissions=["clipboard-read", "clipboard-write"])
    harness.push(*scenes_durable.lost())
    harness.live()
    harness.page.get_by_role("button", name="Copy").click()
    expect(harness.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = harness.js("() => navigator.clipboard.readText()")
    assert copied == 'kgnb.run(graph, resume="r1")'


def test_resumed_run_goes_on_in_the_same_panel(harness, page):
    harness.push(*scenes_durable.lost())
    harness.live()
    expect(page.locator(".kgnb-loss")).to_be_visible()
    harness.push(*scenes_durable.finished()[len(scenes_durable.lost()) :])
    expect(page.locator(".kgnb-run-chip")).to_have_text("completed")
    expect(page.locator(".kgnb-loss")).to_be_hidden()
    visits = {node: seen["visits"] for node, seen in harness.view()["nodes"].items()}
    assert visits == {"Draft": 2, "Check": 2, "Review": 2, "Publish": 1}


def test_text_of_a_visit_that_begins_again_is_superseded(harness, page):
    harness.push(
        scenes.started(durable=True),
        scenes.update("Draft", 1, "running"),
        *scenes.tokens("Draft", 1, "Before the kernel died", final=False),
        {"type": "workflow_lost", "reason": "died", "resumable": True},
        scenes.started(durable=True, resumed_from="r1"),
        scenes.update("Draft", 1, "running"),
        *scenes.tokens("Draft", 1, "Anew"),
    )
    harness.live()
    cards = page.locator("[data-stream-card]")
    expect(cards).to_have_count(2)
    old = page.locator("[data-stream-card][data-superseded=true]")
    expect(old).to_contain_text("superseded")
    new = page.locator("[data-stream-card]:not([data-superseded=true])")
    expect(new).to_have_text(re.compile("Anew"))


def test_fork_says_where_it_comes_from(harness, page):
    origin = {"run_id": "abcdef0123456789", "seq": 3}
    harness.push(scenes.started(durable=True, forked_from=origin))
    harness.live()
    link = page.get_by_role("link", name="forked from abcdef01")
    expect(link).to_have_attribute("href", "/kgnb/runs/abcdef0123456789")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_past(open_harness, theme):
    harness = open_harness(theme=theme)
    harness.push(*scenes_durable.lost())
    harness.live()
    look_at(harness.page, 9)
    harness.page.locator(".kgnb-card[data-armed=true]").wait_for()
    found = Axe().run(harness.page, options={"resultTypes": ["violations"]}).response
    serious = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_nothing_overflows_a_phone_in_the_past(open_harness):
    harness = open_harness(width=360)
    harness.push(*scenes_durable.lost())
    harness.live()
    look_at(harness.page, 9)
    expect(harness.page.get_by_role("button", name="End")).to_have_count(0)
    expect(harness.page.get_by_role("button", name="Live")).to_be_visible()
    assert_fits(harness.page, 360)
