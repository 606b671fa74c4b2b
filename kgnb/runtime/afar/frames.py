"""Messages on a stream of bytes: each has its length, in four bytes, before it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = struct.Struct(">I")
LARGEST = 16 * 1024 * 1024
"""Bytes; what says to be longer was not written by ``framed``."""


def framed(payload: bytes) -> bytes:
    """A message as it goes over the stream."""
    return _LENGTH.pack(len(payload)) + payload


class Frames:
    """Takes a stream apart. Not for several threads."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, received: bytes) -> Iterator[bytes]:
        """The messages that are complete now.

        Raises:
            ValueError: One is longer than any can be.
        """
        self._rest += received
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            if length > LARGEST:
                msg = f"a message of {length} bytes, expected {LARGEST} at most"
                raise ValueError(msg)
            end = _LENGTH.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_LENGTH.size : end])
            del self._rest[:end]
            yield payload
