"""Secrets of the tests, and where none of them may turn up while a test runs.

The tests sign in with these tokens, sign links, and put keys into URLs, headers,
cookies and recordings. Whatever is logged on the side of servers and kernels, and
every log, notebook, trace, report and recording that a test leaves, is looked through;
so is what the harnesses hear from servers. Only a share link's token may be in a frame:
whoever made the link gets it there.
"""

import logging
import os
import re

_PLANTED = (
    r"the-right-token|the-link-secret|canary7f3a9|a/token\+of=ann|"
    r"sk-(?:proj-|ant-api03-)?[a-z]{8,}[0-9a-z]*"
)
_SIGNED = r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"
SPOKEN = re.compile(_PLANTED)
WRITTEN = re.compile(f"{_PLANTED}|{_SIGNED}")

LOGGERS = (
    "kgnb", "tornado", "uvicorn", "asyncio", "fastapi", "websockets.server", "traitlets",
    "ServerApp", "KgnbApp", "LabApp", "JupyterHub", "jupyter",
)  # fmt: skip
"""Ours, and those that speak for our servers; a client may log what it sends."""
FILES = {".log", ".ipynb", ".jsonl", ".html"}
"""Of what tests leave in their folders; settings hold secrets on purpose."""
JUPYTERS_FILES = "jpserver-"
"""For its owner alone: how his browser finds the server, and its token."""
JUPYTERS_LINE = "Config changed: "
"""At level DEBUG Jupyter writes its settings down, its token among them."""
LARGEST = 20_000_000
"""Bytes of a file that is looked through."""


class Watch:
    """Looks at every record that a handler of this process was given and took."""

    def __init__(self):
        self.found = []
        self._handle = logging.Handler.handle

    def start(self):
        original, judge = self._handle, self._judge

        def handle(handler, record):
            taken = original(handler, record)
            if taken:
                judge(record)
            return taken

        logging.Handler.handle = handle

    def stop(self):
        logging.Handler.handle = self._handle

    def _judge(self, record):
        if not record.name.startswith(LOGGERS):
            return
        text = _text(record)
        found = None if text.startswith(JUPYTERS_LINE) else WRITTEN.search(text)
        if found:
            self._note(found[0], f"logged by {record.name}: {text[:200]}")

    def look(self, folder):
        """Through all files under a folder."""
        for path in sorted(folder.rglob("*")):
            if path.suffix not in FILES or path.name.startswith(JUPYTERS_FILES):
                continue
            if path.is_symlink() or not path.is_file():
                continue
            if path.stat().st_size > LARGEST:
                continue
            try:
                text = path.read_text(errors="replace")
            except OSError:  # removed by what is just ending
                continue
            found = WRITTEN.search(text)
            if found:
                self._note(found[0], f"in {path}")

    def _note(self, secret, where):
        test = os.environ.get("PYTEST_CURRENT_TEST", "")
        self.found.append(f"{secret[:40]} {where} {test}")


def _text(record):
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # whoever handles it says so
        text = str(record.msg)
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    return f"{text} {error!r}" if error is not None else text


def heard(text):
    """The same text, which a server sent, once it is known to hold no secret."""
    found = SPOKEN.search(text)
    assert found is None, f"a server sent {found[0]}"
    return text
