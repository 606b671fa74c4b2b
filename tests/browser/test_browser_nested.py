"""Graphs inside a node, and a person's rounds, in a real JupyterLab."""

import pytest
from harness import NotebookPage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NESTED = """
import kgnb
import kgnb.graph as kaygraph

class Find(kaygraph.BatchNode):
    def prep(self, shared): return list(range(4))
    def exec(self, item): return item

class Read(kaygraph.Node): pass
class Spell(kaygraph.Node): pass
class Draft(kaygraph.Node): pass
class Publish(kaygraph.Node): pass

class Check(kaygraph.AsyncNode):
    async def exec_async(self, prep_res):
        return (await kgnb.ask("Are these sources right?", options=["yes", "no"])).value
    async def post_async(self, shared, prep_res, exec_res):
        shared["verdict"] = exec_res

find, draft = Find(), Draft()
find >> Read()
research = kaygraph.SubGraphNode(kaygraph.Graph(find, name="research"))
both = kaygraph.ParallelSubGraphNode([
    kaygraph.Graph(Check(), name="facts"),
    kaygraph.Graph(Spell(), name="spelling"),
], node_id="checks")
research >> draft >> both >> Publish()
run = kgnb.run(kaygraph.Graph(research, name="article"), {})
"""

CHAT = """
listen = kaygraph.UserInputNode("What shall I look up?")
answer = kaygraph.Node("answer")
listen - "message" >> answer
chat = kgnb.run(kaygraph.InteractiveGraph(listen, name="chat"), {})
chat.result(60)
"""


def state(panel, node):
    return panel.locator(f'svg [data-node="{node}"]').get_attribute("data-state")


def wait_for_state(panel, node, wanted):
    box = panel.locator(f'svg [data-node="{node}"]')
    expect(box).to_have_attribute("data-state", wanted, timeout=30_000)


@pytest.fixture(scope="module")
def notebook(start_jupyter, chromium):
    lab = start_jupyter()
    context = chromium.new_context(viewport={"width": 1280, "height": 1700})
    context.set_default_timeout(30_000)
    lab.write("nested.ipynb", NESTED, CHAT)
    page = NotebookPage(context.new_page(), lab, "nested.ipynb").open()
    yield page
    assert page.errors == []
    context.close()


def test_sub_graphs_are_frames_that_follow_the_run(notebook):
    notebook.run(0)
    panel = notebook.panel(0)
    wait_for_state(panel, "checks/facts/Check", "waiting")
    wait_for_state(panel, "research/Find", "completed")
    wait_for_state(panel, "research", "completed")
    wait_for_state(panel, "checks/spelling/Spell", "completed")
    wait_for_state(panel, "Publish", "idle")
    frames = {
        node: panel.locator(f'svg [data-node="{node}"] rect').first.bounding_box()
        for node in ("checks", "checks/facts", "checks/facts/Check")
    }
    assert lies_in(frames["checks/facts"], frames["checks"])
    assert lies_in(frames["checks/facts/Check"], frames["checks/facts"])
    panel.scroll_into_view_if_needed()
    notebook.screenshot("nested-live")
    panel.locator(".kgnb-card").get_by_role("button", name="yes").click()
    wait_for_state(panel, "Publish", "completed")
    expect(panel.locator(".kgnb-run-chip")).to_have_text("completed")
    for node in ("checks", "checks/facts", "checks/facts/Check"):
        assert state(panel, node) == "completed"
    notebook.screenshot("nested-final")


def lies_in(inner, outer):
    return (
        inner["x"] >= outer["x"]
        and inner["y"] >= outer["y"]
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    )


def test_rounds_are_answered_while_the_cell_is_busy(notebook):
    notebook.run(1)
    panel = notebook.panel(1)
    card = panel.locator(".kgnb-card").filter(has_text="What shall I look up?").last
    for round_, text in enumerate(("tides", "the moon", "/exit"), 1):
        if round_ > 1:
            count = panel.locator('svg [data-node="user_input"] .kgnb-count')
            expect(count).to_have_text(f"\N{MULTIPLICATION SIGN}{round_}")
        card.get_by_role("textbox").first.fill(text)
        notebook.screenshot("nested-chat")
        assert notebook.is_busy(1)
        card.get_by_role("button", name="Send").click()
    expect(panel.locator(".kgnb-run-chip")).to_have_text("completed")
    notebook.wait_done(1)
    assert state(panel, "answer") == "completed"
    notebook.screenshot("nested-chat-final")
