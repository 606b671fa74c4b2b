"""``kgnb.Cassette``: models' replies, recorded once and played by what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from kgnb.errors import InvalidValue
from kgnb.runtime.beside import call_beside
from kgnb.runtime.cassette.format import Recording, Request, load
from kgnb.runtime.cassette.playback import Asked, Playback, check_speed, nearest
from kgnb.runtime.cassette.redaction import redact
from kgnb.runtime.cassette.writing import create, line_of
from kgnb.runtime.fields import get
from kgnb.runtime.sources import let_go, nature, opened, opened_async

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterator

T = TypeVar("T")
Mode = Literal["once", "none", "all"]
_MODES = ("once", "none", "all")
_ASKED_AS = ("messages", "input", "contents", "prompt")
_END = object()


class Cassette:
    """Records models' replies, and plays them where they are asked for again.

    A reply is known by its model and messages. The same request several times gets
    the replies in the order of their recording, then the last again. May be used from
    several threads, and by several runs::

        tape = kgnb.Cassette("article.jsonl")
        ask = client.chat.completions.create
        text = await kgnb.stream(
            tape.play(ask, model="gpt-5-mini", messages=messages, stream=True)
        )

    Args:
        path: The file.
        mode: ``"once"`` records if the file is not there, else plays it; ``"none"``
            only plays; ``"all"`` records anew.
        speed: Of what is played: 1.0 is the real timing, 0 waits for nothing.

    Raises:
        InvalidValue: The mode is none of these; the file is not there in mode
            ``"none"``, or broken.
    """

    def __init__(
        self, path: str | os.PathLike[str], mode: Mode = "once", *, speed: float = 1.0
    ) -> None:
        if mode not in _MODES:
            listed = ", ".join(map(repr, _MODES))
            raise InvalidValue(f"Cassette(mode={mode!r}): expected one of {listed}")
        self.path = Path(path)
        self.mode = mode
        self.speed = check_speed(speed)
        self.records = mode == "all" or (mode == "once" and not self.path.exists())
        """Whether models are called; else nobody is."""
        self._lock = threading.Lock()
        self._has_begun = False
        self._replies = [] if self.records else load(self.path)
        self._played: Counter[bytes] = Counter()

    def play(
        self, call: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Playback | Taped:
        """What ``call(*args, **kwargs)`` streams, from the model or from the file.

        Give it to ``kgnb.stream``, or read it by ``for`` or ``async for``; of a client
        that is not async by ``for``, or ``kgnb.stream``. A reply is recorded when it
        was read to its end.

        Args:
            call: Gives chunks: an iterator or async iterator, or an awaitable or
                context manager of one. What matters of its arguments is ``model`` and
                ``messages`` (or ``input``, ``contents``, ``prompt``, or the first).
            args: Its arguments.
            kwargs: Likewise.

        Raises:
            InvalidValue: That was not recorded; the text names the nearest. Or the
                arguments do not say what is asked.
        """
        model, request = _asked(call, args, kwargs)
        if self.records:
            return Taped(self, lambda: call(*args, **kwargs), model, request)
        return Playback(self._find(model, request), self.speed)

    def _find(self, model: str, request: Request) -> Recording:
        key = _key(model, request)
        found = [r for r in self._replies if _key(r.model, r.request) == key]
        if not found:
            prompt = Recording(model=model, request=request, events=[]).prompt
            models = {r.model for r in self._replies if r.prompt == prompt}
            hint = nearest(self._replies, prompt)
            if models:
                hint += f", of {' and '.join(sorted(models))} or after other messages"
            raise InvalidValue(
                f"no reply of {model or 'the model'} to {prompt!r} was recorded in "
                f"{self.path}{hint}; record it by kgnb.Cassette(..., mode='all')"
            )
        with self._lock:
            number = self._played[key]
            self._played[key] += 1
        return found[min(number, len(found) - 1)]

    def keep(self, recording: Recording) -> None:
        """Add a reply to the file, which the first one makes anew.

        Raises:
            InvalidValue: The file cannot be written.
        """
        line = line_of(msgspec.to_builtins(recording))
        with self._lock:
            if not self._has_begun:
                create(self.path, None, who="Cassette").close()
                self._has_begun = True
            try:
                with self.path.open("ab", buffering=0) as file:
                    file.write(line)
            except OSError as error:
                raise InvalidValue(
                    f"Cassette: {str(self.path)!r} cannot be written: {error.strerror}"
                ) from None

    def __repr__(self) -> str:
        return f"<kgnb.Cassette {str(self.path)!r} mode={self.mode!r}>"


class Taped(Asked):
    """A model's chunks on their way to a cassette; made by ``Cassette.play``.

    Args:
        cassette: Where the reply is kept.
        call: Asks the model.
        model: As it is matched later.
        request: Likewise.
    """

    def __init__(
        self,
        cassette: Cassette,
        call: Callable[[], Any],
        model: str,
        request: Request,
    ) -> None:
        self.model, self.request = model, request
        self._cassette = cassette
        self._call = call
        self._events: list[tuple[float, Any]] = []
        self._began = 0.0
        self.completion_stream: Any = None
        """The client's stream, once it is read: under LiteLLM's name for it, by which
        ``kgnb.stream`` finds the connection that a cancelled run lets go."""

    def __iter__(self) -> Iterator[Any]:
        source = self._begin()
        if isinstance(source, Awaitable) or nature(source) == "async":
            close = getattr(source, "close", None)
            if asyncio.iscoroutine(source) and close is not None:
                close()
            msg = (
                "Cassette.play: the call gives an async stream; use 'await "
                "kgnb.stream(...)' or 'async for', or give the client's sync method"
            )
            raise TypeError(msg)
        with opened(source) as self.completion_stream:
            for chunk in self.completion_stream:
                self._note(chunk)
                yield chunk
        self._end()

    async def __aiter__(self) -> AsyncIterator[Any]:
        source = self._begin()
        if isinstance(source, Awaitable) and not isinstance(
            source, AsyncIterable | Iterable
        ):
            source = await source
        if nature(source) == "sync":
            async for chunk in self._beside(source):
                yield chunk
        else:
            async with opened_async(source) as self.completion_stream:
                async for chunk in self.completion_stream:
                    self._note(chunk)
                    yield chunk
        self._end()

    async def _beside(self, source: Any) -> AsyncIterator[Any]:
        """The chunks of a client that blocks, each waited for in a thread."""
        closing = contextlib.ExitStack()
        source = closing.enter_context(opened(source))
        chunks = iter(source)
        try:
            while (chunk := await call_beside(lambda: next(chunks, _END))) is not _END:
                self._note(chunk)
                yield chunk
        except asyncio.CancelledError:
            # A generator in which a thread waits cannot be closed.
            closing.pop_all()
            let_go(source)
            raise
        finally:
            closing.close()

    def _begin(self) -> Any:
        self._events = []
        self._began = time.monotonic()
        return self._call()

    def _note(self, chunk: Any) -> None:
        if chunk is not None:
            at = round(time.monotonic() - self._began, 4)
            self._events.append((at, plain(chunk)))

    def _end(self) -> None:
        self._cassette.keep(
            Recording(model=self.model, request=self.request, events=self._events)
        )

    def __repr__(self) -> str:
        return f"<asked of {self.model or 'a model'}, and recorded>"


def _asked(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[str, Request]:
    """The model and the messages of a call, with nothing secret in them."""
    named = next((kwargs[name] for name in _ASKED_AS if name in kwargs), None)
    asked = named if named is not None else next(iter(args), None)
    if asked is None:
        raise InvalidValue(
            "Cassette.play: what is asked? Give the call's messages, as messages= or "
            "as its first argument"
        )
    owner = getattr(call, "__self__", None)
    model = kwargs.get("model") or get(owner, "model_name") or get(owner, "model")
    messages = _messages(asked)
    told = kwargs.get("system") or kwargs.get("instructions")
    if told:
        messages.insert(0, {"role": "system", "content": plain(told)})
    return model if isinstance(model, str) else "", Request(redact(messages))


def _messages(asked: Any) -> list[dict[str, Any]]:
    if callable(given := getattr(asked, "to_messages", None)):
        asked = given()  # of a LangChain prompt
    if isinstance(asked, str | Mapping) or not isinstance(asked, Iterable):
        asked = [asked]
    return [_message(each) for each in asked]


def _message(message: Any) -> dict[str, Any]:
    """A message of any client: who says what; ids and costs are not the question."""
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, tuple) and len(message) == 2:  # noqa: PLR2004 - (role, content)
        return {"role": str(message[0]), "content": plain(message[1])}
    role = get(message, "role") or get(message, "type")
    content = get(message, "content")
    if role is None:
        return {"role": "user", "content": plain(message)}
    return {"role": str(role), "content": plain(content)}


def plain(chunk: Any) -> Any:
    """A client's object as JSON's types."""
    if isinstance(chunk, tuple) and len(chunk) == 2:  # noqa: PLR2004 - LangGraph: (chunk, metadata)
        chunk = chunk[0]
    return msgspec.to_builtins(chunk, enc_hook=_fields, str_keys=True)


def _fields(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        # What was not sent says nothing; clients' types are looser than they say.
        return dump(mode="json", exclude_unset=True, warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__dict__"):
        return vars(value)
    return repr(value)


def _key(model: str, request: Request) -> bytes:
    return msgspec.json.encode([model, request.messages], order="deterministic")
