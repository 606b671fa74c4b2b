"""Addresses of stores, as people may see them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def shown(url: str) -> str:
    """An address without user, password and parameters, for errors and logs."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def is_remote(url: str) -> bool:
    """Whether an address is of a server, which may be away and come back."""
    return urlsplit(url).scheme in {"redis", "rediss", "postgresql", "postgres"}


def without_prefix(url: str) -> tuple[str, str]:
    """An address of Redis without the parameter that is ours, and that parameter."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    prefix = query.pop("prefix", "kgnb")
    return urlunsplit(parts._replace(query=urlencode(query))), prefix
