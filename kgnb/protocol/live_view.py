"""What moves while a node works, as a panel shows it: its bars, and its texts.

A part of the fold in ``view.py``; ``kgnb/web/src/reduce-live.js`` is its twin.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kgnb.protocol import events as e

LOST = "\N{HORIZONTAL ELLIPSIS}"
"""Stands in a text where characters of it never came."""


class ProgressView(msgspec.Struct, kw_only=True):
    """How far a node or a batch item is."""

    percent: float
    current: float | None = None
    total: float | None = None
    message: str | None = None
    label: str | None = None
    rate: float | None = None
    remaining: float | None = None
    elapsed: float | None = None
    closed: bool = False
    failed: bool = False
    attempt: int | None = None


class TrackView(ProgressView, kw_only=True):
    """A bar beside or below the main one of its node or item."""

    track: str
    item: str | None = None


class OutcomeView(msgspec.Struct, kw_only=True):
    """What came of a tool call."""

    content: Any
    args: Any = None
    """What the tool was called with, where that is known."""
    failed: bool = False


class StreamView(msgspec.Struct, kw_only=True):
    """One text of a stream so far: what is said, thought, or asked of one tool."""

    stream: str
    node_id: str
    task_id: str | None
    attempt: int | None
    kind: e.TokenKind
    name: str | None = None
    item: str | None = None
    call: int | None = None
    """Which tool call, from 1."""
    tool: str | None = None
    call_id: str | None = None
    outcome: OutcomeView | None = None
    """Of a tool call, when its message has come."""
    text: str = ""
    length: int = 0
    """Code points of the whole text up to here, those that never came included."""
    missing: int = 0
    """How many never came."""
    final: bool = False
    superseded: bool = False
    """A later attempt speaks instead."""
    usage: e.Usage | None = None


class MessageView(msgspec.Struct, kw_only=True):
    """One chat message."""

    node_id: str
    role: str
    content: Any
    name: str | None = None
    """The tool, where it is one's."""
    tool_call_id: str | None = None


def show_progress(
    items: dict[str, ProgressView], tracks: dict[str, TrackView], event: e.Progress
) -> ProgressView | None:
    """Put a report where it belongs; the node's own main bar is returned."""
    data = event.data
    shown: dict[str, Any] = {
        "percent": data.percent,
        "current": data.current,
        "total": data.total,
        "message": data.message,
        "label": data.label,
        "rate": data.rate,
        "remaining": data.remaining,
        "elapsed": data.elapsed,
        "closed": data.closed,
        "failed": data.failed,
        "attempt": event.attempt,
    }
    before = "" if data.item is None else f"{data.item}/"
    if data.closed:
        drop_inner(tracks, f"{before}{data.track or 1}.")
    if data.track is not None:
        tracks[before + data.track] = TrackView(
            track=data.track, item=data.item, **shown
        )
        return None
    bar = ProgressView(**shown)
    if data.item is None:
        return bar
    items[data.item] = bar
    return None


def drop_inner(tracks: dict[str, TrackView], below: str = "") -> None:
    """Take away bars below others: all, or those whose key begins with ``below``."""
    for key in [k for k, bar in tracks.items() if "." in bar.track]:
        if key.startswith(below):
            del tracks[key]


def show_token(streams: list[StreamView], event: e.Token) -> e.Usage | None:
    """Append what came.

    Returns:
        The stream's usage when it is first told; a frame may come twice.
    """
    call = None if event.call is None else event.call.number
    stream = next(
        (
            known
            for known in reversed(streams)
            if known.stream == event.stream
            and known.kind == event.kind
            and known.call == call
        ),
        None,
    )
    if stream is None:
        stream = _stream(event, call)
        _supersede(streams, stream)
        streams.append(stream)
    if event.call is not None:
        stream.tool = event.call.name or stream.tool
        stream.call_id = event.call.id or stream.call_id
    if event.index > stream.length:
        stream.missing += event.index - stream.length
        stream.length = event.index
        stream.text += LOST
    new = event.data[stream.length - event.index :]
    stream.text += new
    stream.length += len(new)
    stream.final = stream.final or event.final
    if event.usage is None or stream.usage is not None:
        return None
    stream.usage = event.usage
    return event.usage


def _stream(event: e.Token, call: int | None) -> StreamView:
    return StreamView(
        stream=event.stream,
        node_id=event.node_id,
        task_id=event.task_id,
        attempt=event.attempt,
        kind=event.kind,
        name=event.name,
        item=event.item,
        call=call,
    )


def _supersede(streams: list[StreamView], new: StreamView) -> None:
    """What earlier attempts of the same visit and item said is no more."""
    for known in streams:
        if (
            known.task_id == new.task_id
            and known.item == new.item
            and (known.attempt or 0) < (new.attempt or 0)
        ):
            known.superseded = True


def show_message(
    streams: list[StreamView], messages: list[MessageView], event: e.Message
) -> None:
    """Keep a message; a tool's stands with the call that it answers, too."""
    data = event.data
    messages.append(
        MessageView(
            node_id=event.node_id,
            role=data.role,
            content=data.content,
            name=data.name,
            tool_call_id=data.tool_call_id,
        )
    )
    if data.tool_call_id is None:
        return
    for stream in reversed(streams):
        if stream.call_id == data.tool_call_id:
            stream.outcome = OutcomeView(
                content=data.content, args=data.args, failed=data.failed
            )
            return


def added(one: e.Usage | None, other: e.Usage) -> e.Usage:
    """Both together."""
    if one is None:
        return other
    return e.Usage(
        **{
            name: getattr(one, name) + getattr(other, name)
            for name in e.Usage.__struct_fields__
        }
    )
