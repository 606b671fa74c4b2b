"""A LangGraph agent as people see it: in a real JupyterLab, while the cell waits."""

import agents
import pytest
from harness import until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def node(panel, name):
    return panel.locator(f'.kgnb-picture [data-node="{name}"]')


def card_of(panel, title):
    """The card of a stream, by what stands above it."""
    return panel.locator(".kgnb-stream").filter(
        has=panel.page.get_by_text(title, exact=True)
    )


def test_agents_call_is_edited_in_the_panel_while_the_cell_blocks(lab, open_notebook):
    notebook = open_notebook(lab, "agent.ipynb", agents.AGENT, agents.RUN_AGENT)
    notebook.run(0)
    notebook.wait_done(0)
    notebook.run(1)
    panel = notebook.panel(1)

    # The names of LangChain's nodes can be read, to their ends.
    middleware = node(panel, "HumanInTheLoopMiddleware.after_model")
    lines = middleware.locator("text.kgnb-label")
    expect(lines).to_have_text(["HumanInTheLoopMiddleware", ".after_model"])

    # What the model thinks, says and asks for stands apart.
    first = card_of(panel, "model")
    thought = first.locator('[data-kind="reasoning"]')
    expect(thought).to_be_visible()
    assert not thought.evaluate("thought => thought.open")
    expect(first.get_by_text("Let me look at the tide table.")).to_be_visible()
    call = first.locator('[data-kind="tool_call"]')
    expect(call).to_contain_text("tide_table")
    expect(call.locator(".kgnb-stream-text")).to_contain_text("Saint-Malo")
    expect(call.locator('.kgnb-call-part[data-failed="false"]')).to_contain_text(
        '"low": "12:20"'
    )

    # A call of the other tool is asked for, once, with its arguments as fields.
    card = panel.locator(".kgnb-card")
    expect(card).to_contain_text("Tool execution requires approval: send_report")
    expect(middleware).to_have_attribute("data-state", "waiting")
    options = card.locator(".kgnb-options [data-option]")
    expect(options).to_have_text(["approve", "edit", "reject"])
    expect(options.first).to_be_enabled()
    options.nth(1).click()  # before anything is changed it only says where
    expect(card.get_by_text("Nothing is changed yet")).to_be_visible()
    to = card.get_by_label("To", exact=True)
    expect(to).to_be_focused()
    to.fill("tower@example.org")
    expect(options.nth(1)).to_have_class("kgnb-button kgnb-primary")
    expect(card.get_by_text("Nothing is changed yet")).to_have_count(0)
    panel.scroll_into_view_if_needed()
    notebook.screenshot("agent-asked")
    assert notebook.is_busy(1)
    options.nth(1).click()

    # The tool got what the person wrote, which stands beside what the model wrote.
    notebook.wait_done(1)
    assert "sent to: tower@example.org" in notebook.output(1)
    call = card_of(panel, "model · visit 2").locator('[data-kind="tool_call"]')
    expect(call.locator(".kgnb-call-head")).to_contain_text("done, changed")
    asked, given, result = call.locator(".kgnb-call-part").all()
    expect(asked).to_contain_text("harbour@example.org")
    expect(asked).to_have_attribute("data-superseded", "true")
    expect(given).to_contain_text("tower@example.org")
    expect(result).to_contain_text("Sent to tower@example.org.")
    answer = card_of(panel, "model · visit 3").locator('[data-kind="text"]')
    expect(answer).to_contain_text("Turn back at the first post.")
    expect(panel.get_by_text("Messages", exact=True)).to_be_hidden()
    notebook.screenshot("agent-done")
    assert notebook.errors == []


def test_every_agents_text_stands_apart_in_the_panel(lab, open_notebook):
    notebook = open_notebook(lab, "team.ipynb", agents.MANY, agents.RUN_MANY)
    notebook.run(0)
    notebook.wait_done(0)
    notebook.run(1)
    notebook.wait_done(1)
    panel = notebook.panel(1)
    expect(panel.locator(".kgnb-run-chip")).to_have_text("completed")

    def texts():
        shown = panel.locator(".kgnb-stream").evaluate_all(
            """cards => cards.map(card => [
                card.querySelector(".kgnb-stream-title > span").textContent,
                card.querySelector('[data-kind="text"] .kgnb-stream-text')?.textContent,
                card.dataset.superseded ?? "",
            ])"""
        )
        return sorted(map(tuple, shown))

    looked = [
        (f"look · visit {number}" if number > 1 else "look", text, "")
        for number, text in enumerate(
            ("Brest is sunny.", "Dinard is sunny.", "Cancale is sunny."), 1
        )
    ]
    expected = [
        ("draft", "The tide is ", "true"),
        ("draft · attempt 2", "The tide is high.", ""),
        *looked,
        (
            "cook \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} model",
            "Soup at noon.",
            "",
        ),
        (
            "sailor \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} model",
            "Wind from the west.",
            "",
        ),
    ]
    until(lambda: texts() == sorted(expected), what=f"the texts, got {texts()}")
    panel.scroll_into_view_if_needed()
    notebook.screenshot("agent-team")
    assert notebook.errors == []
