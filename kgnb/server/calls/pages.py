"""Our pages, and the files that pages, widgets and other people's pages load.

The pages are the same for everybody and hold nothing of anybody: what they show, their
scripts ask for, with the reader's cookie or a share link's token. That token stands in
the URL's fragment, so no server could judge a page by it.
"""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kgnb.server.calls.call import Reply
from kgnb.server.closecodes import http_status

if TYPE_CHECKING:
    from kgnb.server.calls.call import Call

WEB = Path(__file__).parents[2] / "web"

_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_FILES = {
    "client.js": _SCRIPT,
    "kgnb.js": _SCRIPT,
    "page.js": _SCRIPT,
    "kgnb.css": _STYLE,
    "pages.css": _STYLE,
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


async def runs_page(call: Call) -> Reply:
    """All runs and open questions, live."""
    return filled(call, "runs.html")


async def run_page(call: Call) -> Reply:
    """One run, live."""
    return filled(call, "run.html", run_id=call.arg())


async def chat_page(call: Call) -> Reply:
    """A conversation with a published workflow."""
    return filled(call, "chat.html", workflow=call.arg())


async def sign_in(call: Call) -> Reply:
    """Back to a page of ours, for who has been to the host's login.

    The host sends whoever has no credential there, wherever that is (JupyterHub's is
    not on this server), and then here again.
    """
    place = f"{call.base_url}kgnb/{quote(call.arg())}"
    return Reply(302, {"Location": place, "Cache-Control": "no-store"})


def sign_in_form(call: Call) -> Reply:
    """Where a token is asked for, by hosts that have no login of their own."""
    reply = filled(call, "login.html")
    reply.status = http_status("unauthorized")
    reply.headers["WWW-Authenticate"] = "Bearer"
    return reply


async def web_file(call: Call) -> Reply:
    """A script or style of ours: browsers ask again, and get 304 while it is old."""
    name = call.arg()
    path = WEB / name
    if name not in _FILES or not path.is_file():
        return Reply.refusal(404)
    data = path.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    # Public: a page of another origin imports client.js, as it might from a CDN.
    headers = {
        "Cache-Control": "no-cache",
        "ETag": etag,
        "Access-Control-Allow-Origin": "*",
    }
    if etag in call.headers.get("if-none-match", ""):
        return Reply(304, headers)
    return Reply(headers=headers | {"Content-Type": _FILES[name]}, body=data)
