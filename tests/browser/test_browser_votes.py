"""A vote of two of three, by people in browsers of their own, the cell blocked."""

import os

import pytest
from harness import REPO, NotebookPage, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("KGNB_SHOTS")
"""A folder for pictures, for whoever wants to look."""

VOTE = """
import kgnb


class Deploy(kgnb.Node):
    def prep(self, shared):
        return shared["vote"]

    def exec(self, vote):
        return f"went by {vote}"


vote = kgnb.Vote(
    "Ship version 2.1 to everybody?",
    options=["ship", "hold"],
    payload="notes",
    need=2,
    approvers=["ada", "grace", "linus"],
    veto="hold",
)
vote - "ship" >> Deploy(node_id="Deploy")
vote - "hold" >> Deploy(node_id="Hold")
"""
BLOCKED = """
notes = "1,204 tests pass; 3 open issues, none of them new."
run = kgnb.run(kgnb.Graph(vote, name="release"), {"notes": notes})
result = run.result()
answer = result.approvals[0]
print("decided:", answer.value, [(v.user, v.value) for v in answer.votes])
"""


@pytest.fixture(scope="module")
def server(start_jupyter):
    provider = "people_provider.PeopleProvider"
    return start_jupyter(
        env={"PYTHONPATH": str(REPO / "tests" / "server")},
        options=[f"--ServerApp.identity_provider_class={provider}"],
    )


@pytest.fixture
def browser_of(chromium, server):
    """A browser in which somebody is signed in."""
    contexts = []

    def open_(name):
        context = chromium.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": "test-user", "value": name, "url": server.url}])
        contexts.append(context)
        return context

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def begun(server, browser_of):
    """Ada's notebook, its cell blocked in ``run.result()``."""
    server.write("release.ipynb", VOTE, BLOCKED)
    page = browser_of("ada").new_page()
    notebook = NotebookPage(page, server, "release.ipynb").open()
    notebook.run(0)
    notebook.wait_done(0)
    notebook.run(1)
    expect(notebook.panel(1).locator(".kgnb-card")).to_be_visible()
    assert notebook.is_busy(1)
    return notebook


def page_of(context, server, notebook):
    """The run's own page, in somebody's browser."""
    run_id = notebook.panel(1).evaluate("panel => panel.kgnb.view.run_id")
    page = context.new_page()
    page.goto(f"{server.url}kgnb/runs/{run_id}")
    return page


def vote(where, option):
    where.get_by_role("button", name=option, exact=True).click()


def test_two_of_three_people_decide_while_the_cell_blocks(server, browser_of, begun):
    panel = begun.panel(1)
    vote(panel, "ship")
    expect(panel).to_contain_text("Ada (you): ship")
    expect(panel).to_contain_text("Not yet: grace, linus")

    eve = page_of(browser_of("eve"), server, begun)
    expect(eve.locator(".kgnb-card")).to_contain_text("you are eve")
    expect(eve.get_by_role("button", name="ship", exact=True)).to_be_disabled()

    grace = page_of(browser_of("grace"), server, begun)
    expect(grace.locator(".kgnb-card")).to_contain_text("Ada: ship")
    expect(grace.locator(".kgnb-card")).not_to_contain_text("(you)")
    if SHOTS:
        begun.page.screenshot(path=f"{SHOTS}/vote-lab-ada.png")
        grace.screenshot(path=f"{SHOTS}/vote-page-grace.png")
        eve.screenshot(path=f"{SHOTS}/vote-page-eve.png")
    assert begun.is_busy(1)
    vote(grace, "ship")

    begun.wait_done(1)
    decided = "decided: ship [('Ada', 'ship'), ('Grace', 'ship')]"
    assert decided in begun.output(1)
    until(
        lambda: panel.evaluate("panel => panel.kgnb.view.status") == "completed",
        what="the panel to show the end",
    )
    expect(panel).to_contain_text("went by ship")
    expect(eve.get_by_text("Grace: ship")).to_be_attached()
    assert begun.errors == []


def test_veto_from_the_side_panel_of_another_browser_decides(server, browser_of, begun):
    panel = begun.panel(1)
    vote(panel, "ship")
    expect(panel).to_contain_text("ship: 1 of 2")
    lab = browser_of("linus").new_page()
    lab.goto(f"{server.url}lab")
    lab.wait_for_function("() => window.jupyterapp?.shell")
    lab.evaluate("() => jupyterapp.restored")
    lab.evaluate("() => jupyterapp.shell.activateById('kgnb-runs')")
    side = lab.locator("#kgnb-runs")
    expect(side.locator(".kgnb-card")).to_contain_text("Ada: ship")
    if SHOTS:
        lab.screenshot(path=f"{SHOTS}/vote-side-linus.png")
    vote(side, "hold")
    begun.wait_done(1)
    assert "decided: hold [('Ada', 'ship'), ('Linus', 'hold')]" in begun.output(1)


def test_vote_is_still_ones_own_after_a_reload_beside_the_blocked_cell(
    server, browser_of, begun
):
    panel = begun.panel(1)
    vote(panel, "ship")
    expect(panel).to_contain_text("Ada (you): ship")
    begun.save()
    begun.reload()
    expect(begun.panel(1)).to_contain_text("Ada (you): ship")
    expect(begun.panel(1)).to_contain_text("You voted “ship”")
    vote(page_of(browser_of("linus"), server, begun), "ship")
    # What the cell prints after a reload has no place in it: JupyterLab's own doing.
    expect(begun.panel(1)).to_contain_text("went by ship")
