"""What it costs a node that its run can be resumed, beside LangGraph with SqliteSaver.

A graph is one trivial async node that leads back to itself, with a state of a few
bytes, or with one that holds 100 kB besides, which the node leaves alone. It is run
without and with its state kept on disk: by LangGraph's ``ainvoke`` and its
``AsyncSqliteSaver``, each time in a new file, before the next step ("sync") or beside
it ("async"); and by ``kgnb.run`` without and with ``durable=True``, in one log that
also has all that viewers are shown. All take turns in one process, and medians count.
What durability costs is the difference; its ratio is to LangGraph's of the same go.

    python -m benchmarks.durability [--short]
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from statistics import median
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import kgnb
from benchmarks.looping import Async, config, langgraph, looped
from benchmarks.results import Line, print_lines
from benchmarks.rounds import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.rounds import Cost

NODES = 100
ROUNDS, SHORT_ROUNDS = 5, 3
SIZES = {"a small state": 0, "a state of 100 kB": 100_000}


class Files:
    """New names in a folder."""

    def __init__(self, folder: str) -> None:
        self._names: Iterator[str] = (f"{folder}/{n}.db" for n in range(10**6))

    def new(self) -> str:
        return next(self._names)


def ways(nodes: int, size: int, files: Files) -> dict[str, Callable[[], int]]:
    """Ways to run ``nodes`` visits; each returns how many there were."""
    given, options = {"count": 0, "ballast": "x" * size}, config(nodes)
    builder = langgraph(nodes)
    graph = kgnb.AsyncGraph(looped(Async(nodes)), name="count")

    async def saved(durability: Any) -> int:
        async with AsyncSqliteSaver.from_conn_string(files.new()) as saver:
            compiled = builder.compile(checkpointer=saver)
            found = await compiled.ainvoke(given, options, durability=durability)
        return found["count"]

    def plain() -> int:
        return asyncio.run(builder.compile().ainvoke(given, options))["count"]

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


def costs(
    nodes: int = NODES, rounds: int = ROUNDS
) -> Iterator[tuple[str, dict[str, Cost]]]:
    """What a node costs by each way, by the size of its state."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KGNB_LOG_URL"] = f"sqlite://{folder}/kgnb.db"
        files = Files(folder)
        for title, size in SIZES.items():
            found = ways(nodes, size, files)
            yield title, measure(found, nodes, rounds=rounds, pick=median)


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``: the node, and what of it durability is."""
    for title, found in costs(rounds=SHORT_ROUNDS if is_short else ROUNDS):
        clock = {name: each.wall * 1e6 for name, each in found.items()}
        ours = clock["kgnb, durable"]
        for mode in ("sync", "async"):
            peer = f"LangGraph, {mode}"
            saver = f"LangGraph, AsyncSqliteSaver, {mode}"
            yield Line(f"a durable node, {title}", "µs", ours, saver, clock[peer])
            yield Line(
                f"durability alone, {title}",
                "µs",
                ours - clock["kgnb"],
                saver,
                clock[peer] - clock["LangGraph"],
            )


if __name__ == "__main__":
    print_lines(lines)
