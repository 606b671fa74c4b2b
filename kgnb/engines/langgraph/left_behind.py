"""Calls of tools that outlive the pause of their node."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langgraph.config import get_config

if TYPE_CHECKING:
    from uuid import UUID

_PATIENCE = 60
"""Seconds to wait for calls left behind; one in a thread may end without a word."""


class ToolCalls:
    """Which calls of tools are under way.

    A node that calls its tools side by side pauses with the first that asks, and leaves
    the others to run on: one may ask after the pause was told, and go on while the node
    runs again. Made on the loop that runs the graph; told by the thread of each tool.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._under_way: set[UUID] = set()
        self._changed = asyncio.Event()

    def began(self, run_id: UUID) -> None:
        """A call begins, here."""
        self._under_way.add(run_id)
        task = task_here()  # in a thread, that of this callback alone
        if task is not None and task.get_loop() is self._loop:
            # Of a call that is cancelled with its task no end is told.
            task.add_done_callback(lambda _: self.ended(run_id))

    def ended(self, run_id: UUID) -> None:
        """A call came to its end, or failed, or asked."""
        self._under_way.discard(run_id)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._changed.set)

    def current(self) -> UUID | None:
        """The call whose code runs here, if it is the code of a tool."""
        run_id = getattr(get_config().get("callbacks"), "parent_run_id", None)
        return run_id if run_id in self._under_way else None

    async def settle(self) -> None:
        """Wait until none is under way.

        A node cannot complete without its tools: waiting for them costs it nothing.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._under_way:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._under_way.clear()


def task_here() -> asyncio.Task[Any] | None:
    """The asyncio task that runs here; None in code that a thread runs."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
