"""The steps of the outermost graph, each told when it is known what follows it.

LangGraph gives the whole state after each step, and names the tasks of the next one
before their code begins.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kgnb.engines.langgraph.visits import Visits
    from kgnb.graph.observe import GuestObserver


class Steps:
    """All steps of one run.

    What a step left is taken down when it comes, since nodes may change a state in
    place. ``tell`` is called by whoever reads the stream, and by the threads in which
    nodes are about to run; the rest by the reader alone.
    """

    def __init__(self, visits: Visits, observer: GuestObserver) -> None:
        self._visits = visits
        self._observer = observer
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        """The ids of the tasks of the step under way."""
        self._told: Callable[[list[str]], None] | None = None
        """Tells the step before it, whose followers are awaited."""
        self._next: list[str] = []
        visits.before_start = self.tell

    def began(self, task_id: str, name: str) -> None:
        """A task of the next step is about to run."""
        if self._visits.find(task_id) is None:
            return  # what a node calls, and no node
        self._under_way.add(task_id)
        if name not in self._next:
            self._next.append(name)

    def left(self, state: Any) -> None:
        """The state has come, which is a step's where its tasks have ended.

        It comes besides after the input, when a graph goes on, and with interrupts.
        """
        tasks = [self._visits.find(task_id) for task_id in self._under_way]
        if not tasks or any(task is None or task.ended is None for task in tasks):
            return
        self.tell()
        self._under_way.clear()
        with self._lock:
            self._next = []
            self._told = self._observer.step(state)

    def tell(self) -> None:
        """All that follows the last step is known."""
        with self._lock:
            told, self._told = self._told, None
            if told is not None:
                told(self._next)

    def end(self, names: Iterable[str] = ()) -> None:
        """The graph stands still; it would go on with ``names``."""
        self._next = [*names] or self._next
        self.tell()
