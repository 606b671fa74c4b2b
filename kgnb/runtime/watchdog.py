"""Finds async nodes that block the loop on which their runs live.

The link's thread asks each such loop for a sign of life; where it takes long, the
context of the task that the loop is in tells whose code is in the way. That of any
library's node is found so, and of what a node began with ``asyncio.gather``.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import time
from typing import TYPE_CHECKING

from kgnb.graph.context import current_context
from kgnb.protocol import events as e
from kgnb.runtime.context import RunContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.execution import Execution

PERIOD = 0.25
"""Seconds between two looks."""
PATIENCE = 1.0
"""Seconds without a sign of life that are worth a word."""


class _Sign:
    """A sign of life that a loop was asked for."""

    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self.is_reported = False


class Watchdog:
    """Watches the loops of live runs. Belongs to the link's thread.

    Args:
        runs: Gives the unfinished runs.
    """

    def __init__(self, runs: Callable[[], list[Execution]]) -> None:
        self._runs = runs
        self._is_running = False
        self._awaited: dict[asyncio.AbstractEventLoop, _Sign] = {}

    def wake(self) -> None:
        """A run has begun; safe to call again."""
        if not self._is_running:
            self._is_running = True
            self._look()

    def _look(self) -> None:
        runs = self._runs()
        if not runs:
            self._is_running = False
            self._awaited.clear()
            return
        here = asyncio.get_running_loop()
        for loop in {run.loop for run in runs if run.loop is not None}:
            sign = self._awaited.get(loop)
            if sign is None:
                self._ask(loop, here)
            elif time.monotonic() - sign.asked_at > PATIENCE and not sign.is_reported:
                sign.is_reported = True
                _report(loop)
        here.call_later(PERIOD, self._look)

    def _ask(
        self, loop: asyncio.AbstractEventLoop, here: asyncio.AbstractEventLoop
    ) -> None:
        sign = self._awaited[loop] = _Sign()

        def heard() -> None:
            if self._awaited.get(loop) is sign:
                del self._awaited[loop]

        with contextlib.suppress(RuntimeError):  # closed: its runs are ending
            loop.call_soon_threadsafe(
                _call_back, here, heard, context=contextvars.Context()
            )


def _report(loop: asyncio.AbstractEventLoop) -> None:
    culprit = blocking_context(loop)
    if culprit is None:
        return
    execution, visit = culprit.execution, culprit.visit
    if not any(v.task_id == visit.task_id for v in execution.observer.active):
        return  # what it began outlives it
    text = (
        f"node {visit.node_id!r} blocks the loop for more than {PATIENCE:g} s, and "
        f"with it every run: use await, or make it a sync node\n"
    )
    data = e.LogData(stream="logging", level="WARNING", text=text)
    execution.producer.log(e.Log(data=data, **execution.place(visit)))


def _call_back(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # closed: the interpreter exits
        loop.call_soon_threadsafe(function)


def blocking_context(loop: asyncio.AbstractEventLoop) -> RunContext | None:
    """Whose code a loop is in, or None where it is in no node's. From any thread."""
    task = asyncio.current_task(loop)
    context = None if task is None else _context_of(task)
    found = None if context is None else current_context.within(context)
    return found if isinstance(found, RunContext) else None


def _context_of(task: asyncio.Task[object]) -> contextvars.Context | None:
    """A task's context; Python 3.11 keeps it, but has no method that tells it."""
    get_context = getattr(task, "get_context", None)
    if get_context is not None:
        context = get_context()
        return context if isinstance(context, contextvars.Context) else None
    held = gc.get_referents(task)
    return next((each for each in held if isinstance(each, contextvars.Context)), None)
