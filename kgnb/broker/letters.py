"""One message of an application on its way: the frames that clients get, made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from kgnb.broker.peer import OutFrame
from kgnb.protocol.ids import timestamp

_COMMON = frozenset({"type", "timestamp", "group", "topic"})


class _Marked(msgspec.Struct):
    position: int = 0


_marked = msgspec.json.Decoder(_Marked)


def mark_of(stored: bytes) -> int:
    """The position of a message as it is stored."""
    return _marked.decode(stored).position


class Letter:
    """A message with where it came by.

    Args:
        fields: The message, flat, with its ``timestamp`` and ``group`` or ``topic``.
        position: Its place among all messages that are stored; 0: it is not.
    """

    def __init__(self, fields: dict[str, Any], position: int) -> None:
        self._fields = fields
        self.position = position

    @classmethod
    def write(
        cls, message: dict[str, Any], where: dict[str, str], position: int, now: float
    ) -> Letter:
        """A message as an author gave it, on its way to ``where``."""
        return cls({"timestamp": timestamp(now), **message, **where}, position)

    @classmethod
    def read(cls, stored: bytes) -> Letter:
        """A message as the log has it."""
        fields: dict[str, Any] = msgspec.json.decode(stored)
        return cls(fields, fields.pop("position"))

    def _frame(self, fields: dict[str, Any]) -> OutFrame:
        return OutFrame(msgspec.json.encode(fields), str(fields["type"]))

    @cached_property
    def numbered(self) -> OutFrame:
        """For a named client, which can say where it was; as the log has it."""
        if not self.position:
            return self.plain
        return self._frame({"position": self.position, **self._fields})

    @cached_property
    def plain(self) -> OutFrame:
        """For any other."""
        return self._frame(self._fields)

    @cached_property
    def document(self) -> OutFrame:
        """For a client of the documents: every frame carries ``data``."""
        if "data" in self._fields:
            return self.plain
        own = {k: v for k, v in self._fields.items() if k not in _COMMON}
        return self._frame({**self._fields, "data": own})
