"""Who is at the other end, what he may do, and where his frames go."""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, NewType, Protocol

import msgspec

ConnectionId = NewType("ConnectionId", int)

Role = Literal["view", "answer", "control", "start", "owner"]
_RANK: dict[str, int] = {
    "view": 0,
    "answer": 1,
    "control": 2,
    "start": 3,
    "owner": 4,
}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, as the host found out; never taken from a frame."""

    user: str
    """A stable key; two sockets of one person have the same."""
    name: str = ""
    """What people are shown."""
    kind: Literal["user", "token", "link", "anonymous", "kernel"] = "user"
    """``token``: whoever holds the server's token; ``link``: a share link."""
    is_self_named: bool = False
    """Whether he made the name up himself, and could make up more."""

    @property
    def shown(self) -> str | None:
        """The name under a decision; None where no person is known."""
        if self.kind in ("user", "link"):
            return self.name or self.user
        return None


class Voters(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a host can tell people apart, and how they are marked.

    A server whose login knows only one password or token cannot: whoever has it is
    everybody. Neither can a kernel, which nobody signs in to.
    """

    are_known: bool = False
    key: bytes = b""
    """Secret, and the same after a restart."""

    def mark(self, identity: Identity) -> str | None:
        """An opaque name of a person, the same for all his sockets; None: no person.

        Nor are the holder of a share link and who chose his own name: whoever may
        make links, or sign in anew, could vote as often as he likes.
        """
        is_person = identity.kind == "user" and not identity.is_self_named
        if not self.are_known or not is_person:
            return None
        user = identity.user.encode()
        return hmac.new(self.key, b"voter " + user, hashlib.sha256).hexdigest()[:16]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One socket's other end, as the host authenticated it."""

    identity: Identity
    role: Role = "view"
    via: str = "page"
    """``panel``, ``page``, ``python``, ``kernel``, ``script``, ``control``, ``comm``:
    stands under a decision."""
    client_id: str | None = None
    position: int | None = None
    """Of the last message that this named client has; None: it does not say."""
    may_join: bool = False
    """Whether any group is open to it, not only those that are to everybody."""
    protocol: Literal["kgnb.v1", "document"] = "kgnb.v1"
    run_scope: str | None = None
    """The only run it may know of (a share link's)."""
    workflow_scope: str | None = None
    """The only workflow whose runs it may know of."""
    workflow: str | None = None
    """The published workflow that its socket is bound to."""
    key: str | None = None
    """``params.key`` of what it starts of that workflow."""
    kernel_id: str | None = None
    """The only kernel whose runs it may know of (a channel of that kernel)."""
    share_id: str | None = None
    """The share link that it came by; with its end the connection ends."""
    server: str = ""
    """Of several servers the one that it is connected to; empty where there is one."""

    @property
    def is_script(self) -> bool:
        """Whether it is the kernel's own ``answers=``, not a client that says so."""
        return self.via == "script" and self.identity.kind == "kernel"

    @property
    def is_scoped(self) -> bool:
        """Whether it came by a share link, for one run or one workflow."""
        return self.run_scope is not None or self.workflow_scope is not None

    def may(self, role: Role) -> bool:
        """Whether its role includes ``role``."""
        return _RANK[self.role] >= _RANK[role]


KERNEL = Peer(
    identity=Identity(user="kernel", kind="kernel"), role="owner", via="kernel"
)
"""The other end of a link, whose hello says which kernel it is."""


class OutFrame(msgspec.Struct, frozen=True, gc=False):
    """A frame on its way to one client; the bytes are shared by all readers."""

    payload: bytes
    """UTF-8 JSON, complete."""
    topic: str = ""
    """The event's or reply's type."""
    merge_key: tuple[str, ...] | None = None
    """Frames with an equal key may be merged when the reader is slow."""
    seq: int = 0
    """0 for replies."""
    run_id: str = ""
    """Of the run that it tells of, replies too."""


class Sink(Protocol):
    """Where a host takes frames for one connection; never blocks, never raises.

    Called on the driver's loop only. After ``close_nowait`` it gets nothing
    more, and the host drops the connection; the host need not call the
    attachment's ``close`` then, but may.
    """

    @property
    def is_congested(self) -> bool:
        """Whether a replay should wait before it sends more."""
        ...

    def send_nowait(self, frame: OutFrame) -> None:
        """Queue one frame, or on overflow close the connection with 4009."""

    def close_nowait(self, code: int, reason: str) -> None:
        """Close once what is queued has been sent."""


class Attached(Protocol):
    """One connection, as its host holds it; of the host's loop."""

    def receive(self, frame: bytes | str) -> None:
        """Take one frame of the peer; refusals go out through the sink."""

    def close(self) -> None:
        """The peer is gone; safe to call twice."""
