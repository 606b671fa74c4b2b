"""What a server says to one client: greetings, replies, positions."""

from __future__ import annotations

from typing import Any

import msgspec

from kgnb.protocol.ids import RunId

CommandId = str | int


class Hello(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="hello"
):
    """The first frame to a client that negotiated ``kgnb.v1``."""

    protocol: str
    server: str
    log_id: str
    limits: dict[str, int]
    identity: dict[str, Any]
    features: list[str]
    position: int | None = None
    """To a named client: of the last message that counts as had by it; 0: none."""


class Cursor(msgspec.Struct, kw_only=True, tag_field="type", tag="cursor"):
    """How far a filtered subscription has read."""

    run_id: RunId
    seq: int


class Snapshot(msgspec.Struct, kw_only=True, tag_field="type", tag="snapshot"):
    """A whole view, in place of events that are no longer there."""

    run_id: RunId
    view: dict[str, Any]
    reason: str
    recovered: bool = False


class Ack(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="ack"
):
    """A command took effect."""

    id: CommandId | None = None
    run_id: RunId | None = None
    data: Any = None


class ErrorReply(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="error"
):
    """A command, or a frame that is none, was refused."""

    code: str
    message: str
    id: CommandId | None = None
    retry_after: float | None = None
    """Seconds."""
    data: Any = None
    """Facts, for example the winning answer with ``already_answered``."""


class Subscribed(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="subscribed"
):
    """All topics now held, of one run or of the socket."""

    topics: list[str]
    run_id: RunId | None = None
    seq: int | None = None
    """The run's last seq when the subscription began; replay ends there."""
    id: CommandId | None = None


class Unsubscribed(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag="unsubscribed",
):
    """All topics still held."""

    topics: list[str]
    run_id: RunId | None = None
    id: CommandId | None = None


class JoinedGroup(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag="joined_group",
):
    """The client is in the group now."""

    group: str
    id: CommandId | None = None


class LeftGroup(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="left_group"
):
    """The client is no longer in the group."""

    group: str
    id: CommandId | None = None


class Pong(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="pong"
):
    """The answer to ``ping``."""

    id: CommandId | None = None


AnyReply = (
    Hello
    | Cursor
    | Snapshot
    | Ack
    | ErrorReply
    | Subscribed
    | Unsubscribed
    | JoinedGroup
    | LeftGroup
    | Pong
)
