"""``kgnb.run(..., durable=True)``: a new run, or a dead one that goes on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.doorway import door
from kgnb.engines.base import DurableEngine, SessionEngine
from kgnb.engines.checkpoints import Checkpoint
from kgnb.errors import Conflict, InvalidValue, KgnbError, RunLost, Unavailable
from kgnb.graph.progress import Progress, check_places
from kgnb.protocol import codec
from kgnb.protocol.ids import RunId
from kgnb.runtime import places
from kgnb.runtime.durable import Durable, check_dead, state_of, transient_of
from kgnb.runtime.timetravel import beginning_at
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kgnb.engines.base import Engine
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.home import Home
    from kgnb.runtime.ports import LogPort
    from kgnb.runtime.process import Mode
    from kgnb.runtime.recalling import Recollection

UP_WAIT = 5.0
"""Seconds that a link that is down has to come up."""
REPLY_WAIT = 10.0
"""Seconds that the log has to say what it has of a run."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What ``kgnb.run`` was told of keeping a run."""

    transient: Collection[str] = ()
    resume: str | Checkpoint | bool | None = None
    mode: Mode = "live"
    name: str | None = None
    """What to call the run, where that was said."""

    @property
    def run_id(self) -> RunId | None:
        """Of the run to go on with, or to begin in the past of, where it is named."""
        if isinstance(self.resume, Checkpoint):
            return RunId(self.resume.run_id or "")
        return RunId(self.resume) if isinstance(self.resume, str) else None


class Prepared(msgspec.Struct, frozen=True):
    """A durable run that may begin."""

    engine: Engine
    shared: Any
    durable: Durable
    port: LogPort


def check_wish(wish: Wish, *, durable: bool, is_within: bool) -> Wish | None:
    """Look at what was asked for; None for a run that keeps nothing.

    Args:
        wish: Of the arguments of ``run``.
        durable: Likewise.
        is_within: Whether a node of another run calls.

    Raises:
        InvalidValue: It makes no sense.
    """
    resume, transient = wish.resume, wish.transient
    is_named = isinstance(resume, str | Checkpoint)
    if resume is not None and resume is not False and not is_named:
        raise InvalidValue(
            f"run(resume={resume!r:.60}): expected a run's id, a checkpoint, False to "
            f"begin anew, or None to go on with the lost run of this cell or script, "
            f"if there is one"
        )
    if not durable and not resume:
        if transient:
            raise InvalidValue(
                f"run(transient={transient!r:.60}): nothing is kept without "
                f"durable=True, so there is nothing to leave out"
            )
        return None
    if is_within:
        raise InvalidValue(
            "run(durable=True) in a node: it ends with the run around it, which would "
            "begin it again; make that one durable"
        )
    return wish


def prepare(
    home: Home,
    wish: Wish,
    make_engine: Callable[[str | None], Engine],
    shared: Any,
) -> Prepared:
    """Find out whether a run goes on, and with what it begins.

    Args:
        home: The process's.
        wish: What was asked for.
        make_engine: Makes the engine; takes the session of the run that goes on.
        shared: As it was given.

    Raises:
        NoSuchRun: The log knows no such run.
        Conflict: It is at work, or has completed.
        GraphError: The graph has changed so that it could not go on.
        InvalidValue: Something cannot be kept, or was not.
        Unavailable: The log does not answer.
    """
    port = home.port_that_keeps(wish.mode, wish.run_id)
    if isinstance(wish.resume, Checkpoint):
        return _forked(wish.resume, make_engine, shared, wish, port)
    if wish.run_id is not None:
        found = _recall(home, port, run_id=wish.run_id)
        check_dead(found)
        return _taken_up(found, make_engine, shared, wish, port)
    engine = make_engine(None)
    check_durable(engine)
    name = wish.name or engine.describe().name or "graph"
    if isinstance(engine, SessionEngine):
        plain, _ = codec.json_safe(shared, limit=_WHOLE)
        key = places.key_of(name, places.digest_of(plain))
        progress = None
    else:
        shared = {} if shared is None else shared
        progress = Progress(shared, transient_of(wish.transient, None))
        key = places.key_of(name, places.digest_of(progress.values()))
    if key is not None and wish.resume is not False:
        lost = _recall(home, port, key=key)
        if lost.run.run_id is not None:
            return _taken_up(lost, make_engine, shared, wish, port)
    return Prepared(engine, shared, Durable(progress, key=key), port)


_WHOLE = 64 * 1024 * 1024
"""Bytes of an input that is told apart from others by all of it."""


def _taken_up(
    found: Recollection,
    make_engine: Callable[[str | None], Engine],
    shared: Any,
    wish: Wish,
    port: LogPort,
) -> Prepared:
    state = state_of(found)
    engine = make_engine(found.run.session_id)
    check_durable(engine)
    progress = None
    if isinstance(engine, SessionEngine):
        engine.take_up(state.visits)
    else:
        spec = engine.describe()
        check_places(state, spec.name, {node.id for node in spec.nodes})
        shared = {} if shared is None else shared
        progress = Progress(shared, transient_of(wish.transient, state), state)
    durable = Durable(progress, taken_up=found, state=state)
    return Prepared(engine, shared, durable, port)


def _forked(
    at: Checkpoint,
    make_engine: Callable[[str | None], Engine],
    shared: Any,
    wish: Wish,
    port: LogPort,
) -> Prepared:
    engine = make_engine(None)
    check_durable(engine)
    if isinstance(engine, SessionEngine):
        raise InvalidValue(
            "run(resume=checkpoint): a LangGraph graph takes up one of its own by "
            "config=checkpoint.config; see run.fork() also"
        )
    start = beginning_at(at, edits=shared, transient=wish.transient)
    spec = engine.describe()
    check_places(start.state, spec.name, {node.id for node in spec.nodes})
    return Prepared(engine, start.shared, start.durable(), port)


def check_durable(engine: Engine) -> None:
    """Refuse a graph that cannot be kept.

    Raises:
        InvalidValue: Says why.
    """
    if not isinstance(engine, DurableEngine):
        name = engine.describe().name
        raise InvalidValue(
            f"run(durable=True): kgnb cannot tell where {name} stands; durable runs "
            f"are those of kgnb's own graphs, of KayGraph's and PocketFlow's, and of "
            f"LangGraph's that have a checkpointer"
        )
    engine.check_durable()


def _recall(
    home: Home, port: LogPort, *, run_id: RunId | None = None, key: str | None = None
) -> Recollection:
    """Ask the log for a run; blocks until it answers."""
    conversation = port.conversation
    if door.is_mine:
        raise Unavailable(
            "run(durable=True) on the loop of the server in this process, which has to "
            "answer meanwhile: await asyncio.to_thread(kgnb.run, graph, ...)"
        )

    async def ask() -> Recollection:
        until = time.monotonic() + UP_WAIT
        while not conversation.is_up:
            if time.monotonic() > until:
                raise Unavailable("the run's log cannot be reached now; try again")
            await asyncio.sleep(0.05)
        asked = conversation.recalling.ask(run_id=run_id, key=key)
        return await asyncio.wrap_future(asked)

    try:
        return wait_blocking(home.link.submit(ask()), UP_WAIT + REPLY_WAIT)
    except TimeoutError as error:
        if isinstance(error, KgnbError):
            raise
        raise Unavailable("the run's log did not answer in time") from None


def await_taken(execution: Execution) -> None:
    """Block until the log has taken a run that goes on.

    Raises:
        Conflict: Another process goes on with it.
        RunLost: The log does not take it for another reason.
    """
    durable = execution.durable
    if durable is None or not durable.is_resumed:
        return
    try:
        wait_blocking(durable.begun.stored, REPLY_WAIT)
    except TimeoutError:
        pass  # the log is away: the run waits for it, and shows that it does
    except RunLost as lost:
        if getattr(lost.__cause__, "code", None) != Conflict.code:
            raise
        raise Conflict(
            f"run {execution.id!r} ({execution.options.workflow}): another process "
            f"went on with it first; watch it there, or in the panel"
        ) from None
