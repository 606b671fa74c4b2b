"""How a host becomes one of several servers, if its configuration says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.errors import InvalidValue
from kgnb.storage.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.backplane.member import Member
    from kgnb.server.doors import Doors
    from kgnb.server.host import Host

_BACKPLANES = ("redis", "rediss", "unix")
_LOGS = ("redis", "rediss", "postgres", "postgresql")


def check(backplane_url: str, log_url: str, session_url: str = "") -> None:
    """Whether a configuration can join servers; that nothing joins them is right too.

    Raises:
        InvalidValue: The backplane is no Redis, or what all need is one server's own.
    """
    if not backplane_url:
        return
    if backplane_url.partition("://")[0] not in _BACKPLANES:
        raise InvalidValue(
            f"backplane_url: expected redis://… or rediss://…, got"
            f" {shown(backplane_url)!r}"
        )
    for name, url in (("log_url", log_url), ("session_url", session_url or log_url)):
        if url.partition("://")[0] not in _LOGS:
            given = repr(shown(url)) if url else "none"
            raise InvalidValue(
                f"{name}: servers that a backplane_url joins share it: expected"
                f" redis://… or postgresql://…, the same everywhere, got {given}"
            )


def join(
    host: Host,
    url: str,
    *,
    root: str,
    make: Callable[[], BrokerDriver],
    changed: Callable[[Doors | None], None] = lambda _doors: None,
) -> Member:
    """See :class:`member.Member`.

    Raises:
        InvalidValue: The library for Redis is not installed.
    """
    try:
        from kgnb.server.backplane.member import Member  # noqa: PLC0415  # with redis-py
    except ModuleNotFoundError as error:
        raise InvalidValue(
            f"backplane_url: {error.name} is not installed; pip install 'kgnb[redis]'"
        ) from None
    return Member(host, url, root=root, make=make, changed=changed)
