"""What an ASGI scope says, in the words of the calls and of the entrance."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from kgnb.server.scrub import path_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.server.asgi.types import Scope

PREFIX = "kgnb/"
_HIDDEN_AFTER = "/ws/"
"""Behind it may stand somebody's token."""
_KNOWN = frozenset({"workflow", "health", "metrics"})
"""What else may stand there, and is no secret."""
_HIDDEN_IN_UNKNOWN = f"/{PREFIX}"
"""Behind it may be one too, where the path is none of ours."""
_PLAIN = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, a socket's handshake too."""

    method: str
    path: str = field(repr=False)
    """As in the table of calls: begins with ``kgnb/``; still percent-encoded."""
    query: Mapping[str, str] = field(repr=False)
    """Decoded; of a name given twice the last."""
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case names; of one given twice the values joined."""
    scheme: str
    """``http`` or ``https``."""
    base_url: str
    """Where ``kgnb/…`` begins, as in a URL; ends with a slash."""
    origin: str
    """This server as the caller sees it, such as ``http://127.0.0.1:8000``."""
    client: str | None
    """The address of who asks; None where the server does not know it."""
    _scope: Scope = field(repr=False)

    @property
    def is_from_here(self) -> bool:
        """Whether it came from this machine."""
        try:
            address = ipaddress.ip_address((self.client or "").partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def hide(self) -> None:
        """The path is none of ours: let no log have it, whatever was pasted there."""
        _forget(self._scope, hidden_after=_HIDDEN_IN_UNKNOWN)

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """Read a scope, and take out of it what must reach no log.

        Servers and middleware print path and query of the very same scope after us,
        so the query goes, and what stands behind ``ws/``.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_text in scope["headers"]:
            name, text = raw_name.decode("latin-1").lower(), raw_text.decode("latin-1")
            joint = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{joint}{text}" if name in headers else text
        told: str = scope["scheme"]
        scheme = _PLAIN.get(told, told)
        query = scope.get("query_string", b"").decode("latin-1")
        root, inner = _split(scope)
        base, path = _placed(root, inner)
        may_hold_token = path.removeprefix(f"{PREFIX}ws/") not in _KNOWN
        _forget(scope, hidden_after=_HIDDEN_AFTER if may_hold_token else None)
        return cls(
            method=scope.get("method", "GET"),
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            scheme=scheme,
            base_url=base,
            origin=f"{scheme}://{headers.get('host') or _address(scope)}",
            client=scope["client"][0] if scope.get("client") else None,
            _scope=scope,
        )


def _split(scope: Scope) -> tuple[str, str]:
    """Where the application is mounted, and the path in it, both percent-encoded."""
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    is_within = bool(root) and (path == root or path.startswith(f"{root}/"))
    raw: bytes = scope.get("raw_path") or quote(path).encode()
    segments = raw.decode("latin-1").partition("?")[0].split("/")
    depth = root.count("/") if is_within else 0
    return quote(root), "/".join(segments[depth + 1 :])


def _placed(root: str, inner: str) -> tuple[str, str]:
    """Base URL and path: ``kgnb/`` may stand in the mount, in the path, or nowhere."""
    if inner == PREFIX[:-1]:
        return f"{root}/", PREFIX
    if inner.startswith(PREFIX):
        return f"{root}/", inner
    if root.endswith(f"/{PREFIX[:-1]}"):
        root = root.removesuffix(f"/{PREFIX[:-1]}")
    return f"{root}/", PREFIX + inner


def _forget(scope: Scope, *, hidden_after: str | None) -> None:
    scope["query_string"] = b""
    scope["path"] = path_only(scope["path"], hidden_after=hidden_after)
    if scope.get("raw_path"):
        raw = scope["raw_path"].decode("latin-1")
        shown = path_only(raw, hidden_after=hidden_after)
        scope["raw_path"] = shown.encode("latin-1")


def _address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def segments(path: str) -> list[str]:
    """Of a path below ``kgnb/``, each decoded."""
    return [unquote(part) for part in path.removeprefix(PREFIX).split("/")]
