"""Messages of an application: what may be sent to clients beside runs' events.

The connection manager's messages are dicts of the author's own. They reach a client
flat, with ``group`` or ``topic`` and ``timestamp`` added, and look like none of the
frames that mean something to the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgnb.errors import FrameTooLarge, InvalidValue
from kgnb.protocol import codec
from kgnb.protocol.topics import TOPICS

_LONGEST_TYPE = 200
"""Characters."""

_FREE = frozenset(
    {"message", "progress", "result", "token", "step", "log", "system_alert"}
)
"""Names that nodes' events share with applications: without a ``run_id`` they are
the application's."""

REFUSED = codec.RESERVED - _FREE
"""Types that a message must not have: with them it would pass for the broker's word,
or for a change in a run's life."""

_NUMBERED = ("run_id", "workflow_id", "seq", "position")
"""Keys by which clients tell where a frame belongs."""


def check_message(message: object) -> None:
    """Refuse what cannot be a message to clients.

    Raises:
        InvalidValue: It is no dict with a ``type``, the type is the protocol's own,
            or a key is.
    """
    if not isinstance(message, Mapping):
        raise InvalidValue(
            f"message: expected a dict with a 'type', got {type(message).__name__}"
        )
    kind: Any = message.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= _LONGEST_TYPE:
        raise InvalidValue(
            f"message: expected a 'type' such as 'system_alert', a text of at most "
            f"{_LONGEST_TYPE} characters; got {_shortened(kind)}"
        )
    if kind in REFUSED:
        raise InvalidValue(
            f"message: the type {kind!r} is the protocol's own; give it another name"
        )
    taken = [key for key in _NUMBERED if key in message]
    if taken:
        raise InvalidValue(
            f"message: the key {taken[0]!r} belongs to runs' events; put the value "
            f"under a key of your own, or into 'data'"
        )


def encode_message(message: object, limit: int) -> bytes:
    """The JSON of a message that may be sent.

    Args:
        message: See :func:`check_message`.
        limit: Bytes.

    Raises:
        InvalidValue: It is no message, or holds what JSON cannot.
        FrameTooLarge: It has more bytes.
    """
    check_message(message)
    try:
        encoded = codec.encode_value(message)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidValue(f"message: expected what JSON can hold: {error}") from None
    check_size(len(encoded), limit)
    return encoded


def check_size(size: int, limit: int) -> None:
    """Refuse a message that no client would take.

    Raises:
        FrameTooLarge: It has more than ``limit`` bytes.
    """
    if size > limit:
        raise FrameTooLarge(
            f"message: expected at most {limit} bytes of JSON, got {size}; send what "
            f"is large by another way, and here its address",
            size=size,
            limit=limit,
        )


def _shortened(value: object) -> str:
    return "none" if value is None else repr(value)[:80]


def check_topic(topic: str) -> None:
    """Refuse a topic that is one of the runs' own.

    Raises:
        InvalidValue: It is.
    """
    if topic in TOPICS:
        raise InvalidValue(
            f"topic {topic!r}: it carries the events of runs; an application's topic "
            f"needs another name"
        )


def check_name(name: str, limit: int) -> None:
    """Refuse a topic's, group's or client's name that is too long or hides something.

    Args:
        name: The name.
        limit: Bytes.

    Raises:
        InvalidValue: It does, or is empty.
    """
    is_short = len(name.encode(errors="replace")) <= limit
    if not name or not name.isprintable() or not is_short:
        raise InvalidValue(
            f"name: expected 1 to {limit} bytes of printable text, got {name[:40]!r}"
        )
