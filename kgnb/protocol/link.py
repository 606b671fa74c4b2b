"""What travels between a kernel and its server, on ``kgnb/link``.

The kernel is the producer of its runs' events, and besides a carrier of
*channels*: virtual client sockets whose frames are exactly those of a
``kgnb.v1`` client. Its own reader is a channel; so is every view that reached
the kernel by its control channel or a comm.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from kgnb.protocol.ids import RunId

Count = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""A number that JavaScript and every store can hold."""


class LinkFrame(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """Common root of the link's frames."""


class LinkHello(LinkFrame, kw_only=True, omit_defaults=True, tag="hello"):
    """Who dials: a kernel, and the process that is it just now."""

    kernel_id: str
    process_id: str
    """A UUID of the process; the same kernel id with another one is a restart."""
    pid: int
    owner_token: str | None = None
    """From an earlier welcome; needed to continue that process's runs."""


class AppendFrame(LinkFrame, kw_only=True, omit_defaults=True, tag="append"):
    """Events of one run; ``n`` numbers the first, the rest follow on."""

    run_id: Annotated[RunId, msgspec.Meta(pattern=r"^[0-9A-Za-z_.-]{1,128}$")]
    epoch: Count
    n: Count
    events: list[msgspec.Raw]


class OpenChannel(LinkFrame, kw_only=True, omit_defaults=True, tag="open"):
    """A view or reader appeared behind the kernel."""

    channel: str
    via: str


class ChannelFrame(LinkFrame, kw_only=True, omit_defaults=True, tag="frame"):
    """A client's frame, either way."""

    channel: str
    frame: msgspec.Raw


class CloseChannel(LinkFrame, kw_only=True, omit_defaults=True, tag="close"):
    """The view behind the kernel went away."""

    channel: str


class OrderReply(LinkFrame, kw_only=True, omit_defaults=True, tag="order_reply"):
    """What became of an order; ``code`` is None where it was carried out."""

    order_id: int
    code: str | None = None
    message: str = ""


KernelFrame = (
    LinkHello | AppendFrame | OpenChannel | ChannelFrame | CloseChannel | OrderReply
)


class KnownRun(msgspec.Struct, kw_only=True):
    """How much of a run the log has."""

    run_id: RunId
    epoch: int
    n: int
    """The last ``n`` stored."""


class Welcome(LinkFrame, kw_only=True, omit_defaults=True, tag="welcome"):
    """The reply to a hello."""

    log_id: str
    owner_token: str
    runs: list[KnownRun] = []


class Appended(LinkFrame, kw_only=True, omit_defaults=True, tag="appended"):
    """Everything up to ``n`` is stored."""

    run_id: RunId
    n: int
    seq: int


class Refused(LinkFrame, kw_only=True, omit_defaults=True, tag="refused"):
    """An append was not taken: an old epoch, or a run that is another's."""

    run_id: RunId
    epoch: int
    code: str
    """``conflict``: the epoch is over, stop; ``gap``: go on from ``expected``;
    ``invalid``: it can never be taken."""
    message: str
    expected: int | None = None
    """The ``n`` that the log would take."""


class ChannelClosed(LinkFrame, kw_only=True, omit_defaults=True, tag="closed"):
    """The broker ended a channel."""

    channel: str
    code: int
    reason: str = ""


class Order(LinkFrame, kw_only=True, omit_defaults=True, tag="order"):
    """A client's command that only the kernel can carry out."""

    order_id: int
    run_id: RunId | None
    command: msgspec.Raw
    by: dict[str, Any]


ServerFrame = Welcome | Appended | Refused | ChannelFrame | ChannelClosed | Order
