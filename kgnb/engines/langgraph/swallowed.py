"""Pauses that the code around an ``interrupt()`` took for errors.

``interrupt()`` pauses its node by raising ``GraphInterrupt``, an ``Exception``. Where a
``try: … except Exception`` around it catches that, the node goes on with no answer, and
nothing in the graph's stream tells of it.
"""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand
from langgraph.types import interrupt

from kgnb.engines.langgraph.interrupts import words_of
from kgnb.engines.langgraph.left_behind import ToolCalls, task_here
from kgnb.engines.langgraph.visits import segments
from kgnb.errors import SwallowedInterrupt as Swallow
from kgnb.errors import Unanswerable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from uuid import UUID

    from kgnb.engines.langgraph.visits import Task


class SwallowedInterrupt(Swallow, GraphBubbleUp):
    """Leaves a node as LangGraph's own ways out of one do.

    It stores nothing of the node then, and tries it no second time.
    """


class _Raised(NamedTuple):
    """One ``interrupt()`` that had no answer, and so raised."""

    task_id: str
    value: Any
    thread: int
    task: asyncio.Task[Any] | None
    """Of asyncio; None in code that a thread runs."""
    tool: UUID | None
    """The call of a tool in whose code it is."""

    def is_followed_by(self, other: _Raised) -> bool:
        """Whether the same code came to the other one, and so went on.

        Two tools in one thread need not: a pool runs what it has as threads get free.
        """
        is_one_tool = None in {self.tool, other.tool} or self.tool == other.tool
        return (self.thread, self.task, is_one_tool) == (other.thread, other.task, True)

    @property
    def line(self) -> tuple[int, UUID | None]:
        """Equal for those that come in the same order each time."""
        return self.thread, None if self.task else self.tool


class Watch:
    """Notes each ``interrupt()`` that raises, and judges how its node then ends.

    It is given to the graph as the scratchpad of whatever called it. An ``interrupt()``
    that finds no answer of its own asks there last, before it raises; it is the one
    place where LangGraph (1.1 to 1.2) lets others see that. Where a version does not
    ask, nothing is noted. Called by whichever thread runs a node.
    """

    def __init__(self) -> None:
        self._raised: dict[str, list[_Raised]] = {}
        """By the id of the task, and of each task around it."""
        self.tools = ToolCalls()

    def get_null_resume(self, consume: bool = False) -> None:
        """See ``PregelScratchpad.get_null_resume``: an answer, of which it has none."""
        if consume:
            where = get_config().get("configurable", {}).get("checkpoint_ns", "")
            ids = [segment.partition(":")[2] for segment in segments((where,))]
            raised = _Raised(
                ids[-1],
                _value_in(inspect.currentframe()),
                threading.get_ident(),
                task_here(),
                self.tools.current(),
            )
            for task_id in ids:
                self._raised.setdefault(task_id, []).append(raised)

    def began(self, task: Task) -> None:
        """A task's code begins, perhaps again."""
        self._raised.pop(task.id, None)

    def completed(self, task: Task) -> None:
        """A task's code came to its end.

        Raises:
            SwallowedInterrupt: Though it was to pause.
        """
        raised = self._raised.pop(task.id, None)
        if raised:
            raise _error(task, raised[0])

    def failed(self, task: Task, error: BaseException) -> None:
        """A task's code raised, as it also does to pause.

        Raises:
            SwallowedInterrupt: It went on after a pause, to another one for one; it,
                or a graph that it called.
        """
        if isinstance(error, SwallowedInterrupt):
            raise error
        raised = self._raised.get(task.id, [])
        if raised and isinstance(error, ParentCommand):  # an end in its way
            raise _error(task, raised[0])
        if isinstance(error, GraphInterrupt):
            lost = next(_passed_over(raised, error), None)
            if lost is not None:
                raise _error(task, lost)
        elif raised and _is_from_interrupt(error):
            error.add_note(f"kgnb: {_explain(task, raised[0], 'raised this')}")

    def check_order(self, task: Task) -> None:
        """Refuse questions of a task that come in no order.

        A node's answers are handed out by the number of the call of ``interrupt()``.
        Code in several threads may call it in another order when the node runs again:
        the answer to one question would be taken for that to the other.

        Raises:
            Unanswerable: There are such.
        """
        raised = self._raised.get(task.id, ())
        asked = {e.line: e.value for e in raised if e.task_id == task.id}
        if len({repr(value) for value in asked.values()}) < 2:  # noqa: PLR2004 - several
            return
        messages = sorted(
            words_of(value, task.visit.node_id) for value in asked.values()
        )
        listed = " and ".join(repr(message) for message in messages)
        raise Unanswerable(
            f"node {task.visit.node_id!r} asks {listed} at once, from several threads, "
            f"and LangGraph hands out a node's answers by the order of its interrupt() "
            f"calls, which threads do not keep: one question could get the other's "
            f"answer. Make these functions (or tools) async, to ask before they "
            f"await anything else, or ask one after the other, such as by "
            f"bind_tools(…, parallel_tool_calls=False)"
        )


def _passed_over(raised: list[_Raised], error: GraphInterrupt) -> Iterator[_Raised]:
    """Those after which the same code came to the one that got through.

    Others were raised beside it, and are asked later. Equal ones are a second try.
    """
    shown = [
        repr(interrupt.value) for interrupt in (error.args[0] if error.args else ())
    ]
    got_through = [repr(each.value) in shown for each in raised]
    for n, each in enumerate(raised):
        rest = zip(raised[n + 1 :], got_through[n + 1 :], strict=True)
        if not got_through[n] and any(
            got and each.is_followed_by(o) for o, got in rest
        ):
            yield each


def _error(task: Task, raised: _Raised) -> SwallowedInterrupt:
    return SwallowedInterrupt(_explain(task, raised, "went on with no answer"))


def _explain(task: Task, raised: _Raised, then: str) -> str:
    shown = words_of(raised.value, task.visit.node_id)
    return (
        f"node {task.visit.node_id!r} caught the pause of interrupt({shown!r}), and "
        f"{then}. interrupt() pauses by raising GraphInterrupt: take it out of the "
        f"try, or write 'except GraphInterrupt: raise' (from langgraph.errors) before "
        f"'except Exception'"
    )


def _is_from_interrupt(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, GraphInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _value_in(frame: Any) -> Any:
    """What the ``interrupt()`` that is being called was given."""
    while frame is not None and frame.f_code is not interrupt.__code__:
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get("value")
