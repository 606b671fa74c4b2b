"""A run that is held: by a breakpoint, or by a person's click."""

import pytest
import scenes
from playwright.sync_api import expect


@pytest.fixture
def drafting(harness):
    harness.push(*scenes.drafting())
    harness.live()
    return harness


def button(harness, word):
    return harness.page.get_by_role("button", name=f"{word} run")


def chip(harness):
    return harness.page.locator(".kgnb-run-chip")


def note(harness):
    return harness.page.locator(".kgnb-note").first


def test_pause_and_resume_are_one_button(drafting):
    button(drafting, "Pause").click()
    expect(chip(drafting)).to_have_text("paused")
    expect(note(drafting)).to_contain_text("Paused: Ada (panel)")
    button(drafting, "Resume").click()
    expect(chip(drafting)).to_have_text("running")
    expect(note(drafting)).to_be_hidden()
    sent = [drafting.sent(kind)[0]["run_id"] for kind in ("pause", "resume")]
    assert sent == ["r1", "r1"]


def test_breakpoint_is_shown_where_the_run_stands(harness):
    harness.push(scenes.started(), {"type": "workflow_paused", "before": "Check"})
    harness.live()
    expect(note(harness)).to_have_text("Paused at the breakpoint before Check facts.")
    box = harness.page.locator('[data-node="Check"]')
    expect(box).to_have_attribute("data-state", "paused")
    expect(box.locator(".kgnb-state")).to_have_text("‖ paused")
    button(harness, "Resume").click()
    expect(box).to_have_attribute("data-state", "idle")


def test_refused_pause_says_why_and_can_be_tried_again(drafting):
    error = {"code": "unavailable", "message": "its kernel cannot be reached now"}
    drafting.js("reply => { harness.reply = reply }", error)
    button(drafting, "Pause").click()
    expect(note(drafting)).to_have_text("Not paused: its kernel cannot be reached now")
    drafting.push(scenes.log("Draft", "one more line\n"))
    drafting.settle()
    expect(note(drafting)).to_have_text("Not paused: its kernel cannot be reached now")
    drafting.js("() => { harness.reply = 'ack' }")
    button(drafting, "Pause").click()
    expect(chip(drafting)).to_have_text("paused")


def test_ended_run_has_no_pause_button(harness):
    harness.push(*scenes.finished())
    harness.live()
    expect(chip(harness)).to_have_text("completed")
    expect(harness.page.get_by_role("button", name="Pause run")).to_be_hidden()
