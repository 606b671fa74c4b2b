"""What a chunk of a model's stream says, told from its shape.

Nobody's client library is imported: OpenAI (chat and responses), LiteLLM, Anthropic
and LangChain chunks are known by their attributes, as objects or as dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class ToolCall(msgspec.Struct):
    """A call that the model asks for."""

    name: str = ""
    arguments: str = ""
    """JSON, as the model wrote it."""
    id: str | None = None


class ToolPiece(msgspec.Struct, frozen=True):
    """A piece of a tool call; pieces of one call have the same ``key``."""

    key: Any
    name: str = ""
    arguments: str = ""
    id: str | None = None


class Piece(msgspec.Struct, frozen=True):
    """What one chunk adds."""

    text: str = ""
    reasoning: str = ""
    tools: tuple[ToolPiece, ...] = ()
    usage: Any = None


NOTHING = Piece()


def read(chunk: Any) -> Piece:
    """What a chunk adds.

    Raises:
        TypeError: It is of no known shape.
    """
    if isinstance(chunk, tuple) and len(chunk) == 2:  # noqa: PLR2004 - LangGraph: (chunk, metadata)
        chunk = chunk[0]
    if isinstance(chunk, str):
        return Piece(text=chunk)
    piece = NOTHING if chunk is None else _by_shape(chunk)
    if piece is None:
        msg = (
            f"stream: a chunk of type {type(chunk).__name__} is of no known shape "
            f"({chunk!r:.80}); give an iterator of str, or map your chunks to str"
        )
        raise TypeError(msg)
    return piece


def _by_shape(chunk: Any) -> Piece | None:
    kind = get(chunk, "type")
    if has(chunk, "choices"):
        return _chat(chunk)
    if has(chunk, "content") and not has(chunk, "delta"):
        return _langchain(chunk)
    if isinstance(kind, str):
        return _responses(kind, chunk) if "." in kind else _anthropic(kind, chunk)
    message = get(chunk, "message")
    return _langchain(message) if isinstance(message, Mapping) else None


def get(thing: Any, name: str) -> Any:
    """A field of an object or of a dict, else None."""
    if isinstance(thing, Mapping):
        return thing.get(name)
    return getattr(thing, name, None)


def has(thing: Any, name: str) -> bool:
    """Whether the object or dict has the field, be it None."""
    return name in thing if isinstance(thing, Mapping) else hasattr(thing, name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _chat(chunk: Any) -> Piece:
    """OpenAI's chat chunk, which LiteLLM and most servers speak too."""
    usage = get(chunk, "usage")
    choices = get(chunk, "choices") or []
    if not choices:  # the last one, with the usage
        return Piece(usage=usage)
    delta = get(choices[0], "delta")
    if delta is None:
        return Piece(text=_text(get(choices[0], "text")), usage=usage)
    reasoning = get(delta, "reasoning_content") or get(delta, "reasoning")
    return Piece(
        text=_text(get(delta, "content")),
        reasoning=_text(reasoning),
        tools=tuple(
            ToolPiece(
                key=get(call, "index"),
                name=_text(get(get(call, "function"), "name")),
                arguments=_text(get(get(call, "function"), "arguments")),
                id=get(call, "id"),
            )
            for call in get(delta, "tool_calls") or ()
        ),
        usage=usage,
    )


def _responses(kind: str, event: Any) -> Piece:
    """OpenAI's responses API."""
    delta = _text(get(event, "delta"))
    key = get(event, "output_index")
    piece = NOTHING
    match kind:
        case "response.output_text.delta" | "response.refusal.delta":
            piece = Piece(text=delta)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            piece = Piece(reasoning=delta)
        case "response.function_call_arguments.delta":
            piece = Piece(tools=(ToolPiece(key, arguments=delta),))
        case "response.output_item.added":
            item = get(event, "item")
            if get(item, "type") == "function_call":
                tool = ToolPiece(key, _text(get(item, "name")), id=get(item, "call_id"))
                piece = Piece(tools=(tool,))
        case "response.completed":
            piece = Piece(usage=get(get(event, "response"), "usage"))
    return piece


def _anthropic(kind: str, event: Any) -> Piece:
    """Anthropic's messages; its helper's repetitions ("text", "snapshot") are not."""
    index = get(event, "index")
    match kind:
        case "content_block_delta":
            delta = get(event, "delta")
            arguments = _text(get(delta, "partial_json"))
            return Piece(
                text=_text(get(delta, "text")),
                reasoning=_text(get(delta, "thinking")),
                tools=(ToolPiece(index, arguments=arguments),) if arguments else (),
            )
        case "content_block_start":
            block = get(event, "content_block")
            if get(block, "type") != "tool_use":
                return Piece(text=_text(get(block, "text")))
            name = _text(get(block, "name"))
            return Piece(tools=(ToolPiece(index, name, id=get(block, "id")),))
        case "message_delta":
            return Piece(usage=get(event, "usage"))
    return NOTHING


def _langchain(chunk: Any) -> Piece:
    """A LangChain message chunk, or anything with ``content``."""
    content = get(chunk, "content")
    blocks = [content] if isinstance(content, str | Mapping) else content or []
    text, reasoning = "", ""
    for block in blocks if isinstance(blocks, Iterable) else ():
        if isinstance(block, str):
            text += block
        elif get(block, "type") in ("text", "text_delta"):
            text += _text(get(block, "text"))
        elif get(block, "type") in ("thinking", "reasoning"):
            reasoning += _text(get(block, "thinking") or get(block, "reasoning"))
    more = get(chunk, "additional_kwargs") or {}
    tools = tuple(
        ToolPiece(
            key=get(call, "index"),
            name=_text(get(call, "name")),
            arguments=_text(get(call, "args")),
            id=get(call, "id"),
        )
        for call in get(chunk, "tool_call_chunks") or ()
    )
    usage = get(chunk, "usage_metadata")
    return Piece(text, reasoning + _text(get(more, "reasoning_content")), tools, usage)


class StreamText(str):  # noqa: SLOT000 - a str cannot have non-empty slots beside its own
    """The whole text of a stream, with what came beside it."""

    reasoning: str
    """What the model thought aloud; empty where it did not."""
    tool_calls: list[ToolCall]
    usage: Any
    """As the model's server gave it, or None."""


class Gathered:
    """Puts the pieces of one stream together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tools: dict[Any, ToolCall] = {}
        self._usage: Any = None

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self._text.append(piece.text)
        self._reasoning.append(piece.reasoning)
        for tool in piece.tools:
            call = self._tools.setdefault(tool.key, ToolCall())
            call.name += tool.name
            call.arguments += tool.arguments
            call.id = call.id or tool.id
        if piece.usage is not None:
            self._usage = piece.usage

    def whole(self) -> StreamText:
        """What there is so far."""
        text = StreamText("".join(self._text))
        text.reasoning = "".join(self._reasoning)
        text.tool_calls = list(self._tools.values())
        text.usage = self._usage
        return text
