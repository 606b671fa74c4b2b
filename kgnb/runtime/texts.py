"""Putting the pieces of one stream together: its text, and what came beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.protocol.events import TokenKind, ToolRef, Usage
from kgnb.runtime.usage import Meter

if TYPE_CHECKING:
    from kgnb.runtime.chunks import Piece, ToolPiece

_HALVES = re.compile("[\ud800-\udfff]")


class ToolCall(msgspec.Struct):
    """A call that the model asks for."""

    name: str = ""
    arguments: str = ""
    """JSON, as the model wrote it."""
    id: str | None = None


class StreamText(str):  # noqa: SLOT000 - a str cannot have non-empty slots beside its own
    """The whole text of a stream, with what came beside it."""

    reasoning: str
    """What the model thought aloud; empty where it did not."""
    tool_calls: list[ToolCall]
    usage: Any
    """As the client gave it last, or None."""
    spent: Usage | None
    """The same in kgnb's own terms, alike for every client."""


class Part(msgspec.Struct, frozen=True):
    """A piece of one of a stream's texts, to be shown."""

    kind: TokenKind
    text: str
    call: ToolRef | None = None


class _Joined:
    """One text. Joins characters that two chunks cut apart.

    A server that counts in UTF-16 may send an emoji as two halves, each of which is
    no character; a half waits here for the other.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._half = ""

    def add(self, text: str) -> str:
        """Take a piece; what of it is whole."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _HALVES.search(text):
            halves = text.encode("utf-16-le", "surrogatepass")
            text = halves.decode("utf-16-le", "replace")
        self._pieces.append(text)
        return text

    def rest(self) -> str:
        """What stands for a half that stayed alone."""
        rest, self._half = "\N{REPLACEMENT CHARACTER}" if self._half else "", ""
        self._pieces.append(rest)
        return rest

    def __str__(self) -> str:
        return "".join(self._pieces)


class _Call:
    """One tool call so far."""

    def __init__(self, number: int) -> None:
        self.ref = ToolRef(number=number)
        self.id: str | None = None
        self.arguments = _Joined()

    def begins_anew(self, piece: ToolPiece) -> bool:
        """Whether the piece is of another call: some servers number all of them 0."""
        return bool(piece.id and self.id and piece.id != self.id)

    def add(self, piece: ToolPiece) -> Part:
        self.id = self.id or piece.id
        name = self.ref.name + piece.name
        self.ref = ToolRef(number=self.ref.number, name=name, id=self.id or "")
        return Part("tool_call", self.arguments.add(piece.arguments), self.ref)


class Gathered:
    """Puts the pieces of one stream together."""

    def __init__(self) -> None:
        self._text = _Joined()
        self._reasoning = _Joined()
        self._calls: list[_Call] = []
        self._by_key: dict[Any, _Call] = {}
        self._meter = Meter()

    def add(self, piece: Piece) -> list[Part]:
        """Take the next piece; what is to be shown of it."""
        if piece.usage is not None:
            self._meter.take(piece.usage, adds=piece.is_usage_added)
        parts: list[Part] = []
        if piece.reasoning:
            parts.append(Part("reasoning", self._reasoning.add(piece.reasoning)))
        if piece.text:
            parts.append(Part("text", self._text.add(piece.text)))
        parts += [self._call(tool).add(tool) for tool in piece.tools]
        return parts

    def _call(self, piece: ToolPiece) -> _Call:
        key = piece.id if piece.key is None else piece.key
        if key is None and self._calls:
            return self._calls[-1]
        known = self._by_key.get(key)
        if known is None or known.begins_anew(piece):
            known = self._by_key[key] = _Call(len(self._calls) + 1)
            self._calls.append(known)
        return known

    def rest(self) -> list[Part]:
        """What is to be shown of what waited for more; nothing more comes."""
        parts = [
            Part("reasoning", self._reasoning.rest()),
            Part("text", self._text.rest()),
        ]
        parts += [
            Part("tool_call", call.arguments.rest(), call.ref) for call in self._calls
        ]
        return [part for part in parts if part.text]

    @property
    def usage(self) -> Usage | None:
        """What the model counted so far."""
        return self._meter.usage

    def whole(self) -> StreamText:
        """What there is so far."""
        text = StreamText(self._text)
        text.reasoning = str(self._reasoning)
        text.tool_calls = [
            ToolCall(name=call.ref.name, arguments=str(call.arguments), id=call.id)
            for call in self._calls
        ]
        text.usage = self._meter.raw
        text.spent = self._meter.usage
        return text
