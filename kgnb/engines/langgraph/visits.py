"""LangGraph's tasks as visits of nodes.

A task is told twice: by the stream, which the run reads, and by a callback in the
task's own code, at each attempt. Either may come first.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.langgraph.picture import node_id
from kgnb.engines.langgraph.routes import Level, ways_to
from kgnb.graph.context import NodeVisit
from kgnb.graph.observe import NO_RESULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kgnb.engines.langgraph.picture import Picture
    from kgnb.graph.context import Context, Feed
    from kgnb.graph.observe import GuestObserver, Outcome, Via

_OUTERMOST = ""
_CACHED = "nothing was executed: its result was known\n"
_RESTARTED = "{}: the node's code runs again from its first line\n"


class Task:
    """One LangGraph task: one visit, in as many attempts as its code is run."""

    def __init__(self, task_id: str, name: str, visit: NodeVisit, level: Level) -> None:
        self.id = task_id
        self.name = name
        self.visit = visit
        self.level = level
        self.via: Via | None = None
        self.leads_to: set[str] = set()
        """The nodes that it named as next, so far as it named them."""
        self.started_at: float | None = None
        self.ended: Outcome | None = None
        self.is_waiting = False
        """It was interrupted, and not run again since."""
        self.is_handed_over = False
        """It ended by a command to the graph around its own, which has no other end."""
        self.error: BaseException | None = None
        """Of its last attempt."""
        self.result: Any = NO_RESULT
        """What it wrote, of the outermost graph's last step: it may be large."""
        self.context: Context | None = None
        self.asking: Context | None = None
        """One for all its questions, so that each has a number of its own."""
        self.feeds: dict[str, Feed] = {}
        """What models write, by the id of the message."""
        self.calls: dict[str, Context] = {}
        """By the id of a model's call: the attempt that made it."""
        self.segment = -1
        self.caller: Any = None
        """The id of the graph's call that runs it in this segment."""

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not ended."""
        return self.started_at is not None and self.ended is None


class Visits:
    """All tasks of one run.

    The callbacks come from whichever thread runs a node, so a lock guards them.
    """

    def __init__(
        self,
        observer: GuestObserver,
        picture: Picture,
        ended: Mapping[str, int] | None = None,
    ) -> None:
        self.segment = 0
        """How often the graph was resumed."""
        self.is_from_start = True
        """The graph begins with an input, and does not go on."""
        self._why = ""
        self._observer = observer
        self._picture = picture
        self._lock = threading.RLock()
        self._levels: dict[str, Level] = {}
        """Of each call of a graph that goes on, by the id of the task that calls it."""
        self._tasks: dict[str, Task] = {}
        self._numbers: Counter[str] = Counter(ended or {})
        self.tool_args: dict[str, Any] = {}
        """What tools are called with, by the id of the call, until they answer."""
        self.before_start: Callable[[], None] = lambda: None
        """Called each time a task is about to be told; from any thread."""

    @property
    def last(self) -> list[Task]:
        """The tasks of the outermost graph's last step."""
        level = self._levels.get(_OUTERMOST)
        return [] if level is None else level.now

    def find(self, task_id: str) -> Task | None:
        """A task that was told."""
        return self._tasks.get(task_id)

    def tell(self, where: Sequence[str], task_id: str, name: str) -> None:
        """A task is about to run, or is run already.

        Of what is not declared, such as a ``@task``, the callback knows better where it
        is called.
        """
        found = segments(where)
        if self._picture.has(node_id(path_of(found), name)):
            with self._lock:
                self._told(found, task_id, name, None)

    def _told(
        self, where: tuple[str, ...], task_id: str, name: str, step: int | None
    ) -> Task:
        known = self._tasks.get(task_id)
        if known is not None:
            return known
        path = path_of(where)
        node = node_id(path, name)
        self._numbers[node] += 1
        visit = NodeVisit(node, f"{node}:{self._numbers[node]}", path)
        level = self._levels.setdefault(_caller_in(where), Level())
        task = self._tasks[task_id] = Task(task_id, name, visit, level)
        level.arrive(task, step)
        ways = ways_to(task, self._picture)
        task.via = ways[0] if ways else None
        is_first = self.is_from_start and not (where or level.before)
        if self._picture.came(name, visit, ways, is_first=is_first):
            self._observer.graph_changed()
        return task

    # Attempts, told by callbacks.

    def begin_attempt(
        self, where: str, name: str, step: int | None, caller: Any
    ) -> tuple[Task, bool]:
        """A node's code begins to run.

        Returns:
            The task, and whether this is an attempt of it: a runnable of the same
            name may be called inside.
        """
        *around, last = segments((where,))
        with self._lock:
            task = self._told(tuple(around), last.partition(":")[2], name, step)
            if task.ended is not None:
                return task, False
            if task.segment == self.segment and task.caller != caller:
                return task, False
            return task, True

    def attempt(self, task: Task, caller: Any) -> Context:
        """Report an attempt that ``begin_attempt`` found; gives its context."""
        with self._lock:
            is_first = task.segment < 0
            is_retry = task.segment == self.segment
            task.segment, task.caller = self.segment, caller
            if is_first:
                self._start(task)
                return self.context(task)
            if is_retry:
                error = task.error
                known = error if isinstance(error, Exception) else RuntimeError("?")
                self._observer.attempt_failed(task.visit, known, 0.0)
            self._leave_attempt(task)
            number = task.visit.attempt + 1
            task.visit = msgspec.structs.replace(task.visit, attempt=number)
            task.is_waiting = False
            context = self.context(task)
            if not is_retry:
                context.log(_RESTARTED.format(self._why), level="INFO")
            return context

    def _start(self, task: Task) -> None:
        if task.started_at is None:
            self.before_start()
            task.started_at = time.monotonic()
            self._observer.node_started(task.visit, task.via)

    def context(self, task: Task) -> Context:
        """The context of a task's attempt; the task has begun then at the latest."""
        with self._lock:
            self._start(task)
            if task.context is None:
                task.context = self._observer.context(task.visit)
            return task.context

    def asking(self, task: Task) -> Context:
        """The context of a task's questions."""
        with self._lock:
            self._start(task)
            if task.asking is None:
                first = msgspec.structs.replace(task.visit, attempt=1)
                task.asking = self._observer.context(first)
            return task.asking

    def model_called(self, call_id: str, where: str) -> None:
        """A model is called in a task's code."""
        with self._lock:
            task = self._tasks.get(segments((where,))[-1].partition(":")[2])
            if task is not None and task.context is not None:
                task.calls[call_id] = task.context

    def feed(self, task: Task, message_id: str | None) -> Feed:
        """Where a message's chunks go: to the attempt whose call writes it.

        A failed attempt's last chunks may come when the next one has begun.
        """
        with self._lock:
            key = message_id or ""
            if key not in task.feeds:
                caller = task.calls.get(key.partition("--")[2])
                task.feeds[key] = (caller or self.context(task)).feed(None)
            return task.feeds[key]

    # Ends, told by the stream.

    def wait(self, task: Task) -> None:
        """A task was interrupted: it goes on when the graph does."""
        with self._lock:
            self._start(task)
            task.is_waiting = True
            self._end_feeds(task)
            self._leave_attempt(task)

    def reuse(self, where: Sequence[str], name: str) -> None:
        """A task of a step is not run again: its result is known."""
        level = self._levels.get(_caller_in(segments(where)))
        for task in [] if level is None else level.now:
            if task.visit.node_id.rpartition("/")[2] == name and not task.ended:
                self.context(task).log(_CACHED, level="INFO")
                self.end(task, "completed")
                return

    def end(
        self,
        task: Task,
        outcome: Outcome,
        error: BaseException | None = None,
        result: Any = NO_RESULT,
    ) -> None:
        """A task has ended; what of its graph is still open ends with it."""
        with self._lock:
            if task.ended is not None:
                return
            self._start(task)
            self._end_feeds(task)
            self._leave_attempt(task)
            if task.asking is not None:
                task.asking.close()
            self._close_within(task)
            task.ended = outcome
            if task.level is self._levels.get(_OUTERMOST):
                task.result = result
            began = task.started_at or 0.0
            self._observer.node_finished(
                msgspec.structs.replace(task.visit, attempt=1),
                outcome,
                action=None,
                error=error,
                result=NO_RESULT,
                duration=time.monotonic() - began,
            )

    def _close_within(self, task: Task) -> None:
        level = self._levels.pop(task.id, None)
        for other in [] if level is None else [*level.before, *level.now]:
            if other.is_open:
                self.end(other, "completed" if other.is_handed_over else "cancelled")

    def hold(self) -> None:
        """The graph has paused: what has no end yet may be run again, as it was."""
        with self._lock:
            for task in self._tasks.values():
                if task.is_open and not task.is_waiting:
                    self.wait(task)

    def go_on(self, *, is_answered: bool) -> None:
        """The graph is called once more."""
        self.segment += 1
        self._why = "answered" if is_answered else "resumed"

    def close(self) -> None:
        """End what has no end."""
        with self._lock:
            for task in reversed(list(self._tasks.values())):
                if task.is_open:
                    self.end(task, "cancelled")

    @staticmethod
    def _end_feeds(task: Task) -> None:
        for feed in task.feeds.values():
            feed.end()
        task.feeds.clear()
        task.calls.clear()

    @staticmethod
    def _leave_attempt(task: Task) -> None:
        if task.context is not None:
            task.context.close()
            task.context = None
        task.error = None

    def only_open(self, where: Sequence[str]) -> Task | None:
        """The one task under way in a graph, if it is only one."""
        level = self._levels.get(_caller_in(segments(where)))
        running = [] if level is None else [t for t in level.now if t.is_open]
        return running[0] if len(running) == 1 else None


def segments(where: Sequence[str]) -> tuple[str, ...]:
    """A namespace as ``"<node>:<task id>"`` each, outermost first.

    Several calls of a graph in one task are told apart by a number, which is left out.
    """
    parts = [part for entry in where for part in entry.split("|")]
    return tuple(part for part in parts if ":" in part)


def _caller_in(where: Sequence[str]) -> str:
    """The id of the task that calls the graph of a namespace."""
    return where[-1].partition(":")[2] if where else _OUTERMOST


def path_of(where: Sequence[str]) -> tuple[str, ...]:
    """The names in a namespace."""
    return tuple(segment.partition(":")[0] for segment in where)
