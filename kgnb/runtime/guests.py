"""Published graphs that keep a state of their own, by threads: LangGraph's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kgnb.engines.base import SessionEngine
from kgnb.errors import GraphWarning, InvalidValue, Unavailable

if TYPE_CHECKING:
    import asyncio

    from kgnb.engines.base import Engine
    from kgnb.protocol import link

_NO_STATE = (str, bytes, int, float, list, tuple, set)
_WHOLE = "__root__"
"""LangGraph's word for a state that is one value."""
_OF_ADDRESS = "key"
"""The param that the last part of an address becomes."""


def check_guest(name: str, engine: SessionEngine, key: str | None) -> None:
    """Refuse what a graph cannot be published with.

    Raises:
        InvalidValue: Its input has no such ``key`` for the messages of a session.
        Unavailable: Its checkpointer's loop is closed.
    """
    known = engine.input_keys
    if key is not None and known is None:
        raise InvalidValue(
            f"publish({name!r}, input={key!r}): an @entrypoint keeps no state with "
            f"keys, so that a session's messages have no place in it; leave input= "
            f"away, or publish a StateGraph"
        )
    if key is not None and known is not None and key not in known:
        raise InvalidValue(
            f"publish({name!r}, input={key!r}): the graph's input has no such key; it "
            f"has {_listed(known)}"
        )
    if engine.loop is not None and engine.loop.is_closed():
        raise Unavailable(f"publish({name!r}): {_GONE}")


def check_config(name: str, config: Any) -> None:
    """Refuse a config that is one run's.

    Raises:
        InvalidValue: It names a thread.
    """
    if "thread_id" in ((config or {}).get("configurable") or {}):
        raise InvalidValue(
            f"publish({name!r}, config=...): it names a thread, which all runs would "
            f"share; leave thread_id away: each session has a thread of its own"
        )


def params_of(engine: SessionEngine, *, filled: str | None) -> dict[str, Any] | None:
    """The JSON Schema of the params: the input's; the session's messages need none."""
    schema = engine.input_schema()
    if schema is None or filled is None:
        return schema
    required = [key for key in schema.get("required", ()) if key != filled]
    return {**schema, "required": required}


def check_input(engine: SessionEngine, given: Any) -> None:
    """Refuse an input of ``run`` that the graph would drop, or fail by.

    Raises:
        InvalidValue: It is no dict, or has none of the graph's keys.
    """
    known = engine.input_keys
    if not known or known == {_WHOLE}:
        return
    if isinstance(given, _NO_STATE) and not any(hasattr(g, "goto") for g in _in(given)):
        shown = f"{given!r:.60}"
        such = f"; such as {{'messages': [('user', {shown})]}}"
        raise InvalidValue(
            f"run(graph, {shown}): expected the graph's input, a dict of "
            f"{_listed(known)}"
            f"{such if 'messages' in known and isinstance(given, str) else ''}"
        )
    if not isinstance(given, Mapping) or not (unknown := given.keys() - known):
        return
    text = (
        f"run(graph, ...): its input has no {_listed(unknown)}; it has {_listed(known)}"
    )
    if not known & given.keys():
        raise InvalidValue(text)
    warnings.warn(f"{text}. LangGraph drops the rest", GraphWarning, stacklevel=5)


def _in(given: Any) -> Any:
    """LangGraph takes a list of Commands, too."""
    return given if isinstance(given, list | tuple) else ()


def check_given(
    workflow: link.Workflow, engine: SessionEngine, order: link.Start
) -> None:
    """Refuse params that the graph would drop without a word.

    Raises:
        InvalidValue: It takes none of them, or not the message that starts it.
    """
    known = engine.input_keys
    if known is None:
        return
    if order.message is not None and not known & {workflow.input, "message"}:
        raise InvalidValue(
            f"workflow {workflow.name!r} takes no messages: its input has "
            f"{_listed(known)}; publish(..., input=<key>) says which holds them"
        )
    given = order.params.keys() - {_OF_ADDRESS}
    if given and not known & given:
        raise InvalidValue(
            f"workflow {workflow.name!r}: its input has no {_listed(given)}; it has "
            f"{_listed(known)}"
        )


def _listed(keys: Any) -> str:
    return ", ".join(map(repr, sorted(keys)))


def thread_of(order: link.Start) -> str:
    """The thread of a session: no two workflows or identities share one.

    Each part is quoted as in a URL, so that no name can stand for two parts.
    """
    parts = order.workflow, order.owner, order.session_id or ""
    return "/".join(quote(part, safe="@") for part in parts)


_GONE = (
    "the graph's checkpointer belongs to the loop on which it was made, and that loop "
    "has ended; make it on one that goes on running: in a notebook's cell, or in the "
    "lifespan of the application"
)


def loop_of(name: str, engine: Engine) -> asyncio.AbstractEventLoop | None:
    """The only loop on which a run can live; None: any.

    Raises:
        Unavailable: It does not run, or not any more.
    """
    loop = engine.loop if isinstance(engine, SessionEngine) else None
    if loop is not None and not loop.is_running():
        raise Unavailable(f"workflow {name!r}: {_GONE}")
    return loop
