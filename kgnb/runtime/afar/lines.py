"""The calls of one run in other processes: what they tell becomes the run's events."""

from __future__ import annotations

import logging
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.graph.clusters import client_of
from kgnb.runtime.afar import reports
from kgnb.runtime.afar.clusters import room_of
from kgnb.runtime.afar.reports import Batch, Ended, Moved, Output, Percent, Piece, Sent
from kgnb.runtime.afar.rooms import SocketRoom
from kgnb.runtime.afar.tickets import Nowhere, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.afar.reports import Report
    from kgnb.runtime.afar.tickets import Address, AtSocket
    from kgnb.runtime.context import RunContext
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.showing import ShownStream

logger = logging.getLogger("kgnb.runtime")

HEARD_WAIT = 5.0
"""Seconds that an ended call waits for what it told before; then that is lost."""


class Lines:
    """Made with each run; opens nothing before the first call. From any thread."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._lock = threading.Lock()
        self._known: dict[str, Line] = {}
        self._room: SocketRoom | None = None
        self._address: AtSocket | None = None

    def open(self, context: RunContext, executor: Any, *, is_near: bool | None) -> Line:
        """A line for one call; see ``graph.Context.away``."""
        # Dask groups tasks by what is before the last hyphen.
        name = f"{context.visit.node_id}-{uuid.uuid4().hex}"
        client = client_of(executor)
        if client is not None:
            return _by_dask(context, name, client)
        if is_near:
            return self._by_socket(context, name)
        return Line(context, _ticket(context, name, Nowhere()))

    def _by_socket(self, context: RunContext, name: str) -> Line:
        ticket = _ticket(context, name, self._at_socket())
        line = Line(context, ticket, forget=self._forget, stop=self._stop)
        self._known[name] = line
        return line

    def close(self) -> None:
        """The run is over: calls that still go on end, and are heard no more."""
        with self._lock:
            room, self._room = self._room, None
        self._known.clear()
        if room is not None:
            room.close()

    def _at_socket(self) -> AtSocket:
        with self._lock:
            if self._room is None or self._address is None:
                self._room = SocketRoom(self._execution.home.link, self._hear)
                self._address = self._room.open()
            return self._address

    def _hear(self, batch: Batch) -> None:
        line = self._known.get(batch.line)
        if line is not None:
            line.hear(batch)

    def _stop(self, name: str) -> None:
        room = self._room
        if room is not None:
            room.stop(name)

    def _forget(self, name: str) -> None:
        self._known.pop(name, None)


def _by_dask(context: RunContext, name: str, client: Any) -> Line:
    room = room_of(client)
    # To cancel the future stops the task; nobody need be told. A client that lost its
    # scheduler for a while is subscribed no more.
    line = Line(
        context,
        _ticket(context, name, room.address),
        forget=room.forget,
        mend=partial(client.subscribe_topic, room.address.topic, room.hear),
    )
    room.expect(name, line.hear)
    return line


def _ticket(context: RunContext, name: str, address: Address) -> Ticket:
    return Ticket(context.visit, name, address, context.run_id)


def _nothing(*_: object) -> None:
    """There is nobody to tell."""


class Line:
    """One call in another process; see ``kgnb.graph.context.Errand``.

    Args:
        context: The attempt that it is made for.
        ticket: What it takes along.
        forget: Has nothing more handed to it, by the ticket's ``line``.
        stop: Tells the other process to end it, likewise.
        mend: Does what can be done where something was lost.
    """

    def __init__(
        self,
        context: RunContext,
        ticket: Ticket,
        *,
        forget: Callable[[str], object] = _nothing,
        stop: Callable[[str], object] = _nothing,
        mend: Callable[[], object] = _nothing,
    ) -> None:
        self.ticket = ticket
        self._context = context
        self._forget = forget
        self._stop = stop
        self._mend = mend
        self._heard = threading.Condition()
        self._execution: str | None = None
        self._past: set[str] = set()
        self._count = 0
        """Of the batches that were heard."""
        self._streams: dict[int, ShownStream] = {}
        self._is_closed = False

    @property
    def has_begun(self) -> bool:
        """See ``Errand.has_begun``."""
        return self._execution is not None

    def hear(self, batch: Batch) -> None:
        """Take the next batch; on the thread that listens, which it never blocks."""
        with self._heard:
            if self._is_closed or batch.execution in self._past:
                return
            if batch.execution != self._execution:
                self._begin_again(batch.execution)
            for report in batch.reports:
                self._tell(report)
            self._count = batch.n
            self._heard.notify_all()

    def end(self, rest: bytes) -> None:
        """See ``Errand.end``."""
        (last,) = reports.decode(rest)
        with self._heard:
            is_whole = self._heard.wait_for(
                lambda: last.n == 1 or self._has(last.execution, last.n - 1), HEARD_WAIT
            )
        if not is_whole:
            self._context.output("stderr", "some output was lost on its way here\n")
            self._mend()
        self.hear(last)

    def leave(self) -> None:
        """See ``Errand.leave``."""
        self._stop(self.ticket.line)

    def close(self) -> None:
        """See ``Errand.close``."""
        self._forget(self.ticket.line)
        with self._heard:
            self._is_closed = True
            self._end_streams()

    # The inside; the lock is held.

    def _has(self, execution: str, n: int) -> bool:
        return self._execution == execution and self._count >= n

    def _begin_again(self, execution: str) -> None:
        if self._execution is not None:
            self._past.add(self._execution)
            self._end_streams()
            text = "its worker was lost; the cluster runs it again on another one\n"
            self._context.output("logging", text, "WARNING")
        self._execution = execution
        self._count = 0

    def _tell(self, report: Report) -> None:
        context = self._context
        match report:
            case Output(stream, text, level):
                context.output(stream, text, level)
            case Percent(percent, message, current, total):
                context.progress(percent, message, current=current, total=total)
            case Moved(data):
                context.bar(data)
            case Sent(kind, data):
                context.emit(kind, msgspec.json.decode(data))
            case Piece(stream=number, part=part, name=name):
                if number not in self._streams:
                    self._streams[number] = context.shown(name)
                self._streams[number].part(part)
            case Ended(number, usage):
                shown = self._streams.pop(number, None)
                if shown is not None:
                    shown.end(usage)

    def _end_streams(self) -> None:
        streams, self._streams = self._streams, {}
        for shown in streams.values():
            shown.end(None)
