"""``run_graph``: a graph run to its end, and what it did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgnb.protocol import events as e
from kgnb.runtime import home
from kgnb.runtime.answering import default_answers
from kgnb.runtime.start import run as start
from kgnb.testing.scripted import ScriptedAnswers, answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kgnb.protocol.view import RunView
    from kgnb.runtime.result import Approval
    from kgnb.runtime.run import Run

WAIT = 30.0
"""Seconds that a run gets, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class GraphRun:
    """A run that has ended."""

    shared: Mapping[Any, Any]
    """What its nodes shared; the very object."""
    action: Any
    """The last node's; None if the run did not complete."""
    error: BaseException | None
    """What ended it, where ``raises=False``."""
    events: list[e.AnyEvent]
    """All of its log, in order."""
    view: RunView
    """What a panel shows of it."""
    approvals: list[Approval]
    """What was asked, with what was answered, in order of asking."""

    @property
    def status(self) -> str:
        """``completed``, ``failed``, ``cancelled`` or ``lost``."""
        return self.view.status

    @property
    def path(self) -> list[str]:
        """The ids of the nodes in the order in which their visits began."""
        return path_of(self.events)

    @property
    def result(self) -> Any:
        """What exec of the last node returned, as JSON has it."""
        return self.view.result


def path_of(events: Iterable[e.AnyEvent]) -> list[str]:
    """The ids of the nodes in the order in which their visits began."""
    seen: dict[str, str] = {}
    for event in events:
        if isinstance(event, e.NodeUpdate) and event.status == "running":
            seen.setdefault(event.task_id or event.node_id, event.node_id)
    return list(seen.values())


def run_graph(
    graph: Any,
    shared: Any = None,
    *,
    answers: Any = None,
    timeout: float | None = WAIT,
    raises: bool = True,
    **options: Any,
) -> GraphRun:
    """Run a graph to its end, with nobody watching, and say what it did.

    Blocks; in async code on a loop that the graph needs, use ``run_graph_async``.

    Args:
        graph: As ``kgnb.run`` takes it.
        shared: Likewise; by default a new dict.
        answers: As ``kgnb.testing.answers`` takes its first argument; without it, those
            of the ``with answers(...)`` around count. An approval with none fails the
            run at once; answers that are left over fail the test.
        timeout: Seconds after which the run fails with ``TimeoutError``.
        raises: Whether what ends the run is raised here; else it is ``.error``.
        options: More of ``kgnb.run``.

    Raises:
        BaseException: What a node raised.
        Unanswerable: An approval had no answer.
        AssertionError: Answers were left over.
    """
    script = _script_of(answers)
    run = _begin(graph, shared, script, timeout, options)
    ended: Any = None
    error: BaseException | None = None
    try:
        ended = run.result()
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        if raises:
            raise
        error = raised
    events = home.current().loop.submit(_events_of(run)).result(WAIT)
    return _told(run, events, script, ended, error)


async def run_graph_async(
    graph: Any,
    shared: Any = None,
    *,
    answers: Any = None,
    timeout: float | None = WAIT,  # noqa: ASYNC109  # the run's own, not the caller's
    raises: bool = True,
    **options: Any,
) -> GraphRun:
    """See ``run_graph``; for a test that is a coroutine."""
    script = _script_of(answers)
    run = _begin(graph, shared, script, timeout, options)
    ended: Any = None
    error: BaseException | None = None
    try:
        ended = await run
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException as raised:
        if raises:
            raise
        error = raised
    return _told(run, await _events_of(run), script, ended, error)


def _script_of(given: Any) -> ScriptedAnswers | None:
    """A script that holds the test to it; None leaves it to the script around."""
    if given is None or isinstance(given, ScriptedAnswers):
        return given
    return answers(given)


def _begin(
    graph: Any,
    shared: Any,
    script: ScriptedAnswers | None,
    timeout: float | None,
    options: Mapping[str, Any],
) -> Run:
    # Not in CI mode, which would block the caller's loop. An approval that nobody
    # answers then waits, unless a script says that it has none: so there is one.
    if script is None and default_answers.get() is None:
        script = answers()
    settings = {"panel": False, "mode": "static", **options}
    return start(
        graph,
        {} if shared is None else shared,
        answers=script,
        timeout=timeout,
        **settings,
    )


async def _events_of(run: Run) -> list[e.AnyEvent]:
    return [event async for event in run.events()]


def _told(
    run: Run,
    events: list[e.AnyEvent],
    script: ScriptedAnswers | None,
    ended: Any,
    error: BaseException | None,
) -> GraphRun:
    if script is not None and error is None:
        script.check()
    return GraphRun(
        shared=run.shared,
        action=None if ended is None else ended.action,
        error=error,
        events=events,
        view=run.view,
        approvals=run.approvals,
    )
