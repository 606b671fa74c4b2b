"""What a log may show of a request: its path, and the origin it came from.

Jupyter's own scrubbing looks for parameter names that contain "token" and the
like; it misses ``tok%65n=``, ``;token=`` in a path, and unknown names, and an
uncaught exception prints the raw URL. So a request to kgnb is stripped before
anything can log it, and no list of names is needed.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HIDDEN = "[hidden]"
_TOKEN = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)
"""A JSON Web Token, wherever in a path somebody put it."""


def path_only(uri: str, *, hidden_after: str | None = None) -> str:
    """The URI's path without parameters, query and fragment.

    Args:
        uri: As it came in the request line.
        hidden_after: A part of the path behind which credentials may stand.
    """
    path = uri.partition("?")[0].partition("#")[0].partition(";")[0]
    if hidden_after is not None:
        head, found, _ = path.partition(hidden_after)
        if found:
            return f"{head}{found}{_HIDDEN}"
    return _TOKEN.sub(_HIDDEN, path)


def origin_only(url: str) -> str:
    """Scheme and host of a URL, such as a Referer; nothing that could be secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return _HIDDEN
    if not parts.scheme or not host:
        return _HIDDEN
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}/" if port else f"{parts.scheme}://{host}/"


def one_line(text: str) -> str:
    """Text that cannot forge a second log line or colour a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)[:300]
