"""What travels between a kernel and its server, on ``kgnb/link``.

The kernel is the producer of its runs' events, and besides a carrier of
*channels*: virtual client sockets whose frames are exactly those of a
``kgnb.v1`` client. Its own reader is a channel; so is every view that reached
the kernel by its control channel or a comm.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from kgnb.protocol.ids import RunId

Count = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""A number that JavaScript and every store can hold."""


MESSAGE_SIZE = 1024 * 1024
"""Bytes of a message to clients, unless a server is set up otherwise."""


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


class Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A checkpoint of a durable run: stored with one of its events, shown to nobody."""

    at: int
    """Index of the event in its frame."""
    record: msgspec.Raw
    """See ``kgnb.graph.records``; the broker does not look inside."""


class AppendFrame(LinkFrame, kw_only=True, omit_defaults=True, tag="append"):
    """Events of one run; ``n`` numbers the first, the rest follow on."""

    run_id: Annotated[RunId, msgspec.Meta(pattern=r"^[0-9A-Za-z_.-]{1,128}$")]
    epoch: Count
    n: Count
    events: list[msgspec.Raw]
    records: list[Kept] = []
    """Stored in one transaction with their events, in the order given."""
    key: str | None = None
    """With a durable run's first event: what a later run of the same cell or script
    has as well, so that it can go on with this one."""


class OpenChannel(LinkFrame, kw_only=True, omit_defaults=True, tag="open"):
    """A view or reader appeared behind the kernel."""

    channel: str
    via: str


class ChannelFrame(LinkFrame, kw_only=True, omit_defaults=True, tag="frame"):
    """A client's frame, either way."""

    channel: str
    frame: msgspec.Raw


class ChannelFrames(LinkFrame, kw_only=True, omit_defaults=True, tag="frames"):
    """Events for that client, as many as there are at once."""

    channel: str
    frames: list[msgspec.Raw]


class CloseChannel(LinkFrame, kw_only=True, omit_defaults=True, tag="close"):
    """The view behind the kernel went away."""

    channel: str


class OrderReply(LinkFrame, kw_only=True, omit_defaults=True, tag="order_reply"):
    """What became of an order; ``code`` is None where it was carried out."""

    order_id: int
    code: str | None = None
    message: str = ""
    run_id: RunId | None = None
    """The run that it began, if it began one."""


Audience = Literal["client", "all", "group", "topic"]


class Post(LinkFrame, kw_only=True, omit_defaults=True, tag="post"):
    """A message of the kernel's connection manager to clients."""

    n: Count
    """Numbers the manager's orders in one process; a repeated one has no effect."""
    to: Audience
    message: msgspec.Raw
    name: str = ""
    """Of the client, group or topic."""
    user: str | None = None
    """Whose client, where several identities have one of that name."""
    exclude: list[str] = []
    """Clients that are left out, of ``all``."""


class Enrol(LinkFrame, kw_only=True, omit_defaults=True, tag="enrol"):
    """The manager puts a client into a group or topic, or takes it out."""

    n: Count
    """As in :class:`Post`."""
    kind: Literal["group", "topic"]
    name: str
    client_id: str
    user: str | None = None
    is_member: bool


class Workflow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A published workflow, as its kernel describes it."""

    name: str
    published_at: float
    """Seconds since the epoch: who published a name last owns it."""
    params: dict[str, Any] | None = None
    """The JSON Schema of what a start may give it; None takes anything."""
    input: str | None = None
    """The key of ``shared`` that holds the session's messages; None: it keeps none."""
    is_default: bool = False
    """Whether a message that names no workflow is for it."""


class Publish(LinkFrame, kw_only=True, omit_defaults=True, tag="publish"):
    """All workflows that the kernel publishes now, in place of those before.

    Sent again after each welcome.
    """

    n: Count
    """Repeated by the answer."""
    workflows: list[Workflow]


class Started(LinkFrame, kw_only=True, omit_defaults=True, tag="started"):
    """What became of a ``start``; ``code`` is None where the run has begun."""

    run_id: RunId
    code: str | None = None
    message: str = ""
    problems: list[dict[str, Any]] = []
    """Of ``params``, field by field."""


class Share(LinkFrame, kw_only=True, omit_defaults=True, tag="share"):
    """The kernel asks for a share link of one of its runs."""

    n: Count
    """Repeated by the answer."""
    run_id: RunId
    role: str
    ttl: float | None = None
    """Seconds; None: as the server has it."""
    label: str = ""


class Recall(LinkFrame, kw_only=True, omit_defaults=True, tag="recall"):
    """The kernel asks for a durable run's checkpoints, page by page."""

    n: Count
    """Repeated by the answer."""
    run_id: RunId | None = None
    key: str | None = None
    """In place of ``run_id``: the newest *lost* run of that key."""
    after: int = 0
    """The last checkpoint that it has, of an earlier page."""


class Unshare(LinkFrame, kw_only=True, omit_defaults=True, tag="unshare"):
    """The kernel takes one back."""

    n: Count
    link_id: str


KernelFrame = (
    LinkHello
    | AppendFrame
    | OpenChannel
    | ChannelFrame
    | CloseChannel
    | OrderReply
    | Post
    | Enrol
    | Publish
    | Started
    | Share
    | Unshare
    | Recall
)


class ClientInfo(msgspec.Struct, kw_only=True):
    """One client that is connected, as node authors see it."""

    client_id: str
    user: str
    """The identity's key: with ``client_id`` it names one client."""
    name: str | None = None
    """What people are shown of the identity, where a person is known."""
    via: str = ""
    connected_at: str = ""
    """RFC 3339: when its oldest connection was opened."""
    connections: int = 1
    groups: list[str] = []
    subscriptions: list[str] = []
    """Topics of the application."""


ClientChange = Literal[
    "connected", "disconnected", "joined", "left", "subscribed", "unsubscribed"
]


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
    knows_people: bool = False
    """Whether votes can be counted: people sign in here by names of their own."""
    clients: list[ClientInfo] = []
    """Who is connected now; what changes is told by ``client``."""
    uptime: float = 0.0
    """Seconds that the broker has been up."""
    max_message_size: int = MESSAGE_SIZE
    """Bytes of a message to clients."""


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


class Handled(LinkFrame, kw_only=True, omit_defaults=True, tag="handled"):
    """What became of a ``post`` or ``enrol``; ``code`` is None where it was done."""

    n: Count
    count: int = 0
    """Clients that it reached."""
    queued: int = 0
    """Clients that are away and get it when they are back."""
    code: str | None = None
    message: str = ""


class ClientChanged(LinkFrame, kw_only=True, omit_defaults=True, tag="client"):
    """Something about one client changed; ``client`` is as it is now."""

    change: ClientChange | None = None
    """None: only the number of its connections."""
    client: ClientInfo
    name: str = ""
    """Of the group or topic."""


class Published(LinkFrame, kw_only=True, omit_defaults=True, tag="published"):
    """The workflows can be started from outside now."""

    n: Count


class Start(LinkFrame, kw_only=True, omit_defaults=True, tag="start"):
    """Somebody starts a workflow; sent again after a break until it has begun."""

    run_id: RunId
    """The run's, to be. The kernel begins it once, however often it is told."""
    workflow: str
    params: dict[str, Any] = {}
    session_id: str | None = None
    owner: str = ""
    """The identity whose session it is: two with the same ``session_id`` are two."""
    message: Any = None
    """What was said to start it; None where a ``start_workflow`` does."""
    messages: list[dict[str, Any]] | None = None
    """The session's, with the one that starts the run; None where it has none."""
    steps: bool = False
    """Whether the run is to tell its steps."""


class TellSteps(LinkFrame, kw_only=True, omit_defaults=True, tag="tell_steps"):
    """Somebody reads the steps of a run, from here on."""

    run_id: RunId


class Shared(LinkFrame, kw_only=True, omit_defaults=True, tag="shared"):
    """What became of a ``share`` or ``unshare``; ``code`` is None where it was done."""

    n: Count
    link_id: str = ""
    token: str = ""
    """Empty where one was taken back."""
    expires_at: str = ""
    """RFC 3339."""
    public_url: str | None = None
    """Where people reach the server's pages; None: where the kernel does."""
    code: str | None = None
    message: str = ""


class KeptRecord(msgspec.Struct, kw_only=True):
    """A checkpoint as the log has it."""

    seq: int
    """Its place among the run's checkpoints, from 1."""
    record: msgspec.Raw


class Recalled(LinkFrame, kw_only=True, omit_defaults=True, tag="recalled"):
    """A page of a run's checkpoints, and how the run stands."""

    n: Count
    run_id: RunId | None = None
    """None where no lost run has the key."""
    workflow: str = ""
    status: str = ""
    epoch: int = 0
    """The run goes on in the next one."""
    seq: int = 0
    """Of its last event."""
    kernel_id: str = ""
    """Whose it is, or was."""
    is_here: bool = False
    """Whether it is a run of the process that asks."""
    session_id: str | None = None
    is_durable: bool = False
    records: list[KeptRecord] = []
    more: bool = False
    """Whether a further page may follow: ask again, behind the last of these."""
    code: str | None = None
    message: str = ""


ServerFrame = (
    Welcome
    | Appended
    | Refused
    | ChannelFrame
    | ChannelFrames
    | ChannelClosed
    | Order
    | Handled
    | ClientChanged
    | Published
    | Start
    | TellSteps
    | Shared
    | Recalled
)
