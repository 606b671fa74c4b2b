"""The recordings that a replay server has, found by what a client asks."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.engines.messages import role_of
from kgnb.errors import InvalidValue
from kgnb.runtime.cassette import Recording, load
from kgnb.runtime.cassette.playback import nearest, shipped

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence


class Shelf:
    """Recordings; may be asked from several threads.

    Args:
        recordings: In the order in which equal requests get them.
        where: What they are called in errors.
    """

    def __init__(self, recordings: Sequence[Recording], where: str) -> None:
        self.recordings = list(recordings)
        self._where = where
        self._lock = threading.Lock()
        self._played: Counter[bytes] = Counter()

    @property
    def models(self) -> list[str]:
        """Whose replies there are, each once."""
        return list(dict.fromkeys(each.model or "unknown" for each in self.recordings))

    @property
    def prompts(self) -> list[str]:
        """What was asked, each once."""
        names = (_names(each) for each in self.recordings)
        return list(dict.fromkeys(each[0] for each in names if each))

    def find(self, messages: Sequence[Mapping[str, Any]]) -> Recording:
        """The reply to these messages, or else to the last of them.

        The same request several times gets its replies in the order of their
        recording, then the last again.

        Args:
            messages: In OpenAI's shape.

        Raises:
            InvalidValue: There is none; the text names the nearest.
        """
        asked = [plain(message) for message in messages]
        prompt = asked[-1]["content"] if asked else ""
        to_it = [r for r in self.recordings if prompt in _names(r)]
        if not to_it:
            raise InvalidValue(
                f"no reply to {prompt!r} was recorded in {self._where}"
                f"{nearest(self.recordings, prompt)}"
            )
        same = [r for r in to_it if list(map(plain, r.request.messages)) == asked]
        found = same or to_it
        key = msgspec.json.encode(asked if same else prompt)
        with self._lock:
            number = self._played[key]
            self._played[key] += 1
        return found[min(number, len(found) - 1)]


def shelf_of(paths: Sequence[str | os.PathLike[str]]) -> Shelf:
    """The recordings in files; of none, those that come with kgnb.

    Raises:
        InvalidValue: A file cannot be read, or there is no model's reply in any.
    """
    if not paths:
        return Shelf(shipped(), "kgnb's own recordings")
    where = ", ".join(map(str, paths))
    recordings = [each for path in paths for each in load(path)]
    if not recordings:
        raise InvalidValue(f"{where}: no model's reply is recorded there")
    return Shelf(recordings, where)


def plain(message: Mapping[str, Any]) -> dict[str, str]:
    """Who says what: of a list of parts, their text."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    # What LangChain's client sends is recorded in LangChain's own words.
    role = role_of(str(message.get("role", "user")))
    return {"role": role, "content": str(content or "")}


def _names(recording: Recording) -> tuple[str, ...]:
    """What a prompt must be to get it: as asked, or the name of a run's stream."""
    messages = recording.request.messages
    said = plain(messages[-1])["content"] if messages else ""
    names = (said, recording.name, recording.stream)
    return tuple(name for name in names if name)
