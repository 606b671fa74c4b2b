"""The run, as the code of one visit sees it; see ``kgnb.graph.context``."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kgnb.errors import InvalidValue
from kgnb.graph.context import check_attempt, current_context
from kgnb.protocol import codec
from kgnb.protocol import events as e
from kgnb.runtime.inputs import NodeInputs, announce
from kgnb.runtime.showing import ShownStream
from kgnb.runtime.streaming import FedStream, Stream
from kgnb.runtime.texts import Part
from kgnb.runtime.tracking import Bars
from kgnb.runtime.updates import (
    LARGEST,
    check_type,
    get_field,
    read_message,
    read_progress,
)
from kgnb.runtime.voting import Rules

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Coroutine,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from contextvars import Token

    from kgnb.graph.context import Context, NodeVisit
    from kgnb.runtime.afar.lines import Line
    from kgnb.runtime.asked import Asked
    from kgnb.runtime.execution import Execution
    from kgnb.runtime.result import Answer
    from kgnb.runtime.sources import Source
    from kgnb.runtime.texts import StreamText
    from kgnb.runtime.tracking import Bar

T = TypeVar("T")


class RunContext:
    """One attempt of one visit (or batch item) of a run.

    Made by the run for each and entered around its code; may be used from any thread
    that carried it along.
    """

    def __init__(self, execution: Execution, visit: NodeVisit) -> None:
        self.execution = execution
        self.left_to: Context | None = None
        """Whose code goes on when this attempt is over, if it was called from there."""
        self._visit = visit
        self._entered: Token[Context | None] | None = None
        self._lock = threading.Lock()
        # Most attempts need little of this, and are to cost little.
        self._questions = 0
        self._streams: set[str] = set()
        self._inputs: NodeInputs | None = None
        self._told: ShownStream | None = None
        """The stream of tokens that the node sends itself, while it goes on."""
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        self._entered = current_context.set(self)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._entered is not None:
            current_context.reset(self._entered)
        self.close()

    @property
    def visit(self) -> NodeVisit:
        """See ``Context.visit``."""
        return self._visit

    @property
    def run_id(self) -> str:
        """See ``Context.run_id``."""
        return self.execution.id

    def ask(
        self,
        message: str,
        *,
        options: Sequence[Any] | None,
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
    ) -> Asked:
        """See ``Context.ask``."""
        asked = self.prepare(
            message=message,
            options=options,
            schema=schema,
            payload=payload,
            kind=kind,
            accept=accept,
            timeout=timeout,
            on_timeout=on_timeout,
            name=name,
            rules=Rules(need=need, approvers=approvers, veto=veto),
        )
        self.execution.questions.open(asked)
        return asked

    def prepare(self, **wanted: Any) -> Asked:
        """Make a question that is not asked yet; see ``Questions.prepare``."""
        self.execution.control.check()
        with self._lock:
            self._questions += 1
            ordinal = self._questions
        return self.execution.questions.prepare(self._visit, ordinal, **wanted)

    # What a ``WebSocketNode`` calls.

    @property
    def _node_inputs(self) -> NodeInputs:
        if self._inputs is None:
            self._inputs = NodeInputs(self)
        return self._inputs

    async def send_update(self, kind: str, data: Any, *, client_id: str | None) -> None:
        """See ``Context.send_update``."""
        if self._inputs is not None:
            self._inputs.open_announced()
        if client_id is not None and kind == "approval_request":
            raise InvalidValue(
                f"send_update({kind!r}, client_id={client_id!r}): an approval is open "
                f"to everybody who may answer; leave client_id out, and name "
                f"'approvers' in its data"
            )
        if client_id is not None:
            check_type(f"send_update({kind!r})", kind)
            await self._node_inputs.send_to(client_id, kind, data)
        elif kind == "approval_request":
            self._node_inputs.announce(data)
        else:
            self._send(f"send_update({kind!r})", kind, data)

    def tell_step(self) -> None:
        """See ``Context.tell_step``."""
        self.execution.observer.step_within(self._visit)

    async def wait_for_input(
        self,
        seconds: float | None,
        *,
        default: Any,
        prompt: str | None,
        name: str | None = None,
    ) -> Answer:
        """See ``Context.wait_for_input``."""
        return await self._node_inputs.wait(seconds, default, prompt, name)

    async def announce(
        self, message: Mapping[str, Any], *, group: str | None, topic: str | None
    ) -> int:
        """See ``Context.announce``."""
        return await announce(message, group=group, topic=topic)

    def stream(self, source: Source, *, name: str | None) -> Stream:
        """See ``Context.stream``."""
        return Stream(source, self.shown(name, source))

    def feed(self, name: str | None) -> FedStream:
        """See ``Context.feed``."""
        return FedStream(self.shown(name))

    def shown(self, name: str | None, source: Any = None) -> ShownStream:
        """Where another stream of this attempt is shown, and recorded."""
        with self._lock:
            local = self._free_name(name)
        return ShownStream(self, local, name, source)

    def _free_name(self, name: str | None) -> str:
        number = len(self._streams) + 1
        local = name or str(number)
        if local in self._streams:
            local = f"{local}-{number}"
        self._streams.add(local)
        return local if self._visit.item is None else f"{self._visit.item}.{local}"

    def track(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        total: int | None,
        label: str | None,
    ) -> Iterator[T] | AsyncIterator[T]:
        """See ``Context.track``."""
        with self._lock:
            if self._bars is None:
                self._bars = Bars(self.execution.control.check, self._report_bar)
            bars = self._bars
        return bars.track(iterable, total=total, label=label)

    def _report_bar(self, bar: Bar) -> None:
        self.execution.producer.later(lambda: self._bar_events(bar))

    def _bar_events(self, bar: Bar) -> list[e.AnyEvent]:
        """What is to be told of a bar now. On the link's thread."""
        item = None if self._visit.item is None else str(self._visit.item)
        return self._moved(bar.data(item))

    def bar(self, data: e.ProgressData) -> None:
        """Tell of a loop that another process goes through."""
        self.execution.producer.later(lambda: self._moved(data))

    def _moved(self, data: e.ProgressData) -> list[e.AnyEvent]:
        where = self.execution.place(self._visit)
        events: list[e.AnyEvent] = [e.Progress(data=data, **where)]
        if data.track is None and data.item is None:
            events.append(
                e.NodeUpdate(
                    status="running",
                    progress=data.percent,
                    message=data.message,
                    **where,
                )
            )
        return events

    def close(self) -> None:
        """The attempt is over: no bar and no stream of it goes on."""
        if self._bars is not None:
            self._bars.close()
        self._end_told()
        if self._inputs is not None:
            self._inputs.close()

    def progress(
        self,
        percent: float | None,
        message: str | None,
        *,
        current: float | None,
        total: float | None,
    ) -> None:
        """See ``Context.progress``."""
        check_attempt()
        if percent is None:
            percent = 100.0 * current / total if current is not None and total else 0.0
        percent = min(100.0, max(0.0, float(percent)))
        item = self._visit.item
        data = e.ProgressData(
            percent=round(percent, 2),
            current=current,
            total=total,
            message=message,
            item=None if item is None else str(item),
        )
        self.execution.producer.progress(
            e.Progress(data=data, **self.execution.place(self._visit))
        )
        if item is None:
            self.execution.producer.progress(
                e.NodeUpdate(
                    status="running",
                    progress=data.percent,
                    message=message,
                    **self.execution.place(self._visit),
                )
            )

    def emit(self, type: str, data: Mapping[str, Any] | Any) -> None:  # noqa: A002 - the wire's word
        """See ``Context.emit``."""
        self._send(f"emit({type!r})", type, data)

    def _send(self, what: str, kind: str, data: Any) -> None:
        check_type(what, kind)
        where = self.execution.place(self._visit)
        plain, was_replaced = codec.json_safe(data, limit=LARGEST)
        match kind:
            case "message":
                self._end_told()  # it holds the tokens before it
                self.execution.put(e.Message(data=read_message(plain), **where))
            case "result":
                result = e.ResultEvent(data=plain, truncated=was_replaced, **where)
                self.execution.put(result)
            case "progress":
                self.progress(**read_progress(what, plain))
            case "token":
                text = get_field(plain, "text", get_field(plain, "token", plain))
                self._tell(str(text))
            case _:
                event = e.Custom(type=kind, data=plain, **where)
                self.execution.producer.custom(event)

    def _tell(self, text: str) -> None:
        with self._lock:
            if self._told is None:
                self._told = ShownStream(self, self._free_name("emit"), None)
            shown = self._told
        shown.part(Part("text", text))

    def _end_told(self) -> None:
        if self._told is None:
            return
        with self._lock:
            shown, self._told = self._told, None
        if shown is not None:
            shown.end(None)

    def log(self, text: str, *, level: str) -> None:
        """See ``Context.log``."""
        line = text if text.endswith("\n") else text + "\n"
        self.output("logging", line, level)

    def output(self, stream: str, text: str, level: str | None = None) -> None:
        """See ``Context.output``."""
        data = e.LogData(stream=stream, text=text, level=level)  # type: ignore[arg-type]  # one of three
        self.execution.producer.log(
            e.Log(data=data, **self.execution.place(self._visit))
        )

    def away(self, executor: Any, *, is_near: bool | None) -> Line:
        """See ``Context.away``."""
        return self.execution.lines.open(self, executor, is_near=is_near)

    def run_coroutine(self, work: Coroutine[Any, Any, StreamText]) -> StreamText:
        """Block this thread until a coroutine is done on the run's loop."""
        loop = self.execution.loop
        if loop is None:
            work.close()
            raise asyncio.CancelledError
        future = asyncio.run_coroutine_threadsafe(work, loop)
        forget = self.execution.control.on_cancel(future.cancel)
        try:
            return future.result()
        except BaseException as error:
            if self.execution.control.is_cancelled:
                raise asyncio.CancelledError from error
            raise
        finally:
            forget()
