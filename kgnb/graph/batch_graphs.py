"""Graphs that run once for each of many sets of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.graph.batches import each_in_turn, each_in_turn_async, each_together, listed
from kgnb.graph.graphs import AsyncGraph, Graph
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from kgnb.graph.config import Config


class BatchGraph(Graph):
    """A graph whose prep gives dicts, and which runs once for each, in order.

    In one pass the nodes' ``params`` are the graph's, overlaid with the pass's dict;
    ``shared`` is the same for all. The passes' actions are not kept: the graph's is
    what ``post(shared, prep_res, None)`` returns. The first error stops it. None
    from prep stands for no passes.
    """

    def _work(self, shared: Any, prep_res: Any) -> Any:
        each_in_turn(
            self, prep_res, lambda item: self._orch(shared, self._pass_params(item))
        )

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:
        await each_in_turn_async(
            self,
            prep_res,
            lambda item: self._orch_async(shared, self._pass_params(item)),
        )

    def _pass_params(self, item: Any) -> dict[Any, Any]:
        if not isinstance(item, dict):
            msg = (
                f"{label_of(self)}: prep of a batch graph gives dicts of params, one "
                f"a pass; got {item!r:.80} ({type(item).__name__})"
            )
            raise TypeError(msg)
        return {**self.params, **item}


class AsyncBatchGraph(AsyncGraph, BatchGraph):
    """A BatchGraph of async and sync nodes; ``prep_async`` gives the dicts."""


class AsyncParallelBatchGraph(AsyncGraph, BatchGraph):
    """An AsyncBatchGraph whose passes run at the same time, over one ``shared``.

    Each pass runs on a copy of the graph. The first error cancels the other passes
    and is raised when they have ended; a sync node's thread goes on to the end of
    that node. ``run(shared)``, which needs sync nodes only, takes them in order.

    Args:
        start: See ``Graph``.
        config: See ``Graph``.
        max_concurrency: The most passes at a time; None sets no limit.
        others: The keywords of ``Graph``, and of classes mixed in.
    """

    def __init__(
        self,
        start: Any = None,
        config: Config | None = None,
        *,
        max_concurrency: int | None = None,
        **others: Any,
    ) -> None:
        super().__init__(start, config, **others)
        self.max_concurrency = max_concurrency

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:
        await each_together(
            self,
            [self._pass_params(item) for item in listed(self, prep_res)],
            lambda graph, params: graph._orch_async(shared, params),  # noqa: SLF001 - a copy of self
            max_concurrency=self.max_concurrency,
        )
