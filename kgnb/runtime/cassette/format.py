"""How a recording looks: one JSON object a line.

The first line is the header. Each other line is an event of a run, as the wire has it,
or a model's reply: ``model``, ``request`` with ``messages``, ``events`` as
``[seconds, chunk]``, where a chunk is a text or what the client gave. A file of replies
alone needs no header.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import BadFrame, InvalidValue
from kgnb.protocol import codec
from kgnb.protocol import events as e
from kgnb.runtime.chunks import read as read_chunk
from kgnb.version import __version__

if TYPE_CHECKING:
    import os

FORMAT = "kgnb-recording"
VERSION = 1


class Header(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The first line."""

    format: str
    version: int
    kgnb: str = ""
    """The version that wrote it."""
    workflow: str | None = None
    """Of a recording of a run: what it is called."""


class Request(msgspec.Struct):
    """What a model was asked; no messages where that is not known."""

    messages: list[dict[str, Any]] = []


class Recording(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One recorded reply."""

    model: str
    request: Request
    events: list[tuple[float, Any]]
    """Seconds since the request, and the chunk that came then."""
    finish: str | None = None
    stream: str | None = None
    """Of a run's: the stream's id."""
    name: str | None = None
    """What its node called it, likewise."""

    @property
    def prompt(self) -> str:
        """What the last message asked; else the name of the stream, or its id."""
        if self.request.messages:
            return str(self.request.messages[-1].get("content", ""))
        return self.name or self.stream or ""

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(read_chunk(chunk).text for _, chunk in self.events)


class Contents(msgspec.Struct):
    """What a file holds."""

    header: Header | None
    events: list[e.AnyEvent]
    """Of a run; none in a file of replies."""
    replies: list[Recording]


class _Peek(msgspec.Struct):
    format: str | None = None
    type: str | None = None
    run_id: str | None = None
    request: Any = None


_peek = msgspec.json.Decoder(_Peek)
_header = msgspec.json.Decoder(Header)
_reply = msgspec.json.Decoder(Recording)


def header_line(workflow: str | None) -> bytes:
    """The first line of a new file."""
    header = Header(format=FORMAT, version=VERSION, kgnb=__version__, workflow=workflow)
    return msgspec.json.encode(header) + b"\n"


def read(path: str | os.PathLike[str]) -> Contents:
    """Read a file.

    Raises:
        InvalidValue: It cannot be read, or a line is broken; the text names it.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InvalidValue(
            f"{path}: there is no such recording; make one by "
            f"kgnb.run(graph, record={str(path)!r}), or kgnb.Cassette({str(path)!r})"
        ) from None
    except OSError as error:
        raise InvalidValue(f"{path}: cannot be read: {error.strerror}") from None
    return decode(data, str(path))


def load(path: str | os.PathLike[str]) -> list[Recording]:
    """The models' replies in a file.

    Raises:
        InvalidValue: See ``read``.
    """
    return read(path).replies


def decode(data: bytes, name: str) -> Contents:
    """Decode a file's bytes; ``name`` is for what is said of it.

    Raises:
        InvalidValue: A line is broken; the text names it.
    """
    contents = Contents(None, [], [])
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            _take(contents, line, number)
        except (msgspec.MsgspecError, UnicodeDecodeError, BadFrame) as error:
            if number == len(lines) and contents.header is not None:
                break  # who wrote it died in the middle of this line
            raise InvalidValue(_told(name, number, error)) from None
    return contents


def _told(name: str, number: int, error: Exception) -> str:
    if number > 1:
        return f"{name}, line {number}: {error}"
    return f"{name}, line 1: no recording of kgnb's ({error})"


def _take(contents: Contents, line: bytes, number: int) -> None:
    if not line.strip():
        return
    peek = _peek.decode(line)
    if peek.format is not None and number == 1:
        contents.header = _checked(_header.decode(line))
    elif peek.type is not None and peek.run_id is not None:
        contents.events.append(codec.decode_event(line))
    else:
        contents.replies.append(_reply.decode(line))


def _checked(header: Header) -> Header:
    if header.format != FORMAT:
        raise msgspec.ValidationError(f"its format is {header.format!r}")
    if header.version != VERSION:
        raise msgspec.ValidationError(
            f"its version is {header.version}, and this kgnb ({__version__}) reads "
            f"{VERSION}; it was written by kgnb {header.kgnb or 'of another version'}: "
            f"use that, or record it again"
        )
    return header
