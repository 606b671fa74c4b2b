"""What one call has told and not sent yet. In the other process.

Text comes as fast as a loop prints it, and all of it goes through one place, which is
Dask's scheduler or a thread of the kernel: what waits is joined, and bounded.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import msgspec

from kgnb.runtime.afar.reports import Batch, Moved, Output, Percent, Piece, Report, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kgnb.runtime.texts import Part
    from kgnb.runtime.tracking import Bar

MOST_TEXT = 1024 * 1024
"""Characters, and bytes of what ``emit`` sends, that wait; past it output is dropped,
and counted."""
MOST_REPORTS = 5_000
"""Reports that wait, likewise."""
MOST_LINE = 32 * 1024
"""Characters that are joined to one report."""
_SMALL = 64
"""Bytes of a report without its text, about."""


class Outbox:
    """Joins the reports of one execution, and counts its batches.

    Reports may be added from any thread; ``take`` belongs to the one that sends.

    Args:
        line: The call.
        item: The batch item that it is for, as bars name it.
        wake: Has ``take`` called soon; from any thread, and often.
    """

    def __init__(self, line: str, item: str | None, wake: Callable[[], object]) -> None:
        self._line = line
        self._item = item
        self._wake = wake
        self._execution = uuid.uuid4().hex
        # Reentrant: a bar's finalizer reports, and may run anywhere, here as well.
        self._lock = threading.RLock()
        self._waiting: list[Report | Bar] = []
        self._joinable: dict[Hashable, Report] = {}
        self._size = 0
        self._dropped = 0
        self._sent = 0
        self._is_closed = False

    def output(self, stream: str, text: str, level: str | None) -> None:
        """Add what was printed or logged; pieces of one stream are joined."""
        with self._lock:
            last = self._joinable.get("output")
            if not self._has_space(len(text)):
                return
            if (
                isinstance(last, Output)
                and last.stream == stream != "logging"
                and len(last.text) + len(text) <= MOST_LINE
            ):
                last.text += text
                return
            self._add(Output(stream, text, level), key="output")

    def progress(self, report: Percent) -> None:
        """Add a report, which takes the place of one that waits."""
        with self._lock:
            waiting = self._joinable.get("progress")
            if isinstance(waiting, Percent):
                for name in report.__struct_fields__:
                    setattr(waiting, name, getattr(report, name))
            else:
                self._add(report, key="progress")

    def bar(self, bar: Bar) -> None:
        """Have a bar told of when the next batch goes; once until it did."""
        with self._lock:
            self._add(bar)

    def piece(self, stream: int, name: str | None, part: Part) -> None:
        """Add a stream's text, joined to what waits of the same."""
        key = ("piece", stream, part.kind, part.call.number if part.call else 0)
        with self._lock:
            waiting = self._joinable.get(key)
            if not self._has_space(len(part.text)):
                return
            if isinstance(waiting, Piece) and len(waiting.part.text) < MOST_LINE:
                text = waiting.part.text + part.text
                waiting.part = msgspec.structs.replace(part, text=text)
            else:
                self._add(Piece(stream, part, name), key=key)

    def add(self, report: Report) -> None:
        """Add one that keeps its place: nothing later is joined to what is before."""
        with self._lock:
            if self._has_space(_size_of(report)):
                self._joinable.clear()
                self._add(report)

    def take(self, limit: int) -> Batch | None:
        """The next batch, of about so many bytes; None where the call has ended."""
        with self._lock:
            return None if self._is_closed else self._batch(limit)

    @property
    def has_more(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def close(self) -> Batch:
        """The call has ended: all that waits."""
        with self._lock:
            self._is_closed = True
            return self._batch(None)

    # The inside; the lock is held.

    def _has_space(self, size: int) -> bool:
        if self._is_closed:
            return False
        if self._size + size <= MOST_TEXT and len(self._waiting) < MOST_REPORTS:
            self._size += size
            return True
        self._dropped += 1
        return False

    def _add(self, report: Report | Bar, *, key: Hashable = None) -> None:
        if self._is_closed:
            return
        self._waiting.append(report)
        if key is not None and isinstance(report, Output | Percent | Piece):
            self._joinable[key] = report
        self._wake()

    def _batch(self, limit: int | None) -> Batch:
        reports: list[Report] = []
        size = taken = 0
        for entry in self._waiting:
            if limit is not None and size >= limit:
                break
            report = self._told(entry)
            reports.append(report)
            size += weight(report)
            taken += 1
        del self._waiting[:taken]
        self._joinable.clear()
        self._size = sum(map(_size_of, self._waiting)) if self._waiting else 0
        if self._dropped and not self._waiting:
            reports.append(Output("stderr", _excuse(self._dropped)))
            self._dropped = 0
        self._sent += 1
        return Batch(self._line, self._execution, self._sent, reports)

    def _told(self, entry: Report | Bar) -> Report:
        if isinstance(entry, msgspec.Struct):
            return entry
        return Moved(entry.data(self._item))


def weight(report: Report) -> int:
    """Bytes that a report takes, about."""
    return _SMALL + _size_of(report)


def _size_of(entry: Report | Bar) -> int:
    match entry:
        case Output():
            return len(entry.text)
        case Piece():
            return len(entry.part.text)
        case Sent():
            return len(entry.data)
        case _:
            return 0


def _excuse(dropped: int) -> str:
    return (
        f"{dropped} pieces of output were dropped: they came faster than another "
        f"process sends them\n"
    )
