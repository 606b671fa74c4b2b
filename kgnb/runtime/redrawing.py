"""A run's picture, drawn anew when the run shows more of its graph than is declared.

Graphviz keeps the interpreter to itself while it works: some milliseconds, for a large
graph more. So what is found is collected, each drawing waits for a multiple of the
time that the last one took, and the last is made when the run is over.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from kgnb.protocol import events as e
from kgnb.runtime import hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.spec import GraphSpec

logger = logging.getLogger("kgnb.runtime")

COLLECT = 0.1
"""Seconds from a find to its picture, in which more may be found."""
REST = 50
"""How many times longer than a drawing it is until the next one: 2 % of the time."""
END_WAIT = 5.0
"""Seconds that the end of a run waits for the last drawing."""


class Redrawing:
    """Draws one run's graph when it has changed, in a thread of its own.

    ``changed`` may be called from any thread and never blocks; ``finish`` belongs to
    the run's loop.

    Args:
        describe: Gives the graph as it is known now.
        name: What it is called in this run.
        is_drawn: Whether there is to be a picture at all.
        publish: Gets each new graph, with its picture.
    """

    def __init__(
        self,
        describe: Callable[[], GraphSpec],
        name: str,
        *,
        is_drawn: bool,
        publish: Callable[[e.GraphSpec], None],
    ) -> None:
        self._describe = describe
        self._name = name
        self._is_drawn = is_drawn
        self._publish = publish
        self.graph = self._drawn(None)
        """The graph as it was shown last."""
        self._lock = threading.Lock()
        self._is_stale = False
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._rest = COLLECT

    def changed(self) -> None:
        """The graph has more than was shown."""
        with self._lock:
            self._is_stale = True
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="kgnb-picture", daemon=True
                )
                self._thread.start()

    async def finish(self) -> None:
        """Show what was found last, at once. Nothing changes from now on."""
        self._hurry.set()
        until = time.monotonic() + END_WAIT
        while self._thread is not None and time.monotonic() < until:  # noqa: ASYNC110 - threads set no asyncio event
            await asyncio.sleep(0.002)

    def _work(self) -> None:
        while True:
            self._hurry.wait(self._rest)
            with self._lock:
                if not self._is_stale:
                    self._thread = None
                    return
                self._is_stale = False
            try:
                self._show()
            except Exception:
                # The root of the thread: a run is not lost for want of a picture.
                logger.exception("the graph of a run could not be drawn anew")

    def _show(self) -> None:
        began = time.monotonic()
        # One that has become too tangled to be drawn keeps the picture it had.
        self.graph = self._drawn(self.graph.svg)
        self._rest = max(COLLECT, REST * (time.monotonic() - began))
        self._publish(self.graph)

    def _drawn(self, otherwise: str | None) -> e.GraphSpec:
        spec = self._describe().to_dict() | {"name": self._name}
        spec["svg"] = (hooks.draw(spec) if self._is_drawn else None) or otherwise
        return msgspec.convert(spec, e.GraphSpec)
