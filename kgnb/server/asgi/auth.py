"""Who asks, in an application: its own ``auth``, or else one token on this machine."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, get_args

from kgnb.broker.peer import Identity, Role
from kgnb.errors import InvalidValue
from kgnb.server import access

if TYPE_CHECKING:
    from kgnb.server.asgi.request import Request

Auth = Callable[[str], Awaitable[Any] | Any]
"""Takes a token; gives the user, or None. See :func:`kgnb.server.asgi.create_app`."""

COOKIE = "kgnb-token"
_ROLES = frozenset(get_args(Role)) - {"owner"}
_SCHEMES = frozenset({"bearer", "token"})


@dataclass(frozen=True, kw_only=True)
class User:
    """One person, as the application knows him."""

    username: str
    """A stable key: two sockets of one person have the same."""
    name: str = ""
    """What people are shown; by default the username."""
    role: Role = "start"
    """``view``, ``answer``, ``control`` or ``start``: each includes those before."""
    may_join: bool = False
    """Whether he may join any group, not only those of ``groups_open``."""

    @classmethod
    def of(cls, found: object) -> User | None:
        """What ``auth`` gave: a name, a dict, or an object with these attributes.

        Raises:
            InvalidValue: It names nobody, or no such role.
        """
        if not found:
            return None
        if isinstance(found, User):
            return found
        if isinstance(found, str):
            return cls(username=found)
        read = found.get if isinstance(found, Mapping) else _reader(found)
        username, name, role = read("username"), read("name"), read("role")
        if not isinstance(username, str) or not username:
            raise InvalidValue(
                f"auth: expected None, a user's name, or a dict or object with "
                f"'username', got {type(found).__name__}"
            )
        if role is not None and role not in _ROLES:
            listed = ", ".join(sorted(_ROLES))
            raise InvalidValue(f"auth: role={role!r}: expected one of {listed}")
        return cls(
            username=username,
            name=str(name or ""),
            role=role or "start",
            may_join=read("may_join") is True,
        )


def _reader(found: object) -> Callable[[str], Any]:
    return lambda key: getattr(found, key, None)


class AppCaller:
    """See ``calls.call.Caller``; asks the application at most once.

    Args:
        find: Gives the user and his identity, or None.
        found: What it gave, where it was asked.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[tuple[User, Identity] | None]],
        found: tuple[User, Identity] | None = None,
    ) -> None:
        self._find = find
        self._found = found
        self._is_known = found is not None

    async def _known(self) -> tuple[User, Identity] | None:
        if not self._is_known:
            self._found = await self._find()
            self._is_known = True
        return self._found

    async def identity(self) -> Identity | None:
        """The person or token; None without a valid credential."""
        found = await self._known()
        return None if found is None else found[1]

    async def may(self, action: str, resource: str) -> bool:
        """Whether his role includes an action on a resource."""
        found = await self._known()
        if found is None:
            return False
        if (action, resource) == access.JOIN:
            return found[0].may_join
        return access.includes(found[0].role, action, resource)

    def again(self) -> AppCaller:
        """Whoever the same token is of now."""
        return AppCaller(self._find)


class Guard:
    """Finds out who asks.

    Args:
        auth: The application's; None: whoever has ``token``.
        token: Of whoever runs the application.
        is_local: Whether that counts on this machine alone.
    """

    def __init__(
        self,
        auth: Auth | None = None,
        *,
        token: str | None = None,
        is_local: bool = False,
    ) -> None:
        self._auth = auth
        self.token = token
        self.is_local = is_local

    @property
    def knows_people(self) -> bool:
        """Whether votes can be counted."""
        return self._auth is not None

    def caller(self, request: Request, offered: tuple[str, ...] = ()) -> AppCaller:
        """Who sent a request.

        Args:
            request: With its headers, query and cookies.
            offered: The subprotocols, one of which may be a token.
        """
        return AppCaller(lambda: self._find(request, token_of(request, offered)))

    async def by_token(self, request: Request, token: str) -> AppCaller | None:
        """Whose token stands in a path, or None."""
        found = await self._find(request, token)
        if found is None:
            return None
        return AppCaller(lambda: self._find(request, token), found)

    async def _find(
        self, request: Request, token: str | None
    ) -> tuple[User, Identity] | None:
        if not token:
            return None
        if self._auth is None:
            return self._owner(request, token)
        found = self._auth(token)
        user = User.of(await found if inspect.isawaitable(found) else found)
        if user is None:
            return None
        name = user.name or user.username
        return user, Identity(user=access.user_key(user.username), name=name)

    def _owner(self, request: Request, token: str) -> tuple[User, Identity] | None:
        ours = (self.token or "").encode()
        is_right = bool(ours) and secrets.compare_digest(token.encode(), ours)
        if not is_right or (self.is_local and not request.is_from_here):
            return None
        user = User(username="token", may_join=True)
        return user, Identity(user="token", kind="token")


def token_of(request: Request, offered: tuple[str, ...] = ()) -> str | None:
    """The credential of a request: header, subprotocol, query, or a page's cookie."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES and given.strip():
        return given.strip()
    return (
        access.token_offered(offered) or request.query.get("token") or _cookie(request)
    )


def _cookie(request: Request) -> str | None:
    """A cookie counts where a page of ours sent it: the browser says so."""
    if "origin" not in request.headers and request.headers.get(
        "sec-fetch-site"
    ) not in ("same-origin", "none"):
        return None
    try:
        morsel = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None
