"""``kgnb.replay``: from a file to what plays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from kgnb.errors import InvalidValue
from kgnb.runtime.cassette.format import read
from kgnb.runtime.cassette.playback import Playback, check_speed, find
from kgnb.runtime.cassette.replaying import Replay, begin

if TYPE_CHECKING:
    import os


@overload
def replay(
    path: str | os.PathLike[str], prompt: str, *, speed: float = 1.0
) -> Playback: ...


@overload
def replay(
    path: str | os.PathLike[str],
    prompt: None = None,
    *,
    speed: float = 1.0,
    idle: float | None = None,
    panel: Literal["compact", "widget", False] | None = None,
) -> Replay | Playback: ...


def replay(
    path: str | os.PathLike[str],
    prompt: str | None = None,
    *,
    speed: float = 1.0,
    idle: float | None = None,
    panel: Literal["compact", "widget", False] | None = None,
) -> Replay | Playback:
    """Play a recording: a whole run in its panel, or a model's reply.

    A run (``kgnb.run(graph, record=path)``) appears as it was: graph, tokens, progress,
    questions and their answers. Nothing of it is executed, and nobody can answer.

    Args:
        path: A recording, by ``run(record=)`` or ``Cassette``; or a file of replies,
            one JSON object a line: ``model``, ``request`` with ``messages``,
            ``events`` as ``[seconds, text]``, ``finish``.
        prompt: Plays one model's reply, to be given to ``kgnb.stream``: which, by its
            last message or, in a recording of a run, the name of its stream. May be
            left out where there is one reply and no run.
        speed: 1.0 is the real timing; 2.0 twice as fast; 0 waits for nothing.
        idle: Of a run: the most seconds that nothing happens, such as a question that
            somebody thought about for an hour.
        panel: Of a run: as ``kgnb.run`` takes it.

    Raises:
        InvalidValue: There is no such file, a line of it is broken (the text says
            which), or it holds no such reply (the text names the nearest).
    """
    check_speed(speed)
    contents = read(path)
    if prompt is not None:
        return Playback(find(contents.replies, prompt, str(path)), speed)
    if contents.events:
        if idle is not None and idle < 0:
            raise InvalidValue(f"idle={idle!r}: expected seconds, or None")
        return begin(contents.events, speed=speed, idle=idle, panel=panel)
    if len(contents.replies) != 1:
        count = len(contents.replies)
        raise InvalidValue(f"{path} holds {count} recordings: say which, by its prompt")
    return Playback(contents.replies[0], speed)
