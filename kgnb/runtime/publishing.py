"""``kgnb.publish``: from a graph to a workflow that can be started from outside."""

from __future__ import annotations

import concurrent.futures
import contextlib
import contextvars
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kgnb.broker.doorway import door
from kgnb.engines import GraphCall, engine_for, is_function
from kgnb.engines.base import SessionEngine
from kgnb.errors import InvalidValue, MissingKey
from kgnb.protocol import link
from kgnb.protocol.workflows import check_workflow_name
from kgnb.runtime import home as homes
from kgnb.runtime.guests import check_config, check_guest, params_of
from kgnb.runtime.publications import Entry
from kgnb.runtime.shapes import shape_of
from kgnb.runtime.signatures import shape_of_signature
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kgnb.engines.langgraph.call import Durability, Strategy
    from kgnb.runtime.home import Home

KNOWN_WAIT = 2.0
"""Seconds that ``publish`` waits for the broker to know of it."""


class Publication:
    """A published workflow. Made by ``kgnb.publish``; any thread may use it."""

    def __init__(self, home: Home, entry: Entry, url: str | None) -> None:
        self._home = home
        self._entry = entry
        self._url = url

    @property
    def name(self) -> str:
        """As it was published."""
        return self._entry.workflow.name

    @property
    def url(self) -> str | None:
        """The WebSocket address bound to it; None where no server is at hand."""
        return self._url

    def unpublish(self) -> None:
        """Take it back: runs go on, no new one is started. Safe to call twice.

        What was published under the name after it stays.
        """
        if self._home.publications.remove(self._entry):
            _make_known(self._home)

    def __repr__(self) -> str:
        # Neither address nor kernel: a cell's output must not change.
        return f"<kgnb.Publication {self.name!r}>"


def publish(
    name: str,
    graph: Any,
    *,
    params: Any = None,
    input: str | None = None,  # noqa: A002 - the word for what goes into it
    result: str | Callable[[Any], Any] | None = None,
    state: Collection[str] = (),
    default: bool = False,
    config: Any = None,
    context: Any = None,
    durability: Durability | None = None,
    multitask_strategy: Strategy = "reject",
) -> Publication:
    """Make a graph startable from outside: by name, over WebSocket and HTTP.

    Every start gets a fresh ``shared``, a copy of its params. The runs show no panel
    here; what they print appears under the cell that published it. The last publisher
    owns the name; others stay reachable as ``name@<beginning of the kernel's id>``.
    Publishing again replaces, and leaves running runs alone. Of a LangGraph graph
    ``shared`` is the state, the params are the input, and a session has a thread.

    Args:
        name: Part of the address ``kgnb/ws/<name>``.
        graph: What ``kgnb.run`` takes.
        params: What a start may give it: a JSON Schema or a type (pydantic model,
            dataclass, TypedDict, msgspec Struct). A start that does not fit is
            refused, with the field's name. A type's defaults and conversions hold.
            By default a function's signature says it, or a LangGraph graph's input,
            where ``graph`` is one.
        input: The key of ``shared`` that holds the session's messages, a list of
            ``{role, content}``. Kept from one run of a session to the next. Without
            it the message that starts a run is ``shared["message"]``. What a function
            returns or yields is the reply, unless it adds one to the list itself.
        result: What ``workflow_completed`` carries: a key of ``shared``, or a function
            of it, async or not. By default the last node's result.
        state: The keys of ``shared`` that ``step`` frames show; no other one leaves.
        default: Messages that name no workflow are for it.
        config: Passed on to a LangGraph graph, in each run; it names no thread.
        context: Likewise; see ``kgnb.run``.
        durability: Likewise.
        multitask_strategy: What to do where a session is to have two runs of a
            LangGraph graph at a time; see ``kgnb.run``. Messages of a chat always wait.

    Raises:
        NotAGraph: ``graph`` is none.
        InvalidValue: The name is reserved or cannot stand in a URL, or an argument is
            not what it should be.
        Unavailable: The loop of a LangGraph graph's checkpointer is closed.
    """
    check_workflow_name(name)
    call = GraphCall(
        config=config,
        context=context,
        durability=durability,
        multitask_strategy=multitask_strategy,
    )
    engine = engine_for(graph, call=call)  # refused here, not when somebody starts it
    if input is not None and not isinstance(input, str):
        raise InvalidValue(f"publish(input={input!r:.80}): expected a key of shared")
    if isinstance(engine, SessionEngine):
        check_guest(name, engine, input)
        check_config(name, config)
    if params is None and is_function(graph):
        shape = shape_of_signature(graph, filled=input)
    elif params is None and isinstance(engine, SessionEngine):
        shape = shape_of(params_of(engine, filled=input))
    else:
        shape = shape_of(params)
    if (shape.json_schema or {}).get("type", "object") != "object":
        raise InvalidValue(
            f"publish(params={params!r:.80}): expected what describes an object: "
            f"params have names"
        )
    keys = (state,) if isinstance(state, str) else tuple(state)
    home = homes.current()
    entry = Entry(
        workflow=link.Workflow(
            name=name,
            published_at=time.time(),
            params=shape.json_schema,
            input=input,
            is_default=default,
        ),
        graph=graph,
        shape=shape,
        outcome=_outcome_of(name, result),
        state=keys,
        call=call,
        context=contextvars.copy_context(),
    )
    home.publications.put(entry)
    return Publication(home, entry, _make_known(home, name))


def _make_known(home: Home, name: str | None = None) -> str | None:
    """Tell the brokers; returns the address of ``name`` at the server, if there is one.

    Waits until it can be started, but not for a server that is away: that one is told
    when it is back.
    """
    known: concurrent.futures.Future[None] = concurrent.futures.Future()
    page_url = home.announce(known)
    # Async nodes must not wait, nor may the loop that has to answer.
    if not (home.loop.is_current or door.is_mine):
        with contextlib.suppress(TimeoutError):
            wait_blocking(known, KNOWN_WAIT)
    if page_url is None or name is None:
        return None
    return f"{page_url.replace('http', 'ws', 1)}ws/{quote(name, safe='')}"


def _outcome_of(name: str, result: Any) -> Callable[[Any], Any] | None:
    if result is None:
        return None
    if callable(result):
        function: Callable[[Any], Any] = result
        return function
    if not isinstance(result, str):
        raise InvalidValue(
            f"publish(result={result!r:.80}): expected a key of shared, or a function"
        )

    def read(shared: Any) -> Any:
        if result not in shared:
            raise MissingKey(
                f"workflow {name!r}: publish(result={result!r}) names a key that no "
                f"node has put into shared"
            )
        return shared[result]

    return read
