"""Many things at once in the panel: streams, retries, items, loops; in Chromium."""

import pytest
import scenes
import scenes_live
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from test_web_looks import assert_fits

SCENES = {
    "retry": scenes_live.one,
    "four": scenes_live.beside,
    "twenty": lambda: scenes_live.beside(20),
    "items": scenes_live.items,
}


@pytest.fixture
def page(harness):
    return harness.page


def card(page, name):
    return page.locator(".kgnb-stream").filter(
        has=page.locator(".kgnb-stream-title", has_text=name)
    )


def test_retry_strikes_and_folds_what_the_failed_attempt_said(harness, page):
    harness.push(*scenes_live.one()[:3])
    harness.live()
    old = page.locator("[data-stream-card='Draft:1.1/1']")
    expect(old).to_have_attribute("open", "")
    harness.push(*scenes_live.one()[3:])
    expect(old).not_to_have_attribute("open", "")
    expect(old.locator(".kgnb-stream-title")).to_contain_text("superseded")
    old.locator(".kgnb-stream-title").click()
    struck = old.locator(".kgnb-stream-text")
    expect(struck).to_have_css("text-decoration-line", "line-through")
    expect(page.locator("[data-stream='Draft:1.2/1']")).to_have_text(scenes.DRAFT)


def test_reasoning_is_folded_and_tool_calls_have_name_and_arguments(harness, page):
    harness.push(*scenes_live.one())
    harness.live()
    now = page.locator("[data-stream-card='Draft:1.2/1']")
    thought = now.locator("[data-kind=reasoning]")
    expect(thought.get_by_text(scenes_live.THOUGHT)).to_be_hidden()
    thought.locator("summary").click()
    expect(thought.get_by_text(scenes_live.THOUGHT)).to_be_visible()
    call = now.get_by_role("listitem")
    expect(call.locator(".kgnb-call-name")).to_have_text("search_tide_tables")
    arguments = page.get_by_role("region", name="Arguments of search_tide_tables")
    expect(arguments).to_have_text('{"port": "Brest", "days": 3}')


def test_usage_shows_per_stream_node_and_run(harness, page):
    harness.push(*scenes_live.beside(4))
    harness.live()
    expect(card(page, "english")).to_contain_text("412 in · 96 out")
    expect(page.locator("[data-node-row=Draft]")).to_contain_text("824 in · 192 out")
    expect(page.locator(".kgnb-usage")).to_have_text("824 in · 192 out")


def test_labelled_streams_stand_side_by_side_and_never_mix(harness, page):
    harness.push(*scenes_live.beside(4))
    harness.live()
    tops = [
        card(page, name).bounding_box()["y"] for name in ("Draft · english", "deutsch")
    ]
    assert tops[0] == tops[1]
    expect(card(page, "deutsch")).not_to_contain_text("Twice a day")
    harness.push(scenes_live.say("deutsch", "Ende.", index=len(scenes_live.GERMAN) * 2))
    expect(card(page, "deutsch")).to_contain_text("Ende.")
    expect(card(page, "english")).not_to_contain_text("Ende.")


def test_gap_in_a_text_is_said(harness, page):
    harness.push(scenes.started(), scenes.update("Draft", 1, "running"))
    harness.push(scenes_live.say(None, "one", final=False))
    harness.push(scenes_live.say(None, "two", index=15))
    harness.live()
    expect(page.locator(".kgnb-stream-text")).to_have_text("one…two")
    expect(page.locator(".kgnb-stream-title")).to_contain_text("12 characters missing")


def test_forty_items_have_bars_of_their_own(harness, page):
    harness.push(*scenes_live.items(40))
    harness.live()
    bars = page.locator(".kgnb-item [role=progressbar]")
    expect(bars).to_have_count(40)
    expect(
        page.get_by_role("progressbar", name="Progress of item 16")
    ).to_have_attribute("aria-valuenow", "22")
    expect(page.locator("[data-item='5']")).to_contain_text("ValueError: no source")
    expect(page.locator(".kgnb-items-more:not([hidden])")).to_have_text(
        "12 of 40 items done"
    )


def test_bars_tell_rate_and_remaining_time_while_they_move(harness, page):
    harness.push(*scenes_live.items(3))
    harness.live()
    row = page.locator("[data-node-row=Check]")
    expect(row).to_contain_text("12 / 3 · 2.4/s · 12 s left")
    inner = row.locator("[data-track='1.1']")
    expect(inner).to_contain_text("4 / 10 · 4.0 s each · 24 s left")
    places = row.locator("[data-track]")
    assert places.evaluate_all("rows => rows.map(r => r.dataset.track)") == ["1.1", "2"]
    harness.push(scenes.update("Check", 1, "completed"))
    expect(row).not_to_contain_text("left")
    expect(inner).to_have_count(0)


@pytest.mark.parametrize("name", ["retry", "four"])
def test_record_draws_the_same_cards(harness, page, name):
    harness.push(*SCENES[name]())
    harness.record()
    live = {"retry": 2, "four": 4}[name]
    expect(page.locator(".kgnb-stream")).to_have_count(live)
    if name == "retry":
        expect(page.locator(".kgnb-stream[data-superseded=true]")).to_have_count(1)
        expect(page.locator(".kgnb-call-name")).to_have_text("search_tide_tables")


@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_nothing_overflows_and_axe_finds_nothing_serious(open_harness, scene, width):
    harness = open_harness(width=width)
    harness.push(*scene())
    harness.live()
    expect(harness.page.locator(".kgnb-node-row").first).to_be_visible()
    assert_fits(harness.page, width)
    found = Axe().run(harness.page, options={"resultTypes": ["violations"]}).response
    assert [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ] == []


def test_failed_item_never_looks_done(harness, page):
    harness.push(
        *scenes.checking(), scenes.failed_item("Check", "twice a day", "no such page")
    )
    harness.live()
    row = page.locator(".kgnb-item", has_text="twice a day")
    expect(row).to_contain_text("✕ failed")
    expect(row).to_contain_text("no such page")
    expect(row.locator(".kgnb-bar-track")).to_have_attribute("data-failed", "true")
    expect(row.locator(".kgnb-bar-track")).to_have_attribute("data-full", "false")
