"""Who sent a request, and from which page: the same for sockets and for HTTP."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.utils import origin_matches_pat

from kgnb.server import access, entrance
from kgnb.server.discreet import Discreet

if TYPE_CHECKING:
    from kgnb.broker.peer import Identity


def may_come_from(handler: Discreet, origin: str | None = None) -> bool:
    """Whether a page of the Origin header may be here.

    A token does not excuse a foreign page: the page may have stolen it.

    Args:
        handler: With the request.
        origin: In place of the header's.
    """
    headers = {name.lower(): text for name, text in handler.request.headers.items()}
    if origin is not None:
        headers["origin"] = origin
    allowed = handler.host.settings.allow_origins
    if entrance.may_come_from(headers, handler.request.protocol, allowed):
        return True
    return not allowed and _jupyter_allows(handler, headers["origin"])


def _jupyter_allows(handler: Discreet, origin: str) -> bool:
    """Jupyter's own allow-list, which its kernel sockets obey as well."""
    if handler.allow_origin:
        return handler.allow_origin in ("*", origin.lower())
    pattern = handler.allow_origin_pat
    return bool(pattern and origin_matches_pat(pattern, origin.lower()))


class JupyterCaller:
    """Who sent a request, as Jupyter's identity provider and authorizer know."""

    def __init__(self, handler: Discreet) -> None:
        self._handler = handler

    async def identity(self) -> Identity | None:
        """The person or token; None without a valid credential."""
        user = self._handler.current_user
        if not user:
            return None
        provider = self._handler.identity_provider
        cookie = provider.get_user_cookie(self._handler)
        return access.identify(
            user.username,
            user.display_name or user.name or "",
            has_cookie=await ensure_async(cookie) is not None,
            needs_token=provider.auth_enabled,
        )

    async def may(self, action: str, resource: str) -> bool:
        """Whether the authorizer lets him do an action on a resource."""
        handler = self._handler
        user: Any = handler.current_user
        allowed = handler.authorizer.is_authorized(handler, user, action, resource)
        return bool(await ensure_async(allowed))

    def again(self) -> JupyterCaller:
        """Whoever sent the same request, as Jupyter knows him now."""
        return _CallerAnew(self._handler)


class _CallerAnew(JupyterCaller):
    """Whoever sent a request that was judged before.

    Identity providers note on a handler what they found, and some change it; so each
    question gets a handler of its own, through which nobody is answered.
    """

    def __init__(self, handler: Discreet) -> None:
        request = copy.copy(handler.request)
        request.connection = _Unheard()  # type: ignore[assignment]  # all that is used of one
        super().__init__(Discreet(handler.application, request, host=handler.host))

    async def identity(self) -> Identity | None:
        """The person or token; None once the credential holds no more."""
        handler = self._handler
        found = handler.identity_provider.get_user(handler)
        handler.current_user = await ensure_async(found)
        return await super().identity()


class _Unheard:
    """In place of the connection, whose close is somebody else's to hear of."""

    def set_close_callback(self, callback: object) -> None:
        """Nothing: see above."""
