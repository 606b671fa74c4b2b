"""What travels: reports, joined to batches, in MessagePack."""

from __future__ import annotations

import msgspec

from kgnb.protocol.events import ProgressData, Usage  # noqa: TC001 - msgspec's
from kgnb.runtime.producer import printable
from kgnb.runtime.texts import Part  # noqa: TC001 - it evaluates annotations


class Output(msgspec.Struct, tag="output", omit_defaults=True):
    """What the code printed or logged."""

    stream: str
    text: str
    level: str | None = None


class Percent(msgspec.Struct, tag="progress", omit_defaults=True):
    """What ``progress`` was called with."""

    percent: float | None = None
    message: str | None = None
    current: float | None = None
    total: float | None = None


class Moved(msgspec.Struct, tag="bar"):
    """How far a loop of ``track`` is."""

    data: ProgressData


class Piece(msgspec.Struct, tag="piece", omit_defaults=True):
    """Text of a stream; ``stream`` counts those of the call."""

    stream: int
    part: Part
    name: str | None = None


class Ended(msgspec.Struct, tag="ended", omit_defaults=True):
    """A stream's end."""

    stream: int
    usage: Usage | None = None


class Sent(msgspec.Struct, tag="sent"):
    """What ``emit`` was called with."""

    kind: str
    data: bytes
    """JSON."""


Report = Output | Percent | Moved | Piece | Ended | Sent


class Batch(msgspec.Struct, omit_defaults=True):
    """What one call has told since the batch before."""

    line: str
    """The call."""
    execution: str
    """Which time it was made: Dask makes it again where a worker died."""
    n: int
    """Counts an execution's batches from 1."""
    reports: list[Report] = []
    """None at all: the call has begun."""


_encoder = msgspec.msgpack.Encoder(enc_hook=repr)
_decoder = msgspec.msgpack.Decoder(list[Batch])


def encode(batches: list[Batch]) -> bytes:
    """As they travel."""
    try:
        return _encoder.encode(batches)
    except UnicodeError:  # a lone surrogate: text is never worth losing a batch for
        plain = msgspec.to_builtins(batches, enc_hook=repr)
        return _encoder.encode(printable(plain))


def decode(payload: bytes) -> list[Batch]:
    """What ``encode`` made.

    Raises:
        msgspec.DecodeError: It did not make that.
    """
    return _decoder.decode(payload)
