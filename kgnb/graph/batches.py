"""Many items for one node: one after the other, or awaited together.

Batch nodes and batch graphs differ in what an item is and what is done with it; the
order, the limits, the watching and the stopping stand here.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kgnb.graph.spec import label_of
from kgnb.graph.steps import step_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

T = TypeVar("T")


def each_in_turn(node: Any, items: Any, work: Callable[[Any], T]) -> list[T]:
    """Call ``work`` with one item after the other; None stands for no items."""
    step = step_of(node)
    earlier = step.earlier_items
    results = []
    for index, item in enumerate(iterable(node, items)):
        if earlier is not None and index in earlier:
            results.append(earlier.take(index))
            continue
        step.checkpoint()
        with (own := step.item(node, index, total_of(items))):
            results.append(work(item))
            own.gave(results[-1])
        own.settle()
    return results


async def each_in_turn_async(
    node: Any, items: Any, work: Callable[[Any], Awaitable[T]]
) -> list[T]:
    """``each_in_turn`` on a loop."""
    step = step_of(node)
    earlier = step.earlier_items
    results = []
    for index, item in enumerate(iterable(node, items)):
        if earlier is not None and index in earlier:
            results.append(earlier.take(index))
            continue
        await step.checkpoint_async()
        with (own := step.item(node, index, total_of(items))):
            results.append(await work(item))
            own.gave(results[-1])
        await own.settle_async()
    return results


async def each_together(
    node: Any,
    items: Sequence[Any],
    work: Callable[[Any, Any], Awaitable[T]],
    *,
    max_concurrency: int | None,
) -> list[T]:
    """Await ``work(copy of node, item)`` for all items together; results in order.

    The first error cancels the other items and is raised when they have ended.

    Args:
        node: Each item gets a copy of it, so that what is set there is its own.
        items: All of them.
        work: What to do with one.
        max_concurrency: The most items at a time; None sets no limit.
    """
    most = most_at_once("max_concurrency", max_concurrency, max(1, len(items)))
    places = asyncio.Semaphore(most)
    step = step_of(node)
    earlier = step.earlier_items

    async def apart(numbered: tuple[int, Any]) -> T:
        index, item = numbered
        if earlier is not None and index in earlier:
            return cast("T", earlier.take(index))
        twin = copy.copy(node)
        async with places:
            await step.checkpoint_async()
            with (own := step.item(twin, index, len(items))):
                value = await work(twin, item)
                own.gave(value)
            await own.settle_async()
            return value

    return await all_or_first_error(apart, list(enumerate(items)))


async def all_or_first_error(
    function: Callable[[Any], Awaitable[T]], arguments: Sequence[Any]
) -> list[T]:
    """Await ``function`` for all arguments together; results in order.

    Unlike ``asyncio.TaskGroup`` it raises the first error itself, not a group, and
    unlike ``gather`` nothing is left running. SystemExit and KeyboardInterrupt are
    carried over too: raised inside a task they would end the loop.
    """
    errors: list[BaseException] = []
    tasks: list[asyncio.Task[T | None]] = []

    async def guarded(argument: Any) -> T | None:
        try:
            return await function(argument)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)
            for task in tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            return None

    async with asyncio.TaskGroup() as group:
        tasks += [group.create_task(guarded(argument)) for argument in arguments]
    if errors:
        raise errors[0]
    return [task.result() for task in tasks]  # type: ignore[misc]  # no error: no None


def iterable(node: Any, items: Any) -> Iterable[Any]:
    """What prep gave, to be gone through; None stands for no items.

    Raises:
        TypeError: It cannot be; names the node.
    """
    # Never tested for truth: arrays and data frames refuse that. Nor listed: a
    # generator's items may depend on what was done with earlier ones.
    if items is None:
        return ()
    try:
        iter(items)
    except TypeError:
        msg = (
            f"{label_of(node)}: prep of a batch gives its items, as a list or another "
            f"iterable; got {items!r:.80} ({type(items).__name__})"
        )
        raise TypeError(msg) from None
    return cast("Iterable[Any]", items)


def listed(node: Any, items: Any) -> list[Any]:
    """All items at once, for those who run them at the same time."""
    return list(iterable(node, items))


def total_of(items: Any) -> int | None:
    """How many items there are, if that can be known before running them."""
    try:
        return len(items)
    except TypeError:
        return None


def most_at_once(name: str, given: int | None, default: int) -> int:
    """How many items may run together; with none at all they would be skipped."""
    if given is not None and given < 1:
        msg = f"{name}: expected at least 1, got {given}"
        raise ValueError(msg)
    return default if given is None else given
