"""Telling attempts and items apart by the calls of exec.

The retry loop is the library's and is not seen. What is seen are the calls that it
makes: an exec that fails is followed by another one with the same argument, or by
``exec_fallback``; after a value, or the fallback, the next exec is the next item's.
Items that run at the same time do so in threads or tasks of their own, so there is
one such chain of calls for each.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.graph.batches import total_of

if TYPE_CHECKING:
    from collections.abc import Hashable
    from contextlib import AbstractContextManager

    from kgnb.graph.context import NodeVisit
    from kgnb.graph.observe import Observer
    from kgnb.graph.watched_steps import EarlierItems


def here() -> Hashable:
    """The task that this code runs in, on a loop, or else the thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident() if task is None else task


class Chain:
    """The attempts of one exec: the node's, or an item's."""

    __slots__ = ("argument", "entered", "error", "failed_at", "is_running", "visit")

    def __init__(self, argument: Any, visit: NodeVisit) -> None:
        self.argument = argument
        self.visit = visit
        self.is_running = True
        self.error: Exception | None = None
        self.failed_at = 0.0
        """By ``time.monotonic``."""
        self.entered: AbstractContextManager[object] | None = None

    def enter(self, observer: Observer) -> None:
        """Surround one attempt; the visit's own context covers a node's first."""
        if self.visit.attempt > 1 or self.visit.item is not None:
            self.entered = observer.enter(self.visit)
            self.entered.__enter__()

    def leave(self) -> None:
        """End what ``enter`` began, in the same thread or task."""
        if self.entered is not None:
            self.entered.__exit__(None, None, None)
            self.entered = None


class Attempts:
    """All chains of one visit. From any thread.

    Args:
        node: The copy that is visited.
        visit: The visit.
        observer: Who is told.
        has_items: Whether each chain is an item's.
        earlier: Items that were done before the run was resumed.
    """

    def __init__(
        self,
        node: Any,
        visit: NodeVisit,
        observer: Observer,
        *,
        has_items: bool,
        earlier: EarlierItems | None = None,
    ) -> None:
        self._earlier = earlier
        self.home = here()
        """The thread or task that the visit is in."""
        self._visit = visit
        self._observer = observer
        self._has_items = has_items
        self._most: Any = getattr(node, "max_retries", 1)
        self._pause: float = getattr(node, "wait", 0)
        self._has_fallback = hasattr(node, "exec_fallback")
        self._lock = threading.Lock()
        self._chains: dict[Hashable, Chain] = {}
        self._items: Any = None
        self._places: dict[int, deque[int]] | None = None
        self._numbers = itertools.count()

    def prepared(self, prep_res: Any) -> None:
        """Take note of what prep gave, which are the items if there are any."""
        self._items = prep_res

    @property
    def total(self) -> int | None:
        """How many items there are, if that is known."""
        return total_of(self._items)

    def begin(self, key: Hashable, argument: Any) -> Chain | None:
        """An exec is called in thread or task ``key``.

        Returns:
            Its chain; None where the node's own exec calls it again.
        """
        with self._lock:
            chain = self._chains.get(key)
            if chain is not None and chain.is_running:
                return None
            if chain is not None and chain.argument is argument:
                visit = chain.visit
                number = visit.attempt + 1
                chain.visit = msgspec.structs.replace(visit, attempt=number)
                chain.is_running = True
                return chain
            dangling = chain
            visit, index = self._visit, None
            if self._has_items:
                index = self._index_of(argument, key)
                visit = msgspec.structs.replace(visit, item=index)
            self._chains[key] = chain = Chain(argument, visit)
        if dangling is not None:
            self._item_finished(dangling, dangling.error)
        if index is not None and (self._earlier is None or index not in self._earlier):
            self._observer.item_started(chain.visit, index, self.total)
        return chain

    def skip(self, key: Hashable, chain: Chain) -> Any:
        """End the chain of an item that was done earlier; what it gave."""
        with self._lock:
            self._chains.pop(key, None)
        return (
            None if self._earlier is None else self._earlier.take(chain.visit.item or 0)
        )

    def pause_left(self, chain: Chain) -> float:
        """Seconds to wait before this attempt."""
        if chain.error is None:
            return 0.0
        return max(0.0, chain.failed_at + self._pause - time.monotonic())

    def failed(self, key: Hashable, chain: Chain, error: Exception) -> None:
        """An attempt raised; what is done about it shows by the next call."""
        is_last = chain.visit.attempt >= self._most
        pause = None if is_last else self._pause
        self._observer.attempt_failed(chain.visit, error, pause)
        chain.error = error
        chain.failed_at = time.monotonic()
        chain.is_running = False
        if is_last and self._has_fallback:
            return  # it belongs to this attempt
        chain.leave()
        if is_last:
            self.end(key, chain, error)

    def falling_back(self, key: Hashable) -> Chain | None:
        """The fallback is called: the chain that it ends, if it ends one."""
        chain = self._chains.get(key)
        return None if chain is None or chain.is_running else chain

    def end(self, key: Hashable, chain: Chain, error: BaseException | None) -> None:
        """A chain came to its end, well if ``error`` is None."""
        chain.leave()
        with self._lock:
            self._chains.pop(key, None)
        self._item_finished(chain, error)

    def close(self) -> None:
        """The visit ends; so do chains that nobody went on with."""
        with self._lock:
            left = list(self._chains.values())
            self._chains.clear()
        for chain in left:
            self._item_finished(chain, chain.error)

    def _item_finished(self, chain: Chain, error: BaseException | None) -> None:
        visit = chain.visit
        if visit.item is not None:
            self._observer.item_finished(visit, visit.item, self.total, error)

    def _index_of(self, item: Any, key: Hashable) -> int:
        """Which item it is: the next one, but threads come in any order."""
        number = next(self._numbers)
        if key == self.home or not isinstance(key, int):
            return number
        if not isinstance(self._items, list | tuple):
            return number
        if self._places is None:
            self._places = {}
            for index, each in enumerate(self._items):
                self._places.setdefault(id(each), deque()).append(index)
        places = self._places.get(id(item))
        return places.popleft() if places else number
