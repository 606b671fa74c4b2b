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
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.runtime.cassette.format import Recording, Request, decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Asked:
    """A source of chunks of which it is known what was asked.

    Attributes:
        model: Which model.
        request: What.
    """

    model: str
    request: Request


class Chunk(dict[str, Any]):
    """A recorded chunk: its fields are read as a client's are, or as a dict's.

    A field that was not recorded is None.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.get(name)


def _chunk(plain: Any) -> Any:
    if isinstance(plain, dict):
        return Chunk({key: _chunk(value) for key, value in plain.items()})
    if isinstance(plain, list):
        return [_chunk(value) for value in plain]
    return plain


class Playback(Asked):
    """Plays a recording: ``for`` in sync code, ``async for`` in async code.

    May be played any number of times. A chunk is a text, or has the fields of the
    client's chunk that was recorded.

    Args:
        recording: What to play.
        speed: 1.0 is the real timing, 2.0 twice as fast; 0 waits for nothing.
    """

    def __init__(self, recording: Recording, speed: float) -> None:
        self.recording = recording
        self.speed = check_speed(speed)
        self.model, self.request = recording.model, recording.request

    def _waits(self) -> Iterator[tuple[float, Any]]:
        """Each piece, and in how many seconds from now it is due."""
        began = time.monotonic()
        for at, piece in self.recording.events:
            due = began + at / self.speed if self.speed else began
            yield max(0.0, due - time.monotonic()), _chunk(piece)

    def __iter__(self) -> Iterator[Any]:
        for wait, piece in self._waits():
            if wait:
                time.sleep(wait)
            yield piece

    async def __aiter__(self) -> AsyncIterator[Any]:
        for wait, piece in self._waits():
            # Also where nothing is to be waited for: others get their turn.
            await asyncio.sleep(wait)
            yield piece

    def __repr__(self) -> str:
        return f"<recorded from {self.recording.model}: {self.recording.prompt!r}>"


def check_speed(speed: float) -> float:
    """The speed, if it is one.

    Raises:
        InvalidValue: It is negative.
    """
    if speed < 0:
        raise InvalidValue(f"speed={speed!r}: expected 0 (at once) or more")
    return speed


@cache
def shipped() -> list[Recording]:
    """The recordings that come with kgnb."""
    name = "recorded-streams.jsonl"
    data = resources.files("kgnb").joinpath("data", name).read_bytes()
    return decode(data, name).replies


def find(replies: list[Recording], prompt: str, where: str) -> Recording:
    """The reply to a prompt, or of a stream of that name.

    Raises:
        InvalidValue: There is none; the text names the nearest.
    """
    for reply in replies:
        if prompt in (reply.prompt, reply.name, reply.stream):
            return reply
    raise InvalidValue(
        f"no reply to {prompt!r} was recorded in {where}{nearest(replies, prompt)}"
    )


def nearest(replies: list[Recording], prompt: str) -> str:
    """What to add to the news that a reply is not there."""
    prompts = [reply.prompt for reply in replies]
    near = difflib.get_close_matches(prompt, prompts, n=1, cutoff=0.0)
    return f"; the nearest one is {near[0]!r}" if near else "; it holds none at all"


def recorded(prompt: str, *, speed: float = 1.0) -> Playback:
    """A small model's recorded reply, token by token: for tutorials and tests.

    Args:
        prompt: What was asked, word for word.
        speed: 1.0 is the real timing; 0 waits for nothing.

    Raises:
        InvalidValue: That was not asked; the text names the nearest prompt.
    """
    return Playback(find(shipped(), prompt, "kgnb's own recordings"), speed)
