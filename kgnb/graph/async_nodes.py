"""Nodes of async code: one exec, a batch in order, a batch at the same time."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from kgnb.graph.batches import each_in_turn_async, each_together, listed
from kgnb.graph.nodes import BatchNode, Node
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from kgnb.graph.config import Config

USE_RUN_ASYNC = "Use run_async for AsyncNode."


class AsyncNode(Node):
    """A Node whose phases are ``prep_async``, ``exec_async`` and ``post_async``.

    The hooks before_prep, after_exec and on_error keep their names and are awaited
    if they are coroutines. The code runs on the loop: it must not block it.
    """

    async def prep_async(self, shared: Any) -> Any:
        """Read what exec_async needs out of ``shared``."""

    async def exec_async(self, prep_res: Any) -> Any:
        """Do the work; it does not see ``shared``, so it may be repeated."""

    async def exec_fallback_async(self, prep_res: Any, exc: Exception) -> Any:  # noqa: ARG002
        """Asked after the last failed attempt: a value to go on with, or raise."""
        raise exc

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        """Write to ``shared`` and return the action."""

    def run(self, shared: Any) -> Any:
        """Refuse: only a loop can run it."""
        return self._run(shared)

    async def run_async(self, shared: Any) -> Any:
        """Run this node alone and return its action."""
        self._warn_of_successors()
        return await self._run_async(shared)

    def _run(self, shared: Any) -> Any:  # noqa: ARG002
        error = RuntimeError(USE_RUN_ASYNC)
        error.add_note(
            f"{label_of(self)} is async: run its graph by kgnb.run(graph, shared), or "
            f"make it an AsyncGraph and await graph.run_async(shared)"
        )
        raise error

    async def _run_async(self, shared: Any) -> Any:
        """One visit: BaseNode._run's order, awaited."""
        return await self._visit_async(
            shared, hook=self._hook, prep=self.prep_async, post=self.post_async
        )

    async def _hook(self, name: str, *arguments: Any) -> Any:
        return await settle(getattr(self, name)(*arguments))

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:  # noqa: ARG002
        return await self._exec_async(prep_res)


class AsyncBatchNode(AsyncNode, BatchNode):
    """A BatchNode whose exec_async is awaited for one item after the other."""

    async def _exec_async(self, prep_res: Any) -> Any:
        return await each_in_turn_async(self, prep_res, self._exec_item_async)

    async def _exec_item_async(self, item: Any) -> Any:
        return await super()._exec_async(item)


class AsyncParallelBatchNode(AsyncBatchNode):
    """A BatchNode whose items are awaited together, results in order.

    Each item runs in a task of its own, on its own copy of the node. The first
    error cancels the other items and is raised when they have ended.

    Args:
        max_retries: See ``Node``.
        wait: See ``Node``.
        node_id: See ``Node``.
        config: See ``Node``.
        max_concurrency: The most items at a time; None sets no limit.
        mixed: For the constructor of a class mixed in.
    """

    def __init__(
        self,
        max_retries: int | str | None = None,
        wait: float | None = None,
        node_id: str | None = None,
        config: Config | None = None,
        *,
        max_concurrency: int | None = None,
        **mixed: Any,
    ) -> None:
        super().__init__(
            max_retries=max_retries, wait=wait, node_id=node_id, config=config, **mixed
        )
        self.max_concurrency = max_concurrency

    async def _exec_async(self, prep_res: Any) -> Any:
        return await each_together(
            self,
            listed(self, prep_res),
            lambda node, item: node._exec_item_async(item),  # noqa: SLF001 - a copy of self
            max_concurrency=self.max_concurrency,
        )


async def settle(value: Any) -> Any:
    """The value of a hook, which may be a coroutine."""
    if value is None:  # of most hooks, at each visit; isawaitable has a long way to No
        return None
    return await value if inspect.isawaitable(value) else value
