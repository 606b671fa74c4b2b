"""The phases of one visit, as the object's own methods, each with a report around it.

The methods are put onto the copy that is visited as attributes of the instance, where
the library's code finds them under their names.
"""

from __future__ import annotations

import asyncio
import functools
import types
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import UNSET

from kgnb.engines.kaygraph.attempts import Attempts, here
from kgnb.graph.interactive import input_of_person
from kgnb.graph.spec import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Future

    from kgnb.engines.kaygraph.attempts import Chain
    from kgnb.graph.watched_steps import VisitStep


class Phases:
    """Reports the phases of a node, sync and async ones.

    Args:
        node: The copy that is visited.
        step: Its visit, which the calling thread or task has entered.
    """

    def __init__(self, node: Any, step: VisitStep) -> None:
        self._node = node
        self._step = step
        self._kind = kind_of(node)
        self._observer = step.observer
        self._earlier = step.earlier_items
        self._attempts = Attempts(
            node,
            step.visit,
            step.observer,
            has_items=self._kind == "batch",
            earlier=self._earlier,
        )
        self._pause = getattr(node, "wait", 0)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._covered: dict[str, Any] = {}

    def put(self, name: str, value: Any) -> None:
        """Put an attribute onto the node, over what is there."""
        self._covered.setdefault(name, vars(self._node).get(name, UNSET))
        setattr(self._node, name, value)

    def _take_off(self) -> None:
        # A graph that makes no copies visits this node again.
        for name, value in self._covered.items():
            if value is UNSET:
                delattr(self._node, name)
            else:
                setattr(self._node, name, value)
        self._give_wait()

    def install(self) -> None:
        """Put them onto the node."""
        around = self._AROUND_GRAPHS if self._kind == "graph" else self._AROUND_NODES
        for name, wrapper in around:
            own = getattr(self._node, name, None)
            if own is not None:
                self.put(name, functools.partial(wrapper, self, own))
        asking = _asking(getattr(self._node, "get_user_input", None))
        if asking is not None:
            self.put("get_user_input", asking)

    @property
    def total(self) -> int | None:
        """How many items, or passes, prep asked for."""
        return self._attempts.total

    def close(self) -> None:
        """The visit ends; take off all that was put onto the node."""
        self._attempts.close()
        self._take_off()

    async def close_async(self) -> None:
        """The visit ends; items that run on beside one that failed are cancelled.

        The libraries leave them to the loop, which ends with the program; this one
        goes on.
        """
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.close()

    # Sync phases.

    def _hook(self, own: Callable[..., Any], *arguments: Any) -> Any:
        self._step.checkpoint()
        return own(*arguments)

    def _prep(self, own: Callable[..., Any], *arguments: Any) -> Any:
        self._step.checkpoint()
        value = own(*arguments)
        self._attempts.prepared(value)
        return value

    def _exec(self, own: Callable[..., Any], prep_res: Any) -> Any:
        key = here()
        chain = self._attempts.begin(key, prep_res)
        if chain is None:
            return own(prep_res)
        if self._is_done(chain):
            return self._attempts.skip(key, chain)
        try:
            self._hold(chain)
            value = own(prep_res)
        except Exception as error:
            self._attempts.failed(key, chain, error)
            self._take_wait()
            raise
        except BaseException as error:
            self._attempts.end(key, chain, error)
            raise
        self._end_well(key, chain, value)
        return value

    def _is_done(self, chain: Chain) -> bool:
        """Whether it is an item that was done before the run was resumed."""
        item, earlier = chain.visit.item, self._earlier
        return earlier is not None and item is not None and item in earlier

    def _end_well(self, key: Hashable, chain: Chain, value: Any) -> None:
        stored = self._kept(key, chain, value)
        if stored is not None:
            self._observer.wait_for(chain.visit, stored, None)

    async def _end_well_async(self, key: Hashable, chain: Chain, value: Any) -> None:
        stored = self._kept(key, chain, value)
        if stored is not None:
            await asyncio.wrap_future(stored)

    def _kept(self, key: Hashable, chain: Chain, value: Any) -> Future[None] | None:
        """End a chain; of a durable run's item, what tells that it is stored."""
        progress = self._step.watch.progress
        if progress is None or chain.visit.item is None:
            self._attempts.end(key, chain, None)
            return None
        progress.item_gave(chain.visit, value)
        self._attempts.end(key, chain, None)
        sent = progress.on_the_way(chain.visit)
        return None if sent is None or sent.stored.done() else sent.stored

    def _hold(self, chain: Chain) -> None:
        """Where the run waits, is paused or cancelled before an attempt."""
        seconds = self._attempts.pause_left(chain)
        if seconds:
            self._observer.wait(chain.visit, seconds)
        self._give_wait()
        self._step.checkpoint()
        chain.enter(self._observer)

    def _take_wait(self) -> None:
        # The library would sleep, and nothing could end that. So the pause is made
        # before the next attempt, of what is then left of it.
        if self._pause:
            self._node.wait = 0

    def _give_wait(self) -> None:
        if self._pause:
            self._node.wait = self._pause

    def _exec_fallback(self, own: Callable[..., Any], *arguments: Any) -> Any:
        key = here()
        chain = self._attempts.falling_back(key)
        self._give_wait()
        if chain is None:
            return own(*arguments)
        try:
            value = own(*arguments)
        except BaseException as error:
            self._attempts.end(key, chain, error)
            raise
        self._end_well(key, chain, value)
        return value

    def _post(self, own: Callable[..., Any], *arguments: Any) -> Any:
        self._step.executed(arguments[-1])
        self._step.checkpoint()
        return own(*arguments)

    def _on_error(self, own: Callable[..., Any], shared: Any, error: Exception) -> Any:
        taken = own(shared, error)
        if taken:
            self._step.forgiven(error)
        return taken

    # Async phases.

    async def _prep_async(self, own: Callable[..., Any], *arguments: Any) -> Any:
        await self._step.checkpoint_async()
        value = await own(*arguments)
        self._attempts.prepared(value)
        return value

    async def _exec_async(self, own: Callable[..., Any], prep_res: Any) -> Any:
        key = here()
        chain = self._attempts.begin(key, prep_res)
        if chain is None:
            return await own(prep_res)
        if self._is_done(chain):
            return self._attempts.skip(key, chain)
        self.note_task()
        try:
            await self._step.checkpoint_async()
            chain.enter(self._observer)
            value = await own(prep_res)
        except Exception as error:
            self._attempts.failed(key, chain, error)
            raise
        except BaseException as error:
            self._attempts.end(key, chain, error)
            raise
        await self._end_well_async(key, chain, value)
        return value

    def note_task(self) -> None:
        """If this task was made for one of many items, cancel it with the visit."""
        task = asyncio.current_task()
        if task is not None and task is not self._attempts.home:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _exec_fallback_async(
        self, own: Callable[..., Any], *arguments: Any
    ) -> Any:
        key = here()
        chain = self._attempts.falling_back(key)
        if chain is None:
            return await own(*arguments)
        try:
            value = await own(*arguments)
        except BaseException as error:
            self._attempts.end(key, chain, error)
            raise
        await self._end_well_async(key, chain, value)
        return value

    async def _post_async(self, own: Callable[..., Any], *arguments: Any) -> Any:
        self._step.executed(arguments[-1])
        await self._step.checkpoint_async()
        return await own(*arguments)

    # Which of these goes around which of the node's own; once, not for each visit.

    _AROUND_GRAPHS: ClassVar[tuple[tuple[str, Callable[..., Any]], ...]] = (
        ("before_prep", _hook),
        ("prep", _prep),
        ("after_exec", _hook),
        ("post", _post),
        ("on_error", _on_error),
        ("prep_async", _prep_async),
        ("post_async", _post_async),
    )
    _AROUND_NODES = (
        *_AROUND_GRAPHS,
        ("exec", _exec),
        ("exec_fallback", _exec_fallback),
        ("exec_async", _exec_async),
        ("exec_fallback_async", _exec_fallback_async),
    )


def _asking(get_user_input: Any) -> Callable[..., Any] | None:
    """The same method, a person asked in place of the terminal, which a run has not.

    What a user's own makes of the input stays, unless it leaves the reading to the
    library's, which only the class could tell. None where it reads from elsewhere.
    """
    function = getattr(get_user_input, "__func__", get_user_input)
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    if "input" in names:
        asking = types.FunctionType(
            function.__code__,
            {**function.__globals__, "input": input_of_person},
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        asking.__kwdefaults__ = function.__kwdefaults__
        return functools.partial(asking, *_bound_to(get_user_input))
    return input_of_person if "get_user_input" in names else None


def _bound_to(method: Any) -> tuple[Any, ...]:
    return (method.__self__,) if hasattr(method, "__self__") else ()
