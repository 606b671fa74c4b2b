"""A vote in the panel: its rules, the votes so far, and who may vote."""

import os
from pathlib import Path

import pytest
import scenes
from playwright.sync_api import expect

SHOTS = os.environ.get("KGNB_SHOTS")
ADA = {"user": "ada", "name": "Ada", "kind": "user", "role": "start", "voter": "v-ada"}
RULES = {
    "message": "Ship version 2.1 to everybody?",
    "options": ["ship", "hold"],
    "payload": "1,204 tests pass; 3 open issues, none of them new.",
    "need": 2,
    "approvers": ["ada", "grace", "linus"],
    "veto": ["hold"],
}


def cast(user, value, **fields):
    approver = user if fields.pop("named", True) else None
    return {
        "voter": f"v-{user}",
        "user": user.capitalize(),
        "value": value,
        "at": "2026-11-21T03:40:44.123Z",
        **({"approver": approver} if approver else {}),
        **fields,
    }


def voted(*votes, need=2):
    data = {"approval_id": "a1", "args_hash": "hash-a1", "votes": votes, "need": need}
    return {
        "type": "approval_vote",
        "node_id": "Review",
        "task_id": "Review:1",
        "data": data,
    }


@pytest.fixture
def page(harness):
    return harness.page


@pytest.fixture
def ballot(harness):
    """Show a vote to somebody."""

    def show(identity=ADA, **rules):
        harness.js("identity => { harness.identity = identity }", identity)
        harness.push(scenes.started(), scenes.update("Review", 1, "running"))
        harness.push(scenes.ask(**{**RULES, **rules}))
        harness.live()
        return harness.page.locator(".kgnb-card")

    return show


def shot(page, name):
    """Keep a picture, for whoever wants to look."""
    if SHOTS:
        page.locator(".kgnb-panel").screenshot(path=Path(SHOTS) / f"{name}.png")


def ship(page):
    return page.get_by_role("button", name="ship", exact=True)


def test_vote_says_how_it_is_decided_and_who_is_missing(ballot, page):
    card = ballot()
    expect(card).to_contain_text(
        "Decided when 2 of 3 people (ada, grace and linus) choose the same."
    )
    expect(card).to_contain_text("Veto: one vote for “hold” is enough.")
    expect(card).to_contain_text("ship: 0 of 2 · hold: 0 of 2")
    expect(card).to_contain_text("Not yet: ada, grace, linus")
    expect(ship(page)).to_be_enabled()
    shot(page, "vote-open")


def test_vote_of_somebody_else_shows_at_once_and_is_read_out(ballot, harness, page):
    card = ballot()
    expect(card).to_contain_text("Not yet: ada, grace, linus")
    harness.push(voted(cast("grace", "ship", reason="All green since Monday.")))
    votes = card.get_by_role("list", name="Votes so far").get_by_role("listitem")
    expect(votes).to_have_count(1)
    expect(votes).to_contain_text("Grace: ship")
    expect(votes).to_contain_text("All green since Monday.")
    expect(card).to_contain_text("ship: 1 of 2 · hold: 0 of 2")
    expect(card).to_contain_text("Not yet: ada, linus")
    expect(page.locator("[aria-live]")).to_have_text("Grace voted “ship”: 1 of 2")
    expect(ship(page)).to_be_enabled()
    shot(page, "vote-one")


def test_own_vote_is_marked_and_ends_the_readers_buttons(ballot, harness, page):
    card = ballot()
    expect(ship(page)).to_be_enabled()
    harness.push(voted(cast("ada", "ship")))
    expect(card.get_by_role("listitem")).to_contain_text("Ada (you): ship")
    expect(card).to_contain_text("You voted “ship”; a vote cannot be taken back.")
    expect(ship(page)).to_be_disabled()
    shot(page, "vote-mine")


def test_own_vote_is_known_after_a_reload(ballot, harness, page):
    card = ballot()
    harness.push(voted(cast("ada", "ship")))
    expect(ship(page)).to_be_disabled()
    harness.js("() => { harness.stop(); harness.live() }")
    expect(card.get_by_role("listitem")).to_contain_text("Ada (you): ship")
    expect(ship(page)).to_be_disabled()


def test_people_of_one_name_are_told_apart(ballot, harness, page):
    card = ballot(approvers=None)
    harness.push(voted(cast("ada", "ship", named=False, voter="v-other")))
    expect(card.get_by_role("listitem")).to_contain_text("Ada: ship")
    expect(card).not_to_contain_text("(you)")
    expect(ship(page)).to_be_enabled()


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (
            {**ADA, "user": "bob", "name": "Bob", "voter": "v-bob"},
            "Only ada, grace and linus may answer; you are bob.",
        ),
        ({"kind": "token", "role": "start"}, "sign in with a user name of your own"),
        (
            {"kind": "anonymous", "role": "start"},
            "sign in with a user name of your own",
        ),
        ({"kind": "kernel", "role": "control"}, "nobody signs in to a kernel"),
    ],
    ids=["other", "token", "anonymous", "kernel"],
)
def test_who_may_not_vote_is_told_why(ballot, page, identity, reason):
    card = ballot(identity)
    expect(card).to_contain_text(reason)
    page.wait_for_timeout(600)  # past the time in which no click counts anyway
    expect(ship(page)).to_be_disabled()
    assert card.get_attribute("data-armed") == "false"
    if identity["kind"] == "user":
        shot(page, "vote-barred")


def test_who_may_only_watch_is_told_at_a_plain_question(ballot, page):
    card = ballot({**ADA, "role": "view"}, need=1, approvers=None, veto=None)
    expect(card).to_contain_text("You may watch this run, but not answer")
    expect(ship(page)).to_be_disabled()


def test_named_approver_of_a_plain_question_is_told(ballot, page):
    card = ballot(need=1, approvers=["ada", "grace"], veto=None)
    expect(card).to_contain_text("For ada or grace to answer.")
    expect(ship(page)).to_be_enabled()


def test_plain_question_says_nothing_of_votes(ballot, page):
    card = ballot({}, need=1, approvers=None, veto=None)
    expect(ship(page)).to_be_enabled()
    expect(card.locator(".kgnb-votes")).to_be_hidden()


def test_yes_or_no_vote_is_told_in_those_words(ballot, harness):
    card = ballot(options=None, kind="confirm", approvers=None, veto=[False])
    harness.push(voted(cast("grace", value=True, named=False)))
    expect(card).to_contain_text("Decided when 2 people choose the same.")
    expect(card).to_contain_text("Veto: one vote for “No” is enough.")
    expect(card).to_contain_text("Yes: 1 of 2 · No: 0 of 2")
    expect(card).to_contain_text("Grace: Yes")


def test_decided_vote_keeps_who_voted_for_what(ballot, harness, page):
    ballot()
    votes = [cast("grace", "ship"), cast("linus", "ship", reason="Same here.")]
    by = {"user": "Linus", "via": "page", "at": "2026-11-21T03:40:44.123Z"}
    data = {"approval_id": "a1", "outcome": "answered", "value": "ship", "by": by}
    resolved = {"type": "approval_resolved", "node_id": "Review"}
    harness.push(voted(*votes), {**resolved, "data": {**data, "votes": votes}})
    expect(page.locator(".kgnb-card")).to_have_count(0)
    page.get_by_text("Decisions").click()
    listed = page.get_by_role("list", name="Votes", exact=True).get_by_role("listitem")
    expect(listed).to_have_count(2)
    expect(listed.last).to_contain_text("Linus: ship")
    expect(listed.last).to_contain_text("Same here.")
    shot(page, "vote-decided")


def test_split_vote_says_that_no_majority_was_possible(ballot, harness, page):
    ballot(approvers=["grace", "linus"], veto=None)
    votes = [cast("grace", "ship"), cast("linus", "hold")]
    reason = "no majority is possible: it needs 2 for one option ('ship': 1, 'hold': 1)"
    data = {
        "approval_id": "a1",
        "outcome": "cancelled",
        "by": {"via": "votes", "kind": "policy"},
        "reason": reason,
        "votes": votes,
    }
    harness.push({"type": "approval_resolved", "node_id": "Review", "data": data})
    page.get_by_text("Decisions").click()
    expect(page.locator(".kgnb-decision")).to_contain_text("no majority is possible")


def test_vote_at_phone_width_in_the_dark(open_harness):
    harness = open_harness(width=360, height=800, theme="dark")
    harness.js("identity => { harness.identity = identity }", ADA)
    harness.push(scenes.started(), scenes.update("Review", 1, "running"))
    harness.push(scenes.ask(**RULES), voted(cast("ada", "ship"), cast("linus", "ship")))
    harness.live()
    page = harness.page
    expect(page.get_by_text("You voted")).to_be_visible()
    shot(page, "vote-phone-dark")
    wide = harness.js("() => document.documentElement.scrollWidth")
    assert wide <= 360
