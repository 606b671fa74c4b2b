"""Finds async nodes that block the loop on which all runs live.

The link's thread asks the loop for a sign of life; where it takes long, the frames of
the loop's thread tell which node's code is in the way.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from kgnb.graph.context import NodeVisit
from kgnb.protocol import events as e

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.execution import Execution
    from kgnb.runtime.loops import LoopThread

PERIOD = 0.25
"""Seconds between two looks."""
PATIENCE = 1.0
"""Seconds without a sign of life that are worth a word."""


class Watchdog:
    """Watches one loop while runs live. Belongs to the link's thread.

    Args:
        watched: The loop's thread.
        runs: Gives the unfinished runs.
    """

    def __init__(
        self, watched: LoopThread, runs: Callable[[], list[Execution]]
    ) -> None:
        self._watched = watched
        self._runs = runs
        self._is_running = False
        self._asked_at: float | None = None
        self._is_reported = False

    def wake(self) -> None:
        """A run has begun; safe to call again."""
        if not self._is_running:
            self._is_running = True
            self._look()

    def _look(self) -> None:
        here = asyncio.get_running_loop()
        if not self._runs():
            self._is_running = False
            self._asked_at = None
            return
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            self._is_reported = False
            self._watched.call_soon(_call_back, here, self._answered)
        elif now - self._asked_at > PATIENCE and not self._is_reported:
            self._is_reported = True
            self._report(blocking_visit(self._watched.ident))
        here.call_later(PERIOD, self._look)

    def _answered(self) -> None:
        self._asked_at = None

    def _report(self, culprit: NodeVisit | None) -> None:
        if culprit is None:
            return
        for execution in self._runs():
            if any(v.task_id == culprit.task_id for v in execution.observer.active):
                text = (
                    f"node {culprit.node_id!r} blocks the loop for more than "
                    f"{PATIENCE:g} s, and with it every run: use await, or make it a "
                    f"sync node\n"
                )
                data = e.LogData(stream="logging", level="WARNING", text=text)
                execution.producer.log(e.Log(data=data, **execution.place(culprit)))


def _call_back(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)


def blocking_visit(thread_id: int | None) -> NodeVisit | None:
    """The visit whose code a thread is in, or None where it is in no node's."""
    frame = sys._current_frames().get(thread_id or 0)  # noqa: SLF001 - documented in sys
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("kgnb.graph."):
            visit = getattr(frame.f_locals.get("step"), "visit", None)
            if isinstance(visit, NodeVisit):
                return visit
        frame = frame.f_back
    return None
