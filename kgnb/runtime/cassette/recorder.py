"""``run(record=)``: a run's events and its models' replies, written as they come."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.runtime.cassette.format import Recording, Request
from kgnb.runtime.cassette.playback import Asked
from kgnb.runtime.cassette.writing import create, line_of

if TYPE_CHECKING:
    import os

    from kgnb.protocol.events import ToolRef, Usage
    from kgnb.runtime.texts import Part

logger = logging.getLogger("kgnb.runtime")

MOST_WAITING = 50_000
"""Lines that wait for a slow disk; past it the recording ends."""
END_WAIT = 5.0
"""Seconds that the end of a run waits for its recording."""


class Recorder:
    """Writes one run's recording. May be used from any thread, and never blocks.

    After making one you must ``close`` it. What goes wrong with the file is logged,
    once, and ends the recording; the run goes on.

    Args:
        path: The file, which is made anew.
        workflow: What the run is called.

    Raises:
        InvalidValue: It cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], workflow: str) -> None:
        try:
            self.path = Path(path)
        except TypeError:
            raise InvalidValue(
                f"run(record={path!r:.60}): expected a path, such as 'run.jsonl'"
            ) from None
        self._workflow = workflow
        self._file = create(self.path, workflow, who="run(record=)")
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_over = False
        self._is_broken = False
        self._closing: concurrent.futures.Future[None] | None = None
        # One thread, which begins with the first line and ends with the last.
        self._writer = concurrent.futures.ThreadPoolExecutor(1, "kgnb-record")

    def reply(self, source: Any, stream: str, name: str | None) -> ReplyNotes:
        """Begin to take a model's reply."""
        return ReplyNotes(self, source, stream, name)

    def take(self, value: msgspec.Struct) -> None:
        """Add a line: an event as the log gave it, or a reply."""
        # Copied at once: who gave it may change it.
        plain = msgspec.to_builtins(value, enc_hook=repr, str_keys=True)
        with self._lock:
            if self._is_over:
                return
            self._waiting += 1
            is_late = self._waiting > MOST_WAITING
        if is_late:
            self._break("the disk is slower than the run")
            return
        try:
            self._writer.submit(self._write, plain)
        except RuntimeError:  # the interpreter exits, and its pools were ended first
            self._write(plain)

    def _write(self, plain: Any) -> None:
        """On the writer's thread."""
        with self._lock:
            self._waiting -= 1
        if self._file.closed or self._is_broken:
            return
        try:
            line = line_of(plain)
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            self._break(error.strerror or str(error))

    def _break(self, reason: str) -> None:
        with self._lock:
            was_broken, self._is_broken = self._is_broken, True
            self._is_over = True
        if not was_broken:
            logger.warning(
                "run %r: its recording %s is not whole: %s. The run goes on.",
                self._workflow,
                self.path,
                reason,
            )

    def close(self) -> concurrent.futures.Future[None]:
        """Take no more, and write what waits. Safe to call again.

        Returns:
            Done when all is written.
        """
        with self._lock:
            self._is_over = True
            if self._closing is None:
                try:
                    self._closing = self._writer.submit(self._file.close)
                except RuntimeError:  # see ``take``
                    self._file.close()
                    self._closing = concurrent.futures.Future()
                    self._closing.set_result(None)
                self._writer.shutdown(wait=False)
            return self._closing

    async def aclose(self) -> None:
        """The same, and wait until it is done, at most 5 s."""
        await asyncio.wait([asyncio.wrap_future(self.close())], timeout=END_WAIT)


class ReplyNotes:
    """One reply while it is read; used by one thread at a time.

    Args:
        recorder: Where it goes in the end.
        source: What is read; it may know what was asked.
        stream: Its id.
        name: What the node calls it.
    """

    def __init__(
        self, recorder: Recorder, source: Any, stream: str, name: str | None
    ) -> None:
        self._recorder = recorder
        known = source if isinstance(source, Asked) else None
        self._recording = Recording(
            model="" if known is None else known.model,
            request=Request() if known is None else known.request,
            events=[],
            stream=stream,
            name=name,
        )
        self._began = time.monotonic()
        self._told: dict[int, str] = {}
        """The name of each tool call, as far as it was noted."""

    def part(self, part: Part) -> None:
        """Take a piece of it."""
        if part.kind == "text":
            self._note(part.text)
        elif part.kind == "reasoning":
            self._note(_delta({"reasoning_content": part.text}))
        elif part.call is not None:
            self._note(_delta({"tool_calls": [self._call(part.call, part.text)]}))

    def _call(self, call: ToolRef, arguments: str) -> dict[str, Any]:
        known = self._told.get(call.number)
        self._told[call.number] = call.name
        entry: dict[str, Any] = {
            "index": call.number,
            "function": {"name": call.name[len(known or "") :], "arguments": arguments},
        }
        return entry if known is not None else {**entry, "id": call.id or None}

    def end(self, usage: Usage | None) -> None:
        """Nothing more comes."""
        if usage is not None:
            self._note({"choices": [], "usage": _usage(usage)})
        self._recorder.take(self._recording)

    def _note(self, chunk: Any) -> None:
        at = round(time.monotonic() - self._began, 4)
        self._recording.events.append((at, chunk))


def _delta(delta: dict[str, Any]) -> dict[str, Any]:
    """A chunk as OpenAI's chat has it."""
    return {"choices": [{"delta": delta}]}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
