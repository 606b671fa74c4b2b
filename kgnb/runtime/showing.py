"""One stream as the token events of a run."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from kgnb.protocol import events as e
from kgnb.protocol import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from kgnb.runtime.context import RunContext
    from kgnb.runtime.texts import Part, StreamText


class ShownStream:
    """Shows one stream; see ``streaming.Shown``.

    Args:
        context: The attempt whose stream it is.
        local: Tells it from the attempt's other streams.
        name: What the node calls it, if it does.
        source: Where its chunks come from; it may know what was asked.
    """

    def __init__(
        self, context: RunContext, local: str, name: str | None, source: Any = None
    ) -> None:
        visit = context.visit
        self._context = context
        self._name = name
        self._item = None if visit.item is None else str(visit.item)
        self._stream = ids.stream_id(ids.TaskId(visit.task_id), visit.attempt, local)
        recorder = context.execution.recorder
        self._notes = None
        if recorder is not None:
            self._notes = recorder.reply(source, self._stream, name)
        self._begun: dict[tuple[e.TokenKind, int], e.ToolRef | None] = {}

    def part(self, part: Part) -> None:
        """See ``streaming.Shown``."""
        if not part.text and part.call is None:
            return
        self._begun[part.kind, part.call.number if part.call else 0] = part.call
        if self._notes is not None:
            self._notes.part(part)
        self._put(part.text, part.kind, part.call)

    def end(self, usage: e.Usage | None) -> None:
        """See ``streaming.Shown``; each text ends, and the last frame has the usage."""
        if usage is not None and not self._begun:
            self._begun["text", 0] = None
        if self._notes is not None:
            self._notes.end(usage)
        last = next(reversed(self._begun), None)
        for key, call in self._begun.items():
            told = usage if key == last else None
            self._put("", key[0], call, final=True, usage=told)

    def check(self) -> None:
        """See ``streaming.Shown``."""
        self._context.execution.control.check()

    @contextlib.contextmanager
    def reading(self, let_go: Callable[[], None]) -> Iterator[None]:
        """See ``streaming.Shown``."""
        control = self._context.execution.control
        forget = control.on_cancel(let_go)
        try:
            yield
        except BaseException as error:
            if control.is_cancelled:  # the connection broke because it was let go
                raise asyncio.CancelledError from error
            raise
        finally:
            forget()

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """See ``streaming.Shown``."""
        return self._context.run_coroutine(work)

    def _put(
        self,
        text: str,
        kind: e.TokenKind,
        call: e.ToolRef | None,
        *,
        final: bool = False,
        usage: e.Usage | None = None,
    ) -> None:
        token = e.Token(
            data=text,
            stream=self._stream,
            kind=kind,
            call=call,
            name=self._name,
            item=self._item,
            final=final,
            usage=usage,
            **self._context.execution.place(self._context.visit),
        )
        self._context.execution.producer.token(token)
