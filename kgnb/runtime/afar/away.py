"""The run, as a node's code sees it in another process; see ``kgnb.graph.context``."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from kgnb.graph.context import cannot_reach
from kgnb.protocol import codec
from kgnb.runtime.afar.reports import Ended, Percent, Sent
from kgnb.runtime.streaming import FedStream, Stream
from kgnb.runtime.tracking import Bars
from kgnb.runtime.updates import LARGEST, check_type, read_progress

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Coroutine,
        Iterable,
        Iterator,
        Mapping,
    )

    from kgnb.graph.context import Context, NodeVisit
    from kgnb.protocol.events import Usage
    from kgnb.runtime.afar.outbox import Outbox
    from kgnb.runtime.afar.posts import Post
    from kgnb.runtime.afar.tickets import Ticket
    from kgnb.runtime.sources import Source
    from kgnb.runtime.texts import Part, StreamText

T = TypeVar("T")


class AwayContext:
    """One attempt of one visit (or batch item), in the process that executes it.

    What it is told goes into an outbox; it never waits for the run. A helper that is
    called when nobody waits for the attempt any more ends it.
    """

    def __init__(self, ticket: Ticket, outbox: Outbox, post: Post) -> None:
        self.left_to: Context | None = None
        self.outbox = outbox
        self._ticket = ticket
        self._post = post
        self._lock = threading.Lock()
        self._streams = 0
        self._bars = Bars(self.check, outbox.bar)

    @property
    def visit(self) -> NodeVisit:
        """See ``Context.visit``."""
        return self._ticket.visit

    @property
    def run_id(self) -> str:
        """See ``Context.run_id``."""
        return self._ticket.run_id

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for this attempt any more."""
        return self._post.is_stopped(self._ticket.line)

    def check(self) -> None:
        """End code whose attempt was cancelled or left.

        Raises:
            asyncio.CancelledError: It was.
        """
        if self.is_over:
            raise asyncio.CancelledError

    # What a node may tell.

    def stream(self, source: Source, *, name: str | None) -> Stream:
        """See ``Context.stream``."""
        return Stream(source, self._shown(name))

    def feed(self, name: str | None) -> FedStream:
        """See ``Context.feed``."""
        return FedStream(self._shown(name))

    def _shown(self, name: str | None) -> AwayStream:
        with self._lock:
            self._streams += 1
            return AwayStream(self, self._streams, name)

    def track(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        total: int | None,
        label: str | None,
    ) -> Iterator[T] | AsyncIterator[T]:
        """See ``Context.track``."""
        return self._bars.track(iterable, total=total, label=label)

    def progress(
        self,
        percent: float | None,
        message: str | None,
        *,
        current: float | None,
        total: float | None,
    ) -> None:
        """See ``Context.progress``."""
        self.check()
        self.outbox.progress(Percent(percent, message, current, total))

    def emit(self, type: str, data: Mapping[str, Any] | Any) -> None:  # noqa: A002 - the wire's word
        """See ``Context.emit``."""
        what = f"emit({type!r})"
        check_type(what, type)
        plain, _ = codec.json_safe(data, limit=LARGEST)
        if type == "progress":
            self.progress(**read_progress(what, plain))
        else:
            self.outbox.add(Sent(type, msgspec.json.encode(plain)))

    def log(self, text: str, *, level: str) -> None:
        """See ``Context.log``."""
        line = text if text.endswith("\n") else text + "\n"
        self.output("logging", line, level)

    def output(self, stream: str, text: str, level: str | None = None) -> None:
        """See ``Context.output``."""
        self.outbox.output(stream, text, level)

    def close(self) -> None:
        """See ``Context.close``."""
        self._bars.close()

    # What needs somebody, or something, at home.

    def ask(self, message: str, **_others: Any) -> NoReturn:
        """Refuse; see ``Context.ask``.

        Raises:
            OutsideRun: Always.
        """
        raise cannot_reach(f"ask({message!r})", self.visit.node_id)

    async def send_update(self, kind: str, data: Any, *, client_id: str | None) -> None:
        """See ``Context.send_update``."""
        if client_id is not None or kind == "approval_request":
            raise cannot_reach(f"send_update({kind!r})", self.visit.node_id)
        self.emit(kind, data)

    def tell_step(self) -> None:
        """See ``Context.tell_step``: ``shared`` is at home, nothing in it is new."""

    async def wait_for_input(
        self,
        seconds: float | None,
        *,
        default: Any,
        prompt: str | None,
        name: str | None = None,
    ) -> NoReturn:
        """Refuse; see ``Context.wait_for_input``."""
        del seconds, default, prompt, name
        raise cannot_reach("wait_for_input()", self.visit.node_id)

    async def announce(
        self, message: Mapping[str, Any], *, group: str | None, topic: str | None
    ) -> NoReturn:
        """Refuse; see ``Context.announce``."""
        del message, group, topic
        raise cannot_reach("a broadcast", self.visit.node_id)

    def away(self, executor: Any, *, is_near: bool | None) -> None:
        """See ``Context.away``: who goes on from here to a third process is silent."""
        del executor, is_near


class AwayStream:
    """Shows one stream at home; see ``streaming.Shown``."""

    def __init__(self, context: AwayContext, number: int, name: str | None) -> None:
        self._context = context
        self._number = number
        self._name = name

    def part(self, part: Part) -> None:
        """See ``streaming.Shown``."""
        if part.text or part.call is not None:
            self._context.outbox.piece(self._number, self._name, part)

    def end(self, usage: Usage | None) -> None:
        """See ``streaming.Shown``."""
        self._context.outbox.add(Ended(self._number, usage))

    def check(self) -> None:
        """See ``streaming.Shown``."""
        self._context.check()

    @contextlib.contextmanager
    def reading(self, let_go: Callable[[], None]) -> Iterator[None]:
        """See ``streaming.Shown``."""
        context = self._context
        try:
            with context._post.watching(lambda: context.is_over, let_go):  # noqa: SLF001 - its other half
                yield
        except BaseException as error:
            if context.is_over:  # the connection broke because it was let go
                raise asyncio.CancelledError from error
            raise

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """See ``streaming.Shown``; the loop is one of its own."""
        return asyncio.run(work)
