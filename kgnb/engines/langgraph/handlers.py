"""The callbacks by which a node's code tells of its attempts.

They are called in the very task or thread that is about to run the node, so that what
they set as the current context holds in its body, and that a pause holds it there.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from kgnb.engines.langgraph.picture import ENDS
from kgnb.engines.langgraph.routes import (
    handed_over_by,
    is_to_parent,
    led_by,
    routed_by,
)
from kgnb.engines.langgraph.swallowed import SwallowedInterrupt
from kgnb.engines.langgraph.values import plain
from kgnb.graph.context import current_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from kgnb.engines.langgraph.swallowed import Watch
    from kgnb.engines.langgraph.visits import Task, Visits
    from kgnb.graph.context import Context
    from kgnb.graph.observe import GuestObserver

_BODY = "seq:step:1"
"""LangChain's tag of what the first of several steps calls: of a node, its body."""


class _Attempts:
    """What both kinds of handlers do."""

    def __init__(self, visits: Visits, observer: GuestObserver, watch: Watch) -> None:
        self._visits = visits
        self.observer = observer
        self._watch = watch
        self._running: dict[UUID, Task] = {}
        self._called: dict[UUID, tuple[Context, Context]] = {}
        """Attempts in a graph that a node calls, and that node's own."""
        self._routers: dict[UUID, Task] = {}

    def find(
        self, name: Any, metadata: Mapping[str, Any] | None, caller: UUID | None
    ) -> Task | None:
        """The task of which a call is an attempt, if it is one."""
        if not metadata or name != metadata.get("langgraph_node") or name in ENDS:
            return None
        where = metadata.get("langgraph_checkpoint_ns")
        if not where:
            return None
        step = metadata.get("langgraph_step")
        task, is_attempt = self._visits.begin_attempt(where, name, step, caller)
        return task if is_attempt else None

    def began(self, task: Task, run_id: UUID, caller: UUID | None) -> None:
        self._running[run_id] = task
        self._watch.began(task)
        around = current_context.get()
        context = self._visits.attempt(task, caller)
        current_context.set(context)
        if around is not None and around.visit.node_id == "/".join(task.visit.path):
            self._called[run_id] = context, around

    def called(self, run_id: UUID, caller: UUID | None, tags: Any) -> None:
        """Something is called in an attempt: a router, unless its body calls it."""
        task = None if caller is None else self._running.get(caller)
        if task is not None and _BODY not in (tags or ()):
            self._routers[run_id] = task

    def failed(self, run_id: UUID, error: BaseException) -> None:
        self._routers.pop(run_id, None)
        task = self._left(run_id)
        if task is not None:
            task.leads_to.update(handed_over_by(error))
            task.is_handed_over = is_to_parent(error)
            task.error = error
            with self._refusing(task):
                self._watch.failed(task, error)

    def succeeded(self, run_id: UUID, returned: Any) -> None:
        router = self._routers.pop(run_id, None)
        if router is not None:
            router.leads_to.update(routed_by(returned))
        task = self._left(run_id)
        if task is not None:
            task.leads_to.update(led_by(returned))
            with self._refusing(task):
                self._watch.completed(task)

    def _left(self, run_id: UUID) -> Task | None:
        if run_id in self._called:
            context, around = self._called.pop(run_id)
            context.left_to = around
        return self._running.pop(run_id, None)

    @contextmanager
    def _refusing(self, task: Task) -> Iterator[None]:
        try:
            yield
        except SwallowedInterrupt as error:  # the stream tells no end of the task
            self._visits.end(task, "failed", error)
            raise

    def model_called(self, run_id: UUID, metadata: Mapping[str, Any] | None) -> None:
        where = (metadata or {}).get("langgraph_checkpoint_ns")
        if where:
            self._visits.model_called(str(run_id), where)

    def tool_began(self, run_id: UUID, call_id: str | None, inputs: Any) -> None:
        self._watch.tools.began(run_id)
        if call_id is not None:
            self._visits.tool_args[call_id] = plain(inputs)

    def tool_ended(self, run_id: UUID) -> None:
        self._watch.tools.ended(run_id)


class AsyncAttempts(AsyncCallbackHandler):
    """For ``astream``."""

    run_inline = True
    raise_error = True  # a swallowed pause fails its node

    def __init__(self, visits: Visits, observer: GuestObserver, watch: Watch) -> None:
        self._attempts = _Attempts(visits, observer, watch)

    @property
    def ignore_llm(self) -> bool:
        """Tokens come by the stream: no call for each of them here."""
        return True

    async def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """Begin an attempt, if it is one; not while the run is paused."""
        del serialized, inputs
        task = self._attempts.find(others.get("name"), metadata, parent_run_id)
        if task is not None:
            await _pass(self._attempts.observer, task)
            self._attempts.began(task, run_id, parent_run_id)
        else:
            self._attempts.called(run_id, parent_run_id, others.get("tags"))

    async def on_chain_end(self, outputs: Any, *, run_id: UUID, **others: Any) -> None:
        """Refuse an end that was to be a pause."""
        del others
        self._attempts.succeeded(run_id, outputs)

    async def on_chain_error(
        self, error: BaseException, *, run_id: UUID, **others: Any
    ) -> None:
        """Keep why, for the attempt that may follow; see also ``on_chain_end``."""
        del others
        self._attempts.failed(run_id, error)

    async def on_chat_model_start(
        self,
        serialized: Any,
        messages: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """Keep which attempt calls a model."""
        del serialized, messages, others
        self._attempts.model_called(run_id, metadata)

    async def on_tool_start(
        self,
        serialized: Any,
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        **others: Any,
    ) -> None:
        """Keep what a tool is called with, and that it runs; see ``ToolCalls``."""
        del serialized, input_str, others
        self._attempts.tool_began(run_id, tool_call_id, inputs)

    async def on_tool_end(self, output: Any, *, run_id: UUID, **others: Any) -> None:
        """See ``ToolCalls``."""
        del output, others
        self._attempts.tool_ended(run_id)

    async def on_tool_error(
        self, error: BaseException, *, run_id: UUID, **others: Any
    ) -> None:
        """See ``ToolCalls``."""
        del error, others
        self._attempts.tool_ended(run_id)


async def _pass(observer: GuestObserver, task: Task) -> None:
    """Wait while the run is paused; see ``Observer.checkpoint_async``."""
    try:
        await observer.checkpoint_async(task.visit)
    except asyncio.CancelledError:
        mine = asyncio.current_task()
        if mine is None or not mine.cancelling():
            # The run is cancelled, and its call of the graph will be in a moment.
            # From here it would be the node's failure, or pass for its success.
            await asyncio.Event().wait()
        raise


class Attempts(BaseCallbackHandler):
    """For ``stream``: in the threads of the nodes."""

    run_inline = True
    raise_error = True  # a swallowed pause fails its node

    def __init__(self, visits: Visits, observer: GuestObserver, watch: Watch) -> None:
        self._attempts = _Attempts(visits, observer, watch)

    @property
    def ignore_llm(self) -> bool:
        """Tokens come by the stream: no call for each of them here."""
        return True

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """See ``AsyncAttempts``."""
        del serialized, inputs
        task = self._attempts.find(others.get("name"), metadata, parent_run_id)
        if task is not None:
            observer = self._attempts.observer
            observer.checkpoint(task.visit)
            self._attempts.began(task, run_id, parent_run_id)
            observer.thread_entered(run_id, task.visit)
        else:
            self._attempts.called(run_id, parent_run_id, others.get("tags"))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **others: Any) -> None:
        """See ``AsyncAttempts``."""
        del others
        self._attempts.observer.thread_left(run_id)
        self._attempts.succeeded(run_id, outputs)

    def on_chain_error(
        self, error: BaseException, *, run_id: UUID, **others: Any
    ) -> None:
        """See ``AsyncAttempts``."""
        del others
        self._attempts.observer.thread_left(run_id)
        self._attempts.failed(run_id, error)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """See ``AsyncAttempts``."""
        del serialized, messages, others
        self._attempts.model_called(run_id, metadata)

    def on_tool_start(
        self,
        serialized: Any,
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        **others: Any,
    ) -> None:
        """See ``AsyncAttempts``."""
        del serialized, input_str, others
        self._attempts.tool_began(run_id, tool_call_id, inputs)

    def on_tool_end(self, output: Any, *, run_id: UUID, **others: Any) -> None:
        """See ``AsyncAttempts``."""
        del output, others
        self._attempts.tool_ended(run_id)

    def on_tool_error(
        self, error: BaseException, *, run_id: UUID, **others: Any
    ) -> None:
        """See ``AsyncAttempts``."""
        del error, others
        self._attempts.tool_ended(run_id)
