"""Bytes to messages and back: size first, then depth, then types.

What comes from a client is untrusted: every failure is a ``BadFrame`` whose
text names the field, never a traceback, a ``RecursionError`` or a number that
JSON cannot hold.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec

from kgnb.errors import BadFrame, FrameTooLarge, UnknownType
from kgnb.protocol import commands, events, link, replies
from kgnb.protocol.ids import RunId


class Limits(msgspec.Struct, frozen=True):
    """What a decoder accepts of a stranger."""

    max_size: int = 1024 * 1024
    """Bytes."""
    max_depth: int = 64
    """Nested arrays and objects."""


_DEFAULT = Limits()
_encoder = msgspec.json.Encoder()

# Possessive, and content with no closing quote: whatever is not closed would
# otherwise be tried again from each quote in it, in quadratic time.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def _depth_exceeds(data: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than ``limit``, in time linear in the size.

    Each round removes the innermost pairs, so ``limit`` rounds leave nothing
    of a frame that is shallow enough. Unbalanced brackets are left to the
    parser, which names the place.
    """
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    brackets = _STRINGS.sub(b"", data).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(limit):
        shorter = brackets.replace(b"[]", b"")
        if not shorter:
            return False
        if len(shorter) == len(brackets):
            return brackets.count(b"[") > limit
        brackets = shorter
    return bool(brackets)


def _utf8(data: bytes | str) -> bytes:
    """A frame's bytes, if they are text.

    msgspec looks at no string that it skips or keeps raw: one that is not UTF-8 would
    be stored, and end the sockets of all whom it is sent to.
    """
    try:
        if isinstance(data, str):
            return data.encode()
        data.decode()
    except UnicodeError:
        raise BadFrame("frame: expected text in UTF-8") from None
    return data


def _check(data: bytes | str, limits: Limits) -> bytes:
    raw = _utf8(data)
    if len(raw) > limits.max_size:
        raise FrameTooLarge(
            f"frame: expected at most {limits.max_size} bytes, got {len(raw)}",
            size=len(raw),
            limit=limits.max_size,
        )
    if _depth_exceeds(raw, limits.max_depth):
        raise BadFrame(
            f"frame: expected at most {limits.max_depth} nested levels, got more"
        )
    return raw


def _known(union: Any) -> tuple[frozenset[str], msgspec.json.Decoder[Any]]:
    tags = (msgspec.inspect.type_info(cls) for cls in get_args(union))
    names = frozenset(str(info.tag) for info in tags)  # type: ignore[attr-defined]  # struct infos all have a tag
    return names, msgspec.json.Decoder(union)


_EVENTS, _event_decoder = _known(events.KnownEvent)
_COMMANDS, _command_decoder = _known(commands.AnyCommand)
_REPLIES, _reply_decoder = _known(replies.AnyReply)
_kernel_decoder = msgspec.json.Decoder(link.KernelFrame)
_server_decoder = msgspec.json.Decoder(link.ServerFrame)
_custom_decoder = msgspec.json.Decoder(events.Custom)

RESERVED = _EVENTS | _REPLIES | _COMMANDS
"""Names that a node's own message must not take."""


class _Peek(msgspec.Struct):
    type: str | None = None
    session_id: str | None = None
    message: Any = msgspec.UNSET


_peek_decoder = msgspec.json.Decoder(_Peek)


def _decode(raw: bytes, decoder: msgspec.json.Decoder[Any], what: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise BadFrame(f"{what}: {error}") from None
    except (RecursionError, UnicodeDecodeError):
        raise BadFrame(f"{what}: not readable as JSON") from None


def encode(message: msgspec.Struct) -> bytes:
    """The JSON of one message; NaN and infinities become null."""
    return _encoder.encode(message)


def with_seq(payload: bytes, seq: int, run_id: RunId) -> bytes:
    """A stored event as it is sent: with its ``seq`` and ``workflow_id``."""
    return b'{"seq":%d,"workflow_id":"%s",%s' % (seq, run_id.encode(), payload[1:])


def decode_event(data: bytes) -> events.AnyEvent:
    """An event from a trusted producer or from the log.

    Raises:
        BadFrame: It is no event.
    """
    return _known_event(data) or _event(data, _type_of(data, "event"))


def _known_event(data: bytes) -> events.KnownEvent | None:
    """Nearly all there are, read at one go; None where it is something else."""
    try:
        event: events.KnownEvent = _event_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None  # what it is, or what is wrong with it, is told below
    return event


def _event(data: bytes, kind: str | None) -> events.AnyEvent:
    if kind is None:
        raise BadFrame("event: expected a field 'type'")
    decoder = _event_decoder if kind in _EVENTS else _custom_decoder
    event: events.AnyEvent = _decode(data, decoder, f"event {kind!r}")
    return event


def _type_of(data: bytes, what: str) -> str | None:
    peek: _Peek = _decode(data, _peek_decoder, what)
    return peek.type


def decode_frame(data: bytes | str) -> events.AnyEvent | replies.AnyReply:
    """What a server sent to a client: an event or a reply.

    Raises:
        BadFrame: It is neither.
    """
    raw = _utf8(data)
    known = _known_event(raw)
    if known is not None:
        return known
    kind = _type_of(raw, "frame")
    if kind in _REPLIES:
        reply: replies.AnyReply = _decode(raw, _reply_decoder, f"frame {kind!r}")
        return reply
    return _event(raw, kind)


def decode_command(data: bytes | str, limits: Limits = _DEFAULT) -> commands.AnyCommand:
    """A command from anybody.

    The documents' frame without a type, ``{session_id, message}``, becomes a
    ``SendMessage`` marked ``bare``.

    Raises:
        FrameTooLarge: More bytes than ``limits`` allow.
        UnknownType: No command has that type.
        BadFrame: Not JSON, not an object, too deep, or a field of a wrong type.
    """
    raw = _check(data, limits)
    peek = _decode(raw, _peek_decoder, "frame")
    if peek.type is None:
        if peek.message is msgspec.UNSET:
            raise BadFrame("frame: expected a field 'type'")
        return commands.SendMessage(
            content=peek.message, session_id=peek.session_id, bare=True
        )
    if peek.type not in _COMMANDS:
        raise UnknownType(
            f"frame: no command has the type {peek.type[:80]!r}; "
            f"known are {', '.join(sorted(_COMMANDS))}"
        )
    command: commands.AnyCommand = _decode(
        raw, _command_decoder, f"command {peek.type!r}"
    )
    return command


def command_id(data: bytes | str) -> str | int | None:
    """The ``id`` of a frame that was refused, if it can be read at all."""
    try:
        found = msgspec.json.decode(data, type=_Identified).id
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return found


class _Identified(msgspec.Struct):
    id: commands.CommandId | None = None


def decode_kernel_frame(data: bytes | str) -> link.KernelFrame:
    """A frame of the link, as the server gets it.

    Raises:
        BadFrame: It is none.
    """
    raw = _utf8(data)
    frame: link.KernelFrame = _decode(raw, _kernel_decoder, "link frame")
    return frame


def decode_server_frame(data: bytes | str) -> link.ServerFrame:
    """A frame of the link, as the kernel gets it.

    Raises:
        BadFrame: It is none.
    """
    raw = _utf8(data)
    frame: link.ServerFrame = _decode(raw, _server_decoder, "link frame")
    return frame


def to_builtins(value: Any) -> Any:
    """Plain dicts, lists and scalars, as JSON would give them back."""
    return msgspec.json.decode(_encoder.encode(value))


def _plain(value: Any) -> Any:
    """A subclass of a plain type as that type, a pydantic model as its dict."""
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        return dump(value, mode="json")
    kinds: tuple[Any, ...] = (str, int, float, dict, list, tuple)
    for kind in kinds:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(type(value).__name__)


_user_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode_value(value: Any) -> bytes:
    """The JSON of a user's value; what subclasses a plain type counts as that.

    Raises:
        TypeError, ValueError, RecursionError, OverflowError: JSON cannot hold it.
    """
    return _user_encoder.encode(value)


def json_safe(value: Any, *, limit: int = 65_536) -> tuple[Any, bool]:
    """A user's value as JSON can carry it.

    Args:
        value: Anything.
        limit: Bytes of JSON past which only a shortened ``repr`` is kept.

    Returns:
        The value, and whether it had to be replaced by its ``repr``.
    """
    try:
        encoded = encode_value(value)
        if len(encoded) <= limit:
            return msgspec.json.decode(encoded), False
    except (TypeError, ValueError, RecursionError, OverflowError):
        pass
    # What prints a file's name may have halves of characters in it, as JSON has not.
    return _shown(value)[:2_000].encode(errors="replace").decode(), True


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  # user code: a run must not end by it
        return f"<{type(value).__name__}: repr failed: {type(error).__name__}>"
