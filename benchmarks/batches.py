"""A thousand items at once: kgnb's parallel batches beside what people would write.

Async items sleep for a millisecond and come back; kgnb runs them as an
``AsyncParallelBatchNode``, unwatched by the graph's own call, and watched by
``kgnb.run`` with its log in memory; LangGraph as so many ``Send``; asyncio as one
``gather``. Items of work for the processor go to a process pool of two: kgnb's by
``executor=``, the pool's own by ``submit``. All take turns, and medians count.

    python -m benchmarks.batches [--short]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import operator
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

import kgnb
from benchmarks.results import Line, beside, print_lines
from benchmarks.rounds import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ITEMS, ROUNDS = 1_000, 5
SHORT_ITEMS, SHORT_ROUNDS = 1_000, 3
CPU_ITEMS = 200
PAUSE = 0.001
WORK = 20_000
"""Turns of a loop: about a millisecond."""


class Items(kgnb.AsyncParallelBatchNode):
    """Items that wait for a moment."""

    async def prep_async(self, shared: Any) -> range:
        return range(shared["items"])

    async def exec_async(self, item: int) -> int:
        return await echoed(item)

    async def post_async(self, shared: Any, prep_res: Any, exec_res: list[int]) -> None:
        shared["done"] = len(exec_res)


class Sums(kgnb.ParallelBatchNode):
    """Items that keep a processor busy."""

    def prep(self, shared: Any) -> range:
        return range(shared["items"])

    def exec(self, item: int) -> int:
        return summed(item)

    def post(self, shared: Any, prep_res: Any, exec_res: list[int]) -> None:
        shared["done"] = len(exec_res)


async def echoed(item: int) -> int:
    await asyncio.sleep(PAUSE)
    return item


def summed(item: int) -> int:
    return sum(range(WORK)) + item


def short_items(items: int) -> dict[str, Callable[[], int]]:
    """Ways to do ``items`` async items; each returns how many it did."""
    graph = kgnb.AsyncGraph(Items())

    def own() -> int:
        shared = {"items": items}
        asyncio.run(graph.run_async(shared))
        return shared["done"]

    async def gather() -> int:
        return len(await asyncio.gather(*map(echoed, range(items))))

    return {
        "kgnb, unwatched": own,
        "kgnb": lambda: _watched(graph, items),
        "asyncio.gather": lambda: asyncio.run(gather()),
        "LangGraph Send": lambda: asyncio.run(_sent(items)),
    }


def _watched(graph: Any, items: int, **options: Any) -> int:
    run = kgnb.run(graph, {"items": items}, panel=False, **options)
    return run.result(300).shared["done"]


class _Done(TypedDict):
    done: Annotated[list[int], operator.add]


async def _sent(items: int) -> int:
    async def item(state: dict[str, int]) -> dict[str, list[int]]:
        return {"done": [await echoed(state["item"])]}

    builder = StateGraph(_Done)
    builder.add_node("item", item)
    builder.add_conditional_edges(
        START,
        lambda _: [Send("item", {"item": each}) for each in range(items)],
        ["item"],
    )
    builder.add_edge("item", END)
    return len((await builder.compile().ainvoke({"done": []}))["done"])


def processor_items(
    items: int, pool: ProcessPoolExecutor
) -> dict[str, Callable[[], int]]:
    """Ways to do ``items`` items of work in a pool of processes."""
    graph = kgnb.Graph(Sums())

    def submitted() -> int:
        return len([f.result() for f in [pool.submit(summed, n) for n in range(items)]])

    return {
        "kgnb": lambda: _watched(graph, items, executor=pool, mode="live"),
        "process pool": submitted,
    }


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    items, rounds = (SHORT_ITEMS, SHORT_ROUNDS) if is_short else (ITEMS, ROUNDS)
    costs = measure(short_items(items), items, rounds=rounds, pick=median)
    yield from beside("an async item, unwatched", costs, ours="kgnb, unwatched")
    yield from beside("an async item, watched", costs)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        ways = processor_items(CPU_ITEMS, pool)
        costs = measure(ways, CPU_ITEMS, rounds=rounds, pick=median)
    yield from beside("an item of work in 2 processes, watched", costs)


if __name__ == "__main__":
    print_lines(lines)
