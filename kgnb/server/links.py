"""Share links as tokens: JSON Web Tokens (RFC 7519) that only this server can make.

A token says what its row in the log says, so that a page can show it, and the row
decides. Signed with HMAC-SHA-256 and nothing else: the algorithm is ours to name, not
the token's (RFC 8725 section 3.1).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from kgnb.broker.rows import ShareRole, ShareRow
from kgnb.errors import Unauthorized
from kgnb.protocol.ids import seconds
from kgnb.server import access

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwt.types import Options

    from kgnb.broker.peer import Identity, Peer
    from kgnb.server.calls.call import Caller
    from kgnb.server.doors import Doors

ISSUER = "kgnb"
AUDIENCE = "kgnb share link"
SESSION_AUDIENCE = "kgnb session"
MAX_SIZE = 2048
"""Characters; ours have fewer than 600."""
TYPE = "kgnb+jwt"
"""The header's ``typ``: no other kind of token is taken for one of ours."""
_ALGORITHM = "HS256"
_LEEWAY = 60.0
"""Seconds by which the clocks of servers that share a secret may differ."""
_SHAPE = re.compile(r"[\w-]{1,200}\.[\w-]{1,2000}\.[\w-]{0,200}", re.ASCII)
_REFUSED = "this share link is not valid, or no longer"
"""Whatever is wrong with one: who guesses learns nothing."""
_OPTIONS: Options = {
    "require": ["exp", "nbf", "iat", "jti"],
    # Times are compared with the broker's clock, which nobody can set.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class _Claims(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a token says."""

    iss: str
    aud: str
    jti: str
    iat: int
    nbf: int
    exp: int
    role: ShareRole
    run: str | None = None
    workflow: str | None = None
    session: str | None = None


class _Header(msgspec.Struct):
    """As much of a token's header as tells whose it is."""

    typ: str = ""


class Signer:
    """Signs and reads tokens; see :class:`kgnb.broker.shares.Tokens`.

    Args:
        key: The secret, 32 bytes.
        public_url: Where people reach this server's pages, if it was told.
    """

    def __init__(self, key: bytes, *, public_url: str | None = None) -> None:
        self._key = key
        self.public_url = public_url

    def sign(self, row: ShareRow) -> str:
        """A token that names a row."""
        made_at = int(seconds(row.made_at))
        claims = _Claims(
            iss=ISSUER,
            aud=AUDIENCE if row.session_id is None else SESSION_AUDIENCE,
            jti=row.share_id,
            iat=made_at,
            nbf=made_at,
            exp=int(row.expires_at),
            role=row.role,
            run=row.run_id,
            workflow=row.workflow,
            session=row.session_id,
        )
        payload: dict[str, Any] = msgspec.to_builtins(claims)
        return jwt.encode(payload, self._key, _ALGORITHM, headers={"typ": TYPE})

    def read(self, token: str, now: float) -> ShareRow:
        """What a token says.

        Raises:
            Unauthorized: It is not ours, is over, or says too little.
        """
        claims = self._verified(token)
        is_for = [claims.run, claims.workflow, claims.session]
        is_session = claims.session is not None
        expected = SESSION_AUDIENCE if is_session else AUDIENCE
        if (
            sum(thing is not None for thing in is_for) != 1
            or claims.aud != expected
            or not claims.nbf - _LEEWAY <= now < claims.exp
        ):
            raise Unauthorized(_REFUSED)
        return ShareRow(
            share_id=claims.jti,
            run_id=claims.run,
            workflow=claims.workflow,
            session_id=claims.session,
            role=claims.role,
            maker="",
            expires_at=claims.exp,
        )

    def _verified(self, token: str) -> _Claims:
        if len(token) > MAX_SIZE or not is_token(token):
            raise Unauthorized(_REFUSED)
        try:
            decoded = jwt.decode_complete(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=[AUDIENCE, SESSION_AUDIENCE],
                issuer=ISSUER,
                options=_OPTIONS,
            )
            claims = msgspec.convert(decoded["payload"], _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, RecursionError):
            raise Unauthorized(_REFUSED) from None
        if decoded["header"].get("typ") != TYPE:
            raise Unauthorized(_REFUSED)
        return claims


def is_token(text: str) -> bool:
    """Whether a text has the form of a JSON Web Token, of whoever made it."""
    return len(text) <= MAX_SIZE and _SHAPE.fullmatch(text) is not None


def is_ours(text: str) -> bool:
    """Whether a token says that it is a share link: others are the host's business."""
    if not is_token(text):
        return False
    head = text.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
        return msgspec.json.decode(decoded, type=_Header).typ == TYPE
    except (ValueError, msgspec.MsgspecError):
        return False


# ---- who comes by one


def presented(headers: Mapping[str, str], offered: Iterable[str] = ()) -> str | None:
    """The share link that a request shows: in its header, or as a subprotocol.

    Args:
        headers: By lower-case names.
        offered: The subprotocols, of a socket.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    shown = [given.strip()] if scheme.lower() == "bearer" else []
    prefix = access.TOKEN_PROTOCOL
    shown += [name.removeprefix(prefix) for name in offered if name.startswith(prefix)]
    return next((token for token in shown if is_ours(token)), None)


class LinkCaller:
    """Whoever comes by a share link; see ``calls.call.Caller``.

    The link decides alone, valid or not: a cookie beside it gives nothing.

    Args:
        peer: Who that is; None where the link is not valid.
    """

    def __init__(self, peer: Peer | None) -> None:
        self.peer = peer

    async def identity(self) -> Identity | None:
        """The link's; None where it is not valid."""
        return None if self.peer is None else self.peer.identity

    def again(self) -> None:
        """None: the broker closes who came by a link the moment that ends."""

    async def may(self, action: str, resource: str) -> bool:
        """Whether the link's role includes it."""
        return self.peer is not None and access.includes(
            self.peer.role, action, resource
        )


async def caller_of(token: str, doors: Doors | None) -> LinkCaller:
    """Who comes by a share link; nobody before the broker starts."""
    try:
        return LinkCaller(None if doors is None else await doors.shared_peer(token))
    except Unauthorized:
        return LinkCaller(None)


async def caller_by(
    headers: Mapping[str, str], doors: Doors | None, otherwise: Caller
) -> Caller:
    """Who calls over HTTP: by a share link, or else as the host found out.

    Raises:
        Unavailable: The broker, who knows the links, is not there.
    """
    token = presented(headers)
    return otherwise if token is None else await caller_of(token, doors)
