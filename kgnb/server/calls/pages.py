"""The page of one run, and the files that pages and widgets load."""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from kgnb.server.calls.call import Call

WEB = Path(__file__).parents[2] / "web"

_FILES = {
    "kgnb.js": "text/javascript; charset=utf-8",
    "kgnb.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
"""Everything that is served from ``kgnb/web``; nothing else can be asked for."""

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


def page_policy(host: str) -> str:
    """The Content-Security-Policy of our pages.

    No script but our files, no request but to this server: what a model wrote
    can then neither run nor carry anything away (an image's URL, for one).

    Args:
        host: The Host header; its WebSockets are named because not every
            browser counts them under 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"connect-src 'self'{sockets}",
            "img-src 'self' data:",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def filled(call: Call, name: str, **values: str) -> Reply:
    """A page of ``web/pages``: ``{{ name }}`` becomes the value, escaped.

    Args:
        call: Gives ``base_url``.
        name: Of the file.
        values: What else it asks for; what is not given is empty.
    """
    template = (WEB / "pages" / name).read_text("utf-8")
    known = {"base_url": call.base_url, **values}
    page = re.sub(
        r"\{\{ *(\w+) *\}\}", lambda found: escape(known.get(found[1], "")), template
    )
    return Reply.html(page, policy=page_policy(call.headers.get("host", "")))


async def run_page(call: Call) -> Reply:
    """One run, live; who is not logged in is sent to the login."""
    return filled(call, "run.html", run_id=call.arg())


async def web_file(call: Call) -> Reply:
    """A script or style of ours: browsers ask again, and get 304 while it is old."""
    name = call.arg()
    path = WEB / name
    if name not in _FILES or not path.is_file():
        return Reply.refusal(404)
    data = path.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": etag}
    if etag in call.headers.get("if-none-match", ""):
        return Reply(304, headers)
    return Reply(headers=headers | {"Content-Type": _FILES[name]}, body=data)
