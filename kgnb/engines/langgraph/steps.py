"""The steps of the outermost graph, each told when it is known what follows it.

LangGraph gives the whole state after each step, and names the tasks of the next one
before their code begins.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kgnb.engines.langgraph.picture import Picture
    from kgnb.engines.langgraph.visits import Visits
    from kgnb.graph.observe import GuestObserver


class Steps:
    """All steps of one run.

    What a step left is taken down when it comes, since nodes may change a state in
    place. ``tell`` is called by whoever reads the stream, and by the threads in which
    nodes are about to run; the rest by the reader alone.
    """

    def __init__(
        self, visits: Visits, picture: Picture, observer: GuestObserver
    ) -> None:
        self._visits = visits
        self._picture = picture
        self._observer = observer
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        """The ids of the tasks of the step under way."""
        self._told: Callable[[list[str]], None] | None = None
        """Tells the step before it, whose followers are awaited."""
        self._next: list[str] = []
        self._state: Mapping[str, Any] = {}
        """The last that came."""
        visits.before_start = self.tell

    def began(self, task_id: str, name: str) -> None:
        """A task of the outermost graph is about to run."""
        if not self._picture.has(name):
            return  # what a node calls, or what handles its failure
        if self._has_ended:
            self._take_down()
        self._under_way.add(task_id)
        if name not in self._next:
            self._next.append(name)

    def left(self, state: Mapping[str, Any]) -> None:
        """The state has come, which is a step's where its tasks have ended.

        It comes besides after the input, when a graph goes on, and with interrupts; and
        it does not come after a step that wrote nothing.
        """
        self._state = state
        if self._has_ended:
            self._take_down()

    @property
    def _has_ended(self) -> bool:
        """Whether there is a step, and its tasks have ended."""
        tasks = [self._visits.find(task_id) for task_id in self._under_way]
        return bool(tasks) and all(t is not None and t.ended is not None for t in tasks)

    def _take_down(self) -> None:
        self.tell()
        self._under_way.clear()
        with self._lock:
            self._next = []
            self._told = self._observer.step(self._state)

    def tell(self) -> None:
        """All that follows the last step is known."""
        with self._lock:
            told, self._told = self._told, None
            if told is not None:
                told(self._next)

    def end(self, names: Iterable[str] = ()) -> None:
        """The graph has come to an end, or a pause; it would go on with ``names``."""
        if self._has_ended:
            self._take_down()
        self._next = [*names] or self._next
        self.tell()
