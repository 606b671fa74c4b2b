"""An async node that blocks its loop is named, whoever's loop and whoever's node."""

import asyncio
import time
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from kgnb.runtime import run
from kgnb.runtime.watchdog import blocking_context

BLOCKED = 1.6
"""Seconds; a word comes after one."""


class State(TypedDict, total=False):
    n: int


class BoundSaver(InMemorySaver):
    """Belongs to the loop on which it was made, as those of databases do."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.get_running_loop()


def compiled(function, saver=None):
    builder = StateGraph(State)
    builder.add_node("agent", function)
    builder.add_edge(START, "agent")
    return builder.compile(checkpointer=saver)


def texts(handle):
    return [entry.text for entry in handle.view.logs]


def test_async_node_that_blocks_the_loop_is_reported():
    async def blocks(_shared):
        time.sleep(BLOCKED)  # what is found out

    async def harmless(_shared):
        await asyncio.sleep(2)

    others = run(harmless)
    handle = run(blocks)
    handle.result(10)
    others.result(10)
    (text,) = texts(handle)
    assert text.startswith("node 'blocks' blocks the loop")
    assert others.view.logs == []


def test_tools_that_a_langgraph_node_gathers_block_in_its_name():
    """As LangGraph's ToolNode calls them."""

    async def tool():
        time.sleep(BLOCKED)

    async def node(state):
        await asyncio.gather(tool())

    handle = run(compiled(node), {})
    others = run(compiled(lambda state: {"n": 1}), {})
    handle.result(10)
    others.result(10)
    (text,) = texts(handle)
    assert text.startswith("node 'agent' blocks the loop for more than 1 s")
    assert texts(others) == []


def test_langgraph_node_that_blocks_the_loop_of_its_saver_is_reported():
    async def node(state):
        time.sleep(BLOCKED)

    async def cell():
        handle = run(compiled(node, BoundSaver()), {})
        await handle
        return handle

    (text,) = texts(asyncio.run(cell()))
    assert text.startswith("node 'agent' blocks the loop")


def test_a_cell_that_blocks_its_own_loop_is_nobodys_node():
    async def cell():
        started = asyncio.Event()

        async def node(state):
            started.set()
            await asyncio.sleep(BLOCKED)

        handle = run(compiled(node, BoundSaver()), {})
        await started.wait()
        assert blocking_context(asyncio.get_running_loop()) is None
        time.sleep(BLOCKED)  # what the cell does beside it
        await handle
        return handle

    assert texts(asyncio.run(cell())) == []
