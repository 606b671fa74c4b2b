"""The panel of a run, driven event by event in Chromium."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import scenes
from playwright.sync_api import expect


@pytest.fixture
def page(harness):
    return harness.page


@pytest.fixture
def waiting(harness):
    harness.push(*scenes.waiting())
    harness.live()
    return harness


def card(page):
    return page.locator(".kgnb-card")


def publish(page):
    return page.get_by_role("button", name="publish", exact=True)


def test_panel_shows_the_picture_with_states_and_counts(harness, page):
    harness.push(*scenes.waiting(), scenes.answered("revise"))
    harness.push(
        scenes.update("Review", 1, "completed", action="revise"),
        scenes.update(
            "Draft", 2, "running", via={"node_id": "Review", "action": "revise"}
        ),
    )
    harness.live()
    draft = page.locator("[data-node=Draft]")
    expect(draft).to_have_attribute("data-state", "running")
    expect(draft.locator(".kgnb-state")).to_have_text("● running")
    expect(draft.locator(".kgnb-count")).to_have_text("\N{MULTIPLICATION SIGN}2")
    edge = page.locator("[data-edge='Review|revise|Draft']")
    expect(edge).to_have_attribute("data-count", "1")
    expect(edge).to_have_attribute("data-active", "true")


def test_panel_view_is_the_fold_of_the_log(waiting, page):
    expect(card(page)).to_be_visible()
    folded = waiting.js(
        "() => structuredClone(harness.log)"
        ".reduce(harness.kgnb.reduce, harness.kgnb.emptyView())"
    )
    assert waiting.view() == folded


def test_list_says_what_the_picture_says(waiting, page):
    row = page.locator("[data-node-row=Review]")
    expect(row).to_contain_text("waiting")
    expect(row).to_contain_text("leads to Publish on publish, Draft on revise")


def test_list_serves_where_there_is_no_picture(harness, page):
    plain = scenes.graph()
    harness.push({"type": "workflow_started", "graph": {**plain, "svg": None}})
    harness.live()
    expect(page.locator(".kgnb-node-row")).to_have_count(4)
    expect(page.locator(".kgnb-picture")).to_be_hidden()


def test_progress_shows_per_node_and_item(harness, page):
    harness.push(*scenes.checking())
    harness.live()
    bar = page.get_by_role("progressbar", name="Progress of spring tides")
    expect(bar).to_have_attribute("aria-valuenow", "50")
    expect(page.locator("[data-node-row=Check]")).to_contain_text("1 / 3")


def test_text_arrives_by_appending_to_one_node(harness, page):
    harness.push(*scenes.drafting())
    harness.live()
    text = page.locator("[data-stream='Draft:1.1/1']")
    expect(text).to_contain_text("The tides are")
    harness.js(
        """() => {
            const box = document.querySelector("[data-stream='Draft:1.1/1']");
            window.node = box.firstChild;
            window.painted = [];
            new MutationObserver(() => painted.push(box.textContent))
                .observe(box, {characterData: true, subtree: true, childList: true});
        }"""
    )
    full = scenes.DRAFT
    at = len(full) // 2
    harness.push(*scenes.tokens("Draft", 1, full)[at // 24 :])
    harness.settle()
    assert text.text_content() == full
    assert harness.js("() => window.node.isConnected")
    assert all(full.startswith(painted) for painted in harness.js("() => painted"))


def test_reasoning_and_tool_calls_are_marked(harness, page):
    harness.push(scenes.started(), scenes.update("Draft", 1, "running"))
    harness.push(*scenes.tokens("Draft", 1, "hmm", kind="reasoning", final=False))
    harness.push(*scenes.tokens("Draft", 1, "search()", kind="tool_call", final=False))
    harness.live()
    expect(page.locator(".kgnb-stream-part[data-kind=reasoning]")).to_contain_text(
        "reasoning"
    )
    expect(page.locator(".kgnb-stream-part[data-kind=tool_call]")).to_contain_text(
        "tool call"
    )


def test_markdown_toggle_draws_the_same_text_in_blocks(harness, page):
    harness.push(scenes.started(), scenes.update("Draft", 1, "running"))
    harness.push(
        *scenes.tokens("Draft", 1, "# Tides\n\n**Moon** and `sun`\n\n- a\n- b")
    )
    harness.live()
    page.get_by_role("button", name="Markdown").click()
    text = page.locator(".kgnb-stream-text")
    expect(text.locator("strong")).to_have_text("Moon")
    expect(text.locator("li")).to_have_count(2)
    page.get_by_role("button", name="Markdown").click()
    expect(text).to_contain_text("**Moon**")


def test_approval_cannot_be_clicked_in_its_first_half_second(harness, page):
    harness.live()
    harness.push(*scenes.waiting())
    harness.settle()
    assert publish(page).is_disabled()
    expect(publish(page)).to_be_enabled(timeout=2000)


def test_approval_shows_all_that_is_approved(harness, page):
    payload = {"tool": "delete", "arguments": {"path": "/", "lines": list(range(200))}}
    harness.push(scenes.started(), scenes.ask(payload=payload))
    harness.live()
    shown = page.locator(".kgnb-card .kgnb-value")
    expect(shown).to_contain_text('"path": "/"')
    expect(shown).to_contain_text("199")
    expect(card(page)).to_contain_text("scroll to read all")


def test_click_sends_the_option_with_the_hash_of_what_was_read(waiting, page):
    publish(page).click()
    expect(card(page)).to_have_count(0)
    (sent,) = waiting.sent("answer")
    assert sent["value"] == "publish"
    assert sent["approval_id"] == "a1"
    assert sent["args_hash"] == "hash-a1"
    page.get_by_text("Decisions").click()
    expect(page.locator(".kgnb-decision")).to_contain_text("publish · Ada (panel)")


def test_click_disables_the_card_until_it_is_answered(waiting, page):
    waiting.js("() => { harness.reply = 'silent' }")
    publish(page).click()
    expect(publish(page)).to_be_disabled()
    expect(card(page)).to_contain_text("Not confirmed yet", timeout=4000)
    assert len(waiting.sent("answer")) == 1


def test_refused_click_says_why_and_opens_the_card_again(waiting, page):
    waiting.js(
        "() => { harness.reply = {code: 'forbidden', message: 'you may only look'} }"
    )
    publish(page).click()
    expect(card(page)).to_contain_text("Not accepted: you may only look")
    expect(publish(page)).to_be_enabled()


def test_late_click_is_told_the_winning_answer(waiting, page):
    waiting.js(
        """() => { harness.reply = {
            code: 'already_answered', message: 'x',
            data: {value: 'revise', by: {user: 'Bea', via: 'page'}},
        } }"""
    )
    publish(page).click()
    expect(card(page)).to_contain_text("Already answered with “revise”: Bea (page).")
    expect(publish(page)).to_be_disabled()


def test_script_on_the_page_cannot_click(waiting, page):
    expect(publish(page)).to_be_enabled(timeout=2000)
    waiting.js("() => document.querySelector('.kgnb-card button').click()")
    waiting.settle()
    assert waiting.sent("answer") == []


def test_changed_question_is_another_card_that_arms_anew(waiting, page):
    expect(publish(page)).to_be_enabled(timeout=2000)
    waiting.push(scenes.ask(args_hash="other", message="Really delete all?"))
    waiting.settle()
    expect(card(page)).to_have_count(1)
    expect(card(page)).to_contain_text("Really delete all?")
    assert publish(page).is_disabled()


def test_several_approvals_are_answered_apart(harness, page):
    harness.push(scenes.started())
    harness.push(
        *(scenes.ask(f"a{n}", message=f"Question {n}", payload=None) for n in (1, 2, 3))
    )
    harness.live()
    second = card(page).filter(has_text="Question 2")
    second.get_by_role("button", name="revise").click()
    expect(card(page)).to_have_count(2)
    assert [frame["approval_id"] for frame in harness.sent("answer")] == ["a2"]


@pytest.mark.parametrize(
    ("ask", "act", "value"),
    [
        ({"options": None, "kind": "text"}, ("fill", "high tide"), "high tide"),
        (
            {"options": None, "kind": "edit", "payload": "low"},
            ("fill", "lower"),
            "lower",
        ),
        ({"options": None, "kind": "confirm"}, ("click", "No"), False),
        ({"options": [1, {"a": 2}]}, ("click", '{"a":2}'), {"a": 2}),
    ],
)
def test_answers_of_each_kind_carry_their_value(harness, page, ask, act, value):
    harness.push(scenes.started(), scenes.ask(**{"payload": None, **ask}))
    harness.live()
    how, what = act
    if how == "fill":
        page.locator(".kgnb-card .kgnb-form-row textarea").fill(what)
        page.locator(".kgnb-card .kgnb-primary").click()
    else:
        page.get_by_role("button", name=what, exact=True).click()
    expect(card(page)).to_have_count(0)
    assert harness.sent("answer")[0]["value"] == value


def test_form_of_a_schema_gives_an_object(harness, page):
    schema = {
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "description": "What it is called"},
            "pages": {"type": "integer", "default": 3},
            "draft": {"type": "boolean"},
            "tone": {"enum": ["calm", "loud"]},
        },
    }
    harness.push(
        scenes.started(),
        scenes.ask(options=None, kind="form", schema=schema, payload=None),
    )
    harness.live()
    page.get_by_label("title").fill("Tides")
    page.get_by_label("tone").select_option(label="loud")
    page.get_by_role("button", name="Send").click()
    expect(card(page)).to_have_count(0)
    assert harness.sent("answer")[0]["value"] == {
        "title": "Tides",
        "pages": 3,
        "draft": False,
        "tone": "loud",
    }


def test_enter_in_a_field_sends_nothing(harness, page):
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    harness.push(
        scenes.started(),
        scenes.ask(options=None, kind="form", schema=schema, payload=None),
    )
    harness.live()
    page.get_by_label("title").fill("Tides")
    page.get_by_label("title").press("Enter")
    harness.settle()
    assert harness.sent("answer") == []


def test_approval_is_answered_by_keyboard(waiting, page):
    expect(publish(page)).to_be_enabled(timeout=2000)
    publish(page).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card(page)).to_have_count(0)
    assert waiting.sent("answer")[0]["value"] == "revise"


def test_question_is_read_out(waiting, page):
    expect(page.locator("[aria-live=polite]")).to_have_text(
        "Review asks: Is this draft fit to publish?"
    )


def test_cancel_sends_the_command(waiting, page):
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator(".kgnb-run-chip")).to_have_text("cancelled")
    assert waiting.sent("cancel")[0]["run_id"] == "r1"


@pytest.mark.parametrize(
    ("role", "orders"), [("view", 0), ("answer", 0), ("control", 2), ("start", 2)]
)
def test_only_who_may_control_is_offered_to_pause_and_cancel(
    harness, page, role, orders
):
    harness.js("role => { harness.identity = { role } }", role)
    harness.push(*scenes.drafting())
    harness.live()
    expect(page.locator(".kgnb-run-chip")).to_have_text("running")
    expect(page.locator(".kgnb-header-orders button:visible")).to_have_count(orders)


def test_clock_of_a_run_that_waits_for_long_goes_on_where_it_is(harness, page):
    began = datetime.now(UTC) - timedelta(minutes=15)
    stamp = began.isoformat().replace("+00:00", "Z")
    harness.push(*({**event, "timestamp": stamp} for event in scenes.drafting()))
    harness.live()
    expect(page.locator(".kgnb-elapsed")).to_contain_text("15:0")


def test_dead_stream_never_looks_busy(harness, page):
    harness.push(*scenes.drafting())
    harness.live()
    chip = page.locator(".kgnb-run-chip")
    expect(chip).to_have_text("running")
    harness.js("() => { harness.isDown = true; harness.cut() }")
    expect(chip).to_have_text("last seen running")
    expect(page.locator(".kgnb-elapsed")).to_have_text("")
    expect(page.locator(".kgnb-connection")).to_have_text("reconnecting")
    running = harness.js(
        "() => document.getAnimations().filter(a => a.playState === 'running'"
        " && a.constructor.name === 'CSSAnimation').length"
    )
    assert running == 0


def test_cut_connection_comes_back_with_all_it_missed(harness, page):
    harness.push(*scenes.checking())
    harness.live()
    expect(page.locator(".kgnb-run-chip")).to_have_text("running")
    harness.js("() => harness.cut()")
    harness.push(*scenes.waiting()[len(scenes.checking()) :])
    expect(card(page)).to_have_count(1)
    assert harness.sent("subscribe")[-1]["since"]["seq"] == len(scenes.checking())
    publish(page).click()
    expect(card(page)).to_have_count(0)


def test_no_way_at_all_says_what_to_do(harness, page):
    harness.js("() => { harness.isDown = true }")
    harness.live()
    note = page.locator(".kgnb-note")
    expect(note).to_contain_text("run.answer(")
    expect(page.locator(".kgnb-connection")).to_have_text("offline")


def test_many_tokens_are_painted_once_a_frame(harness, page):
    harness.push(scenes.started(), scenes.update("Draft", 1, "running"))
    harness.live()
    text = "".join(f" t{n:04d}" for n in range(5000))
    harness.js(
        """([events, size]) => new Promise(done => {
            window.paints = 0;
            const target = document.querySelector('.kgnb');
            new MutationObserver(() => window.paints++)
                .observe(target, {characterData: true, childList: true, subtree: true});
            const frames = [];
            for (let at = 0; at < events.length; at += size)
                frames.push(events.slice(at, at + size));
            const next = () => frames.length
                ? (harness.push(...frames.shift()), setTimeout(next, 0)) : done();
            next();
        })""",
        [scenes.tokens("Draft", 1, text, size=6), 50],
    )
    shown = page.locator("[data-stream='Draft:1.1/1']")
    expect(shown).to_have_text(text.strip())
    assert shown.text_content() == text
    assert harness.js("() => window.paints") < 400


def test_timeline_has_a_bar_for_each_visit(harness, page):
    harness.push(*scenes.finished())
    harness.live()
    page.get_by_text("Timeline").click()
    expect(page.locator(".kgnb-visit")).to_have_count(4)
    expect(page.locator(".kgnb-visit").first).to_contain_text("completed · 3.2 s")


def test_logs_show_node_stream_and_level(harness, page):
    harness.push(*scenes.checking())
    harness.live()
    page.get_by_text("Logs").click()
    expect(page.locator(".kgnb-log")).to_have_count(3)
    expect(page.locator(".kgnb-log").last).to_contain_text("logging WARNING")


def test_error_is_told_with_its_node(harness, page):
    problem = {"code": "internal", "message": "ValueError: no", "node_id": "Draft"}
    harness.push(
        scenes.started(),
        scenes.update("Draft", 1, "running"),
        scenes.update("Draft", 1, "failed", attempt=3, error=problem),
        {"type": "workflow_failed", "error": problem},
    )
    harness.live()
    expect(page.locator(".kgnb-error")).to_have_text("Draft: ValueError: no")
    expect(page.locator("[data-node-row=Draft]")).to_contain_text("attempt 3")


def test_record_draws_the_same_and_connects_nowhere(harness, page):
    harness.push(*scenes.finished())
    before = len(harness.requests)
    harness.record()
    harness.settle()
    expect(page.locator(".kgnb-run-chip")).to_have_text("completed")
    expect(page.locator(".kgnb-stream-text")).to_have_text(scenes.DRAFT)
    expect(page.locator(".kgnb-decision")).to_contain_text("publish · Ada (panel)")
    expect(page.get_by_role("button", name=re.compile("publish|Cancel"))).to_have_count(
        0
    )
    assert harness.js("() => harness.sent") == []
    assert harness.requests[before:] == []


def test_record_of_an_open_question_has_no_button(harness, page):
    harness.push(*scenes.waiting())
    harness.record()
    expect(page.locator(".kgnb-card .kgnb-button:enabled")).to_have_count(0)
    page.wait_for_timeout(700)
    expect(page.locator(".kgnb-card .kgnb-button:enabled")).to_have_count(0)


def test_compact_panel_keeps_the_question(harness, page):
    harness.push(*scenes.waiting())
    harness.js("() => { harness.live({compact: true}) }")
    expect(publish(page)).to_be_enabled(timeout=2000)
    expect(page.locator(".kgnb-picture")).to_be_hidden()


def test_two_panels_share_one_socket(harness, page):
    harness.push(*scenes.drafting())
    harness.js(
        """() => {
            harness.live();
            harness.host = document.body.appendChild(document.createElement('main'));
            harness.live();
        }"""
    )
    expect(page.locator(".kgnb-run-chip")).to_have_text(["running", "running"])
    assert len(harness.sent("subscribe")) == 1


def test_panel_that_is_taken_down_leaves_nothing_running(harness, page):
    harness.push(*scenes.drafting())
    harness.live()
    expect(page.locator(".kgnb-run-chip")).to_have_text("running")
    harness.js("() => harness.stop()")
    expect(page.locator(".kgnb")).to_have_count(0)
    assert harness.sent("unsubscribe")[0]["run_id"] == "r1"
