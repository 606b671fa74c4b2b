"""Who may open a client's socket, and as whom; the same for every host.

A host fills in a :class:`Handshake`, finds out by its own means who asks (a
``Caller``), and gets a :class:`Guest`, with the ``Peer`` for the broker, or a ``Close``
for the socket. Nothing here reads a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker.peer import Peer
from kgnb.errors import Unavailable
from kgnb.server import access, closecodes, links

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from kgnb.server.calls.call import Caller
    from kgnb.server.closecodes import Close
    from kgnb.server.doors import Doors


def offered(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The subprotocols that a client offers.

    Args:
        headers: By lower-case names, or of any case where they do not matter.
    """
    header = headers.get("sec-websocket-protocol", "")
    return tuple(name.strip() for name in header.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """What a client's request for a socket says."""

    headers: Mapping[str, str] = field(repr=False)
    """By lower-case names."""
    query: Mapping[str, str] = field(repr=False)
    """Decoded."""
    scheme: str = "http"
    """``http`` or ``https``: how the server itself was reached."""
    place: str | None = field(default=None, repr=False)
    """``{x}`` of ``kgnb/ws/{x}``: a published name, or somebody's token."""
    key: str | None = None
    """What stands behind it."""

    @property
    def offered(self) -> tuple[str, ...]:
        """The subprotocols that the client offered."""
        return offered(self.headers)

    @property
    def subprotocol(self) -> str | None:
        """The one to select; a token offered as one is never echoed."""
        return access.negotiate(self.offered)


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Who was let in, and by which credential."""

    peer: Peer
    """As the broker knows him."""
    caller: Caller = field(repr=False)

    async def judge_again(self) -> Close | None:
        """Why he may stay no longer, or None; asks whoever knows the credential.

        Whose rights have changed is let go, to come back with those he has now.
        """
        caller = self.caller.again()
        if caller is None:
            return None
        identity = await caller.identity()
        if identity is None or identity.user != self.peer.identity.user:
            return closecodes.UNAUTHORIZED
        role = await access.role_of(caller.may)
        if role is None:
            return closecodes.FORBIDDEN
        may_join = await caller.may(*access.JOIN)
        is_same = (role, may_join) == (self.peer.role, self.peer.may_join)
        return None if is_same else closecodes.RESTARTING


def may_come_from(
    headers: Mapping[str, str], scheme: str, allowed: Collection[str]
) -> bool:
    """Whether a page of the Origin header may be here; True where no page asks.

    A token does not excuse a foreign page: the page may have stolen it.

    Args:
        headers: By lower-case names.
        scheme: ``http`` or ``https``: how the server itself was reached.
        allowed: Origins besides the server's own.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    schemes = {scheme}
    forwarded = headers.get("x-forwarded-proto", "").partition(",")[0]
    if forwarded.strip().lower() == "https":
        # Set by a proxy that ends TLS; a page cannot set it.
        schemes.add("https")
    if headers.get("sec-fetch-site") == "same-origin":
        # The browser itself compared the schemes that it sees.
        schemes = {"http", "https"}
    host = headers.get("host", "")
    return access.same_origin(
        origin, host=host, schemes=schemes
    ) or access.listed_origin(origin, allowed)


async def admit(
    handshake: Handshake,
    caller: Caller,
    doors: Doors | None,
    *,
    by_token: Callable[[str], Awaitable[Caller | None]] | None = None,
) -> Guest | Close:
    """Judge a handshake whose origin has been judged.

    What stands in the path is a published name first. Else, where the host knows
    tokens there, it is one; and else nobody's business who has no credential.
    A share link, wherever it stands, decides alone: nothing else is asked then.

    Args:
        handshake: The client's.
        caller: Who asks, by the credential of header, query, subprotocol or cookie.
        doors: To the broker; None while it starts, when no name is known.
        by_token: Whose token a text is, or None.
    """
    try:
        return await _judge(handshake, caller, doors, by_token)
    except Unavailable:  # the broker has gone since
        return closecodes.STARTING


async def _judge(
    handshake: Handshake,
    caller: Caller,
    doors: Doors | None,
    by_token: Callable[[str], Awaitable[Caller | None]] | None,
) -> Guest | Close:
    place = handshake.place
    is_name = place is None or doors is None or await doors.has_workflow(place)
    shown = links.presented(handshake.headers, handshake.offered)
    if shown is not None:
        return await _by_link(handshake, doors, shown, place)
    if place is not None and links.is_ours(place) and not (doors and is_name):
        return await _by_link(handshake, doors, place, None)
    if place is not None and not is_name and by_token and handshake.key is None:
        holder = await by_token(place)
        if holder is not None:
            caller, place, is_name = holder, None, True
    guest = await _guest(handshake, caller, place)
    if isinstance(guest, Guest) and not is_name:
        return closecodes.NO_SUCH_WORKFLOW
    return guest


async def _guest(
    handshake: Handshake, caller: Caller, workflow: str | None
) -> Guest | Close:
    identity = await caller.identity()
    if identity is None:
        return closecodes.UNAUTHORIZED
    role = await access.role_of(caller.may)
    if role is None:
        return closecodes.FORBIDDEN
    may_join = await caller.may(*access.JOIN)
    peer = Peer(identity=identity, role=role, may_join=may_join)
    return Guest(peer=_placed(handshake, peer, workflow), caller=caller)


async def _by_link(
    handshake: Handshake, doors: Doors | None, token: str, workflow: str | None
) -> Guest | Close:
    """Who comes by a share link.

    One whose path is the link itself is bound to the workflow that the link is for.
    """
    caller = await links.caller_of(token, doors)
    peer = caller.peer
    if doors is None:
        return closecodes.STARTING
    if peer is None:
        return closecodes.UNAUTHORIZED
    if workflow is not None and not await doors.has_workflow(workflow, peer):
        return closecodes.NO_SUCH_WORKFLOW
    if workflow is None and handshake.place is not None:
        workflow = peer.workflow_scope
    return Guest(peer=_placed(handshake, peer, workflow), caller=caller)


def _placed(handshake: Handshake, peer: Peer, workflow: str | None) -> Peer:
    """The same, with what the handshake says of the client."""
    is_page = "origin" in handshake.headers
    return msgspec.structs.replace(
        peer,
        via=access.via(handshake.query.get("via"), is_page=is_page),
        client_id=access.client_id(handshake.query.get("client_id")),
        position=access.position(handshake.query.get("position")),
        protocol="document" if handshake.subprotocol is None else "kgnb.v1",
        workflow=workflow,
        key=handshake.key if workflow is not None else None,
    )
