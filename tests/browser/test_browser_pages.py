"""The pages of all runs, of one run and of a chat, in Chromium under /a%40b/."""

import re

import pytest
from harness import until
from pages_harness import TOKEN, WORKFLOWS, PagesServer, fits, serious, visiting
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PACE = 0.02


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PagesServer(tmp_path_factory.mktemp("pages")).start()
    server.kernel_id = server.kernel(f"PACE = {PACE}\n{WORKFLOWS}")
    yield server
    server.stop()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server) as visit_:
        yield visit_


def test_chat_streams_thinks_calls_tools_and_tells_its_steps(visit):
    visitor = visit()
    page = visitor.open("chat/tides")
    expect(page.get_by_text("Talk with tides")).to_be_visible()
    visitor.say("When is **high** water?")
    expect(page.locator(".kgnb-foot-words")).to_contain_text("Plan: at work")
    expect(page.locator(".kgnb-foot-next")).to_have_text("next: Search")
    expect(page.locator(".kgnb-thought[data-growing=true]")).to_be_visible()
    expect(page.locator(".kgnb-foot-words")).to_have_text("Search: calling tide_table…")
    expect(page.locator(".kgnb-foot-words")).to_have_text("Write: writing…")
    visitor.ended()
    expect(page.locator(".kgnb-you")).to_have_text("You: When is **high** water?")
    said = page.locator(".kgnb-said .kgnb-stream-text")
    expect(said.locator("strong", has_text="High water")).to_be_visible()
    expect(said.locator("li")).to_have_count(2)
    thought = page.locator(".kgnb-thought:not([hidden])")
    expect(thought).to_have_js_property("open", False)
    thought.locator("summary").click()
    expect(thought.locator(".kgnb-stream-text")).to_contain_text("second source")
    page.locator(".kgnb-tool summary").click()
    expect(page.locator(".kgnb-tool .kgnb-stream-text")).to_contain_text("Saint-Malo")
    page.locator(".kgnb-foot-line").click()
    expect(page.locator(".kgnb-step-name")).to_have_text(["Plan", "Search", "Write"])
    assert visitor.errors == []


def test_chat_is_there_again_after_a_reload_and_new_chat_begins_anew(visit):
    visitor = visit()
    page = visitor.open("chat/tides")
    visitor.say("first")
    visitor.ended()
    before = page.locator(".kgnb-talk").first.inner_text()
    page.reload()
    visitor.ended()
    expect(page.locator(".kgnb-talk").first).to_have_text(re.compile("first"))
    assert page.locator(".kgnb-talk").first.inner_text() == before
    visitor.say("second")
    visitor.ended(2)
    expect(page.locator(".kgnb-you")).to_have_text(["You: first", "You: second"])
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".kgnb-you")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Talk with tides")).to_be_visible()
    expect(page.locator(".kgnb-you")).to_have_count(0)


def test_message_during_a_run_waits_its_turn_and_outlives_a_reload(visit):
    visitor = visit()
    page = visitor.open("chat/slow")
    visitor.say("one")
    expect(page.locator(".kgnb-turn[data-run]")).to_have_count(1)
    visitor.say("two")
    expect(page.get_by_text("waits its turn")).to_be_visible()
    page.reload()
    visitor.ended(2)
    expect(page.locator(".kgnb-you")).to_have_text(["You: one", "You: two"])
    expect(page.get_by_text("done with two")).to_be_visible()


def test_chat_shows_progress_and_stops(visit):
    visitor = visit()
    page = visitor.open("chat/slow")
    visitor.say("one")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.locator(".kgnb-foot[data-status=cancelled]")).to_be_visible()


def test_question_is_answered_in_the_chat(visit):
    visitor = visit(width=360)
    page = visitor.open("chat/harbour")
    visitor.say("Tell them")
    expect(page.get_by_text("harbour@example.org")).to_be_visible()
    page.get_by_role("button", name="keep it").click()
    expect(page.locator(".kgnb-decision")).to_contain_text("keep it")
    expect(page.get_by_text("The answer was: keep it.")).to_be_visible()
    fits(page, 360)
    page.reload()
    expect(page.locator(".kgnb-decision")).to_contain_text("keep it")


def test_form_is_filled_in_in_the_chat(visit):
    visitor = visit()
    page = visitor.open("chat/profile")
    visitor.say("Hello")
    page.get_by_role("textbox", name="Name").fill("Ada")
    button = page.locator(".kgnb-options button")
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text("Hello Ada")).to_be_visible()


def test_conversation_goes_on_in_one_run_until_it_is_ended(visit):
    visitor = visit()
    page = visitor.open("chat/talk")
    visitor.say("hello")
    expect(page.get_by_text("Your turn")).to_be_visible()
    visitor.say("again")
    expect(page.get_by_text("You said again")).to_be_visible()
    expect(page.locator(".kgnb-you")).to_have_text(["You: hello", "You: again"])
    expect(page.locator(".kgnb-turn[data-run]")).to_have_count(1)
    page.get_by_role("button", name="End chat").click()
    expect(page.get_by_text("You ended the chat.")).to_be_visible()
    visitor.ended()


def test_error_of_a_node_stands_in_the_chat(visit):
    visitor = visit()
    page = visitor.open("chat/broken")
    visitor.say("Open?")
    alert = page.locator(".kgnb-error")
    expect(alert).to_contain_text("the tide table is closed on Sundays")
    expect(alert).to_have_role("alert")


def test_chat_goes_on_where_it_was_after_a_cut(visit):
    visitor = visit()
    sockets = []

    def pass_on(socket):
        socket.connect_to_server()
        sockets.append(socket)

    visitor.page.route_web_socket(re.compile("/kgnb/ws/"), pass_on)
    page = visitor.open("chat/tides")
    visitor.say("Still there?")
    expect(page.locator(".kgnb-thought[data-growing=true]")).to_be_visible()
    sockets[-1].close(code=3000, reason="cut")
    visitor.say("And then?")  # said while there is no connection
    visitor.ended(2)
    assert len(sockets) == 2
    said = page.locator(".kgnb-said .kgnb-stream-text")
    expect(said).to_have_count(2)
    for text in said.all_inner_texts():
        assert text.count("High water in Saint-Malo is at 18:42 today.") == 1
    expect(page.locator(".kgnb-you")).to_have_count(2)


def test_runs_page_lists_filters_answers_and_leads_to_the_run(visit):
    visitor = visit(width=360)
    page = visitor.open("chat/harbour")
    visitor.say("Ask")
    expect(page.locator(".kgnb-card")).to_be_visible()
    run_id = page.locator(".kgnb-turn").get_attribute("data-run")
    visitor.open("")
    fits(page, 360)
    page.get_by_role("button", name="Waiting").click()
    row = page.locator(f"[data-run='{run_id}']")
    expect(row.locator(".kgnb-chip")).to_have_text("waiting")
    page.get_by_role("searchbox").fill("no such workflow")
    expect(row).to_have_count(0)
    expect(page.get_by_text("is like that")).to_be_visible()
    page.get_by_role("searchbox").fill("harb")
    card = page.locator(".kgnb-card", has_text="Sign asks").last
    send = card.get_by_role("button", name="send")
    expect(send).to_be_enabled()
    send.click()
    page.get_by_role("button", name="All").click()
    expect(row.locator(".kgnb-chip")).to_have_text("completed")
    row.get_by_role("link").click()
    expect(page.locator(".kgnb-run-chip")).to_have_text("completed")
    expect(page).to_have_url(re.compile(f"/a%40b/kgnb/runs/{run_id}$"))
    page.get_by_role("link", name="Runs").click()
    expect(page).to_have_url(re.compile("/a%40b/kgnb/$"))
    expect(page.get_by_role("link", name="tides").first).to_be_visible()


def test_share_link_opens_one_run_and_nothing_else(visit):
    owner = visit()
    page = owner.open("chat/harbour")
    owner.say("Share this")
    expect(page.locator(".kgnb-card")).to_be_visible()
    run_id = page.locator(".kgnb-turn").get_attribute("data-run")
    owner.open(f"runs/{run_id}")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    assert page.get_by_alt_text("QR code").evaluate("code => code.naturalWidth") > 0
    url = page.get_by_label("The link", exact=True).input_value()
    guest = visit(width=360, signed_in=False)
    guest.page.goto(url)
    send = guest.page.get_by_role("button", name="send")
    expect(send).to_be_enabled()
    assert guest.page.url == f"{owner.server.url}kgnb/runs/{run_id}"
    guest.page.reload()  # the tab keeps what the address bar lost
    expect(send).to_be_enabled()
    send.click()
    expect(guest.page.locator(".kgnb-run-chip")).to_have_text("completed")
    assert not any(url.partition("#token=")[2] in each for each in guest.requests)
    guest.open("")
    expect(guest.page.get_by_text("You are not signed in here")).to_be_visible()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("opens nothing any more")).to_be_visible()
    guest.page.goto(f"{owner.server.url}kgnb/health")
    guest.page.goto(url)
    notice = guest.page.locator(".kgnb-notice")
    expect(notice).to_contain_text("It has expired or was taken back.")


def test_stranger_is_told_to_sign_in_and_comes_back(visit):
    visitor = visit(signed_in=False)
    page = visitor.open("chat/tides")
    expect(page.get_by_text("You are not signed in here")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    page.locator("#password_input").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Talk with tides")).to_be_visible()
    expect(page).to_have_url(re.compile("/a%40b/kgnb/chat/tides$"))


def test_what_is_not_there_is_said_in_a_sentence(visit):
    visitor = visit()
    page = visitor.open("runs/" + "0" * 32)
    expect(page.get_by_text("There is no such run here")).to_be_visible(timeout=15_000)
    page = visitor.open("chat/nobody")
    expect(page.get_by_text("Nothing called “nobody” is published")).to_be_visible()
    visitor.server.run(
        visitor.server.kernel_id,
        'kgnb.publish("nobody", kgnb.Graph(Fail()), input="messages")',
    )
    expect(page.get_by_text("Talk with nobody")).to_be_visible(timeout=15_000)
    box = page.get_by_role("textbox", name="Message", exact=True)
    expect(box).to_have_attribute("placeholder", "Message nobody")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_pages(visit, theme):
    visitor = visit(width=360, theme=theme, reduced_motion="reduce")
    page = visitor.open("chat/harbour")
    visitor.say("Ask")
    expect(page.get_by_role("button", name="send", exact=True)).to_be_enabled()
    assert page.evaluate("() => document.getAnimations().length") == 0
    assert serious(page) == []
    run_id = page.locator(".kgnb-turn").get_attribute("data-run")
    visitor.open(f"runs/{run_id}")
    expect(page.get_by_role("button", name="send", exact=True)).to_be_enabled()
    assert serious(page) == []
    visitor.open("")
    expect(page.locator(".kgnb-card").first).to_be_visible()
    expect(page.get_by_role("button", name="send", exact=True).first).to_be_enabled()
    assert serious(page) == []
    visitor.open("chat/tides")
    visitor.say("When?")
    visitor.ended()
    page.locator(".kgnb-foot-line").click()
    assert serious(page) == []


def test_hostile_text_stays_text_in_the_chat(visit):
    visitor = visit()
    page = visitor.open("chat/tides")
    page.on("dialog", lambda dialog: visitor.errors.append(dialog.message))
    visitor.say("<img src=x onerror=alert(1)> ![x](https://evil.example/x.png)")
    visitor.ended()
    assert page.locator("img").count() == 0
    expect(page.locator(".kgnb-said").last).to_contain_text(
        "<img src=x onerror=alert(1)>"
    )
    assert visitor.errors == []
    until(lambda: visitor.requests, what="requests")
