"""What a node calls: ``ask``, ``stream``, ``track``, ``progress``, ``emit`` and others.

They find their run by a context variable, in whichever thread or task the node's
code runs. Outside a run all but ``ask`` pass through silently, so that
``graph.run(shared)`` and a node's unit test need nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import msgspec

from kgnb.errors import OutsideRun
from kgnb.graph.context import cannot_reach, current_context, elsewhere
from kgnb.runtime.streaming import Stream, Unshown

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from kgnb.graph.context import Pending
    from kgnb.runtime.result import Answer
    from kgnb.runtime.sources import Source
    from kgnb.runtime.texts import StreamText

T = TypeVar("T")

UNSET = msgspec.UNSET
"""``on_timeout`` was not given."""


def ask(
    message: str,
    *,
    options: Sequence[Any] | None = None,
    schema: Any = None,
    payload: Any = None,
    kind: str | None = None,
    accept: str | Sequence[str] | None = None,
    timeout: float | None = None,
    on_timeout: Any = UNSET,
    need: int = 1,
    approvers: Sequence[str] | None = None,
    veto: Any = None,
    name: str | None = None,
) -> Pending[Answer]:
    """Ask a person; wait by ``await`` or, in sync code, by ``.result()``.

    It opens at the call, so several may be open at once; unread when its node ends
    it is cancelled.

    Args:
        message: The question.
        options: Buttons; the answer is one of them. Without them it is text.
        schema: Shown as a form: a JSON Schema as a dict, or a type (pydantic model,
            dataclass, msgspec Struct, TypedDict), whose instance the answer is. Where
            the type's own validators refuse it, the person is asked again with what
            they say; ``answers=`` and ``Run.answer`` raise instead.
        payload: What the question is about, shown in full.
        kind: ``choice``, ``text``, ``form``, ``confirm`` (yes or no), ``file`` (the
            answer is a ``File``, at most 700 kB), or ``edit``: the payload may be
            changed, and the answer is what became of it. With ``options`` as well,
            the answer is the option, and ``Answer.payload`` what became of it.
        accept: Of a file: endings and media types, such as ``".csv"``, ``"image/*"``.
        timeout: Seconds; None waits for ever.
        on_timeout: The value at the deadline; without it ``ApprovalTimeout`` is
            raised: a time-out never looks like a person's no.
        need: How many people must choose the same option. Each has one vote and
            cannot take it back; ``Answer.votes`` tells them. A script (``answers=``)
            decides alone.
        approvers: The user names that may answer; None: whoever may answer at all.
        veto: An option, or a list of them, that one voter alone decides for.
        name: Names the approval for ``answers=``, and for a resumed run.

    Raises:
        OutsideRun: No run is around this code.
        Unanswerable: In CI mode, no script answers it; or ``need`` or ``approvers``
            count people where nobody can be told apart.
        InvalidValue: It cannot be asked so.

    Awaiting it raises ``ApprovalTimeout`` at the deadline, ``Undecided`` where all
    ``approvers`` have voted and no option can win any more, and ``ApprovalCancelled``
    where it was closed otherwise.
    """
    context = current_context.get()
    if context is None and (node := elsewhere.get()) is not None:
        raise cannot_reach(f"ask({message!r})", node)
    if context is None:
        raise OutsideRun(
            f"ask({message!r}): there is nobody to ask outside a run; start the graph "
            f"with kgnb.run(graph, shared)"
        )
    return context.ask(
        message,
        options=options,
        schema=schema,
        payload=payload,
        kind=kind,
        accept=accept,
        timeout=timeout,
        on_timeout=on_timeout,
        need=need,
        approvers=approvers,
        veto=veto,
        name=name,
    )


def stream(source: Source, *, name: str | None = None) -> Pending[StreamText]:
    """Show a model's tokens as they come; awaited, it gives the text.

    The text is a str with ``reasoning``, ``tool_calls``, ``usage`` (as the client
    gave it) and ``spent`` (in kgnb's terms). A sync iterator in an async node is read
    in a thread of its own; ``.result()`` reads in sync code. Several may be read at
    once. When the run is cancelled the model's connection is closed; a sync generator
    that hides its connection ends at its next chunk.

    Args:
        source: Chunks: str, or OpenAI's (chat and responses), Anthropic's,
            LangChain's, LiteLLM's; or a client's stream helper, not yet entered.
        name: Names the stream in the panel.

    Raises:
        TypeError: The source, or a chunk of it, is of no known kind.
        StreamBroken: The model's server said, in a chunk, that it gave up.
    """
    context = current_context.get()
    if context is None:
        return Stream(source, Unshown())
    return cast("Pending[StreamText]", context.stream(source, name=name))


@overload
def track(
    iterable: Iterable[T], total: int | None = None, *, description: str | None = None
) -> Iterator[T]: ...


@overload
def track(
    iterable: AsyncIterable[T],
    total: int | None = None,
    *,
    description: str | None = None,
) -> AsyncIterator[T]: ...


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: int | None = None,
    *,
    description: str | None = None,
) -> Iterator[T] | AsyncIterator[T]:
    """Go through ``iterable`` and show how far it is, as tqdm does.

    Shows the count, the rate and the time that remains. The first loop of a node, or
    of a batch item, moves its own bar; one within another gets a bar below it, one
    that runs at the same time a bar beside it. The bar ends with its loop, however
    that ends.

    Args:
        iterable: Sync or async.
        total: How many there are, where ``len`` cannot tell.
        description: What is counted.
    """
    context = current_context.get()
    if context is not None:
        return context.track(iterable, total=total, label=description)
    if isinstance(iterable, AsyncIterable):
        return aiter(iterable)
    return iter(iterable)


def progress(
    percent: float | None = None,
    message: str | None = None,
    *,
    current: float | None = None,
    total: float | None = None,
) -> None:
    """Show how far the node is: per cent (0 to 100), or ``current`` of ``total``."""
    context = current_context.get()
    if context is not None:
        context.progress(percent, message, current=current, total=total)


def emit(type: str, data: Mapping[str, Any] | Any = None) -> None:  # noqa: A002 - the wire's word
    """Send an event of one's own to whoever watches.

    ``message``, ``result``, ``progress`` and ``token`` make the real events.

    Raises:
        InvalidValue: The name is the run's own.
    """
    context = current_context.get()
    if context is not None:
        context.emit(type, data)


def idempotency_key(name: str = "") -> str:
    """A key for a side effect of the node that calls.

    It is the same in each attempt of a visit, and again when a durable run is resumed;
    another visit or batch item, another run and a fork have others. A service that
    takes such keys (payments, mails) does once what is tried again. Outside a run it is
    new each time.

    Args:
        name: Tells several effects of one visit apart.
    """
    context = current_context.get()
    if context is None:
        return uuid.uuid4().hex
    visit = context.visit
    parts = [context.run_id, visit.task_id, visit.item, name]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def log(text: object, *, level: str = "INFO") -> None:
    """Add a line to the node's log, and nowhere else."""
    context = current_context.get()
    if context is not None:
        context.log(str(text), level=level)
