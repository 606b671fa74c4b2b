"""What watching costs the graphs of LangGraph and PocketFlow, a step and a token.

A graph is one node that leads back to itself, trivial or waiting as for an answer from
afar, or one whose model writes. It is run by its library's own call, and by
``kgnb.run`` with its log in memory, which nobody reads (unwatched), or which a client
reads as it grows (watched). ``astream(kgnb's)`` asks LangGraph for the parts that kgnb
reads, and drops them: what is above it is kgnb's own. All take turns, and medians
count; of a title's figures each is beside the first one's, of the same go. Processor
time is of all threads, the reader's included.

    python -m benchmarks.watching [--short]
"""

from __future__ import annotations

import asyncio
import threading
from statistics import median
from typing import TYPE_CHECKING, Any

import pocketflow
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

import kgnb
from benchmarks.looping import Flowing, config, counted, langgraph, looped
from benchmarks.results import Line, beside, print_lines
from benchmarks.rounds import Cost, measure
from kgnb.engines.langgraph.parts import MODES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

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


def langgraph_steps(
    steps: int, saver: Callable[[], Any] = lambda: None, seconds: float = 0.0
) -> Runs:
    """Ways to run ``steps`` visits of one async node, each on a thread of its own.

    Args:
        steps: How many.
        saver: Makes the checkpointer.
        seconds: That the node waits.
    """

    builder = langgraph(steps, seconds=seconds)

    def compiled() -> Any:
        # A new checkpointer each time: what one keeps grows.
        return builder.compile(checkpointer=saver())

    def ainvoke() -> int:
        return asyncio.run(compiled().ainvoke({"count": 0}, config(steps)))["count"]

    async def streamed(**options: Any) -> int:
        count = 0
        async for _ in compiled().astream({"count": 0}, config(steps), **options):
            count += 1
        return count

    def updates() -> int:
        return asyncio.run(streamed(stream_mode="updates"))

    def parts() -> int:
        asked = {"stream_mode": list(MODES), "version": "v2", "subgraphs": True}
        # Of each step its task twice, its update and the state, which came first, too.
        return (asyncio.run(streamed(**asked)) - 1) // 4

    def started() -> kgnb.Run:
        given = {"count": 0}
        return kgnb.run(compiled(), given, config=config(steps), panel=False)

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

    def flow() -> pocketflow.Flow:
        return pocketflow.Flow(looped(Flowing(steps)))

    def started() -> kgnb.Run:
        return kgnb.run(flow(), {"count": 0}, panel=False)

    return {
        "flow.run": lambda: counted(flow().run),
        "kgnb, unwatched": lambda: started().result().shared["count"],
        "kgnb, watched": lambda: _watched_count(started()),
    }


def costs(
    steps: int = STEPS, tokens: int = TOKENS, visits: int = VISITS, rounds: int = ROUNDS
) -> Iterator[tuple[str, dict[str, Cost]]]:
    """What a piece costs by each way, the library's own first; by title."""
    few, fewer = max(2, steps // 5), max(2, steps // 20)
    for title, runs, pieces in (
        ("a LangGraph step", langgraph_steps(steps), steps),
        ("the same, InMemorySaver", langgraph_steps(steps, InMemorySaver), steps),
        ("one that waits 1 ms", langgraph_steps(few, seconds=0.001), few),
        ("one that waits 10 ms", langgraph_steps(fewer, seconds=0.01), fewer),
        ("a LangGraph token", langgraph_tokens(tokens), tokens),
        ("a PocketFlow step", pocketflow_steps(visits), visits),
    ):
        yield title, measure(runs, pieces, rounds=rounds, pick=median)


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``; processor time, of all threads, follows the clock."""
    pieces = {"steps": 200, "tokens": 500, "visits": 1_000, "rounds": 3}
    for title, found in costs(**pieces if is_short else {}):
        aims = {"target_ratio": 1.15} if "LangGraph step" in title else {}
        clock = {name: Cost(each.wall, 0) for name, each in found.items()}
        spent = {name: Cost(each.cpu, 0) for name, each in found.items()}
        for ours in ("kgnb, unwatched", "kgnb, watched"):
            what = f"{title}, {ours.partition(', ')[2]}"
            yield from beside(what, clock, ours=ours, **aims)
            yield from beside(f"{what}: processor", spent, ours=ours)


if __name__ == "__main__":
    print_lines(lines)
