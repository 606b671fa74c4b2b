"""From what happens in a run to the events that its log gets.

Text comes as fast as a model or a loop makes it, and a browser draws sixty times a
second at best: tokens, progress and log lines are joined to at most thirty frames a
second. A graph of trivial nodes changes their states thousands of times a second: these
stay events of their own, but go together, sixty times a second. Everything else is sent
at once. All of it takes along what waited before it, so that the order of a node's
events is the order in which they happened.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kgnb.protocol import codec, ids
from kgnb.protocol import events as e

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kgnb.graph.progress import Checkpoint

INTERVAL = 1 / 30
"""Seconds between two frames of joined text."""
STRIDE = 1 / 60
"""Seconds between two frames of nodes' states: as often as a screen can show them. Each
frame wakes the link's thread and is a transaction of the log; the first after a while
goes at once."""
MOST_PENDING = 20_000
"""Events that wait for the log; past it output is dropped, and counted: text, logs and
what nodes send under names of their own. What a run has done is never dropped."""
MOST_TEXT = 64 * 1024 * 1024
"""Characters of output that wait for the log, likewise: what a node says in a tight
loop comes some times faster than it is stored."""
MOST_AT_ONCE = 256 * 1024
"""Bytes after which the link's thread sees to others before it hands on more."""
_GROUP = 16
"""Events that are taken under the lock together."""
MOST_LINE = 32 * 1024
"""Characters that are joined to one event."""

_BLOCKED = float("-inf")
"""In place of a due time: nothing is asked for until there is room."""

_STATES = (e.NodeUpdate, e.Step)
_Key = tuple[str | int, ...]


Report = Callable[[], list[e.AnyEvent]]
"""Makes events when they are sent; on the link's thread."""


class Outlet(Protocol):
    """Where a producer's events go; used on the link's thread only."""

    @property
    def has_room(self) -> bool:
        """Whether more may be sent now; if not, ``Producer.room`` is called later."""
        ...

    def append(
        self, payloads: list[bytes], checkpoints: dict[int, Checkpoint] | None = None
    ) -> None:
        """Store events, in order, after all earlier ones.

        Args:
            payloads: The events.
            checkpoints: What is stored with some of them, by index.
        """


class Producer:
    """Joins, stamps and orders the events of one run.

    ``put`` and its like may be called from any thread and never block; ``flush``
    belongs to the link's thread.

    Args:
        run_id: The run.
        workflow: Its name.
        outlet: Where the events go.
        soon: Calls a function on the link's thread, after so many seconds.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        run_id: ids.RunId,
        workflow: str,
        outlet: Outlet,
        soon: Callable[[float, Callable[[], None]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run_id = run_id
        self._workflow = workflow
        self._outlet = outlet
        self._soon = soon
        self._clock = clock
        # Reentrant: a bar's finalizer reports, and may run anywhere, here as well.
        self._lock = threading.RLock()
        self._pending: deque[e.AnyEvent | Report] = deque()
        self._joinable: dict[_Key, Any] = {}
        self._sizes: dict[int, int] = {}
        """Of waiting custom events, by ``id``: they live as long as they wait."""
        self._checkpoints: dict[int, Checkpoint] = {}
        """Of waiting events, likewise."""
        self._text = 0
        self._dropped = 0
        self._lengths: dict[tuple[str, str, int], int] = {}
        self._last_flush = float("-inf")
        self._due: float | None = None
        self._is_closed = False

    # What may be called from any thread.

    def put(self, event: e.AnyEvent, checkpoint: Checkpoint | None = None) -> None:
        """Send an event, after all that waits: a node's state soon, else at once.

        Args:
            event: The event.
            checkpoint: Stored with it, in one transaction; somebody waits for that.
        """
        with self._lock:
            if self._is_closed:
                return
            self._seal(getattr(event, "node_id", ""))
            self._add(event)
            if checkpoint is not None:
                self._checkpoints[id(event)] = checkpoint
            is_urgent = checkpoint is not None or not isinstance(event, _STATES)
            self._want_flush(0.0 if is_urgent else STRIDE)

    def token(self, event: e.Token) -> None:
        """Send a piece of a stream; its ``index`` is filled in here."""
        with self._lock:
            if self._is_closed:
                return
            number = event.call.number if event.call else 0
            measured = (event.stream, event.kind, number)
            event.index = self._lengths.get(measured, 0)
            self._lengths[measured] = event.index + len(event.data)
            if event.final:
                self._lengths.pop(measured, None)
            key = ("token", event.node_id, *measured)
            waiting: e.Token | None = self._joinable.get(key)
            if not self._has_space(len(event.data)) and not event.final:
                # What comes next is not what follows the text that waits.
                self._joinable.pop(key, None)
            elif waiting is not None and len(waiting.data) < MOST_LINE:
                waiting.data += event.data
                waiting.final = waiting.final or event.final
                waiting.call = event.call
                waiting.usage = event.usage
            else:
                self._joinable[key] = event
                self._add(event)
            self._want_flush(INTERVAL)

    def custom(self, event: e.Custom) -> None:
        """Send what a node says under a name of its own, which may be anything."""
        size = len(_encode(event))
        with self._lock:
            if not self._is_closed and self._has_space(size):
                self._sizes[id(event)] = size
                self.put(event)

    def progress(self, event: e.Progress | e.NodeUpdate) -> None:
        """Send a report; a later one of the same thing replaces it while it waits."""
        with self._lock:
            if self._is_closed:
                return
            item = event.data.item if isinstance(event, e.Progress) else None
            key = (type(event).__name__, event.node_id, repr(item))
            waiting = self._joinable.get(key)
            if waiting is None:
                self._joinable[key] = event
                self._add(event)
            elif isinstance(event, e.Progress):
                waiting.data = event.data
            else:
                waiting.progress, waiting.message = event.progress, event.message
            self._want_flush(INTERVAL)

    def later(self, report: Report) -> None:
        """Have events made when the next frame of joined text goes."""
        with self._lock:
            if not self._is_closed:
                self._pending.append(report)
                self._want_flush(INTERVAL)

    def log(self, event: e.Log) -> None:
        """Send output; pieces of one stream are joined while they wait."""
        with self._lock:
            if self._is_closed:
                return
            key = ("log", event.node_id)
            waiting: e.Log | None = self._joinable.get(key)
            if not self._has_space(len(event.data.text)):
                pass
            elif waiting is not None and _joins(waiting, event):
                waiting.data.text += event.data.text
            else:
                self._joinable[key] = event
                self._add(event)
            self._want_flush(INTERVAL)

    def close(self) -> None:
        """Take no more events: the run has ended."""
        with self._lock:
            self._is_closed = True

    # The inside; the lock is held.

    def _seal(self, node_id: str) -> None:
        """Nothing later is joined to what this node has waiting."""
        if not self._joinable:
            return
        for key in [key for key in self._joinable if key[1] == node_id]:
            del self._joinable[key]

    def _add(self, event: e.AnyEvent) -> None:
        self._stamp(event)
        self._pending.append(event)

    def _stamp(self, event: e.AnyEvent) -> None:
        event.timestamp = ids.timestamp(self._clock())
        event.run_id = self._run_id
        event.workflow = self._workflow

    def _made(self, entries: Iterable[e.AnyEvent | Report]) -> Iterator[e.AnyEvent]:
        for entry in entries:
            if not callable(entry):
                yield entry
                continue
            for event in entry():
                self._stamp(event)
                yield event

    def _has_space(self, length: int) -> bool:
        if len(self._pending) < MOST_PENDING and self._text < MOST_TEXT:
            self._text += length
            return True
        self._dropped += 1
        return False

    def _want_flush(self, interval: float) -> None:
        if self._due is not None and self._due <= self._last_flush + interval:
            return  # most events come while a flush is due: no clock for these
        now = time.monotonic()
        due = max(now, self._last_flush + interval)
        if self._due is not None and self._due <= due:
            return
        self._due = due
        self._soon(due - now, self.flush)

    # The link's thread.

    def room(self) -> None:
        """The outlet may have room again: hand on what it had none for.

        What waits for its time goes on waiting, or each receipt of the log would
        send a frame.
        """
        with self._lock:
            is_blocked = self._due == _BLOCKED
        if is_blocked:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits, or the first of it, unless the outlet has no room."""
        if not self._outlet.has_room:
            with self._lock:
                self._due = _BLOCKED
            return
        payloads: list[bytes] = []
        checkpoints: dict[int, Checkpoint] = {}
        size = 0
        with self._lock:
            self._due = None
            left = len(self._pending)
        while left and size < MOST_AT_ONCE:
            taken = min(left, _GROUP)
            # Outside the lock: encoding must hold up no node.
            batch = self._take(taken)
            encoded = [_encode(event) for event in batch]
            if self._checkpoints:
                found = self._checkpoints_of(batch, len(payloads))
                checkpoints |= found
                size += sum(len(each.data) for each in found.values())
            payloads += encoded
            size += sum(map(len, encoded))
            left -= taken
        if payloads:
            self._last_flush = time.monotonic()
        if left:
            with self._lock:
                self._want_flush(0.0)
        if checkpoints:
            self._outlet.append(payloads, checkpoints)
        elif payloads:
            self._outlet.append(payloads)

    def _checkpoints_of(
        self, batch: list[e.AnyEvent], first: int
    ) -> dict[int, Checkpoint]:
        numbered = enumerate(batch, first)
        kept = ((index, self._checkpoints.pop(id(ev), None)) for index, ev in numbered)
        return {index: each for index, each in kept if each is not None}

    def _take(self, count: int) -> list[e.AnyEvent]:
        with self._lock:
            taken = [self._pending.popleft() for _ in range(count)]
            if self._joinable:
                gone = {id(event) for event in taken}
                held = self._joinable.items()
                for key in [key for key, event in held if id(event) in gone]:
                    del self._joinable[key]
            batch = list(self._made(taken))
            if self._text:
                self._text -= sum(map(self._weight, batch))
            if self._dropped and batch:
                batch.insert(0, self._excuse(batch))
            return batch

    def _weight(self, event: e.AnyEvent) -> int:
        """How much of the room for output an event took."""
        if isinstance(event, e.Token):
            return len(event.data)
        if isinstance(event, e.Log):
            return len(event.data.text)
        return self._sizes.pop(id(event), 0)

    @property
    def waiting(self) -> list[bytes]:
        """What was not handed on yet, as it stands."""
        with self._lock:
            return [_encode(event) for event in self._made(self._pending)]

    def _excuse(self, batch: list[e.AnyEvent]) -> e.Log:
        text = (
            f"{self._dropped} pieces of output were dropped: the log was away, or took "
            f"them more slowly than they came\n"
        )
        self._dropped = 0
        node_id = next((n for ev in batch if (n := getattr(ev, "node_id", ""))), "")
        return e.Log(
            run_id=self._run_id,
            workflow=self._workflow,
            timestamp=ids.timestamp(self._clock()),
            node_id=ids.NodeId(node_id),
            data=e.LogData(stream="stderr", text=text),
        )


def _joins(waiting: e.Log, event: e.Log) -> bool:
    return (
        waiting.data.stream == event.data.stream != "logging"
        and waiting.task_id == event.task_id
        and len(waiting.data.text) + len(event.data.text) <= MOST_LINE
    )


def _encode(event: e.AnyEvent) -> bytes:
    try:
        return codec.encode(event)
    except (TypeError, ValueError, UnicodeError, RecursionError):
        # A lone surrogate, or a value that json_safe did not see: text is never
        # worth losing an event for.
        plain = msgspec.to_builtins(event, enc_hook=repr)
        return msgspec.json.encode(printable(plain))


def printable(value: Any) -> Any:
    """Builtins whose text any encoder takes: no lone surrogates in it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {printable(str(k)): printable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [printable(entry) for entry in value]
    return value
