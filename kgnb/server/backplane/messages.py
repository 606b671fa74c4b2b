"""What a follower and its leader tell each other.

A *channel* is one connection that a follower carries; its number is the follower's.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kgnb.broker.peer import Identity, OutFrame, Peer  # noqa: TC001  # msgspec's

VERSION = 1
"""Of these messages; servers of another one are not understood, and told so."""


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """An array, whose first entry is the name of its class."""


# ---- either way


class Beat(_Message, frozen=True):
    """Said each second: I am there, and have read as far as this envelope says."""

    is_healthy: bool = True
    """The leader's: whether the log took its last transaction."""


class Bye(_Message, frozen=True):
    """The last thing that is said: the other side ends its part too."""

    reason: str


# ---- from a follower


class Hello(_Message, frozen=True):
    """The first thing that is said."""

    version: int = VERSION


class Opened(_Message, frozen=True):
    """Somebody connected whom the follower authenticated."""

    channel: int
    peer: Peer | None
    """None: a kernel."""


class Said(_Message, frozen=True):
    """One of the peer's frames."""

    channel: int
    frame: bytes


class Left(_Message, frozen=True):
    """The peer has gone."""

    channel: int


class Slow(_Message, frozen=True):
    """Whether the peer's queue at the follower is past its high-water mark."""

    channel: int
    is_slow: bool


# ---- from the leader


class Welcome(_Message, frozen=True):
    """The answer to :class:`Hello`; from now on the follower lets people in."""


class Frames(_Message, frozen=True):
    """One frame, for as many connections as it is for."""

    channels: list[int]
    frame: OutFrame


class Closed(_Message, frozen=True):
    """The broker has closed a connection."""

    channel: int
    code: int
    reason: str


# ---- questions, each with one answer


class HasWorkflow(_Message, frozen=True):
    """``Doors.has_workflow``: a bool."""

    name: str
    peer: Peer | None


class SharedPeer(_Message, frozen=True):
    """``Doors.shared_peer``: a Peer."""

    token: str


class Kernels(_Message, frozen=True):
    """``Doors.kernels``: of each kernel the processes."""


class KernelGone(_Message, frozen=True):
    """``Doors.kernel_gone``: None."""

    kernel_id: str
    reason: str
    processes: list[str] | None


class Figures(_Message, frozen=True):
    """``Doors.figures``: a dict."""


class Requested(_Message, frozen=True):
    """A request over HTTP that the follower has judged: an :class:`Answered`."""

    method: str
    template: str
    """Of the route; see ``calls.call.Route``."""
    identity: Identity | None
    grants: list[tuple[str, str]]
    """What the follower's authorizer lets him do: actions on resources."""
    link: Peer | None
    """Who comes by a share link, in place of the two above."""
    args: list[str | None]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str
    origin: str


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """What a request got."""

    status: int
    headers: dict[str, str]
    body: bytes | None
    """None: it is a stream, under the number of the question."""


class Pull(_Message, frozen=True):
    """The next chunk of a stream: bytes, or None at its end."""

    stream: int


class Dropped(_Message, frozen=True):
    """The reader of a stream has gone: None."""

    stream: int


Question = (
    HasWorkflow
    | SharedPeer
    | Kernels
    | KernelGone
    | Figures
    | Requested
    | Pull
    | Dropped
)


class Asked(_Message, frozen=True):
    """A question; its number is the follower's."""

    number: int
    question: Question


class Told(_Message, frozen=True):
    """The answer to one."""

    number: int
    answer: msgspec.Raw


class Refused(_Message, frozen=True):
    """A question that got an error for its answer."""

    number: int
    code: str
    message: str
    data: dict[str, Any]


FromFollower = Beat | Bye | Hello | Opened | Said | Left | Slow | Asked
FromLeader = Beat | Bye | Welcome | Frames | Closed | Told | Refused
Message = FromFollower | FromLeader


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """Messages on their way, in order."""

    sender: str
    """A server."""
    session: str
    """Of one follower and one leader, made up by the follower."""
    number: int
    """1, 2, 3 … of this sender in this session."""
    seen: int
    """The number of the other's last envelope that was read."""
    messages: list[Message]
