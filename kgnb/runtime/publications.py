"""The workflows that this process publishes, and the runs that others start of them.

Belongs to no thread: entries change under a lock, frames come on the link's thread,
and a run is prepared in a thread of its own, since schemas, graphs and their pictures
are the user's code or slow.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines import GraphCall, engine_for, is_function
from kgnb.engines.base import SessionEngine
from kgnb.engines.langgraph.chat import Chat
from kgnb.errors import InvalidValue, KgnbError
from kgnb.graph.context import current_context
from kgnb.graph.functions import FunctionNode
from kgnb.protocol import link
from kgnb.runtime.execution import Execution, Options
from kgnb.runtime.guests import check_given, loop_of, thread_of
from kgnb.runtime.shapes import Misfit, told
from kgnb.runtime.stepping import Steps

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, MutableMapping
    from concurrent.futures import Future

    from kgnb.engines.base import Engine
    from kgnb.runtime.conversation import Conversation
    from kgnb.runtime.home import Home
    from kgnb.runtime.shapes import Shape

logger = logging.getLogger("kgnb.publish")

MOST = 256
"""Workflows of one process."""
_REMEMBERED = 10_000
"""Starts that are known when they are told again."""


class Entry(msgspec.Struct, kw_only=True):
    """One published workflow."""

    workflow: link.Workflow
    graph: Any
    shape: Shape
    outcome: Callable[[Any], Any] | None
    state: tuple[str, ...]
    call: GraphCall
    context: contextvars.Context
    """Of the cell that published it: what runs of it print appears there."""

    def run_for(self, order: link.Start) -> tuple[Engine, MutableMapping[Any, Any]]:
        """The engine of one run, and a fresh ``shared`` for it.

        Raises:
            Misfit: The params do not fit their type.
            InvalidValue: A message for a graph that takes none.
        """
        thread = None if order.session_id is None else thread_of(order)
        engine = engine_for(self.graph, call=self.call, session_id=thread)
        loaded = self.shape.load(order.params)
        shared = dict(order.params)
        shared.update(_fields_of(loaded))
        if isinstance(engine, SessionEngine):
            check_given(self.workflow, engine, order)
            return engine, engine.begin(shared, self._chat(order, shared))
        return engine, self._with_messages(order, shared)

    def _chat(self, order: link.Start, shared: dict[str, Any]) -> Chat | None:
        """What the session gives to a graph that has messages of its own."""
        key = self.workflow.input
        if key is None or order.messages is None:
            return None
        given = shared.pop(key, None) or []
        given = given if isinstance(given, list) else [given]
        is_said = order.message is not None
        return Chat(
            key=key,
            messages=[*order.messages, *given],
            fresh=len(given) + (1 if is_said else 0),
        )

    def _with_messages(
        self, order: link.Start, shared: dict[str, Any]
    ) -> dict[str, Any]:
        key = self.workflow.input
        if key is not None and order.messages is not None:
            shared[key] = order.messages
        elif key is not None:
            shared.setdefault(key, [])
        return shared

    def options(self, order: link.Start) -> Options:
        """How a run of it is run: seen by whoever started it, not in the notebook."""
        key = self.workflow.input
        return Options(
            workflow=self.workflow.name,
            panel=False,
            session_id=order.session_id,
            params=order.params,
            message=order.message,
            is_published=True,
            outcome=self.outcome,
            steps=Steps(
                messages=key or "messages",
                state=self.state,
                replies=is_function(self.graph) or isinstance(self.graph, FunctionNode),
            ),
            tells_steps=order.steps,
        )


class Publications:
    """All workflows of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[None]] = {}
        """By the number of the announcement; of the link's thread."""
        self._begun: OrderedDict[str, link.Started | None] = OrderedDict()
        """What became of each start, None while it is prepared; likewise."""
        self._last: dict[tuple[str, str | None], threading.Thread] = {}
        """By session: what prepares the last run of it, while it does; likewise."""

    # From any thread.

    def put(self, entry: Entry) -> None:
        """Publish, in place of what had the name; it is announced by the caller.

        Raises:
            InvalidValue: There are too many.
        """
        name = entry.workflow.name
        with self._lock:
            if name not in self._entries and len(self._entries) >= MOST:
                raise InvalidValue(
                    f"publish({name!r}): {MOST} workflows are published already; "
                    f"unpublish some"
                )
            self._entries[entry.workflow.name] = entry

    def remove(self, entry: Entry) -> bool:
        """Take it back; False where another one has the name by now."""
        with self._lock:
            if self._entries.get(entry.workflow.name) is not entry:
                return False
            del self._entries[entry.workflow.name]
            return True

    def names(self) -> list[str]:
        """Of all that is published."""
        with self._lock:
            return list(self._entries)

    # On the link's thread.

    def announce(
        self, conversation: Conversation, known: Future[None] | None = None
    ) -> None:
        """Tell a broker all that is published; ``known`` is set when it is."""
        with self._lock:
            workflows = [entry.workflow for entry in self._entries.values()]
        n = next(self._numbers)
        if known is not None:
            self._waiting[n] = known
        conversation.send(link.Publish(n=n, workflows=workflows))

    def welcomed(self, conversation: Conversation, known: Future[None]) -> None:
        """A broker is there, again perhaps; ``known`` is set when it knows all."""
        with self._lock:
            is_empty = not self._entries
        if is_empty:
            known.set_result(None)
        else:
            self.announce(conversation, known)

    def published(self, frame: link.Published) -> None:
        """A broker knows what was announced, and all before it."""
        for n in [n for n in self._waiting if n <= frame.n]:
            known = self._waiting.pop(n)
            if not known.done():
                known.set_result(None)

    def start(self, order: link.Start, conversation: Conversation) -> None:
        """Begin a run, once."""
        if order.run_id in self._begun:
            reply = self._begun[order.run_id]
            if reply is not None:
                conversation.send(reply)
            return
        self._begun[order.run_id] = None
        while len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
        with self._lock:
            entry = self._entries.get(order.workflow)
        if entry is None:
            text = f"no workflow {order.workflow!r} is published any more"
            gone = link.Started(
                run_id=order.run_id, code="no_such_workflow", message=text
            )
            self._reply(gone, conversation)
            return
        session = order.owner, order.session_id
        preparing = threading.Thread(
            target=entry.context.copy().run,
            args=(self._prepare, entry, order, conversation, self._last.get(session)),
            name="kgnb-start",
            daemon=True,
        )
        self._last = {key: one for key, one in self._last.items() if one.is_alive()}
        preparing.start()
        if order.session_id is not None:
            self._last[session] = preparing

    def _reply(self, reply: link.Started, conversation: Conversation) -> None:
        self._begun[reply.run_id] = reply
        conversation.send(reply)

    # In a thread of its own.

    def _prepare(
        self,
        entry: Entry,
        order: link.Start,
        conversation: Conversation,
        before: threading.Thread | None,
    ) -> None:
        if before is not None:
            before.join()  # runs of one session begin in the order of their starts
        reply = link.Started(run_id=order.run_id)
        try:
            self._begin(entry, order, conversation)
        except Misfit as misfit:
            reply.code = "invalid"
            listed = "; ".join(told(problem) for problem in misfit.problems)
            reply.message = f"workflow {order.workflow!r}: {listed}"
            reply.problems = [msgspec.to_builtins(each) for each in misfit.problems]
        except KgnbError as error:
            reply.code, reply.message = error.code, str(error)
        except Exception:
            # The root of the thread; who starts it learns no details.
            logger.exception("a run of %r could not begin", order.workflow)
            reply.code, reply.message = "internal", "internal error"
        self._home.link.call_soon(self._reply, reply, conversation)

    def _begin(
        self, entry: Entry, order: link.Start, conversation: Conversation
    ) -> None:
        # A node may have published it; the run is none of that node's all the same.
        current_context.set(None)
        home = self._home
        engine, shared = entry.run_for(order)
        loop = loop_of(entry.workflow.name, engine)
        execution = Execution(
            engine,
            shared,
            entry.options(order),
            home=home,
            script=None,
            parent=None,
            run_id=order.run_id,
        )
        home.open(execution, home.port_of(conversation))
        execution.begin_on(loop or home.loop.loop)


def _fields_of(value: Any) -> dict[str, Any]:
    """What a type made of the params: its fields, one level deep."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, msgspec.Struct):
        names: Any = value.__struct_fields__
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        names = getattr(type(value), "model_fields", ())  # pydantic's
    return {name: getattr(value, name) for name in names}
