"""What a step costs: kgnb beside PocketFlow, pydantic-graph and LangGraph.

The graph is one node that counts and leads back to itself. Unwatched, it is run by
its own ``run``; watched, somebody hears of each step: kgnb's by ``kgnb.run`` with
its log in memory, the others' by the iterators that they give for it. The libraries
take turns, and the fastest of ``ROUNDS`` counts; a line's ratios are of one go.
"""

from __future__ import annotations

import asyncio
import logging
import operator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

import pocketflow
from langgraph.graph import END, START, StateGraph
from pydantic_graph import GraphBuilder, StepContext, TypeExpression

import kgnb
from benchmarks.rounds import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNWATCHED_STEPS = 20_000
WATCHED_STEPS = 2_000
ROUNDS = 5

Again = Literal["again", "done"]


def unwatched() -> dict[str, Callable[[], int]]:
    """Sync nodes, run by the graph's own ``run``."""

    def count(shared: dict[str, int]) -> Again:
        shared["count"] += 1
        return "again" if shared["count"] < UNWATCHED_STEPS else "done"

    class Ours(kgnb.Node):
        def post(self, shared, prep_res, exec_res):
            return count(shared)

    class Theirs(pocketflow.Node):
        def post(self, shared, prep_res, exec_res):
            return count(shared)

    return {
        "kgnb": lambda: _counted(kgnb.Graph(_looped(Ours())).run),
        "PocketFlow": lambda: _counted(pocketflow.Flow(_looped(Theirs())).run),
    }


def unwatched_async() -> dict[str, Callable[[], int]]:
    """Async nodes, run by the graph's own ``run_async``."""

    def count(shared: dict[str, int]) -> Again:
        shared["count"] += 1
        return "again" if shared["count"] < UNWATCHED_STEPS else "done"

    class Ours(kgnb.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            return count(shared)

    class Theirs(pocketflow.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            return count(shared)

    ours = kgnb.AsyncGraph(_looped(Ours()))
    theirs = pocketflow.AsyncFlow(_looped(Theirs()))
    return {
        "kgnb": lambda: _counted(lambda shared: asyncio.run(ours.run_async(shared))),
        "PocketFlow": lambda: _counted(
            lambda shared: asyncio.run(theirs.run_async(shared))
        ),
    }


def watched() -> dict[str, Callable[[], int]]:
    """Each step is told to somebody."""

    def count(shared: dict[str, int]) -> Again:
        shared["count"] += 1
        return "again" if shared["count"] < WATCHED_STEPS else "done"

    class Sync(kgnb.Node):
        def post(self, shared, prep_res, exec_res):
            return count(shared)

    class Async(kgnb.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            return count(shared)

    def run(node: kgnb.BaseNode) -> int:
        graph = kgnb.Graph(_looped(node))
        return _counted(lambda shared: kgnb.run(graph, shared, panel=False).result())

    return {
        "kgnb, sync": lambda: run(Sync()),
        "kgnb, async": lambda: run(Async()),
        "pydantic-graph": _pydantic_graph(),
        "LangGraph": _langgraph(),
    }


def _looped(node):
    node - "again" >> node
    # Else PocketFlow and kgnb would warn that "done" is not wired.
    node - "done" >> type(node).__base__()
    return node


def _counted(run: Callable[[dict[str, int]], object]) -> int:
    shared = {"count": 0}
    run(shared)
    return shared["count"]


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


class _Counted(TypedDict):
    count: Annotated[int, operator.add]


def _langgraph() -> Callable[[], int]:
    builder = StateGraph(_Counted)

    async def count(_state: _Counted) -> _Counted:
        return {"count": 1}

    def again(state: _Counted) -> str:
        return "count" if state["count"] < WATCHED_STEPS else END

    builder.add_node("count", count)
    builder.add_edge(START, "count")
    builder.add_conditional_edges("count", again, ["count", END])
    graph = builder.compile()
    config = {"recursion_limit": WATCHED_STEPS + 1}

    async def iterate() -> int:
        steps = 0
        stream = graph.astream({"count": 0}, config, stream_mode="updates")
        async for _ in stream:
            steps += 1
        return steps

    return lambda: asyncio.run(iterate())


def report(title: str, runs: Mapping[str, Callable[[], int]], steps: int) -> None:
    """Print the line's figures, each beside the first's."""
    costs = measure(runs, steps, rounds=ROUNDS, pick=min)
    first = next(iter(costs.values())).wall
    print(title)
    for name, each in costs.items():
        print(
            f"  {name:15} {each.wall * 1e6:8.1f} µs a step {each.wall / first:6.2f} x"
        )


def main() -> None:
    """Print all of it."""
    peers = ("pocketflow", "pydantic-graph", "langgraph")
    print("kgnb", kgnb.__version__, *(f"{name} {version(name)}" for name in peers))
    report("unwatched, sync", unwatched(), UNWATCHED_STEPS)
    report("unwatched, async", unwatched_async(), UNWATCHED_STEPS)
    report("watched", watched(), WATCHED_STEPS)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
