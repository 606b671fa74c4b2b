"""Where a server is: what people write, as the URL that is dialled."""

from __future__ import annotations

import http.client
import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from kgnb.clients.calls import opener
from kgnb.errors import InvalidValue, Unavailable

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_SOCKETS = "/kgnb/ws"
_HEALTH_TIMEOUT = 2.0
"""Seconds that a server of this machine has to say how it is."""


class Server(NamedTuple):
    """A server, and the token that it knows us by."""

    url: str
    """As in a browser: ``http://localhost:8888/``."""
    token: str = ""

    def __repr__(self) -> str:
        return f"Server(url={self.url!r})"


class Address(NamedTuple):
    """What is dialled."""

    url: str
    """``ws://localhost:8888/kgnb/ws``, never with a token."""
    token: str = ""
    is_local: bool = False
    """Whether it is on this machine, where no proxy leads."""

    def __repr__(self) -> str:
        return f"Address(url={self.url!r})"


def address_of(
    where: str | Server, *, token: str | None = None, client_id: str | None = None
) -> Address:
    """The socket of a server.

    Args:
        where: A server's URL as in a browser, or that of a socket, such as
            ``ws://localhost:8888/kgnb/ws/chat``.
        token: Its token; None: the one of the URL's ``?token=``, or none.
        client_id: The name under which the client comes back.

    Raises:
        InvalidValue: It is no such URL.
    """
    url, known = where if isinstance(where, Server) else (where, "")
    parts = _parts_of(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise InvalidValue(
            f"url: expected one such as 'http://localhost:8888/', got "
            f"{parts.scheme or 'no'!r} as its scheme and {parts.hostname!r} as its host"
        )
    query = dict(parse_qsl(parts.query))
    found = query.pop("token", "")
    if client_id is not None:
        query["client_id"] = client_id
    path = parts.path.rstrip("/")
    if _SOCKETS not in path:
        base = path.partition("/kgnb")[0] if path.endswith("/kgnb") else path
        for page in ("/lab", "/tree"):
            base = base.partition(page + "/")[0].removesuffix(page)
        path = base + _SOCKETS
    host = parts.netloc.rpartition("@")[2]
    return Address(
        urlunsplit((_SCHEMES[parts.scheme], host, path, urlencode(query), "")),
        token if token is not None else found or known,
        _is_local(parts.hostname),
    )


def _parts_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is read, and judged, when it is asked for
    except ValueError:  # its text may quote a password
        raise InvalidValue(
            "url: expected one such as 'http://localhost:8888/', got one whose host or "
            "port cannot be read"
        ) from None
    return parts


def pages_of(address: Address) -> str:
    """Where the pages of a server are, with a slash at the end: ``…/kgnb/``."""
    scheme, _, rest = address.url.partition("://")
    base = rest.partition(_SOCKETS)[0]
    return f"{'https' if scheme == 'wss' else 'http'}://{base}/kgnb/"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def from_jupyter() -> Server:
    """The Jupyter server with kgnb that runs on this machine, for this user.

    Raises:
        Unavailable: None runs, or Jupyter Server is not installed here.
        InvalidValue: Several run.
    """
    found = [server for server in running() if has_kgnb(server)]
    if not found:
        raise Unavailable(
            "no running Jupyter server with kgnb was found: start one, or give its "
            "url and token; `kgnb doctor` says how those that run are"
        )
    if len(found) > 1:
        urls = ", ".join(server.url for server in found)
        raise InvalidValue(f"several Jupyter servers run: give the url of one: {urls}")
    return found[0]


def running() -> list[Server]:
    """The Jupyter servers of this machine and user, with kgnb or without.

    Raises:
        Unavailable: Jupyter Server is not installed here.
    """
    try:
        from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415  # slow
    except ImportError:
        raise Unavailable(
            "Jupyter Server is not installed here: give a url and a token"
        ) from None
    found = [dict(info) for info in list_running_servers()]
    # One that listens on a Unix socket has no host to dial.
    return [
        Server(str(info["url"]), str(info.get("token") or ""))
        for info in found
        if not info.get("sock")
    ]


def has_kgnb(server: Server) -> bool:
    """Whether kgnb answers there."""
    url = server.url.rstrip("/") + "/kgnb/health"
    try:
        with opener(is_local=True).open(url, timeout=_HEALTH_TIMEOUT):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        # A HTTPError is an OSError; a URL with a blank, a reply of another protocol.
        return False
