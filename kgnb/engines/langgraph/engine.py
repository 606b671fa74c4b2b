"""Runs a compiled LangGraph graph, unchanged: reads its stream, and answers it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
from langchain_core.runnables.config import merge_configs, var_child_runnable_config
from langgraph.types import Command

from kgnb.engines.langgraph.history import begin_fork, history_of, state_of
from kgnb.engines.langgraph.inputs import input_keys, input_schema
from kgnb.engines.langgraph.lanes import AsyncLane, SyncLane
from kgnb.engines.langgraph.parts import MODES, NOBODY, Parts, is_refusal
from kgnb.engines.langgraph.pending import check_answer, is_asking, left_unanswered
from kgnb.engines.langgraph.picture import Picture
from kgnb.engines.langgraph.questions import Inquiry
from kgnb.engines.langgraph.steps import Steps
from kgnb.engines.langgraph.stopping import Brake
from kgnb.engines.langgraph.swallowed import Watch
from kgnb.engines.langgraph.threads import Thread
from kgnb.engines.langgraph.values import plain
from kgnb.engines.langgraph.visits import Visits
from kgnb.errors import GraphWarning, InvalidValue
from kgnb.graph.base import levels_to_caller

if TYPE_CHECKING:
    import asyncio

    from langchain_core.runnables import RunnableConfig

    from kgnb.engines.checkpoints import Checkpoint, Fork
    from kgnb.engines.langgraph.call import GraphCall
    from kgnb.engines.langgraph.chat import Chat
    from kgnb.engines.langgraph.lanes import Lane
    from kgnb.graph.observe import GuestObserver
    from kgnb.graph.progress import Progress
    from kgnb.graph.spec import GraphSpec
    from kgnb.graph.workers import Worker

_SCRATCHPAD = "__pregel_scratchpad"
"""LangGraph's private key for what interrupt() reads and asks; see ``Watch``."""
_FLEETING = frozenset({"InMemorySaver", "MemorySaver"})
_UNSTORED = (
    "kgnb: a checkpointer stores the whole state after each step, and what interrupt() "
    "is given; keep functions, locks and clients out of it (in a closure, or "
    "config['configurable']), or give the checkpointer a serializer that knows them"
)

_NOT_BEGUN = (
    "kgnb: no node had begun; see whether the input fits the types of the graph's state"
)


class State(dict[Any, Any]):
    """The graph's state, live; ``input`` is what the run was given."""

    def __init__(self, given: Any, chat: Chat | None) -> None:
        super().__init__(given if isinstance(given, Mapping) else {})
        self.input = given
        self.chat = chat


class LangGraphEngine:
    """Runs a compiled graph on one of its threads.

    Nodes run where LangGraph runs them: async ones on the run's loop, sync ones in
    threads of that loop's executor. A graph whose checkpointer is sync only runs
    wholly in one thread.

    Args:
        graph: The graph.
        call: How it is called: its config and the like, passed on as they are.
        session_id: The thread, where the config names none.
        fork: Where in the thread it begins, where not with an input.
    """

    def __init__(
        self,
        graph: Any,
        call: GraphCall,
        session_id: str | None,
        fork: Fork | None = None,
    ) -> None:
        self._graph = graph
        self._call = call
        self._thread = Thread(graph, call.config, session_id)
        self._picture = Picture(graph)
        self._brake = Brake()
        self._fork = fork
        self._ended: Mapping[str, int] | None = None

    @property
    def session_id(self) -> str | None:
        """See ``SessionEngine.session_id``: the thread."""
        return self._thread.id

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """See ``SessionEngine.loop``: that of the checkpointer."""
        return self._thread.loop

    def describe(self) -> GraphSpec:
        """See ``Engine.describe``."""
        return self._picture.spec

    def begin(self, given: Any, chat: Chat | None = None) -> MutableMapping[Any, Any]:
        """See ``SessionEngine.begin``.

        A copy of the input, which becomes the state: the user's stays as it is.
        """
        if chat is not None:
            chat.check(self._graph)
        return State(given, chat)

    @property
    def input_keys(self) -> frozenset[str] | None:
        """See ``SessionEngine.input_keys``."""
        return input_keys(self._graph)

    def input_schema(self) -> dict[str, Any] | None:
        """See ``SessionEngine.input_schema``."""
        return input_schema(self._graph)

    def check_durable(self) -> None:
        """See ``DurableEngine.check_durable``: LangGraph itself keeps the state.

        It stores each step before the next one begins, unless it was told when to.
        """
        saver = self._thread.saver
        if saver is None:
            raise InvalidValue(
                f"run(durable=True): {self.describe().name} has no checkpointer, which "
                f"is where LangGraph keeps what a run goes on from; compile it with a "
                f"lasting one: graph.compile(checkpointer=SqliteSaver(...))"
            )
        if type(saver).__name__ in _FLEETING:
            warnings.warn(
                f"run(durable=True): {type(saver).__name__} keeps its checkpoints in "
                f"this process, with which they die; compile the graph with one that "
                f"lasts, such as SqliteSaver",
                GraphWarning,
                stacklevel=levels_to_caller(),
            )
        if self._call.durability is None:
            self._call = msgspec.structs.replace(self._call, durability="sync")

    def take_up(self, visits: Mapping[str, int]) -> None:
        """See ``SessionEngine.take_up``."""
        self._ended = visits

    async def run(
        self,
        shared: MutableMapping[Any, Any],
        observer: GuestObserver,
        *,
        worker: Worker,
        progress: Progress | None = None,
    ) -> Any:
        """See ``DurableEngine.run``; the thread is its progress."""
        del progress
        # A run that a LangGraph node begins is no part of that node's own graph.
        var_child_runnable_config.set(None)
        thread = self._thread
        thread.check_loop()

        def waits() -> None:
            text = f"waits for thread {thread.id!r}, which has another run\n"
            observer.context(NOBODY).log(text, level="INFO")

        is_patient = self._call.multitask_strategy == "enqueue"
        async with thread.turn(waits if is_patient else None):
            lane = await self._lane(worker)
            if self._fork is not None:
                await begin_fork(thread, lane, self._fork)
            await _GraphRun(
                lane,
                thread,
                self._picture,
                observer,
                brake=self._brake,
                options={**self._call.options, **self._brake.options},
                ended=self._ended,
            ).run(shared)

    async def _lane(self, worker: Worker) -> Lane:
        if await self._thread.is_sync_only():
            return SyncLane(self._graph, worker)
        return AsyncLane(self._graph)

    # See ``CheckpointEngine``.

    async def state(self, worker: Worker) -> Checkpoint:
        """See ``CheckpointEngine.state``."""
        self._thread.need_saver("run.state() reads what was stored")
        return await state_of(self._thread, await self._lane(worker))

    async def history(self, worker: Worker, limit: int | None) -> list[Checkpoint]:
        """See ``CheckpointEngine.history``."""
        self._thread.need_saver("run.history() reads what was stored")
        return await history_of(self._thread, await self._lane(worker), limit)

    def forked(self, fork: Fork) -> LangGraphEngine:
        """See ``CheckpointEngine.forked``: on the same thread, by the same call."""
        self._thread.need_saver("fork() begins where a thread was")
        call = msgspec.structs.replace(self._call, config=self._thread.latest)
        return LangGraphEngine(self._graph, call, None, fork)

    def stop_after_step(self) -> bool:
        """See ``CheckpointEngine.stop_after_step``."""
        return self._brake.pull()


class _GraphRun:
    """One run: as many calls of the graph as it takes to come to its end."""

    def __init__(
        self,
        lane: Lane,
        thread: Thread,
        picture: Picture,
        observer: GuestObserver,
        *,
        brake: Brake,
        options: Mapping[str, Any],
        ended: Mapping[str, int] | None,
    ) -> None:
        self._ended = ended
        self._lane = lane
        self._thread = thread
        self._observer = observer
        self._brake = brake
        self._options = options
        self._visits = Visits(observer, picture, ended)
        self._watch = Watch()
        self._inquiry = Inquiry(self._visits, self._watch)
        self._steps = Steps(self._visits, picture, observer)

    async def run(self, shared: MutableMapping[Any, Any]) -> None:
        """Run to the end."""
        given: Any = shared
        chat: Chat | None = None
        if isinstance(shared, State):
            given, chat = shared.input, shared.chat
        if chat is not None:
            given = {**given, **await self._said(chat)}
        if self._ended is not None:
            rest = await self._lane.state(self._thread.config)
            if not rest.next and any(self._ended.values()):
                shared.update(rest.values)
                return  # it had come to its end, which nobody wrote down
            # Where nothing comes next it had not got as far as to take its input.
            given = None if rest.next else given
        await self._begin(given, chat)
        await self._go(given, shared)

    async def _begin(self, given: Any, chat: Chat | None) -> None:
        await self._check_place(given)
        if chat is None and self._thread.is_forgotten:
            text = f"session {self._thread.id!r} is not kept: there is no checkpointer"
            self._observer.context(NOBODY).log(f"{text}\n", level="INFO")

    async def _go(self, given: Any, shared: MutableMapping[Any, Any]) -> None:
        try:
            while await self._call(given, shared):
                self._visits.hold()
                given = await self._wait()
                self._visits.go_on(is_answered=given is not None)
            if any(task.ended != "completed" for task in self._visits.last):
                # Cancelled from within, which LangGraph 1.1 takes for its end.
                await self._observer.checkpoint_async(NOBODY)
            for task in self._visits.last:
                # What wrote nothing gave nothing: a middleware that had nothing to do.
                if task.ended == "completed" and task.result != {}:
                    self._observer.node_result(task.visit, plain(_said_in(task.result)))
            self._steps.end()
        finally:
            self._steps.tell()  # of a run that fails, what follows is unknown
            self._visits.close()

    async def _check_place(self, given: Any) -> None:
        """Refuse, or tell, what LangGraph would do to the thread without a word."""
        thread, lane = self._thread, self._lane
        is_answer = isinstance(given, Command) and given.resume is not None
        self._visits.is_from_start = not (given is None or isinstance(given, Command))
        if given is None:
            thread.need_saver("run(graph) without input goes on with a thread")
        elif is_answer:
            thread.need_saver("run(graph, Command(resume=…)) answers a thread")
        elif thread.saver is None:
            return
        stored = await lane.stored(thread.config)
        if given is None:
            thread.check_can_go_on(await lane.state(thread.config), stored)
        elif is_answer:
            check_answer(thread.id, given.resume, await lane.state(thread.config))
        elif is_asking(stored):
            state = await lane.state(thread.config)
            text = left_unanswered(thread.id, state)
            self._observer.context(NOBODY).log(f"{text}\n", level="WARNING")

    async def _said(self, chat: Chat) -> dict[str, Any]:
        """What a session's messages add to the input."""
        state: Mapping[str, Any] = {}
        if self._thread.saver is not None:
            state = (await self._lane.state(self._thread.config)).values
        return {chat.key: chat.input_for(self._thread.graph, state)}

    async def _call(self, given: Any, shared: MutableMapping[Any, Any]) -> bool:
        """Call the graph, once; whether it waits, and has not ended."""
        parts = Parts(self._visits, self._observer, shared, self._inquiry, self._steps)
        handler = self._lane.handler(self._visits, self._observer, self._watch)
        config = _heard_by(handler, self._thread.config, self._watch)
        try:
            with self._brake.call():
                await self._lane.stream(
                    given,
                    parts.take,
                    config=config,
                    stream_mode=list(MODES),
                    subgraphs=True,
                    version="v2",
                    **self._options,
                )
        except Exception as error:
            if not (is_refusal(error) and self._inquiry.is_open):
                if "not msgpack serializable" in str(error):
                    error.add_note(_UNSTORED)
                elif given is not None and not self._visits.last:
                    error.add_note(_NOT_BEGUN)
                raise
        return self._inquiry.is_open or parts.is_at_breakpoint

    async def _wait(self) -> Any:
        """Wait for people; what the graph is to go on with."""
        self._brake.check()
        thread, inquiry = self._thread, self._inquiry
        if inquiry.is_open:
            thread.need_saver(inquiry.why)
            await inquiry.wait()
        else:
            thread.need_saver("interrupt_before and interrupt_after pause the run")
        thread.goes_on()
        state = await self._lane.state(thread.config)
        if inquiry.is_open:
            return Command(resume=inquiry.send(state))
        self._steps.end(state.next)
        await self._observer.breakpoint(state.next)
        return None


def _heard_by(handler: Any, config: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
    """A config as it was given, but for who listens beside its own callbacks."""
    # By LangChain for the callbacks alone, which may have any of several forms: of the
    # rest it takes a recursion_limit of 25 for its default, and sorts the tags.
    own = cast("RunnableConfig", {"callbacks": config.get("callbacks")})
    callbacks = merge_configs(own, {"callbacks": [handler]}).get("callbacks")
    configurable = {**(config.get("configurable") or {}), _SCRATCHPAD: watch}
    return {**config, "callbacks": callbacks, "configurable": configurable}


def _said_in(result: Any) -> Any:
    """What a task said: an ``@entrypoint`` writes what it returns to its end."""
    is_entrypoint = isinstance(result, Mapping) and set(result) == {"__end__"}
    return result["__end__"] if is_entrypoint else result
