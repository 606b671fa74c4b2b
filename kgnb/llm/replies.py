"""``kgnb.llm.reply``: a model's tokens, recorded or live, as ``KGNB_LLM`` says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.llm import setting
from kgnb.llm.calling import Call
from kgnb.llm.endpoints import check, endpoint
from kgnb.runtime.beside import call_beside
from kgnb.runtime.cassette import recorded
from kgnb.runtime.cassette.format import Request
from kgnb.runtime.cassette.playback import Asked, Playback, check_speed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from kgnb.llm.endpoints import Endpoint

_END = object()


def reply(
    prompt: str | Sequence[Mapping[str, Any]],
    *,
    speed: float = 1.0,
    **options: Any,
) -> Playback | Live:
    """A model's reply, token by token: give it to ``kgnb.stream``, or loop over it.

    Who replies is chosen by the variable ``KGNB_LLM``: ``recorded`` (the default)
    plays what a small model once said, as ``kgnb.recorded`` does; ``local`` asks a
    small model on this machine (``kgnb llm setup`` installs it); the address of an
    OpenAI-compatible server asks that one, with the key in ``KGNB_LLM_KEY`` or
    ``OPENAI_API_KEY``, and the model in ``KGNB_LLM_MODEL``.

    Both ``for`` and ``async for`` give texts; ``async for`` never blocks the loop.
    A model is asked when the reading begins, and let go when it ends: cancel the run,
    and the connection is closed.

    Args:
        prompt: What to ask; or a list of messages with ``role`` and ``content``.
        speed: Of a recording: 1.0 is the real timing, 0 waits for nothing. A live
            model takes its time.
        options: Of the request to a live model, such as ``max_tokens=80`` or
            ``temperature=0``.

    Raises:
        InvalidValue: ``KGNB_LLM`` says nothing that is known, or that was not
            recorded; the text names the nearest prompt.
        Unavailable: ``KGNB_LLM=local``, and no model is installed.
    """
    messages = _messages(prompt)
    check_speed(speed)
    where = setting.chosen()
    if where == setting.RECORDED:
        return recorded(str(messages[-1].get("content", "")), speed=speed)
    check(where)
    return Live(endpoint, messages, options)


def _messages(prompt: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    messages = [dict(message) for message in prompt if isinstance(message, Mapping)]
    if not messages or len(messages) != len(prompt):
        raise InvalidValue(
            "kgnb.llm.reply: expected a text, or a list of messages such as "
            "{'role': 'user', 'content': 'Why tides?'}"
        )
    return messages


class Live(Asked):
    """A live model's tokens; made by ``reply``. Each reading is a request of its own.

    Args:
        where: Gives the server to ask, in a thread that may wait.
        messages: What to ask.
        options: Of the request.
    """

    def __init__(
        self,
        where: Callable[[], Endpoint],
        messages: list[dict[str, Any]],
        options: Mapping[str, Any],
    ) -> None:
        self.model = setting.model() or ""
        self.request = Request(messages)
        self._where = where
        self._options = dict(options)
        self._lock = threading.Lock()
        self._readings: set[_Reading] = set()

    def let_go(self) -> None:
        """End every reading, from any thread; ``kgnb.stream`` does, on a cancel."""
        with self._lock:
            readings = tuple(self._readings)
        for reading in readings:
            reading.let_go()

    def __iter__(self) -> Iterator[str]:
        reading = self._begun()
        try:
            yield from reading
        finally:
            self._ended(reading)

    async def __aiter__(self) -> AsyncIterator[str]:
        reading = self._begun()
        try:
            # A thread for each token costs less than 0.1 ms of its 10 ms, and reads
            # no faster than the tokens are taken.
            while (token := await call_beside(lambda: next(reading, _END))) is not _END:
                yield str(token)
        finally:
            self._ended(reading)

    def _begun(self) -> _Reading:
        reading = _Reading(self)
        with self._lock:
            self._readings.add(reading)
        return reading

    def _ended(self, reading: _Reading) -> None:
        with self._lock:
            self._readings.discard(reading)
        reading.let_go()

    def ask(self, register: Callable[[Call], None]) -> Iterator[str]:
        """Send the request; blocks.

        Args:
            register: Is given the call before it is made, so that it can be ended.

        Raises:
            KgnbError: See ``Call``, ``endpoint``.
        """
        server = self._where()
        self.model = server.model
        call = Call(server.base_url, server.api_key)
        register(call)
        body = {"model": server.model, "messages": self.request.messages}
        return call.stream({**body, **self._options})

    def __repr__(self) -> str:
        return (
            f"<asked of {self.model or 'a model'}: {self.request.messages[-1]!r:.80}>"
        )


class _Reading:
    """One reading: of one thread at a time, but for ``let_go``."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._call: Call | None = None
        self._tokens: Iterator[str] | None = None
        self._reads = threading.Lock()
        self._is_let_go = False

    def __iter__(self) -> _Reading:
        return self

    def __next__(self) -> str:
        try:
            with self._reads:
                if self._tokens is None:
                    self._tokens = self._live.ask(self._register)
                return next(self._tokens)
        except BaseException:
            self.let_go()
            raise
        finally:
            if self._is_let_go:
                self._close()

    def _register(self, call: Call) -> None:
        self._call = call
        if self._is_let_go:
            call.let_go()

    def let_go(self) -> None:
        """End it, from any thread: who reads it wakes, and then closes it."""
        self._is_let_go = True
        if self._call is not None:
            self._call.let_go()
        self._close()

    def _close(self) -> None:
        if self._call is not None and self._reads.acquire(blocking=False):
            try:
                self._call.close()
            finally:
                self._reads.release()
