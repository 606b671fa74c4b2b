"""A recording's file: readable by its owner alone, and never another file's end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.runtime.cassette.format import FORMAT, header_line
from kgnb.runtime.cassette.redaction import redact
from kgnb.runtime.producer import printable

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

PRIVATE = 0o600
_BEGINNING = f'{{"format":"{FORMAT}"'.encode()


def create(path: Path, workflow: str | None, *, who: str) -> FileIO:
    """Begin a recording, in place of an earlier one.

    Args:
        path: Where.
        workflow: What is recorded, where it is a run.
        who: Said first in what is raised.

    Raises:
        InvalidValue: It cannot be written, or is a file of another kind.
    """
    try:
        _check_place(path, who)
        # Made anew: a reader of the old one keeps it, and nobody else's rights hold.
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        file = os.fdopen(os.open(path, flags, PRIVATE), "wb", buffering=0)
        file.write(header_line(workflow))
    except OSError as error:
        raise InvalidValue(
            f"{who}: {str(path)!r} cannot be written ({error.strerror}); give a path "
            f"in a folder that is there"
        ) from None
    return file


def _check_place(path: Path, who: str) -> None:
    if not path.exists():
        return
    with path.open("rb") as file:
        beginning = file.read(len(_BEGINNING))
    if beginning and beginning != _BEGINNING:
        raise InvalidValue(
            f"{who}: {str(path)!r} is there, and no recording of kgnb's; it is left as "
            f"it is: give another path, or delete it"
        )


def line_of(plain: Any) -> bytes:
    """A line of JSON's types, with nothing secret in it."""
    shown = redact(plain)
    try:
        return msgspec.json.encode(shown) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, of a model that counts in UTF-16
        return msgspec.json.encode(printable(shown)) + b"\n"
