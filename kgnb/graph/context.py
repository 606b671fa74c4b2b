"""What the code of a node can reach of the run around it.

``kgnb.ask``, ``stream``, ``track``, ``progress``, ``emit`` and ``log`` find the run
through ``current_context``. Whoever runs the graph sets it around the user's code,
once per attempt and batch item, in the thread or task that executes it; without a
run it is None, so that ``graph.run(shared)`` and a node's unit test need nothing.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from kgnb.errors import OutsideRun

if TYPE_CHECKING:
    import contextvars
    import threading
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractContextManager

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class NodeVisit(msgspec.Struct, frozen=True, gc=False):
    """Where in a run some code stands: which visit of which node, attempt and item."""

    node_id: str
    """Unique in the run; nested nodes carry their graph: ``"Inner/Draft"``."""
    task_id: str
    """One visit of one node: ``"<node_id>:<visit>"``, visits counted from 1."""
    path: tuple[str, ...] = ()
    """The enclosing graphs' labels, outermost first; the run's own is left out."""
    attempt: int = 1
    """1 for the first; prep, post and the hooks run under 1 too."""
    item: int | None = None
    """Index of the batch item from 0, or None outside a batch's exec."""


class Pending(Protocol[T_co]):
    """Something that will have a value: await it, or block on ``result()``."""

    def __await__(self) -> Generator[Any, None, T_co]: ...

    def result(self) -> T_co:
        """Wait for the value; not on the loop that must do the work."""
        ...


class Feed(Protocol):
    """A stream that is shown while somebody else reads it."""

    def take(self, chunk: Any) -> None:
        """Show the next chunk; what ``kgnb.stream`` takes.

        Raises:
            TypeError: It is of no known shape.
        """

    def end(self) -> None:
        """Nothing more comes; safe to call twice."""


class Told(Protocol):
    """What a call in another process has told by its end, but for what was sent."""

    rest: bytes
    """To be handed to ``Errand.end``."""


class Ticket(Protocol):
    """What a call of exec takes along to another process; can be pickled."""

    @property
    def line(self) -> str:
        """Names the call, as no other."""
        ...

    def presented(self) -> AbstractContextManager[Told]:
        """Surround the call, there: what it tells and prints goes to its run."""
        ...


class Errand(Protocol):
    """A call of exec in another process, as its run knows it. From any thread."""

    @property
    def ticket(self) -> Ticket:
        """What the call takes along."""
        ...

    @property
    def has_begun(self) -> bool:
        """Whether it is known to have begun; where it is short it may never be."""
        ...

    def end(self, rest: bytes) -> None:
        """The call has ended: see that all it told was heard, then ``rest``.

        Blocks until then, a few seconds at most.
        """

    def leave(self) -> None:
        """Nobody waits for the call any more: it is to end."""

    def close(self) -> None:
        """Hear no more of it. Safe to call twice."""


class Context(Protocol):
    """The run, seen from one attempt of one visit. The runtime implements it.

    Methods may be called in whichever thread or task executes the node, and from
    threads that carried the context along. When the run is cancelled, blocking ones
    raise ``asyncio.CancelledError`` (a BaseException: no retry and no ``on_error``
    takes it for a node's failure).
    """

    left_to: Context | None
    """Whose code goes on when this attempt is over, if it was called from there."""

    @property
    def visit(self) -> NodeVisit:
        """The visit, attempt and item that this context stands for."""
        ...

    @property
    def run_id(self) -> str:
        """The run's: the same again when it is resumed."""
        ...

    def ask(
        self,
        message: str,
        *,
        options: Sequence[str] | None,
        schema: Any,
        payload: Any,
        kind: str | None,
        accept: str | Sequence[str] | None = None,
        timeout: float | None,
        on_timeout: Any,
        need: int,
        approvers: Sequence[str] | None,
        veto: Any,
        name: str | None,
    ) -> Pending[Any]:
        """Open an approval at once; the value is an ``Answer``."""
        ...

    async def send_update(self, kind: str, data: Any, *, client_id: str | None) -> None:
        """Send an event to whoever watches, or to one client alone.

        ``token``, ``progress``, ``message``, ``result`` and ``approval_request`` make
        the real events; ``wait_for_input`` gives the answer to the last of them.
        """

    def tell_step(self) -> None:
        """Tell what ``shared`` holds by now, where steps are told and kept.

        For a node that goes on for long: if its process dies, its session goes on
        from here.
        """

    async def wait_for_input(
        self,
        seconds: float | None,
        *,
        default: Any,
        prompt: str | None,
        name: str | None = None,
    ) -> Any:
        """Wait for the oldest announced approval's answer, else for the next input.

        Of one ``name`` there is one wait in a visit, whatever the attempt.

        Returns:
            An ``Answer``; after so many seconds its outcome is ``timed_out`` and
            its value ``default``.
        """

    async def announce(
        self, message: Mapping[str, Any], *, group: str | None, topic: str | None
    ) -> int:
        """Send a message to a group, to a topic's subscribers, or to all clients.

        Returns:
            How many clients got it, or get it when they are back.
        """
        ...

    def stream(self, source: Any, *, name: str | None) -> Pending[Any]:
        """Show the chunks of a source as they come; the value is the whole text."""
        ...

    def feed(self, name: str | None) -> Feed:
        """A stream that is handed over chunk by chunk."""
        ...

    def track(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        total: int | None,
        label: str | None,
    ) -> Iterator[T] | AsyncIterator[T]:
        """Yield the elements and report how far it got."""
        ...

    def progress(
        self,
        percent: float | None,
        message: str | None,
        *,
        current: float | None,
        total: float | None,
    ) -> None:
        """Report how far the node, or its current item, is."""

    def emit(self, type: str, data: Mapping[str, Any] | Any) -> None:  # noqa: A002 - the wire's word
        """Send an event of the user's own type."""

    def log(self, text: str, *, level: str) -> None:
        """Add a line to the node's log."""

    def output(self, stream: str, text: str, level: str | None = None) -> None:
        """Add what the code printed (``stdout``, ``stderr``) or ``logging`` made."""

    def away(self, executor: Any, *, is_near: bool | None) -> Errand | None:
        """Have a call of exec in another process told of, and told to stop.

        Args:
            executor: What makes the call.
            is_near: Whether its processes are on this machine; None: nobody knows.

        Returns:
            It must be ``close``d. None where nothing would be heard of the call.
        """
        ...

    def close(self) -> None:
        """The attempt is over. Whoever leaves the context it entered need not call it.

        Safe to call twice.
        """


attempt_left: ContextVar[threading.Event | None] = ContextVar(
    "kgnb_attempt_left", default=None
)
"""Set once nobody waits any more for the attempt that this code is part of."""

elsewhere: ContextVar[str | None] = ContextVar("kgnb_elsewhere", default=None)
"""In a process that only executes a node for another one: the node's name."""


def cannot_reach(what: str, node: str) -> OutsideRun:
    """Why a helper that needs the run cannot work in another process."""
    return OutsideRun(
        f"{what}: {node} runs in another process, which can reach nobody; give the "
        f"node executor=False, or do this before it or after it"
    )


def check_attempt() -> None:
    """End code whose attempt took too long, and was left.

    Raises:
        asyncio.CancelledError: It was.
    """
    left = attempt_left.get()
    if left is not None and left.is_set():
        raise asyncio.CancelledError


class CurrentContext:
    """A context variable whose value may be handed back to the code around it."""

    def __init__(self) -> None:
        self._held: ContextVar[Context | None] = ContextVar(
            "kgnb_current_context", default=None
        )

    def get(self) -> Context | None:
        """The attempt whose code calls; None outside of all.

        Where code that called a graph itself goes on after it, in the same asyncio
        task, that graph's last attempt is still the variable's value: it leads back.
        """
        return self._of(self._held.get())

    def within(self, copied: contextvars.Context) -> Context | None:
        """The same, as another task has it."""
        return self._of(copied.get(self._held))

    @staticmethod
    def _of(held: Context | None) -> Context | None:
        while (outer := getattr(held, "left_to", None)) is not None:
            held = outer
        return held

    def set(self, context: Context | None) -> Token[Context | None]:
        """As ``ContextVar.set``."""
        return self._held.set(context)

    def reset(self, token: Token[Context | None]) -> None:
        """As ``ContextVar.reset``."""
        self._held.reset(token)


current_context = CurrentContext()
