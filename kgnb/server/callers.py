"""Who sent a request, and from which page: the same for sockets and for HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.utils import origin_matches_pat

from kgnb.server import access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kgnb.broker.peer import Identity
    from kgnb.server.discreet import Discreet


def may_come_from(handler: Discreet, origin: str | None = None) -> bool:
    """Whether a page of the Origin header may be here.

    A token does not excuse a foreign page: the page may have stolen it.

    Args:
        handler: With the request.
        origin: In place of the header's.
    """
    headers = handler.request.headers
    origin = origin or headers.get("Origin")
    if origin is None:
        return True
    schemes = {handler.request.protocol}
    forwarded = headers.get("X-Forwarded-Proto", "").partition(",")[0]
    if forwarded.strip().lower() == "https":
        # Set by a proxy that ends TLS; a page cannot set it.
        schemes.add("https")
    if headers.get("Sec-Fetch-Site") == "same-origin":
        # The browser itself compared the schemes that it sees.
        schemes = {"http", "https"}
    host = headers.get("Host", "")
    if access.same_origin(origin, host=host, schemes=schemes):
        return True
    if handler.host.settings.allow_origins:
        return access.listed_origin(origin, handler.host.settings.allow_origins)
    return _jupyter_allows(handler, origin)


def _jupyter_allows(handler: Discreet, origin: str) -> bool:
    """Jupyter's own allow-list, which its kernel sockets obey as well."""
    if handler.allow_origin:
        return handler.allow_origin in ("*", origin.lower())
    pattern = handler.allow_origin_pat
    return bool(pattern and origin_matches_pat(pattern, origin.lower()))


def rights(handler: Discreet) -> Callable[[str, str], Awaitable[bool]]:
    """Answers whether the request's user may do an action on a resource."""

    async def may(action: str, resource: str) -> bool:
        user: Any = handler.current_user
        allowed = handler.authorizer.is_authorized(handler, user, action, resource)
        return bool(await ensure_async(allowed))

    return may


async def identity_of(handler: Discreet) -> Identity:
    """Who the request's user is; there has to be one."""
    user = handler.current_user
    cookie = handler.identity_provider.get_user_cookie(handler)
    return access.identify(
        user.username,
        user.display_name or user.name or "",
        has_cookie=await ensure_async(cookie) is not None,
        needs_token=handler.identity_provider.auth_enabled,
    )
