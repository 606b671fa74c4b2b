"""A LangGraph agent on the chat page: its thoughts, its tools, and who allows them."""

import agents
import pytest
from pages_harness import PagesServer, fits, serious, visiting
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PUBLISH = """
kgnb.publish("harbour", agent(), input="messages")

def fail(messages):
    return ["Let me ", ValueError("the model has run dry")]

kgnb.publish("dry", create_agent(ScriptedModel(script=fail), []), input="messages")
"""
ASK = "When can I walk over? Tell the harbour too."
ANSWER = "Sent to {}. Low water in Saint-Malo is at 12:20 today:"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PagesServer(tmp_path_factory.mktemp("agent")).start()
    server.kernel(agents.AGENT + PUBLISH)
    yield server
    server.stop()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server) as visit_:
        yield visit_


def answer(page, option, **fields):
    """Answer the open card; gives it, gone."""
    card = page.locator(".kgnb-card")
    button = card.locator(f'[data-option="{option}"]')
    expect(button).to_be_enabled()
    for label, text in fields.items():
        card.get_by_label(label, exact=True).fill(text)
    button.click()
    expect(card).to_have_count(0)


def told(page):
    """The conversation, as it is read; without its times."""
    return page.locator(".kgnb-talk").first.inner_text().partition("steps")[0]


def test_agents_call_is_edited_in_the_chat_and_read_again_anywhere(visit):
    visitor = visit()
    page = visitor.open("chat/harbour")
    visitor.say(ASK)
    expect(page.locator(".kgnb-thought[data-growing=true]")).to_be_visible()
    expect(page.locator(".kgnb-foot-words")).to_contain_text("model: thinking…")
    tools = page.locator(".kgnb-tool")
    expect(tools.locator("code")).to_have_text(["tide_table", "send_report"])
    answer(page, "edit", To="tower@example.org")
    visitor.ended()

    said = page.locator(".kgnb-said .kgnb-stream-text")
    expect(said.first).to_have_text("Let me look at the tide table.")
    expect(said.last).to_contain_text(ANSWER.format("tower@example.org"))
    states = page.locator(".kgnb-tool-state")
    expect(states).to_have_text(["done", "done, changed"])
    for tool in tools.all():
        tool.locator("summary").click()
    expect(tools.first).to_contain_text('"low": "12:20"')
    parts = tools.last.locator(".kgnb-call-part")
    expect(parts.nth(0)).to_contain_text("harbour@example.org")
    expect(parts.nth(1)).to_contain_text("tower@example.org")
    expect(parts.nth(2)).to_contain_text("Sent to tower@example.org.")
    for tool in tools.all():
        tool.locator("summary").click()
    # Nothing of it stands there twice, whole messages and content blocks included.
    text = told(page)
    assert text.count("Let me look at the tide table.") == 1
    assert text.count("is at 12:20 today") == 1
    assert '"type": "reasoning"' not in text
    assert '"high"' not in text

    # The address leads to the same session, in this browser and in another one.
    page.reload()
    visitor.ended()
    assert told(page) == text
    signed_in = page.context.storage_state()
    other = visit(width=360, signed_in=False, storage_state=signed_in)
    other.page.goto(page.url)
    other.ended()
    expect(other.page.locator(".kgnb-decision")).to_contain_text("edit")
    assert told(other.page).split() == text.split()
    other.say("And tomorrow?")
    answer(other.page, "approve")
    other.ended(2)
    visitor.ended(2)  # which was there all the time
    expect(page.locator(".kgnb-you")).to_have_text(
        [f"You: {ASK}", "You: And tomorrow?"]
    )
    expect(said.last).to_contain_text(ANSWER.format("harbour@example.org"))
    fits(other.page, 360)
    assert visitor.errors == other.errors == []


HAND_ON = """async () => {
    const session_id = new URLSearchParams(location.search).get("session");
    const [, xsrf] = /_xsrf=([^;]+)/.exec(document.cookie);
    const headers = { "X-XSRFToken": xsrf, "Content-Type": "application/json" };
    const make = async (thing) => {
        const body = JSON.stringify(thing);
        const reply = await fetch("../api/links", { method: "POST", headers, body });
        return await reply.json();
    };
    const { session_token } = await make({ session_id });
    const { url } = await make({ workflow: "harbour", role: "start" });
    return url.replace("#", `?session=${session_token}#`);
}"""


def test_session_is_handed_on_to_somebody_else(visit):
    visitor = visit()
    page = visitor.open("chat/harbour")
    visitor.say(ASK)
    answer(page, "approve")
    visitor.ended()
    other = visit(signed_in=False)  # a guest, by a link for the workflow
    other.page.goto(page.evaluate(HAND_ON))
    past = other.page.locator(".kgnb-past")
    expect(past).to_contain_text(ANSWER.format("harbour@example.org"))
    expect(past.locator(".kgnb-you")).to_have_text(f"You: {ASK}")
    expect(past.locator(".kgnb-tool code")).to_have_text(["tide_table", "send_report"])
    assert "reasoning" not in past.inner_text()
    other.say("And tomorrow?")
    answer(other.page, "reject")
    other.ended()
    assert other.errors == []


def test_rejected_call_says_why_in_the_chat(visit):
    visitor = visit()
    page = visitor.open("chat/harbour")
    visitor.say(ASK)
    card = page.locator(".kgnb-card")
    card.get_by_text("Add a reason").click()
    card.get_by_label("Reason", exact=True).fill("The harbour is closed.")
    answer(page, "reject")
    visitor.ended()
    tool = page.locator(".kgnb-tool").last
    expect(tool.locator(".kgnb-tool-state")).to_have_text("not done")
    tool.locator("summary").click()
    expect(tool).to_contain_text("The harbour is closed.")


def test_agents_error_stands_in_the_chat_in_words(visit):
    visitor = visit()
    page = visitor.open("chat/dry")
    visitor.say("Hello?")
    alert = page.locator(".kgnb-error")
    expect(alert).to_contain_text("the model has run dry")
    expect(alert).to_have_role("alert")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_agents_chat_is_accessible_and_answered_by_keyboard(visit, theme):
    visitor = visit(width=360, theme=theme, reduced_motion="reduce")
    page = visitor.open("chat/harbour")
    visitor.say(ASK)
    card = page.locator(".kgnb-card")
    button = card.locator('[data-option="approve"]')
    expect(button).to_be_enabled()
    assert serious(page) == []
    card.get_by_label("To", exact=True).focus()
    for _ in range(10):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    visitor.ended()
    for summary in page.locator(".kgnb-turn details:not([open]) > summary").all():
        if summary.is_visible():
            summary.press("Enter")
    assert serious(page) == []
    fits(page, 360)


def test_session_is_whole_after_its_server_was_killed(chromium, tmp_path):
    server = PagesServer(tmp_path).start()
    try:
        server.kernel(agents.AGENT + PUBLISH)
        with visiting(chromium, server) as visit:
            _talk_over_a_crash(visit(), server)
    finally:
        server.stop()


def _talk_over_a_crash(visitor, server):
    page = visitor.open("chat/harbour")
    visitor.say(ASK)
    answer(page, "approve")
    visitor.ended()
    text = told(page)
    server.kill()
    server.start()
    expect(page.locator(".kgnb-connection")).to_have_text("live", timeout=30_000)
    page.reload()
    visitor.ended()
    assert told(page) == text
    server.kernel(agents.AGENT + PUBLISH)  # its kernel went with it, and its threads
    expect(page.get_by_text("Nobody answers here")).to_have_count(0, timeout=15_000)
    visitor.say("And tomorrow?")
    answer(page, "edit", To="tower@example.org")
    visitor.ended(2)
    said = page.locator(".kgnb-said .kgnb-stream-text")
    expect(said.last).to_contain_text(ANSWER.format("tower@example.org"))
