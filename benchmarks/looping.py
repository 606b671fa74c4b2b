"""The graph that most benchmarks run: one node that counts and leads back to itself."""

from __future__ import annotations

import asyncio
import operator
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pocketflow
from langgraph.graph import END, START, StateGraph

import kgnb

if TYPE_CHECKING:
    from collections.abc import Callable


class Counting:
    """What a node does at each visit; ``again`` leads back to it."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    def counted(self, shared: dict[str, Any]) -> str:
        shared["count"] += 1
        return "again" if shared["count"] < self._steps else "done"


class Sync(Counting, kgnb.Node):
    """kgnb's, sync."""

    def post(self, shared, prep_res, exec_res):
        return self.counted(shared)


class Async(Counting, kgnb.AsyncNode):
    """kgnb's, async."""

    async def post_async(self, shared, prep_res, exec_res):
        return self.counted(shared)


class Flowing(Counting, pocketflow.Node):
    """PocketFlow's, sync."""

    def post(self, shared, prep_res, exec_res):
        return self.counted(shared)


class AsyncFlowing(Counting, pocketflow.AsyncNode):
    """PocketFlow's, async."""

    async def post_async(self, shared, prep_res, exec_res):
        return self.counted(shared)


def looped(node: Any) -> Any:
    """The node, wired."""
    plain = kgnb.Node if isinstance(node, kgnb.BaseNode) else pocketflow.Node
    node - "again" >> node
    node - "done" >> plain()  # else both libraries would warn
    return node


def counted(run: Callable[[dict[str, Any]], object]) -> int:
    """How often ``run`` visits its node."""
    shared = {"count": 0}
    run(shared)
    return shared["count"]


class Counted(TypedDict, total=False):
    """The state of LangGraph's graph."""

    count: Annotated[int, operator.add]
    ballast: str


def langgraph(steps: int, *, is_async: bool = True, seconds: float = 0.0) -> StateGraph:
    """LangGraph's, to be compiled.

    Args:
        steps: How often the node is visited.
        is_async: Whether node and router are.
        seconds: That an async node waits.
    """

    def count(_state: Counted) -> Counted:
        return {"count": 1}

    async def count_async(_state: Counted) -> Counted:
        if seconds:
            await asyncio.sleep(seconds)
        return {"count": 1}

    def again(state: Counted) -> str:
        return "count" if state["count"] < steps else END

    async def again_async(state: Counted) -> str:
        # Else LangGraph would call it in a thread, which costs more than all else.
        return again(state)

    builder = StateGraph(Counted)
    builder.add_node("count", count_async if is_async else count)
    builder.add_edge(START, "count")
    route = again_async if is_async else again
    builder.add_conditional_edges("count", route, ["count", END])
    return builder


def config(steps: int) -> Any:
    """What LangGraph needs to be told to go so far."""
    return {"recursion_limit": steps + 1, "configurable": {"thread_id": "1"}}
