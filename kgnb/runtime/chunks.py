"""What a chunk of a model's stream says, told from its shape.

Nobody's client library is imported: OpenAI (chat and responses), LiteLLM, Anthropic
and LangChain chunks are known by their attributes, as objects or as dicts, and so are
the events of OpenAI's and Anthropic's own stream helpers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kgnb.errors import StreamBroken
from kgnb.runtime.fields import get, has, text


class ToolPiece(msgspec.Struct, frozen=True):
    """A piece of a tool call; pieces of one call have the same ``key``, if any."""

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
    """As the client gives it."""
    is_usage_added: bool = False
    """Whether it comes on top of what earlier chunks told, and not in its place."""


NOTHING = Piece()


def read(chunk: Any) -> Piece:
    """What a chunk adds.

    Raises:
        TypeError: It is of no known shape.
        StreamBroken: It says that the model's server gave up.
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
    if kind == "AIMessageChunk":
        # Known by its name: to ask a pydantic model for what it has not is slow.
        return _langchain(chunk)
    if has(chunk, "choices"):
        return _chat(chunk)
    if isinstance(kind, str) and "." in kind:
        return _responses(kind, chunk)
    if has(chunk, "content") and not has(chunk, "delta"):
        return _langchain(chunk)
    if isinstance(kind, str):
        if kind == "error":
            raise _broken(get(chunk, "error") or chunk)
        return _messages(kind, chunk)
    message = get(chunk, "message")
    return _langchain(message) if isinstance(message, Mapping) else None


def _broken(error: Any) -> StreamBroken:
    told = text(error, "message") or repr(error)
    return StreamBroken(f"the model's server gave up in mid-stream: {told}")


def _chat(chunk: Any) -> Piece:
    """OpenAI's chat chunk, which LiteLLM and most servers speak too."""
    if error := get(chunk, "error"):  # a router's way to say it
        raise _broken(error)
    usage = get(chunk, "usage")
    choices = get(chunk, "choices") or []
    if not choices:  # the last one, with the usage
        return Piece(usage=usage)
    delta = get(choices[0], "delta")
    if delta is None:
        return Piece(text=text(choices[0], "text"), usage=usage)
    calls = get(delta, "tool_calls") or ()
    return Piece(
        text=text(delta, "content") or text(delta, "refusal"),
        reasoning=text(delta, "reasoning_content") or text(delta, "reasoning"),
        tools=tuple(_function(call) for call in calls),
        usage=usage,
    )


def _function(call: Any) -> ToolPiece:
    function = get(call, "function")
    return ToolPiece(
        key=get(call, "index"),
        name=text(function, "name"),
        arguments=text(function, "arguments"),
        id=get(call, "id"),
    )


def _responses(kind: str, event: Any) -> Piece:
    """OpenAI's responses API."""
    delta = text(event, "delta")
    key = get(event, "output_index")
    response = get(event, "response")
    piece = NOTHING
    match kind:
        case "response.output_text.delta" | "response.refusal.delta":
            piece = Piece(text=delta)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            piece = Piece(reasoning=delta)
        case (
            "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta"
        ):
            piece = Piece(tools=(ToolPiece(key, arguments=delta),))
        case "response.output_item.added":
            item = get(event, "item")
            if get(item, "type") in ("function_call", "custom_tool_call"):
                tool = ToolPiece(key, text(item, "name"), id=get(item, "call_id"))
                piece = Piece(tools=(tool,))
        case "response.completed" | "response.incomplete":
            piece = Piece(usage=get(response, "usage"))
        case "response.failed":
            raise _broken(get(response, "error"))
    return piece


def _messages(kind: str, event: Any) -> Piece:
    """Anthropic's messages; its helper's repetitions ("text", "snapshot") are not."""
    index = get(event, "index")
    piece = NOTHING
    match kind:
        case "message_start":
            piece = Piece(usage=get(get(event, "message"), "usage"))
        case "content_block_start":
            piece = _block(index, get(event, "content_block"))
        case "content_block_delta":
            delta = get(event, "delta")
            arguments = text(delta, "partial_json")
            piece = Piece(
                text=text(delta, "text"),
                reasoning=text(delta, "thinking"),
                tools=(ToolPiece(index, arguments=arguments),) if arguments else (),
            )
        case "message_delta":
            piece = Piece(usage=get(event, "usage"))
        case "chunk":  # of OpenAI's chat helper, among its repetitions
            piece = _chat(get(event, "chunk"))
    return piece


def _block(index: Any, block: Any) -> Piece:
    """The start of one of Anthropic's blocks."""
    if not text(block, "type").endswith("tool_use"):
        return Piece(text=text(block, "text"), reasoning=text(block, "thinking"))
    return Piece(
        tools=(
            ToolPiece(
                index,
                text(block, "name"),
                arguments=_arguments(get(block, "input") or ""),
                id=get(block, "id"),
            ),
        )
    )


def _arguments(value: Any) -> str:
    """JSON, of arguments that came parsed."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _langchain(chunk: Any) -> Piece:
    """A LangChain message or message chunk, or anything with ``content``."""
    said, thought = "", ""
    for is_thought, part in _content(get(chunk, "content")):
        if is_thought:
            thought += part
        else:
            said += part
    more = get(chunk, "additional_kwargs") or {}
    # A whole message has its calls parsed; a chunk has both, the same twice.
    calls = get(chunk, "tool_call_chunks")
    if not has(chunk, "tool_call_chunks"):
        calls = get(chunk, "tool_calls")
    return Piece(
        said,
        thought + text(more, "reasoning_content"),
        tuple(
            ToolPiece(
                key=get(call, "index"),
                name=text(call, "name"),
                arguments=_arguments(get(call, "args") or ""),
                id=get(call, "id"),
            )
            for call in calls or ()
        ),
        get(chunk, "usage_metadata"),
        is_usage_added=True,
    )


def _content(content: Any) -> Iterator[tuple[bool, str]]:
    """Whether it is reasoning, and the text, of each block of a content."""
    blocks = [content] if isinstance(content, str | Mapping) else content
    for block in blocks if isinstance(blocks, Iterable) else ():
        if isinstance(block, str):
            yield False, block
            continue
        match get(block, "type"):
            case "text" | "text_delta":
                yield False, text(block, "text")
            case "refusal":
                yield False, text(block, "refusal")
            case "thinking" | "reasoning":
                yield True, text(block, "thinking") or text(block, "reasoning")
                for part in get(block, "summary") or ():
                    yield True, text(part, "text")
