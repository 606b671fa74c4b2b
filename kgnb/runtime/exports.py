"""What a result tells of its run besides its view: its trace, its state by steps."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue, KgnbError, Unavailable
from kgnb.runtime import logged
from kgnb.runtime.cassette.writing import create, line_of
from kgnb.runtime.following import follow
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from kgnb.engines.checkpoints import Checkpoint
    from kgnb.protocol import events as e
    from kgnb.protocol.view import RunView
    from kgnb.runtime.checkpoints import Reading
    from kgnb.runtime.comparing.steps import StateSteps
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.following import Followed

READ_WAIT = 120.0
"""Seconds that a log or a checkpointer has to give what it keeps."""
_WHERE = "kgnb: in "
"""How the note begins that names the node and the run."""


class Origin:
    """Where the run of a result is read.

    Args:
        run: The run, or what shows one.
        history: Reads its checkpoints; None of a replay: they are not recorded.
        ended: Decided when it is over, by its exception where it failed.
    """

    def __init__(
        self,
        run: Followed,
        history: Callable[[int | None], Reading[list[Checkpoint]]] | None = None,
        ended: concurrent.futures.Future[Any] | None = None,
    ) -> None:
        self._run = run
        self._history = history
        self._ended = ended

    def notes(self) -> tuple[str, ...]:
        """Those of the exception that ended the run, but for where it was raised."""
        if self._ended is None or not self._ended.done():
            return ()
        notes = getattr(self._ended.exception(), "__notes__", ())
        return tuple(str(note) for note in notes if not str(note).startswith(_WHERE))

    def states(self, view: RunView) -> StateSteps:
        """What each step of the run changed, or why nobody can tell.

        Blocks while the checkpoints are read, at most 2 min.
        """
        # They know results, which we are a part of.
        from kgnb.runtime.comparing import steps  # noqa: PLC0415

        if self._history is None:
            return steps.StateSteps(reason="What nodes share is not recorded.")
        try:
            found = self._history(steps.MOST_STEPS + 1).result(READ_WAIT)
        except (KgnbError, TimeoutError) as error:
            why = str(error) or f"its checkpoints were not read within {READ_WAIT:g} s"
            return steps.StateSteps(reason=f"What nodes shared is not here: {why}.")
        return steps.StateSteps.of(found, view.started_at)

    def events(self, until: int, *, who: str) -> list[e.AnyEvent]:
        """The events of the run. Blocks while the log is read, at most 2 min.

        Args:
            until: The ``seq`` of the last one.
            who: Said first in what is raised.

        Raises:
            Unavailable: The log cannot be reached.
            Gap: It no longer has all events.
            WrongThread: This is the loop that must read it.
        """
        run = self._run
        logged.check_may_block(run.home, who, "call it in a thread")

        async def read() -> list[e.AnyEvent]:
            found = []
            async with asyncio.timeout(READ_WAIT), aclosing(follow(run, None)) as every:
                async for event in every:
                    found.append(event)
                    if event.seq >= until:
                        break
            return found

        try:
            return wait_blocking(run.home.link.submit(read()))
        except TimeoutError:
            raise Unavailable(
                f"{who}: the log did not give all events within {READ_WAIT:g} s"
            ) from None


def of_run(execution: Execution) -> Origin:
    """Where a run of this process is read."""
    from kgnb.runtime import checkpoints  # noqa: PLC0415  # it begins runs

    history = partial(checkpoints.read_history, execution)
    return Origin(execution, history, execution.done)


def trace_lines(events: Iterable[e.AnyEvent]) -> Iterator[bytes]:
    """Events as the lines of a recording; what looks like a secret is hidden."""
    for event in events:
        yield line_of(msgspec.to_builtins(event, enc_hook=repr, str_keys=True))


def write_trace(
    path: Path, workflow: str, events: Iterable[e.AnyEvent], *, who: str
) -> None:
    """Write events as a recording; what looks like a secret is hidden in it.

    Args:
        path: The file.
        workflow: What the run is called.
        events: All of them, from its first.
        who: Said first in what is raised.

    Raises:
        InvalidValue: The file cannot be written, or is there and no recording.
    """
    try:
        with create(path, workflow, who=who) as file:
            for line in trace_lines(events):
                rest = line
                while rest:
                    rest = rest[file.write(rest) :]
    except OSError as error:
        raise InvalidValue(f"{who}: {str(path)!r}: {error.strerror}") from None
