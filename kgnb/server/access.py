"""Who connects, and what that allows: from a credential to a ``Peer``.

No tornado here: the hosts (Jupyter's, FastAPI's) read their request and ask.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from kgnb.broker.peer import Identity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from kgnb.broker.peer import Role

PROTOCOL = "kgnb.v1"
TOKEN_PROTOCOL = "kgnb.token."  # noqa: S105  # a prefix, not a token

_ORIGIN = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[^\s/?#@\\:\[\]]+)(?::([1-9]\d{0,4}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,128}")
_POSITION = re.compile(r"\d{1,18}", re.ASCII)
_MADE_UP_NAME = re.compile(r"Anonymous \w+")
_RESERVED = re.compile(r"token|anonymous|(kernel|link|user)( .*)?", re.DOTALL)
_MADE_UP_USER = re.compile(r"[0-9a-f]{32}")

# ---- where a browser's page came from


def _authority(scheme: str, host: str) -> tuple[str, int] | None:
    """Host and port of a Host header, the port made explicit."""
    found = _ORIGIN.fullmatch(f"{scheme}://{host.lower()}")
    if found is None:
        return None
    return found[2], int(found[3] or _DEFAULT_PORTS[scheme])


def same_origin(origin: str, *, host: str, schemes: Iterable[str]) -> bool:
    """Whether a page of ``origin`` was served by this very server.

    Scheme, host and port are compared exactly, after lower-casing and making
    default ports explicit. "null", user names, paths and anything that is no
    plain origin never match.

    Args:
        origin: The Origin header.
        host: The Host header.
        schemes: "http", "https", or both where a proxy hides which it was.
    """
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:
        return False
    scheme = found[1]
    if scheme not in schemes:
        return False
    theirs = found[2], int(found[3] or _DEFAULT_PORTS[scheme])
    return theirs == _authority(scheme, host)


def listed_origin(origin: str, allowed: Collection[str]) -> bool:
    """Whether ``origin`` is an entry of an allow-list; exact, but for case."""
    lowered = origin.lower()
    return any(lowered == entry.lower().rstrip("/") for entry in allowed)


# ---- what a credential allows

_LADDER: tuple[tuple[Role, str, str], ...] = (
    ("view", "read", "kgnb"),
    ("answer", "write", "kgnb:approvals"),
    ("control", "write", "kgnb:runs"),
    ("start", "execute", "kgnb:workflows"),
)
"""Role, and the action and resource of Jupyter's authorizer that grant it."""


JOIN = ("write", "kgnb:groups")
"""Action and resource that let a user into any group."""


async def role_of(may: Callable[[str, str], Awaitable[bool]]) -> Role | None:
    """The highest role granted without a gap below it; None: not even view.

    Args:
        may: Answers whether the user may do an action on a resource.
    """
    role: Role | None = None
    for candidate, action, resource in _LADDER:
        if not await may(action, resource):
            break
        role = candidate
    return role


def includes(role: Role, action: str, resource: str) -> bool:
    """Whether a role, and those below it, grant an action on a resource."""
    for candidate, *granted in _LADDER:
        if granted == [action, resource]:
            return True
        if candidate == role:
            break
    return False


def user_key(username: str) -> str:
    """The key of a person's identity: never one that we give to somebody else.

    Sessions and share links belong to an identity. Who signs up as ``token`` must not
    have those of whoever holds the server's token, nor a kernel's, nor a link's.
    """
    return f"user {username}" if _RESERVED.fullmatch(username) else username


def identify(
    username: str, name: str, *, has_cookie: bool, needs_token: bool
) -> Identity:
    """Who a Jupyter user is to us.

    Jupyter makes up a user ("Anonymous Io") for whoever has only the shared
    token, a new one for each connection that keeps no cookie. Without a cookie
    they are one identity, ``token``; with one they are told apart, but no
    made-up name is ever shown as a person.

    Args:
        username: The identity provider's key for the user.
        name: What it would show.
        has_cookie: Whether the user came from a cookie.
        needs_token: False where the server asks for no credential at all.
    """
    is_made_up = _MADE_UP_USER.fullmatch(username) is not None
    if not is_made_up or not _MADE_UP_NAME.fullmatch(name):
        # Jupyter lets a user that it made up choose what he is called.
        return Identity(
            user=user_key(username),
            name=name or username,
            kind="user",
            is_self_named=is_made_up,
        )
    if has_cookie:
        return Identity(user=username, kind="anonymous")
    if needs_token:
        return Identity(user="token", kind="token")
    return Identity(user="anonymous", kind="anonymous")


# ---- what a client asked for in its handshake


def negotiate(offered: Iterable[str]) -> str | None:
    """The subprotocol to select; a token offered as one is never echoed."""
    return PROTOCOL if PROTOCOL in offered else None


def token_offered(offered: Iterable[str]) -> str | None:
    """The credential that a page offered as a subprotocol: it can set no header."""
    shown = (name for name in offered if name.startswith(TOKEN_PROTOCOL))
    return next((name.removeprefix(TOKEN_PROTOCOL) for name in shown), None)


def client_id(given: str | None) -> str | None:
    """The ``client_id`` of the query, if it is a printable name of sane length."""
    if given and _CLIENT_ID.fullmatch(given):
        return given
    return None


def position(given: str | None) -> int | None:
    """The ``position`` of the query, if it is one; see ``broker.peer.Peer``."""
    return int(given) if given and _POSITION.fullmatch(given) else None


_VIA = frozenset({"panel", "page", "python", "script"})


def via(given: str | None, *, is_page: bool, otherwise: str = "python") -> str:
    """Which kind of client it says it is; stands under its decisions.

    Only what a client may claim of itself: no ``kernel``, ``control`` or ``comm``.
    """
    if given in _VIA:
        return given
    return "page" if is_page else otherwise


# ---- secrets: one root, which never leaves the server, and what is made of it


def derive_root(cookie_secret: bytes) -> str:
    """The ``link_secret`` of a server that was given none.

    Derived, so that it outlives a restart and kernels that survived one can
    dial again; one-way, so that it opens nothing else.
    """
    return hmac.new(cookie_secret, b"kgnb link v1", hashlib.sha256).hexdigest()


def derive_link_secret(root: str) -> str:
    """What kernels are given: it opens ``kgnb/link``, and makes no share link."""
    return hmac.new(root.encode(), b"kernel link", hashlib.sha256).hexdigest()


def derive_share_key(root: str) -> bytes:
    """What share links are signed with; no kernel can come by it."""
    return hmac.new(root.encode(), b"share links", hashlib.sha256).digest()


def derive_voter_key(cookie_secret: bytes) -> bytes:
    """The key of the marks that tell voters apart; the same after a restart."""
    return hmac.new(cookie_secret, b"kgnb voters v1", hashlib.sha256).digest()


def is_link_secret(header: str, secret: str) -> bool:
    """Whether an Authorization header carries the link secret."""
    scheme, _, given = header.partition(" ")
    matches = secrets.compare_digest(given.strip().encode(), secret.encode())
    return scheme.lower() == "kgnb-link" and bool(secret) and matches
