"""Fixtures: a file server, Chromium, and the harness page that plays a broker."""

import functools
import http.server
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for scenes

REPO = Path(__file__).parents[2]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site():
    """The repository, served; its address without a slash at the end."""
    handler = functools.partial(QuietHandler, directory=str(REPO))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Harness:
    """One page with the scripted broker."""

    def __init__(self, page):
        self.page = page
        self.requests = []
        self.errors = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))

    def js(self, expression, argument=None):
        return self.page.evaluate(expression, argument)

    def push(self, *events):
        self.js("events => harness.push(...events)", list(events))

    def live(self):
        self.js("() => { harness.live() }")

    def record(self):
        self.js("() => harness.record()")

    def settle(self):
        """Wait until what was pushed is painted."""
        self.js(
            "() => new Promise(done => requestAnimationFrame(() =>"
            " requestAnimationFrame(() => done())))"
        )

    def view(self):
        return self.js("() => document.querySelector('.kgnb').kgnb.view")

    def sent(self, kind):
        frames = self.js("() => harness.sent")
        return [frame for frame in frames if frame["type"] == kind]


@pytest.fixture
def open_harness(chromium, site):
    contexts = []

    def open_(*, width=1100, height=900, theme="light", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, **options
        )
        contexts.append(context)
        context.set_default_timeout(5000)
        harness = Harness(context.new_page())
        harness.page.goto(f"{site}/tests/web/harness.html")
        harness.page.wait_for_function("() => window.harness?.isReady")
        return harness

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def harness(open_harness):
    harness = open_harness()
    yield harness
    assert harness.errors == []
