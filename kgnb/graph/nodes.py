"""Nodes of sync code: one exec, a batch of them in order, a batch in threads."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from kgnb.graph.apart import check_items
from kgnb.graph.attempts import exec_with_retries, exec_with_retries_async
from kgnb.graph.base import BaseNode
from kgnb.graph.batches import each_in_turn, listed, most_at_once
from kgnb.graph.policies import Policies, check_number, policy_of
from kgnb.graph.steps import step_of
from kgnb.graph.workers import call_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.config import Config
    from kgnb.graph.spec import NodeKind

MOST_THREADS = 64
"""Threads of one ParallelBatchNode that sets no ``max_workers``."""


class Node(BaseNode):
    """A node whose exec is retried.

    Args:
        max_retries: Attempts in all, the first included; None takes the class's
            attribute. A str here is a ``node_id``: no other argument comes so often
            first, and a str is no number of attempts.
        wait: Seconds between attempts; None takes the class's attribute.
        node_id: A name of one's own.
        config: Settings; None takes the graph's.
        policies: ``timeout``, ``backoff``, ``jitter``, ``max_wait``, ``retry_on``,
            ``max_visits``, ``executor``: see ``kgnb.graph.policies.Policy``. Each may
            be a class attribute too.
    """

    max_retries: int = 1
    wait: float = 0
    cur_retry: int = 0
    """The running attempt, from 0."""
    _stays_here: bool = False
    """Whether exec needs this process, for what it is to change there."""

    def __init__(
        self,
        max_retries: int | str | None = None,
        wait: float | None = None,
        node_id: str | None = None,
        config: Config | None = None,
        **policies: Unpack[Policies],
    ) -> None:
        number, node_id = number_or_id(type(self), max_retries, node_id)
        super().__init__(node_id=node_id, config=config)
        self._policy = policy_of(type(self), policies)
        for name, value in (("max_retries", number), ("wait", wait)):
            if value is not None:
                check_number(type(self).__name__, name, value)
                setattr(self, name, value)

    def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:  # noqa: ARG002
        """Asked after the last failed attempt: a value to go on with, or raise."""
        raise exc

    def _exec(self, prep_res: Any) -> Any:
        return exec_with_retries(self, prep_res)

    async def _exec_async(self, prep_res: Any) -> Any:
        # For the async nodes; it stands here so that a class mixed in on either side
        # of AsyncNode, such as ValidatedNode, can surround it.
        return await exec_with_retries_async(self, prep_res)

    def _note_retry(self) -> None:
        """An attempt failed and another one follows."""


class BatchNode(Node):
    """A node whose prep gives many items and whose exec takes one.

    Items run in order, each with its own retries and ``exec_fallback(item, exc)``;
    post gets the list of their values. None from prep stands for no items.
    """

    _kind: ClassVar[NodeKind] = "batch"

    def _exec(self, prep_res: Any) -> Any:
        check_items(self, step_of(self), prep_res)
        return each_in_turn(self, prep_res, self._exec_item)

    def _exec_item(self, item: Any) -> Any:
        # super()'s, so that a class mixed in behind BatchNode sees single items.
        return super()._exec(item)


class ParallelBatchNode(BatchNode):
    """A BatchNode whose items run in threads at the same time, results in order.

    Each item runs on its own copy of the node, so that ``cur_retry`` is its own. A
    failing item does not stop the others; when all are done, the first error, in
    the order of the items, is raised.

    Args:
        max_workers: The most items at a time; None gives each item a thread, up to
            64, since a thread may wait for a human. A str is a ``node_id``.
        max_retries: See ``Node``.
        wait: See ``Node``.
        node_id: See ``Node``.
        config: See ``Node``.
        mixed: For the constructor of a class mixed in.
    """

    def __init__(
        self,
        max_workers: int | str | None = None,
        max_retries: int | str | None = None,
        wait: float | None = None,
        node_id: str | None = None,
        config: Config | None = None,
        **mixed: Any,
    ) -> None:
        self.max_workers, node_id = number_or_id(type(self), max_workers, node_id)
        super().__init__(
            max_retries=max_retries, wait=wait, node_id=node_id, config=config, **mixed
        )

    def _exec(self, prep_res: Any) -> Any:
        items = listed(self, prep_res)
        check_items(self, step_of(self), items)
        calls: list[Callable[[], Any]] = [
            partial(self._exec_apart, index, item, len(items))
            for index, item in enumerate(items)
        ]
        most = most_at_once("max_workers", self.max_workers, MOST_THREADS)
        return call_in_threads(calls, most)

    def _exec_apart(self, index: int, item: Any, total: int) -> Any:
        visit_step = step_of(self)
        earlier = visit_step.earlier_items
        if earlier is not None and index in earlier:
            return earlier.take(index)
        visit_step.checkpoint()
        node = copy.copy(self)
        with (step := visit_step.item(node, index, total)):
            value = node._exec_item(item)  # noqa: SLF001 - a copy of self
            step.gave(value)
        step.settle()
        return value


def number_or_id(
    cls: type, first: int | str | None, node_id: str | None
) -> tuple[int | None, str | None]:
    """Read a first positional argument that may be the node's id."""
    if not isinstance(first, str):
        return first, node_id
    if node_id is not None:
        msg = f"{cls.__name__} got two ids: {first!r} and node_id={node_id!r}"
        raise TypeError(msg)
    return None, first
