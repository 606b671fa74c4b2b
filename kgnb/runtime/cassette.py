"""Recorded model replies: tokens with their real timing, and no model, key or network.

``kgnb/data/recorded-streams.jsonl`` holds six replies of SmolLM2-135M. They are what
they are: recorded, by a small model, and not to be taken for live output.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterator


class _Request(msgspec.Struct):
    messages: list[dict[str, Any]]


class Recording(msgspec.Struct):
    """One recorded reply."""

    model: str
    request: _Request
    events: list[tuple[float, str]]
    """Seconds since the request, and the text that came then."""
    finish: str | None = None

    @property
    def prompt(self) -> str:
        """What the last message asked."""
        return str(self.request.messages[-1].get("content", ""))

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(piece for _, piece in self.events)


class Playback:
    """Plays a recording: ``for`` in sync code, ``async for`` in async code.

    May be played any number of times.

    Args:
        recording: What to play.
        speed: 1.0 is the real timing, 2.0 twice as fast; 0 waits for nothing.
    """

    def __init__(self, recording: Recording, speed: float) -> None:
        if speed < 0:
            raise InvalidValue(f"speed={speed!r}: expected 0 (at once) or more")
        self.recording = recording
        self.speed = speed

    def _waits(self) -> Iterator[tuple[float, str]]:
        """Each piece, and in how many seconds from now it is due."""
        began = time.monotonic()
        for at, piece in self.recording.events:
            due = began + at / self.speed if self.speed else began
            yield max(0.0, due - time.monotonic()), piece

    def __iter__(self) -> Iterator[str]:
        for wait, piece in self._waits():
            if wait:
                time.sleep(wait)
            yield piece

    async def __aiter__(self) -> AsyncIterator[str]:
        for wait, piece in self._waits():
            # Also where nothing is to be waited for: others get their turn.
            await asyncio.sleep(wait)
            yield piece

    def __repr__(self) -> str:
        return f"<recorded from {self.recording.model}: {self.recording.prompt!r}>"


def load(path: str | os.PathLike[str]) -> list[Recording]:
    """The recordings of a file, one JSON object a line.

    Raises:
        InvalidValue: A line is none; the text names it.
    """
    return _decode(Path(path).read_bytes(), str(path))


def _decode(data: bytes, name: str) -> list[Recording]:
    decoder = msgspec.json.Decoder(Recording)
    found = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                found.append(decoder.decode(line))
            except msgspec.MsgspecError as error:
                raise InvalidValue(f"{name}, line {number}: {error}") from None
    return found


@cache
def _shipped() -> list[Recording]:
    name = "recorded-streams.jsonl"
    data = resources.files("kgnb").joinpath("data", name).read_bytes()
    return _decode(data, name)


def _find(recordings: list[Recording], prompt: str, where: str) -> Recording:
    for recording in recordings:
        if recording.prompt == prompt:
            return recording
    prompts = [recording.prompt for recording in recordings]
    near = difflib.get_close_matches(prompt, prompts, n=1, cutoff=0.0)
    hint = f"; the nearest one is {near[0]!r}" if near else ""
    raise InvalidValue(f"no reply to {prompt!r} was recorded in {where}{hint}")


def recorded(prompt: str, *, speed: float = 1.0) -> Playback:
    """A small model's recorded reply, token by token: for tutorials and tests.

    Args:
        prompt: What was asked, word for word.
        speed: 1.0 is the real timing; 0 waits for nothing.

    Raises:
        InvalidValue: That was not asked; the text names the nearest prompt.
    """
    return Playback(_find(_shipped(), prompt, "kgnb's own recordings"), speed)


def replay(
    path: str | os.PathLike[str], prompt: str | None = None, *, speed: float = 1.0
) -> Playback:
    """Play a recorded token stream of a file of your own.

    Args:
        path: One JSON object a line: ``model``, ``request`` with ``messages``,
            ``events`` as ``[seconds, text]``, ``finish``.
        prompt: Which one, by its last message; may be left out where there is one.
        speed: 1.0 is the real timing; 0 waits for nothing.

    Raises:
        InvalidValue: The file holds no such recording.
    """
    recordings = load(path)
    if prompt is not None:
        return Playback(_find(recordings, prompt, str(path)), speed)
    if len(recordings) != 1:
        count = len(recordings)
        raise InvalidValue(f"{path} holds {count} recordings: say which, by its prompt")
    return Playback(recordings[0], speed)
