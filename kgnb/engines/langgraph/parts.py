"""What a graph's stream tells, taken at once: it holds live objects of the graph's.

Belongs to whoever reads the stream: the run's task, or a thread for ``stream``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph import errors

from kgnb.engines.langgraph.values import fields_of, message_of, plain
from kgnb.engines.langgraph.visits import segments
from kgnb.errors import InvalidValue
from kgnb.graph.context import NodeVisit

if TYPE_CHECKING:
    from kgnb.engines.langgraph.questions import Inquiry
    from kgnb.engines.langgraph.steps import Steps
    from kgnb.engines.langgraph.visits import Task, Visits
    from kgnb.graph.context import Context
    from kgnb.graph.observe import GuestObserver

MODES = ("tasks", "updates", "messages", "custom", "values")
"""What is asked of the stream; what holds whole states never leaves the process."""

_ROOT = "__root__"
"""LangGraph's word for a state that is one value."""
NOBODY = NodeVisit("", "")


class Parts:
    """Takes the parts of one run's stream.

    Args:
        visits: Where tasks are kept.
        observer: Is told what no visit can tell.
        shared: Follows the graph's state.
        inquiry: Is told each interrupt, the innermost task first.
        steps: Is told what the steps of the outermost graph are made of.
    """

    def __init__(
        self,
        visits: Visits,
        observer: GuestObserver,
        shared: MutableMapping[Any, Any],
        inquiry: Inquiry,
        steps: Steps,
    ) -> None:
        self._visits = visits
        self._observer = observer
        self._shared = shared
        self._inquiry = inquiry
        self._steps = steps
        self.is_at_breakpoint = False
        """The stream ended before or after a node, as the graph's user wished."""

    def take(self, part: Mapping[str, Any]) -> None:
        """Take the next part."""
        where, data = part["ns"], part["data"]
        match part["type"]:
            case "tasks" if "result" in data:
                self._ended(where, data)
            case "tasks":
                self._visits.tell(where, data["id"], data["name"])
                if not where:
                    self._steps.began(data["id"], data["name"])
            case "updates":
                self._update(where, data)
            case "messages":
                self._message(*data)
            case "custom":
                self._custom(where, data)
            case "values" if not where:
                self._state(data)
            case _:
                pass

    def _ended(self, where: Sequence[str], data: Mapping[str, Any]) -> None:
        task = self._visits.find(data["id"])
        if task is None or task.ended is not None:
            return
        if data["interrupts"]:
            self._visits.wait(task)
            around = segments(where)
            root = around[0].partition(":")[2] if around else task.id
            for interrupt in data["interrupts"]:
                self._inquiry.take(task, interrupt, root)
        elif data["error"] is not None:
            error = _error_of(data["error"])
            if is_refusal(error) and self._inquiry.ask_again(task, error):
                self._visits.wait(task)
            elif task.started_at is not None or not _is_cancelling(error):
                self._visits.end(task, "failed", error)
            # else a pause held it to the end: it has not begun.
        else:
            self._visits.end(task, "completed", result=data["result"])

    def _update(self, where: Sequence[str], data: Mapping[str, Any]) -> None:
        if data.get("__interrupt__") == ():
            self.is_at_breakpoint = True
        if (data.get("__metadata__") or {}).get("cached"):
            for name in data:
                if not name.startswith("__"):
                    self._visits.reuse(where, name)

    def _state(self, state: Any) -> None:
        if not isinstance(state, Mapping):
            state = _entries_of(state)
        gone = [key for key in self._shared if key not in state]
        self._shared.update(state)
        for key in gone:
            del self._shared[key]
        self._steps.left(state)

    def _message(self, message: Any, metadata: Mapping[str, Any]) -> None:
        where = metadata.get("langgraph_checkpoint_ns") or ""
        task = self._task_at(where)
        if task is None:
            return
        feed = self._visits.feed(task, message.id)
        if hasattr(message, "tool_call_chunks"):  # a piece, as models write them
            feed.take(message)
            if getattr(message, "chunk_position", None) == "last":
                feed.end()
            return
        shown = message_of(message)
        if shown.get("tool_calls"):
            feed.take(message)
            feed.end()
        if message.type == "tool":
            shown |= self._answered(message)
        elif not shown["content"]:
            return
        self._visits.context(task).emit("message", shown)

    def _answered(self, message: Any) -> dict[str, Any]:
        """Which call a tool's message answers, and what the tool was called with."""
        call = message.tool_call_id
        return {
            "name": message.name,
            "tool_call_id": call,
            "args": self._visits.tool_args.pop(call, None),
            "failed": message.status == "error",
        }

    def _task_at(self, where: str) -> Task | None:
        found = segments((where,))
        task = self._visits.find(found[-1].partition(":")[2]) if found else None
        return None if task is None or task.ended is not None else task

    def _custom(self, where: Sequence[str], data: Any) -> None:
        """What a stream writer was given: it names no node.

        Where one task alone is under way in its graph, it is that one's.
        """
        task = self._visits.only_open(where)
        context: Context
        if task is None:
            context = self._observer.context(NOBODY)
        else:
            context = self._visits.context(task)
        kind = data.get("type") if isinstance(data, Mapping) else None
        shown = plain(data)
        if isinstance(kind, str):
            try:
                context.emit(kind, shown)
            except InvalidValue:  # a name of the run's own
                pass
            else:
                return
        context.emit("custom", shown)


def _entries_of(state: Any) -> dict[str, Any]:
    """A state that is no dict: a pydantic model, a dataclass, or one value."""
    fields = fields_of(state)
    if fields is not None:
        return fields
    return {} if state is None else {_ROOT: state}


def _error_of(error: Any) -> BaseException:
    """A failed task's error; what is typed as str is an exception, and may change."""
    return error if isinstance(error, BaseException) else RuntimeError(str(error))


def _is_cancelling(error: BaseException) -> bool:
    """Whether it is a CancelledError, or what LangGraph makes of a node's own."""
    told = error, error.__cause__
    return any(isinstance(each, asyncio.CancelledError) for each in told)


def is_refusal(error: BaseException) -> bool:
    """Whether a ``response_schema`` did not take an answer; LangGraph 1.1 has none."""
    is_invalid_resume = getattr(errors, "is_invalid_resume", None)
    return is_invalid_resume is not None and bool(is_invalid_resume(error))
