"""Sync code that must not block a loop, in a thread beside it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def call_beside(function: Callable[[], T], name: str = "kgnb-beside") -> T:
    """Run a function in a daemon thread, in a copy of the caller's context.

    Cancelling the await leaves the thread to finish alone.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[T]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(values: list[T], error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(values)
        else:
            done.set_exception(_carried(error))

    def work() -> None:
        values: list[T] = []
        error: BaseException | None = None
        try:
            values.append(context.run(function))
        except BaseException as raised:  # noqa: BLE001 - the root of a thread's work
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, values, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return (await done)[0]


def _carried(error: BaseException) -> BaseException:
    """A future refuses StopIteration, which would end whoever awaits it."""
    if isinstance(error, StopIteration):
        return RuntimeError("StopIteration was raised beside the loop")
    return error
