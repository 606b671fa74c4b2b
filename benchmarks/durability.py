"""What it costs a node that its run can be resumed, beside LangGraph with SqliteSaver.

A graph is one trivial async node that leads back to itself, with a state of a few
bytes, or with one that holds 100 kB besides, which the node leaves alone. It is run
without and with its state kept on disk: by LangGraph's ``ainvoke`` and its
``AsyncSqliteSaver``, each time in a new file, before the next step ("sync") or beside
it ("async"); and by ``kgnb.run`` without and with ``durable=True``, in one log that
also has all that viewers are shown. All take turns in one process, and medians count.
What durability costs is the difference; its ratio is to LangGraph's of the same go.

    python -m benchmarks.durability
"""

from __future__ import annotations

import asyncio
import logging
import operator
import os
import tempfile
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

import kgnb
from benchmarks.rounds import Cost, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NODES = 100
ROUNDS = 5
SIZES = {"a small state": 0, "a state of 100 kB": 100_000}


class _State(TypedDict):
    count: Annotated[int, operator.add]
    ballast: str


def _langgraph(nodes: int) -> StateGraph:
    async def count(_state: _State) -> dict[str, int]:
        return {"count": 1}

    async def again(state: _State) -> str:
        # Async, or LangGraph would call it in a thread, which costs more than all else.
        return "count" if state["count"] < nodes else END

    builder = StateGraph(_State)
    builder.add_node("count", count)
    builder.add_edge(START, "count")
    builder.add_conditional_edges("count", again, ["count", END])
    return builder


class Count(kgnb.AsyncNode):
    """The same node, kgnb's."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes

    async def post_async(self, shared, prep_res, exec_res):
        shared["count"] += 1
        return "again" if shared["count"] < self.nodes else "done"


def _kgnb(nodes: int) -> kgnb.AsyncGraph:
    node = Count(nodes)
    node - "again" >> node
    node - "done" >> kgnb.AsyncNode()  # else it would warn
    return kgnb.AsyncGraph(node, name="count")


class Files:
    """New names in a folder."""

    def __init__(self, folder: str) -> None:
        self._names: Iterator[str] = (f"{folder}/{n}.db" for n in range(10**6))

    def new(self) -> str:
        return next(self._names)


def ways(nodes: int, size: int, files: Files) -> dict[str, Callable[[], int]]:
    """Ways to run ``nodes`` visits; each returns how many there were."""
    given = {"count": 0, "ballast": "x" * size}
    config: Any = {"recursion_limit": nodes + 1, "configurable": {"thread_id": "1"}}
    builder, graph = _langgraph(nodes), _kgnb(nodes)

    async def saved(durability: Any) -> int:
        async with AsyncSqliteSaver.from_conn_string(files.new()) as saver:
            compiled = builder.compile(checkpointer=saver)
            found = await compiled.ainvoke(given, config, durability=durability)
        return found["count"]

    def plain() -> int:
        return asyncio.run(builder.compile().ainvoke(given, config))["count"]

    def run(**options: Any) -> int:
        return (
            kgnb.run(graph, dict(given), panel=False, **options)
            .result()
            .shared["count"]
        )

    return {
        "LangGraph": plain,
        "LangGraph, sync": lambda: asyncio.run(saved("sync")),
        "LangGraph, async": lambda: asyncio.run(saved("async")),
        "kgnb": run,
        "kgnb, durable": lambda: run(durable=True),
    }


def report(title: str, costs: Mapping[str, Cost]) -> str:
    """A table: what a node takes, and what of that durability is."""
    lines = [
        f"| {title} | µs a node | processor, µs | durability, µs | of LangGraph's |",
        "|---|---|---|---|---|",
    ]
    theirs = costs["LangGraph, sync"].wall - costs["LangGraph"].wall
    for name, cost in costs.items():
        base = costs[name.partition(",")[0]]
        more = cost.wall - base.wall
        told = f"{more * 1e6:.0f} | {more / theirs:.2f}" if cost is not base else " | "
        lines.append(
            f"| {name} | {cost.wall * 1e6:.0f} | {cost.cpu * 1e6:.0f} | {told} |"
        )
    return "\n".join(lines)


def main(nodes: int = NODES, rounds: int = ROUNDS) -> None:
    """Print both tables."""
    names = ("langgraph", "langgraph-checkpoint-sqlite")
    print("kgnb", kgnb.__version__, *(f"{name} {version(name)}" for name in names))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KGNB_LOG_URL"] = f"sqlite://{folder}/kgnb.db"
        files = Files(folder)
        for title, size in SIZES.items():
            found = ways(nodes, size, files)
            print()
            print(report(title, measure(found, nodes, rounds=rounds, pick=median)))


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
