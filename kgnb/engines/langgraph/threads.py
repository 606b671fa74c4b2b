"""A graph's thread: its configuration, its checkpointer, and who runs on it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from kgnb.engines.langgraph.turns import Turns
from kgnb.errors import InvalidValue, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_KEY = "thread_id"
_FIX = "give the graph one: builder.compile(checkpointer=InMemorySaver())"

_TRIGGER = "branch:to:"
_SENT = "__pregel_tasks"
"""Channels of LangGraph's: what triggers a node, and what was sent to some."""

_turns = Turns()


class Thread:
    """Where one run of a graph keeps its state.

    Args:
        graph: The compiled graph.
        config: As the user gave it; never changed.
        session_id: The thread's id, where ``config`` names none. Without both it is
            that of the graph's own config, ``graph.with_config(…)``, or a new one.

    Raises:
        InvalidValue: The two name different threads, or ``config`` is none.
    """

    def __init__(
        self, graph: Any, config: Mapping[str, Any] | None, session_id: str | None
    ) -> None:
        _check_config(config)
        self.graph = graph
        saver = graph.checkpointer
        self.saver: Any = None if isinstance(saver, bool) else saver
        self.config: dict[str, Any] = dict(config or {})
        given = self._configurable.get(_KEY)
        if given is not None and session_id is not None and str(given) != session_id:
            raise InvalidValue(
                f"run(session_id={session_id!r}): config names the thread {given!r}; "
                f"a session is a thread, so give one of them"
            )
        self.id: str | None = session_id if given is None else str(given)
        if self.id is None and self.saver is not None:
            own = (graph.config or {}).get("configurable") or {}
            self.id = str(own.get(_KEY) or uuid.uuid4().hex)
        if given is None and self.id is not None:
            named = {**self._configurable, _KEY: self.id}
            self.config["configurable"] = named

    @property
    def _configurable(self) -> Mapping[str, Any]:
        return self.config.get("configurable") or {}

    @property
    def is_forgotten(self) -> bool:
        """Whether it has a name, and nothing that would keep it."""
        return self.id is not None and self.saver is None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop to which the checkpointer is bound, if it is to one."""
        found = getattr(self.saver, "loop", None)
        return found if isinstance(found, asyncio.AbstractEventLoop) else None

    async def is_sync_only(self) -> bool:
        """Whether its checkpointer has sync methods alone."""
        if self.saver is None:
            return False
        try:
            await self.saver.aget_tuple(self.config)
        except NotImplementedError:
            return True
        except Exception as error:
            error.add_note(
                f"kgnb: {type(self.saver).__name__} could not be read. It must be open "
                f"as long as runs use it: call and await kgnb.run inside its 'async "
                f"with', and once in its life its setup()"
            )
            raise
        return False

    def check_loop(self) -> None:
        """Refuse to run on a loop that is not the checkpointer's.

        Raises:
            Unavailable: The run is on another one.
        """
        bound = self.loop
        if bound is not None and bound is not asyncio.get_running_loop():
            raise Unavailable(
                f"{type(self.saver).__name__} is bound to the loop on which it was "
                f"made, and this run is on another one; make it in the cell or "
                f"coroutine that calls kgnb.run, and await the run there"
            )

    @property
    def latest(self) -> dict[str, Any]:
        """The config of the thread itself, wherever in it a run began."""
        rest = {
            key: value
            for key, value in self._configurable.items()
            if key not in ("checkpoint_id", "checkpoint_map", "checkpoint_ns")
        }
        return {**self.config, "configurable": rest}

    def place(self, checkpoint_id: str) -> dict[str, Any]:
        """The config of one of its checkpoints."""
        latest = self.latest
        # Where it is named, some checkpointers expect the namespace too: the root's.
        named = {"checkpoint_ns": "", "checkpoint_id": checkpoint_id}
        return {**latest, "configurable": {**latest["configurable"], **named}}

    def goes_on(self) -> None:
        """Follow the thread itself: a checkpoint is where a run begins, once."""
        self.config = self.latest

    def turn(
        self, waits: Callable[[], None] | None
    ) -> AbstractAsyncContextManager[None]:
        """Keep others off the thread meanwhile: LangGraph itself would not.

        See ``Turns.turn``.
        """
        if self.saver is None or self.id is None:
            return nullcontext()
        return _turns.turn((id(self.saver), self.id), waits=waits)

    def check_can_go_on(self, snapshot: Any, stored: Any) -> None:
        """Refuse what LangGraph would end at once, without a word.

        Args:
            snapshot: The thread's state, as the graph sees it.
            stored: The tuple that the checkpointer has of it, or None.

        Raises:
            InvalidValue: The thread has ended, or stands before a node that the
                graph no longer has.
        """
        values = {} if stored is None else stored.checkpoint["channel_values"]
        gone = [name for name in _awaited(values) if name not in self.graph.nodes]
        if gone:
            known = (name for name in self.graph.nodes if not name.startswith("__"))
            raise InvalidValue(
                f"thread {self.id!r} goes on with {', '.join(map(repr, gone))}, which "
                f"the graph no longer has; it has {', '.join(sorted(known))}. Give the "
                f"node its old name, or begin another thread"
            )
        if snapshot.next:
            return
        raise InvalidValue(
            f"thread {self.id!r} has nothing to go on with: it has come to its end, "
            f"or never begun; give an input"
        )

    def need_saver(self, why: str) -> None:
        """Refuse what takes a checkpointer.

        Raises:
            Unavailable: There is none.
        """
        if self.saver is None:
            raise Unavailable(
                f"{why}, and the graph has no checkpointer to go on from; {_FIX}"
            )


def _check_config(config: Any) -> None:
    if config is None:
        return
    problem = None
    if not isinstance(config, Mapping):
        problem = "it is no dict"
    elif not isinstance(config.get("configurable") or {}, Mapping):
        problem = "its 'configurable' is no dict"
    elif misplaced := [key for key in (_KEY, "checkpoint_id") if key in config]:
        problem = f"{' and '.join(misplaced)} must be in its 'configurable'"
    if problem is not None:
        raise InvalidValue(
            f"run(config={config!r:.60}): {problem}; expected LangGraph's config, such "
            f'as {{"configurable": {{"{_KEY}": "1"}}}}'
        )


def _awaited(values: Mapping[str, Any]) -> Iterable[str]:
    """The names of the nodes that are to run next, as a checkpoint has them."""
    for key in values:
        if key.startswith(_TRIGGER):
            yield key.removeprefix(_TRIGGER)
    for sent in values.get(_SENT) or ():
        yield sent.node
