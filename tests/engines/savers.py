"""The checkpointers under test, each on a real store, and a graph for them.

Run as a program it begins a run with each that waits for an answer, and says so; then
it waits to be killed.
"""

import asyncio
import contextlib
import operator
import sys
from typing import Annotated, TypedDict

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

import kgnb

KINDS = {
    saver.__name__: saver
    for saver in (SqliteSaver, AsyncSqliteSaver, PostgresSaver, AsyncPostgresSaver)
}


class Stores:
    """Where each kind keeps what it stores."""

    def __init__(self, folder, database):
        self._folder = folder
        self._database = database

    @contextlib.asynccontextmanager
    async def open(self, kind):
        """A new checkpointer of a kind, on what those before it have stored."""
        where = self._database
        if "Sqlite" in kind:
            where = f"{self._folder}/{kind}.db"
        connecting = KINDS[kind].from_conn_string(where)
        if kind.startswith("Async"):
            async with connecting as saver:
                await saver.setup()
                yield saver
        else:
            with connecting as saver:
                saver.setup()
                yield saver


class State(TypedDict, total=False):
    log: Annotated[list, operator.add]


def compiled(saver):
    """a → ask → z, with the kind of nodes that the checkpointer can do with."""

    def says(word):
        def say(state):
            return {"log": [word]}

        async def say_later(state):
            return {"log": [word]}

        return say_later if type(saver).__name__.startswith("Async") else say

    def ask(state):
        return {"log": [interrupt("?")]}

    builder = StateGraph(State)
    builder.add_sequence([("a", says("a")), ("ask", ask), ("z", says("z"))])
    builder.add_edge(START, "a")
    return builder.compile(checkpointer=saver)


async def waiting(run):
    """Wait until it waits for an answer, and has stored that; gives its state.

    LangGraph stores beside what it does, unless ``durability="sync"``.
    """
    while not (state := await run.state()).snapshot.interrupts:
        assert not run.view.error, run.view.error
        await asyncio.sleep(0.005)
    while run.status != "waiting":
        await asyncio.sleep(0.005)
    return state


async def main(folder, database):
    """Begin one run with each, all of which wait for their answers."""
    stores = Stores(folder, database)
    async with contextlib.AsyncExitStack() as stack:
        for kind in KINDS:
            saver = await stack.enter_async_context(stores.open(kind))
            await waiting(kgnb.run(compiled(saver), {"log": ["in"]}, session_id=kind))
        print("waiting", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
