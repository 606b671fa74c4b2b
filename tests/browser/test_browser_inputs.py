"""A node's inputs and approvals, given in the panel while the cell blocks."""

import pytest
from harness import until

pytestmark = pytest.mark.browser

NODES = """
import kgnb

class ApprovalNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        # Request approval
        await self.send_update("approval_request", {
            "message": "Approve this action?",
            "options": ["yes", "no"],
        })
        # Wait for response
        response = await self.wait_for_input(timeout=60)
        return response

class Asks(kgnb.WebSocketNode):
    async def exec_async(self, _):
        name = await self.wait_for_input(prompt="What is your name?")
        return f"Hello, {name}"

class Echo(kgnb.ChatWebSocketNode):
    async def reply(self, messages):
        said = messages[-1]["content"]
        for word in f"You said: {said}".split():
            yield word + " "
"""

APPROVAL = "print('got', kgnb.run(kgnb.AsyncGraph(ApprovalNode()), {}).result().value)"
INPUT = "print('got', kgnb.run(kgnb.AsyncGraph(Asks()), {}).result().value)"
CHAT = """
shared = {}
run = kgnb.run(kgnb.AsyncGraph(Echo(node_id="echo"), name="talk"), shared)
run.result()
"""


def test_approval_of_the_documents_is_clicked_while_the_cell_blocks(lab, open_notebook):
    notebook = open_notebook(lab, "approval-node.ipynb", NODES, APPROVAL)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)
    panel.get_by_text("Approve this action?").first.wait_for()
    assert notebook.is_busy(1)
    notebook.screenshot("approval-node")
    panel.get_by_role("button", name="yes", exact=True).click()
    notebook.wait_done(1)
    assert "got yes" in notebook.output(1)
    assert notebook.errors == []


def test_input_is_typed_while_the_cell_blocks(lab, open_notebook):
    notebook = open_notebook(lab, "input-node.ipynb", NODES, INPUT)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)
    panel.get_by_text("What is your name?").first.wait_for()
    assert notebook.is_busy(1)
    panel.get_by_role("textbox", name="Your input").fill("Ana")
    notebook.screenshot("input-node")
    panel.get_by_role("button", name="Send", exact=True).click()
    notebook.wait_done(1)
    assert "got Hello, Ana" in notebook.output(1)
    assert notebook.errors == []


def test_chat_goes_on_at_its_box_without_another_click(lab, open_notebook):
    notebook = open_notebook(lab, "chat-node.ipynb", NODES, CHAT)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)
    panel.get_by_role("textbox", name="Your input").fill("the tide is in")
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.get_by_text("You said: the tide is in").first.wait_for()
    box = panel.get_by_role("textbox", name="Your input")
    until(
        lambda: box.count() and box.evaluate("box => box === document.activeElement"),
        what="the cursor to be in the next box",
    )
    notebook.page.keyboard.type("and out")
    notebook.screenshot("chat-node")
    panel.get_by_text("Updates").first.click()
    panel.get_by_text("chat_ready").first.wait_for()
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.get_by_text("You said: and out").first.wait_for()
    assert notebook.is_busy(1)
    notebook.execute("notebook:interrupt-kernel")
    notebook.wait_done(1)
    assert notebook.errors == []
