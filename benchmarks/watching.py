"""What watching costs the graphs of LangGraph and PocketFlow, a step and a token.

A graph is one node that leads back to itself, trivial or waiting as for an answer from
afar, or one whose model writes. It is run by its library's own call, and by
``kgnb.run`` with its log in memory, which nobody reads (unwatched), or which a client
reads as it grows (watched). ``astream(kgnb's)`` asks LangGraph for the parts that kgnb
reads, and drops them: what is above it is kgnb's own. All take turns, and medians
count; of a title's figures each is beside the first one's, of the same go. Processor
time is of all threads, the reader's included.
"""

from __future__ import annotations

import asyncio
import logging
import operator
import threading
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pocketflow
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

import kgnb
from benchmarks.rounds import Cost, measure
from kgnb.engines.langgraph.parts import MODES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

Runs = dict[str, "Callable[[], int]"]

STEPS = 1_000
TOKENS = 2_000
VISITS = 5_000
ROUNDS = 7


def watched(run: kgnb.Run) -> None:
    """Read a run's log as it grows, on a loop of one's own, until it has ended."""

    async def read() -> None:
        async for _ in run.events():
            pass

    reader = threading.Thread(target=lambda: asyncio.run(read()))
    reader.start()
    run.result()
    reader.join()


class _Counted(TypedDict):
    count: Annotated[int, operator.add]


def _counting(steps: int, saver: Any, seconds: float) -> Any:
    async def count(_state: _Counted) -> _Counted:
        if seconds:
            await asyncio.sleep(seconds)
        return {"count": 1}

    async def again(state: _Counted) -> str:
        # Async, or LangGraph would call it in a thread, which costs more than all else.
        return "count" if state["count"] < steps else END

    builder = StateGraph(_Counted)
    builder.add_node("count", count)
    builder.add_edge(START, "count")
    builder.add_conditional_edges("count", again, ["count", END])
    return builder.compile(checkpointer=saver)


def langgraph_steps(
    steps: int, saver: Callable[[], Any] = lambda: None, seconds: float = 0.0
) -> Runs:
    """Ways to run ``steps`` visits of one async node, each on a thread of its own.

    Args:
        steps: How many.
        saver: Makes the checkpointer.
        seconds: That the node waits.
    """

    def given() -> tuple[Any, dict[str, Any]]:
        # A new checkpointer each time: what one keeps grows.
        config = {"recursion_limit": steps + 1, "configurable": {"thread_id": "1"}}
        return _counting(steps, saver(), seconds), config

    def ainvoke() -> int:
        graph, config = given()
        return asyncio.run(graph.ainvoke({"count": 0}, config))["count"]

    async def streamed(**options: Any) -> int:
        graph, config = given()
        count = 0
        async for _ in graph.astream({"count": 0}, config, **options):
            count += 1
        return count

    def updates() -> int:
        return asyncio.run(streamed(stream_mode="updates"))

    def parts() -> int:
        asked = {"stream_mode": list(MODES), "version": "v2", "subgraphs": True}
        # Of each step its task twice, its update and the state, which came first, too.
        return (asyncio.run(streamed(**asked)) - 1) // 4

    def started() -> kgnb.Run:
        graph, config = given()
        return kgnb.run(graph, {"count": 0}, config=config, panel=False)

    return {
        "ainvoke": ainvoke,
        "astream(updates)": updates,
        "astream(kgnb's)": parts,
        "kgnb, unwatched": lambda: started().result().shared["count"],
        "kgnb, watched": lambda: _watched_count(started()),
    }


def _watched_count(run: kgnb.Run) -> int:
    watched(run)
    return run.shared["count"]


class Writer(BaseChatModel):
    """A model that writes ``tokens`` words at once."""

    tokens: int

    @property
    def _llm_type(self) -> str:
        return "writer"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        message = AIMessage("word " * self.tokens)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self, messages, stop=None, run_manager=None, **kwargs
    ) -> AsyncIterator[ChatGenerationChunk]:
        for _ in range(self.tokens):
            yield ChatGenerationChunk(message=AIMessageChunk("word "))
            # As a model that is read from a socket: others have their turn.
            await asyncio.sleep(0)


def langgraph_tokens(tokens: int) -> Runs:
    """Ways to run a node whose model writes ``tokens``; they return how many came."""
    model = Writer(tokens=tokens)

    async def speak(state: MessagesState) -> dict[str, Any]:
        chunks = [chunk.content async for chunk in model.astream(state["messages"])]
        return {"messages": [AIMessage("".join(map(str, chunks)))]}

    builder = StateGraph(MessagesState)
    builder.add_node("speak", speak)
    builder.add_edge(START, "speak")
    graph = builder.compile()
    given = {"messages": [("user", "go")]}

    def words(state: Mapping[str, Any]) -> int:
        return len(state["messages"][-1].content.split())

    async def messages() -> int:
        count = 0
        async for chunk, _ in graph.astream(given, stream_mode="messages"):
            count += chunk.content == "word "
        return count

    def shown() -> int:
        run = kgnb.run(graph, given, panel=False)
        watched(run)
        return len(run.view.streams[0].text.split())

    return {
        "ainvoke": lambda: words(asyncio.run(graph.ainvoke(given))),
        "astream(messages)": lambda: asyncio.run(messages()),
        "kgnb, unwatched": lambda: words(
            kgnb.run(graph, given, panel=False).result().shared
        ),
        "kgnb, watched": shown,
    }


def pocketflow_steps(steps: int) -> Runs:
    """Ways to run ``steps`` visits of one sync node."""

    class Count(pocketflow.Node):
        def post(self, shared, prep_res, exec_res):
            shared["count"] += 1
            return "again" if shared["count"] < steps else "done"

    def flow() -> pocketflow.Flow:
        node = Count()
        node - "again" >> node
        node - "done" >> pocketflow.Node()  # else it would warn
        return pocketflow.Flow(node)

    def own() -> int:
        shared = {"count": 0}
        flow().run(shared)
        return shared["count"]

    def started() -> kgnb.Run:
        return kgnb.run(flow(), {"count": 0}, panel=False)

    return {
        "flow.run": own,
        "kgnb, unwatched": lambda: started().result().shared["count"],
        "kgnb, watched": lambda: _watched_count(started()),
    }


def report(title: str, costs: Mapping[str, Cost]) -> None:
    """Print a title's figures, each beside the first's."""
    first = next(iter(costs.values()))
    print(title)
    for name, each in costs.items():
        print(
            f"  {name:18} {each.wall * 1e6:8.1f} µs {each.wall / first.wall:6.2f} x"
            f"   processor {each.cpu * 1e6:8.1f} µs {each.cpu / first.cpu:6.2f} x"
        )


def main(
    steps: int = STEPS, tokens: int = TOKENS, visits: int = VISITS, rounds: int = ROUNDS
) -> None:
    """Print all of it."""
    peers = ("langgraph", "pocketflow")
    print("kgnb", kgnb.__version__, *(f"{name} {version(name)}" for name in peers))
    for title, runs, pieces in (
        ("LangGraph, a step", langgraph_steps(steps), steps),
        (
            "LangGraph with InMemorySaver, a step",
            langgraph_steps(steps, InMemorySaver),
            steps,
        ),
        (
            "LangGraph, a step that waits 1 ms",
            langgraph_steps(few := max(2, steps // 5), seconds=0.001),
            few,
        ),
        (
            "LangGraph, a step that waits 10 ms",
            langgraph_steps(fewer := max(2, steps // 20), seconds=0.01),
            fewer,
        ),
        ("LangGraph, a token", langgraph_tokens(tokens), tokens),
        ("PocketFlow, a step", pocketflow_steps(visits), visits),
    ):
        report(title, measure(runs, pieces, rounds=rounds, pick=median))


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
