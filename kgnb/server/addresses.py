"""Under which address a kernel on this machine reaches its server."""

from __future__ import annotations

import ipaddress
import socket

_ANY_V6 = "::"
_WILDCARDS = frozenset({"", "0.0.0.0", "*"})  # noqa: S104  # compared with, not bound


def loopback_host(ip: str) -> str:
    """The host to dial, for a server that listens on ``ip``.

    A wildcard is reached by 127.0.0.1, except that a server on ``::`` listens on
    IPv6 alone (tornado sets IPV6_V6ONLY). A name that means this machine's
    loopback is 127.0.0.1 too; a server that listens on one outward address can
    be reached only there.
    """
    if ip in _WILDCARDS:
        return "127.0.0.1"
    if ip == _ANY_V6:
        return "[::1]"
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return _named(ip)
    return f"[{ip}]" if address.version == 6 else ip  # noqa: PLR2004  # IPv6


def _named(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return "127.0.0.1"
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or any(ipaddress.ip_address(a).is_loopback for a in addresses):
        return "127.0.0.1"
    return addresses[0]


def link_url(*, ip: str, port: int, base_url: str, secure: bool) -> str:
    """The WebSocket URL of ``kgnb/link``.

    Args:
        ip: What the server listens on: an address, a name or a wildcard.
        port: The port it really has, after any search for a free one.
        base_url: Jupyter's base URL; begins and ends with a slash.
        secure: Whether the server itself speaks TLS.
    """
    scheme = "wss" if secure else "ws"
    return f"{scheme}://{loopback_host(ip)}:{port}{base_url}kgnb/link"


def with_slash(url: str | None) -> str | None:
    """A configured address, to which paths can be added; None where none is."""
    return url.rstrip("/") + "/" if url else None
