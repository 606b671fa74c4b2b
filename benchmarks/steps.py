"""What a step costs: kgnb beside PocketFlow, pydantic-graph and LangGraph.

The graph is one node that counts and leads back to itself. Unwatched, it is run by
its own ``run``; watched, somebody hears of each step: kgnb's by ``kgnb.run`` with
its log in memory, the others' by the iterators that they give for it. The libraries
take turns, and the fastest of ``ROUNDS`` counts; a line's ratios are of one go.

    python -m benchmarks.steps [--short]
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pocketflow
from langgraph.checkpoint.memory import InMemorySaver
from pydantic_graph import GraphBuilder, StepContext, TypeExpression

import kgnb
from benchmarks.looping import (
    Async,
    AsyncFlowing,
    Flowing,
    Sync,
    config,
    counted,
    langgraph,
    looped,
)
from benchmarks.results import Line, beside, print_lines
from benchmarks.rounds import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNWATCHED_STEPS = 20_000
LANGGRAPH_STEPS = 2_000
"""Of its own call, which takes a hundred times as long."""
WATCHED_STEPS = 2_000
ROUNDS, SHORT_ROUNDS = 5, 3

Again = Literal["again", "done"]


def unwatched() -> dict[str, Callable[[], int]]:
    """Sync nodes, run by the graph's own ``run``."""
    ours = kgnb.Graph(looped(Sync(UNWATCHED_STEPS)))
    theirs = pocketflow.Flow(looped(Flowing(UNWATCHED_STEPS)))
    return {
        "kgnb": lambda: counted(ours.run),
        "PocketFlow": lambda: counted(theirs.run),
    }


def unwatched_async() -> dict[str, Callable[[], int]]:
    """Async nodes, run by the graph's own ``run_async``."""
    ours = kgnb.AsyncGraph(looped(Async(UNWATCHED_STEPS)))
    theirs = pocketflow.AsyncFlow(looped(AsyncFlowing(UNWATCHED_STEPS)))
    return {
        "kgnb": lambda: counted(lambda shared: asyncio.run(ours.run_async(shared))),
        "PocketFlow": lambda: counted(
            lambda shared: asyncio.run(theirs.run_async(shared))
        ),
    }


def called() -> dict[str, Callable[[], int]]:
    """Both kinds of nodes, run by each graph's own call: fewer steps, for LangGraph."""
    sync = kgnb.Graph(looped(Sync(LANGGRAPH_STEPS)))
    ours = kgnb.AsyncGraph(looped(Async(LANGGRAPH_STEPS)))
    given, options = {"count": 0}, config(LANGGRAPH_STEPS)
    invoked = langgraph(LANGGRAPH_STEPS, is_async=False).compile()
    awaited = langgraph(LANGGRAPH_STEPS).compile()
    return {
        "kgnb, sync": lambda: counted(sync.run),
        "kgnb, async": lambda: counted(
            lambda shared: asyncio.run(ours.run_async(shared))
        ),
        "LangGraph invoke": lambda: invoked.invoke(given, options)["count"],
        "LangGraph ainvoke": lambda: asyncio.run(awaited.ainvoke(given, options))[
            "count"
        ],
    }


def watched() -> dict[str, Callable[[], int]]:
    """Each step is told to somebody."""

    def run(node: kgnb.BaseNode) -> int:
        graph = kgnb.Graph(looped(node))
        return counted(lambda shared: kgnb.run(graph, shared, panel=False).result())

    return {
        "kgnb, sync": lambda: run(Sync(WATCHED_STEPS)),
        "kgnb, async": lambda: run(Async(WATCHED_STEPS)),
        "pydantic-graph iter": _pydantic_graph(),
        "LangGraph astream": lambda: asyncio.run(_streamed(None)),
        "LangGraph astream, InMemorySaver": lambda: asyncio.run(
            _streamed(InMemorySaver())
        ),
    }


async def _streamed(saver: Any) -> int:
    graph = langgraph(WATCHED_STEPS).compile(checkpointer=saver)
    options = config(WATCHED_STEPS)
    stream = graph.astream({"count": 0}, options, stream_mode="updates")
    return len([part async for part in stream])


def _pydantic_graph() -> Callable[[], int]:
    @dataclass
    class State:
        count: int = 0

    builder = GraphBuilder(state_type=State, output_type=str)

    async def count(context: StepContext[State, None, object]) -> Again:
        context.state.count += 1
        return "again" if context.state.count < WATCHED_STEPS else "done"

    # By value: the annotations of a module like this one are strings, and those of
    # a function's locals cannot be looked up.
    count.__annotations__ = {
        "context": StepContext[State, None, object],
        "return": Again,
    }
    step = builder.step(count)
    again = builder.match(TypeExpression[Literal["again"]]).to(step)
    done = builder.match(TypeExpression[Literal["done"]]).to(builder.end_node)
    builder.add(
        builder.edge_from(builder.start_node).to(step),
        builder.edge_from(step).to(builder.decision().branch(again).branch(done)),
    )
    graph = builder.build()

    async def iterate() -> int:
        state = State()
        async with graph.iter(state=state) as steps:
            async for _ in steps:
                pass
        return state.count

    return lambda: asyncio.run(iterate())


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    rounds = SHORT_ROUNDS if is_short else ROUNDS
    costs = measure(unwatched(), UNWATCHED_STEPS, rounds=rounds, pick=min)
    yield from beside("a step, unwatched, sync", costs, target=5.3)
    costs = measure(unwatched_async(), UNWATCHED_STEPS, rounds=rounds, pick=min)
    yield from beside("a step, unwatched, async", costs)
    costs = measure(called(), LANGGRAPH_STEPS, rounds=rounds, pick=min)
    yield from beside("a step, unwatched, sync", costs, ours="kgnb, sync")
    yield from beside("a step, unwatched, async", costs, ours="kgnb, async")
    costs = measure(watched(), WATCHED_STEPS, rounds=rounds, pick=min)
    yield from beside("a step, watched, sync", costs, ours="kgnb, sync", target=25)
    yield from beside("a step, watched, async", costs, ours="kgnb, async", target=60)


if __name__ == "__main__":
    print_lines(lines)
