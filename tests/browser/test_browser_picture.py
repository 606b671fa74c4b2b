"""Edges that nothing declares appear in the live panel when a run takes them."""

import urllib.request

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import asyncio, operator, pathlib
from typing import Annotated, TypedDict
import kgnb
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

class State(TypedDict, total=False):
    log: Annotated[list, operator.add]

async def gate(name):
    while not pathlib.Path(name).exists():
        await asyncio.sleep(0.01)

async def plan(state):
    await gate("search-go" if not state["log"] else "write-go")
    return {"log": ["planned"]}

async def search(state): return {"log": ["found"]}
async def ask(state): return Command(goto="compare")
async def compare(state): return {"log": ["compared"]}
async def write(state): return {"log": ["written"]}

inner = StateGraph(State)
inner.add_node("ask", ask)
inner.add_node("compare", compare)
inner.add_edge(START, "ask")

builder = StateGraph(State)
for name, node in [("plan", plan), ("search", inner.compile()), ("write", write)]:
    builder.add_node(name, node)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", lambda s: "write" if len(s["log"]) > 1 else "search")
builder.add_edge("search", "plan")
builder.add_edge("write", END)
graph = builder.compile(name="agent")
"""
RUN = "run = kgnb.run(graph, {'log': []}); run"
WAIT = "result = await run; print(run.id)"


def test_edges_of_an_untyped_router_appear_while_the_run_goes_on(lab, open_notebook):
    notebook = open_notebook(lab, "picture.ipynb", SETUP, RUN, WAIT)
    for cell in (0, 1):
        notebook.run(cell)
        notebook.wait_done(cell)
    panel = notebook.page.locator(".kgnb-panel")
    panel.locator(".kgnb-node-list").scroll_into_view_if_needed()
    plan = panel.locator("svg [data-node=plan]")
    expect(plan).to_have_attribute("data-state", "running")
    edges = panel.locator("svg [data-edge]")
    expect(edges).to_have_count(1)  # back from the search is all that is declared
    notebook.screenshot("picture-declared")
    (lab.work / "search-go").touch()
    expect(panel.locator("svg [data-edge='plan|default|search']")).to_have_count(1)
    within = panel.locator("svg [data-edge='search/ask|default|search/compare']")
    expect(within).to_have_attribute("data-count", "1")
    expect(plan).to_have_attribute("data-state", "running")
    notebook.screenshot("picture-live")
    (lab.work / "write-go").touch()
    notebook.run(2)
    notebook.wait_done(2)
    taken = panel.locator("svg [data-edge='plan|default|write']")
    expect(taken).to_have_attribute("data-count", "1")
    expect(edges).to_have_count(4)
    notebook.screenshot("picture-final")
    assert notebook.errors == []
    asked = urllib.request.Request(
        f"{lab.url}kgnb/api/runs/{notebook.output(2).strip()}/graph.svg",
        headers={"Authorization": f"token {lab.token}"},
    )
    with urllib.request.urlopen(asked, timeout=10) as reply:
        svg = reply.read().decode()
    for edge in ("plan|default|write", "plan|default|search"):
        assert f'data-edge="{edge}"' in svg
