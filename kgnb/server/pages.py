"""The page of one run, and the files that pages and widgets load."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado.web import HTTPError, authenticated

from kgnb.server.discreet import Discreet

WEB = Path(__file__).parents[1] / "web"

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


class RunPage(Discreet):
    """``kgnb/runs/{id}``: one run, live."""

    @authenticated
    @authorized(action="read", resource="kgnb")  # type: ignore[untyped-decorator]  # typed loosely upstream
    async def get(self, run_id: str) -> None:
        """The page; who is not logged in is sent to Jupyter's login."""
        template = (WEB / "pages" / "run.html").read_text("utf-8")
        values: dict[str, str] = {"base_url": self.base_url, "run_id": run_id}
        page = re.sub(
            r"\{\{ *(\w+) *\}\}", lambda m: escape(values.get(m[1], "")), template
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        # A second policy: Jupyter's own (frame-ancestors) stays in force.
        self.add_header("Content-Security-Policy", page_policy(self.request.host))
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.finish(page)


class WebFile(Discreet):
    """``kgnb/static/{name}``: our own scripts and styles, the same for everybody."""

    def set_default_headers(self) -> None:
        """Add that browsers ask again, and get 304 while nothing changed."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-cache")

    @allow_unauthenticated  # public: the same bytes are in every wheel
    def get(self, name: str) -> None:
        """The file; tornado adds its ETag."""
        path = WEB / name
        if name not in _FILES or not path.is_file():
            raise HTTPError(404)
        self.set_header("Content-Type", _FILES[name])
        self.finish(path.read_bytes())
