"""Loops that show how far they are: ``kgnb.track``.

A step costs a count and two checks. What is told of a bar is made up when the next
frame goes, by the thread that sends it: a fast loop tells thirty times a second, and a
loop that comes to a slow step has told how far it was.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kgnb.protocol.events import ProgressData
from kgnb.runtime.sources import closer

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_MEMORY = 10.0
"""Seconds in which an older pace is forgotten to a third."""
_SHORTEST = 0.25
"""Seconds that a pace is measured over, at least."""

Place = tuple[int, ...]
"""Where a bar stands: ``(1,)`` is the main one, ``(1, 2)`` the second below it."""


class Pace:
    """How fast something goes, the last seconds above all.

    Args:
        now: Seconds, on any clock.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._count = 0
        self._rate: float | None = None

    def at(self, count: int, now: float) -> float | None:
        """Per second; None while there is too little to tell by."""
        spent = now - self._since
        if spent < _SHORTEST or count == self._count:
            return self._rate
        fresh = (count - self._count) / spent
        old = fresh if self._rate is None else self._rate
        self._rate = old + (fresh - old) * (1 - math.exp(-spent / _MEMORY))
        self._since, self._count = now, count
        return self._rate


class Bar:
    """One loop: counted by the thread or task that goes through it, read by another.

    Args:
        bars: The bars that it is one of.
        place: Where it stands.
        parent: The bar of the loop around it.
        total: How many steps there are, if that is known.
        label: What is counted.
    """

    def __init__(
        self,
        bars: Bars,
        place: Place,
        parent: Bar | None,
        total: int | None,
        label: str | None,
    ) -> None:
        self.bars = bars
        self.place = place
        self.parent = parent
        self.count = 0
        self.is_closed = False
        self._total = total
        self._label = label
        self._is_asked = False
        self._began = bars.clock()
        self._pace = Pace(self._began)
        _innermost.set(self)
        self._ask()

    def step(self) -> None:
        """One more is done.

        Raises:
            asyncio.CancelledError: The run was cancelled.
        """
        self.count += 1
        if not self._is_asked:
            self._ask()
        self.bars.check()

    def close(self, *, is_done: bool = False) -> None:
        """The loop is left. May be called again, and from a finalizer.

        Args:
            is_done: It came to its end: then that is how many there were.
        """
        if self.is_closed:
            return
        if is_done and self._total is None:
            self._total = self.count
        self.is_closed = True
        self._ask()
        if _innermost.get() is self:
            _innermost.set(self.parent)

    def _ask(self) -> None:
        self._is_asked = True
        self.bars.report(self)

    def data(self, item: str | None) -> ProgressData:
        """What there is to tell now."""
        self._is_asked = False  # first: a step that comes now asks again
        count, total, now = self.count, self._total, self.bars.clock()
        rate = None if self.is_closed else self._pace.at(count, now)
        remaining = None
        if rate and total is not None:
            remaining = round(max(0, total - count) / rate, 1)
        track = None if self.place == (1,) else ".".join(map(str, self.place))
        return ProgressData(
            percent=_percent(count, total),
            current=count,
            total=total,
            item=item,
            track=track,
            label=self._label,
            rate=None if rate is None else float(f"{rate:.3g}"),
            remaining=remaining,
            elapsed=round(now - self._began, 2),
            closed=self.is_closed,
        )


def _percent(count: int, total: int | None) -> float:
    if total is None:
        return 0.0
    return round(min(100.0, 100.0 * count / total), 2) if total > 0 else 100.0


class Bars:
    """The bars of one attempt of a visit, or of a batch item.

    Args:
        check: Raises when the run was cancelled.
        report: Has ``Bar.data`` told with the next frame.
        clock: Seconds.
    """

    def __init__(
        self,
        check: Callable[[], None],
        report: Callable[[Bar], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.check = check
        self.report = report
        self.clock = clock
        self._lock = threading.Lock()
        self._open: dict[Place, Bar] = {}

    def track(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        total: int | None,
        label: str | None,
    ) -> Iterator[T] | AsyncIterator[T]:
        """The loop over ``iterable``, with a bar; see ``Context.track``."""
        bar = self.open(length_of(iterable) if total is None else total, label)
        if isinstance(iterable, AsyncIterable):
            return TrackedAsync(iterable, bar)
        return Tracked(iterable, bar)

    def open(self, total: int | None, label: str | None) -> Bar:
        """A bar for the loop that begins here.

        It takes the first free place below the loop around it: a loop that is begun
        again and again moves one bar.
        """
        parent = _innermost.get()
        while parent is not None and (parent.is_closed or parent.bars is not self):
            parent = parent.parent
        with self._lock:
            above = parent.place if parent is not None else ()
            number = 1
            while (known := self._open.get((*above, number))) and not known.is_closed:
                number += 1
            bar = Bar(self, (*above, number), parent, total, label)
            self._open[bar.place] = bar
        return bar

    def close(self) -> None:
        """No loop goes on: an exception may have left some, with its traceback."""
        with self._lock:
            bars, self._open = self._open, {}
        for bar in bars.values():
            bar.close()


_innermost: ContextVar[Bar | None] = ContextVar("kgnb_innermost_bar", default=None)


def length_of(iterable: Iterable[Any] | AsyncIterable[Any]) -> int | None:
    """How many there are, where that can be asked."""
    if not isinstance(iterable, Sized):
        return None
    try:
        return len(iterable)
    except TypeError:  # as a tqdm or a data loader over a generator has it
        return None


class Tracked(Iterator[T]):
    """A sync loop with its bar; counts a step when the next one is asked for."""

    def __init__(self, iterable: Iterable[T], bar: Bar) -> None:
        self._source = iterable
        self._steps = iter(iterable)
        self._bar = bar
        self._is_begun = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            if self._is_begun:
                self._bar.step()
            self._is_begun = True
            return next(self._steps)
        except BaseException as error:
            self._bar.close(is_done=isinstance(error, StopIteration))
            raise

    def close(self) -> None:
        """Leave the loop, and its source, if that can be closed."""
        self._bar.close()
        close = closer(self._steps, "close") or closer(self._source, "close")
        if close is not None:
            close()

    def __del__(self) -> None:
        self._bar.close()


class TrackedAsync(AsyncIterator[T]):
    """An async loop with its bar; see ``Tracked``."""

    def __init__(self, iterable: AsyncIterable[T], bar: Bar) -> None:
        self._source = iterable
        self._steps = aiter(iterable)
        self._bar = bar
        self._is_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            if self._is_begun:
                self._bar.step()
            self._is_begun = True
            return await anext(self._steps)
        except BaseException as error:
            self._bar.close(is_done=isinstance(error, StopAsyncIteration))
            raise

    async def aclose(self) -> None:
        """Leave the loop, and its source, if that can be closed."""
        self._bar.close()
        close = closer(self._steps, "aclose") or closer(self._source, "aclose", "close")
        if close is not None:
            await close()

    def __del__(self) -> None:
        self._bar.close()
