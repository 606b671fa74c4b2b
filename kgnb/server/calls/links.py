"""Share links: make, list, revoke; and tokens for a session of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from kgnb.broker.shares import SESSION_TOKEN, Wish
from kgnb.drawing.qr import qr_svg
from kgnb.errors import BadFrame
from kgnb.protocol.ids import timestamp
from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from kgnb.broker.rows import ShareRow
    from kgnb.server.calls.call import Call


class LinkBody(Wish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST kgnb/api/links``; exactly one of the first three.

    ``ttl`` is in seconds, ``label`` the name of whoever comes by it. A ``session_id``
    is one of the caller's own; what is made is no link then, but a token for it.
    """


async def make(call: Call) -> Reply:
    """Make a share link of a run or workflow, or a token for a session.

    The token is told this once; the log keeps what it opens, not the token.
    """
    row, token = await call.driver.share(await call.peer(), call.body_as(LinkBody))
    if row.session_id is not None:
        told: dict[str, Any] = {"session_token": SESSION_TOKEN + token}
    else:
        told = _addresses(call, row, token)
    return Reply.json(_summary(row) | told, status=201)


def _addresses(call: Call, row: ShareRow, token: str) -> dict[str, Any]:
    base = call.host.settings.public_url or call.origin + call.base_url
    page = (
        f"runs/{row.run_id}"
        if row.workflow is None
        else f"chat/{quote(row.workflow, safe='')}"
    )
    # Behind the #, which no browser sends and no server logs.
    url = f"{base}kgnb/{page}#token={token}"
    return {
        "token": token,
        "url": url,
        "ws_url": f"{base.replace('http', 'ws', 1)}kgnb/ws/{token}",
        "qr_svg": qr_svg(url),
    }


async def listed(call: Call) -> Reply:
    """One's own links that hold, the oldest first; without the tokens."""
    rows = call.driver.shares(await call.peer())
    return Reply.json({"links": [_summary(row) for row in rows]})


class RevokeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``DELETE kgnb/api/links``."""

    link_id: str | None = None


async def revoke(call: Call) -> Reply:
    """End a link at once, with all who came by it.

    Raises:
        BadFrame: Body and path name no link, or two.
        NoSuchLink: It is not one's own.
    """
    body = call.body_as(RevokeBody)
    named = {each for each in (*call.args, body.link_id) if each is not None}
    if len(named) != 1:
        raise BadFrame("body: expected the 'link_id' of one share link")
    row = await call.driver.revoke(await call.peer(), named.pop())
    return Reply.json(_summary(row))


def _summary(row: ShareRow) -> dict[str, Any]:
    things = {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "session_id": row.session_id,
    }
    return {
        "link_id": row.share_id,
        **{name: thing for name, thing in things.items() if thing is not None},
        "role": row.role,
        "label": row.label,
        "made_at": row.made_at,
        "expires_at": timestamp(row.expires_at),
        "revoked_at": row.revoked_at,
    }
