"""A file as an answer: what a person chose, and how it travels."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_FILE = 700_000
"""Bytes; as base64 they still fit into one frame of 1 MiB."""


class File:
    """A file that was given as an answer.

    Args:
        name: Its name, without a folder.
        content: Its bytes.
        type: Its media type, such as ``"text/csv"``, as the browser tells it; ``""``
            where nobody knows.
    """

    __slots__ = ("content", "name", "type")

    def __init__(self, name: str, content: bytes, type: str = "") -> None:  # noqa: A002 - the browser's word
        self.name = name
        self.content = content
        self.type = type

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    def text(self, encoding: str = "utf-8") -> str:
        """The content as text."""
        return self.content.decode(encoding)

    def save(self, path: str | os.PathLike[str] = ".") -> Path:
        """Write it to ``path``; into a folder, under its own name.

        Raises:
            FileExistsError: A folder was given that has a file of this name.
        """
        target = Path(path)
        if not target.is_dir():
            target.write_bytes(self.content)
            return target
        target /= self.name
        with target.open("xb") as opened:
            opened.write(self.content)
        return target

    def describe(self) -> dict[str, Any]:
        """What it is, without its content."""
        return {"name": self.name, "type": self.type, "size": self.size}

    def __bytes__(self) -> bytes:
        return self.content

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, File):
            return NotImplemented
        mine = (self.name, self.type, self.content)
        return mine == (other.name, other.type, other.content)

    def __hash__(self) -> int:
        return hash((self.name, self.type, self.content))

    def __repr__(self) -> str:
        return f"<kgnb.File {self.name!r} {self.type or 'unknown type'}, {self.size} B>"


def file_schema(accept: list[str] | None) -> dict[str, Any]:
    """The JSON Schema of a file on the wire; ``accept`` as in HTML, for the browser."""
    longest = 4 * -(-LARGEST_FILE // 3)
    schema: dict[str, Any] = {
        "type": "object",
        "required": ["name", "content"],
        "properties": {
            "name": {"type": "string", "pattern": r"^[^/\\\x00]{1,255}$"},
            "type": {"type": "string"},
            "size": {"type": "integer", "minimum": 0, "maximum": LARGEST_FILE},
            "content": {
                "type": "string",
                "contentEncoding": "base64",
                "maxLength": longest,
            },
        },
    }
    if accept is not None:
        schema["accept"] = accept
    return schema


def from_wire(value: Mapping[str, Any]) -> File:
    """The file that an answer is; the broker has judged it."""
    content = base64.b64decode(value["content"])
    return File(PurePath(value["name"]).name, content, value.get("type", ""))


def to_wire(value: Any) -> dict[str, Any]:
    """What a script gives for a file: a path, bytes, a ``File``, or the wire's own.

    Raises:
        InvalidValue: It is none of them, cannot be read, or is too large.
    """
    file = _as_file(value)
    if file.size > LARGEST_FILE:
        raise InvalidValue(
            f"file {file.name!r}: expected at most {LARGEST_FILE} bytes, "
            f"got {file.size}"
        )
    return {**file.describe(), "content": base64.b64encode(file.content).decode()}


def _as_file(value: Any) -> File:
    match value:
        case File():
            return value
        case bytes() | bytearray() | memoryview():
            return File("file", bytes(value), "application/octet-stream")
        case str() | os.PathLike():
            return _read(Path(value))
        case {"name": str(name), "content": str(content)}:
            try:
                decoded = base64.b64decode(content, validate=True)
            except binascii.Error as error:
                raise InvalidValue(
                    f"file {name!r}: content is not base64: {error}"
                ) from None
            return File(name, decoded, str(value.get("type", "")))
    raise InvalidValue(
        f"a file: expected a path, bytes, kgnb.File or a dict with name and content, "
        f"got {type(value).__name__}"
    )


def _read(path: Path) -> File:
    path = path.expanduser()
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidValue(
                f"file {str(path)!r}: expected at most {LARGEST_FILE} bytes, "
                f"got {path.stat().st_size}"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InvalidValue(f"file {str(path)!r}: {error.strerror or error}") from None
    return File(path.name, content, mimetypes.guess_type(path.name)[0] or "")
