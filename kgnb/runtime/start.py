"""``kgnb.run``: from a graph to a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from kgnb.engines import GraphCall, engine_for
from kgnb.engines.base import SessionEngine
from kgnb.errors import Conflict, InvalidValue, RunLost, Unavailable
from kgnb.graph.clusters import as_executor
from kgnb.graph.context import current_context
from kgnb.runtime import home as homes
from kgnb.runtime import hooks, nesting, process, views
from kgnb.runtime.answering import script_for
from kgnb.runtime.cassette.recorder import Recorder
from kgnb.runtime.context import RunContext
from kgnb.runtime.execution import Execution, Options, logger
from kgnb.runtime.guests import check_input
from kgnb.runtime.resuming import Wish, await_taken, check_wish, prepare
from kgnb.runtime.run import Run
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, MutableMapping

    from kgnb.engines.base import Engine
    from kgnb.engines.checkpoints import Checkpoint
    from kgnb.engines.langgraph.call import Durability, Interrupts, Strategy
    from kgnb.runtime.answering import Answers
    from kgnb.runtime.durable import Durable
    from kgnb.runtime.ports import LogPort

_PANELS = (None, False, "compact", "widget")
_LOOPS = ("own", "kernel")


def run(
    graph: Any,
    shared: Any = None,
    *,
    name: str | None = None,
    panel: Literal["compact", "widget", False] | None = None,
    session_id: str | None = None,
    config: Any = None,
    answers: Answers | None = None,
    record: str | os.PathLike[str] | None = None,
    executor: Any = None,
    loop: Literal["own", "kernel"] = "own",
    durable: bool = False,
    transient: Collection[str] = (),
    pause_before: Collection[str] = (),
    resume: str | Checkpoint | Literal[False] | None = None,
    timeout: float | None = None,
    sign: bool = False,
    mode: Literal["live", "static", "ci"] | None = None,
    context: Any = None,
    durability: Durability | None = None,
    interrupt_before: Interrupts | None = None,
    interrupt_after: Interrupts | None = None,
    multitask_strategy: Strategy = "reject",
) -> Run:
    """Run a graph: returns at once, and the panel appears.

    ``await run`` or ``run.result()`` gives the result, in any cell, script or test.

    Args:
        graph: A graph, a single node, or a function (async or not, or a generator),
            whose arguments are taken from ``shared`` by name; or
            a compiled LangGraph graph.
        shared: What its nodes share; used as it is, never copied. For a LangGraph
            graph its input, and None goes on with its thread.
        name: What to call the run; by default the graph's name.
        panel: None chooses; False shows nothing; ``"compact"``; ``"widget"``, the
            widget even where the extension would draw.
        session_id: The session that the run belongs to; the thread of a LangGraph
            graph, a new one by default.
        config: Passed on to a LangGraph graph.
        answers: Who answers in people's place: a dict by name, message or node, where
            ``*`` in a key stands for any text; a list in order of opening; or a
            callable that takes the ``Approval`` and gives the value or
            ``kgnb.testing.SKIP``.
        record: Where to write a recording of the run: its events, and its models'
            replies with their timing, for ``kgnb.replay``. An earlier recording there
            is replaced. Secrets are left out, as far as they look like it.
        executor: The ``concurrent.futures.Executor`` in which exec of sync nodes and
            of their items runs: a thread or process pool, Dask's, or a Dask client.
            By default each has a thread. It stays yours to shut down. In another
            process ``ask`` raises; a node with ``executor=False`` stays here.
        loop: ``"own"``: kgnb's loop thread; ``"kernel"``: the caller's running loop.
        durable: Keep the run's state in the log after each node and batch item, so
            that it can go on when its kernel or script has died. Run again, the same
            cell or script goes on with the run that it lost, if it begins with equal
            ``shared``. A LangGraph graph needs a checkpointer.
        transient: Keys of ``shared`` that are not kept; a run that goes on has them
            from the ``shared`` that it is given.
        pause_before: Ids of nodes: before each of their visits the run pauses, until
            somebody presses "Resume" or calls ``Run.resume()``. Not in CI mode, where
            nobody could.
        resume: The id of a run to go on with that was lost, failed or was cancelled;
            or a ``Checkpoint`` of ``kgnb.history(run_id)``, from which a new run
            begins, with ``shared`` for its edits (see ``Run.fork``). False begins
            anew, whatever was lost.
        timeout: Seconds after which the run fails with ``TimeoutError``.
        sign: Whether the record in the notebook names the run, times and people.
        mode: ``"live"``, ``"static"`` or ``"ci"``; by default ``KGNB_MODE`` says, or
            the cell. In CI mode the run has ended when this returns, and an approval
            that no script answers fails it at once.
        context: What a LangGraph graph's nodes find as ``runtime.context``.
        durability: When a LangGraph graph's checkpoints are stored: ``"sync"``,
            ``"async"`` or ``"exit"``.
        interrupt_before: Names of a LangGraph graph's nodes, or ``"*"``: the run pauses
            before each. In CI mode it goes on at once.
        interrupt_after: Likewise, after each.
        multitask_strategy: What to do where a LangGraph graph's thread has a run
            already: ``"reject"`` fails this one, ``"enqueue"`` waits its turn.

    Raises:
        NotAGraph: ``graph`` is none.
        InvalidValue: An argument has a value that does not exist, or ``shared`` one
            that a durable run cannot keep.
        NoSuchRun: ``resume`` names a run that the log does not know.
        Conflict: That run is at work, or has completed.
        GraphError: The graph has changed so that the run could not go on.
        Unavailable: The log of durable runs cannot be reached.
    """
    _check_choice("panel", panel, _PANELS)
    _check_choice("loop", loop, _LOOPS)
    if timeout is not None and timeout <= 0:
        raise InvalidValue(f"timeout={timeout!r}: expected seconds above 0, or None")
    executor = as_executor(executor)
    if executor is not None and not hasattr(executor, "submit"):
        raise InvalidValue(
            f"run(executor={executor!r:.60}): expected a concurrent.futures.Executor"
        )
    if session_id is not None and not (session_id and isinstance(session_id, str)):
        raise InvalidValue(f"run(session_id={session_id!r:.60}): expected a str")
    if nesting.is_original_applied():
        nesting.warn_of_original()
    call = GraphCall(
        config=config,
        context=context,
        durability=durability,
        interrupt_before=interrupt_before,
        interrupt_after=interrupt_after,
        multitask_strategy=multitask_strategy,
    )
    chosen = process.choose_mode(mode)
    wish = check_wish(
        Wish(transient=transient, resume=resume, mode=chosen, name=name),
        durable=durable,
        is_within=isinstance(current_context.get(), RunContext),
    )

    def make_engine(session: str | None) -> Engine:
        return engine_for(graph, call=call, session_id=session_id or session)

    prepared = None
    if wish is None:
        engine = make_engine(None)
    else:
        prepared = prepare(homes.current(), wish, make_engine, shared)
        engine, shared = prepared.engine, prepared.shared
    breakpoints = _node_ids(engine, pause_before)
    if isinstance(engine, SessionEngine):
        session_id = engine.session_id
    options = Options(
        workflow=name or engine.describe().name or "graph",
        mode=chosen,
        panel=panel,
        session_id=session_id,
        timeout=timeout,
        sign=sign,
        pause_before=() if chosen == "ci" else breakpoints,
        executor=executor,
    )
    recorder = None if record is None else Recorder(record, options.workflow)
    try:
        return begin(
            engine,
            shared,
            options,
            answers,
            is_here=loop == "kernel",
            durable=None if prepared is None else prepared.durable,
            port=None if prepared is None else prepared.port,
            recorder=recorder,
        )
    except BaseException:
        if recorder is not None:
            recorder.close()
        raise


def begin(
    engine: Engine,
    shared: Any,
    options: Options,
    answers: Answers | None,
    *,
    is_here: bool = False,
    durable: Durable | None = None,
    port: LogPort | None = None,
    recorder: Recorder | None = None,
) -> Run:
    """Begin a run of this cell's, or of the node's that calls.

    Args:
        engine: Of the graph.
        shared: As ``run`` takes it.
        options: How to run.
        answers: As ``run`` takes them.
        is_here: On the caller's loop, even where the engine could do without.
        durable: What a run keeps that is durable.
        port: The log, where it was chosen.
        recorder: Writes down what happens.
    """
    session = engine if isinstance(engine, SessionEngine) else None
    context = current_context.get()
    parent = context.execution if isinstance(context, RunContext) else None
    home = homes.current() if parent is None else parent.home
    script = script_for(answers)
    if script is None and parent is not None:
        script = parent.script
    execution = Execution(
        engine,
        _shared_of(session, shared),
        options,
        home=home,
        script=script,
        parent=parent,
        durable=durable,
        recorder=recorder,
    )
    is_bound = session is not None and session.loop is not None
    if is_bound or is_here:
        return _begin(execution, _loop_of_caller(is_bound=is_bound), port)
    return _begin(execution, None, port)


def _shared_of(session: SessionEngine | None, given: Any) -> MutableMapping[Any, Any]:
    if session is not None:
        check_input(session, given)
        return session.begin(given)
    return {} if given is None else given


def _loop_of_caller(*, is_bound: bool) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        if is_bound:
            raise Unavailable(
                "run(): the graph's checkpointer is bound to the loop on which it was "
                "made, and no loop runs in this thread; call kgnb.run in a coroutine, "
                "or a cell, of that loop"
            ) from None
        raise InvalidValue(
            "run(loop='kernel'): no loop runs in this thread; leave loop= away"
        ) from None


def _begin(
    execution: Execution,
    loop: asyncio.AbstractEventLoop | None,
    port: LogPort | None,
) -> Run:
    home, parent = execution.home, execution.parent
    views.register()
    home.open(execution, port)
    try:
        await_taken(execution)
    except (Conflict, RunLost):
        execution.forsake()
        raise
    handle = Run(execution)
    execution.handle = handle
    if parent is None:
        _show(handle)
    elif parent.control.is_cancelled:
        execution.cancel()
    elif parent.control.is_paused:
        execution.pause()
    # Either way in a copy of this context, so that prints and displays stay in
    # the cell, and the node, that started the run.
    if loop is None:
        execution.working_loop = home.loop.loop
        home.loop.submit(execution.main())
    else:
        execution.working_loop = loop
        execution.own_task = loop.create_task(execution.main())
    if execution.options.mode == "ci" and loop is None and parent is None:
        _wait_for_end(execution)
    return handle


def _show(handle: Run) -> None:
    try:
        hooks.display().show(handle)
    except Exception:  # noqa: BLE001 - what shows runs must not keep them from running
        logger.exception("the run could not be displayed; it runs all the same")


def _wait_for_end(execution: Execution) -> None:
    """In CI mode a cell's one display is made before the cell ends."""
    try:
        wait_blocking(execution.done)
    except KeyboardInterrupt:
        if not execution.done.done():
            execution.cancel()
        raise
    except BaseException:  # noqa: BLE001, S110 - the run's own; its handle raises it
        pass


def _check_choice(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if not any(value is choice or value == choice for choice in known):
        listed = ", ".join(repr(choice) for choice in known)
        raise InvalidValue(f"run({name}={value!r}): expected one of {listed}")


def _node_ids(engine: Any, names: Collection[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        names = (names,)
    known = {node.id for node in engine.describe().nodes}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise InvalidValue(f"pause_before: no node {name!r}; there are {listed}")
    return tuple(names)
