"""Secrets of the tests, and where none of them may turn up while a test runs.

The tests sign in with these tokens, sign links, and put keys into URLs, headers,
cookies and recordings. Whatever is logged on the side of servers and kernels is looked
through; so are every log, notebook, trace, report and recording that a test leaves,
every frame that a client of the websockets library gets, and what else the harnesses
hear from servers: frames, events and the bodies of calls, metrics and health among them.
Only a share link's token may be in a frame: whoever made the link gets it there.
"""

import logging
import os
import re

import tally
from websockets.client import ClientProtocol

CREDENTIALS = ("the-right-token", "the-link-secret", "canary7f3a9", "a/token+of=ann")
"""What servers know their visitors and kernels by."""
_FRAMED = tuple(secret.encode() for secret in CREDENTIALS)
_PLANTED = "|".join(
    (
        *map(re.escape, CREDENTIALS),
        r"(?<![a-z])sk-(?:proj-|ant-api03-)?[a-z]{8,}[0-9a-z]*",
    )
)
_SIGNED = r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"
SPOKEN = re.compile(_PLANTED)
WRITTEN = re.compile(f"{_PLANTED}|{_SIGNED}")

LOGGERS = (
    "kgnb", "tornado", "uvicorn", "asyncio", "fastapi", "websockets.server", "traitlets",
    "ServerApp", "KgnbApp", "LabApp", "JupyterHub", "jupyter",
)  # fmt: skip
"""Ours, and those that speak for our servers; a client may log what it sends."""
FILES = {".log", ".ipynb", ".jsonl", ".html", ".svg", ".mmd"}
"""Of what tests leave in their folders; settings hold secrets on purpose."""
JUPYTERS_FILES = "jpserver-"
"""For its owner alone: how his browser finds the server, and its token."""
JUPYTERS_LINE = "Config changed: "
"""At level DEBUG Jupyter writes its settings down, its token among them."""
LARGEST = 20_000_000
"""Bytes of a file that is looked through."""


class Watch:
    """Looks at every record that a handler of this process was given and took, and at
    every frame that came to a client of this process.
    """

    def __init__(self):
        self.found = []
        self._handle = logging.Handler.handle
        self._recv_frame = ClientProtocol.recv_frame

    def start(self):
        original, judge = self._handle, self._judge

        def handle(handler, record):
            taken = original(handler, record)
            if taken:
                judge(record)
            return taken

        recv, hear = self._recv_frame, self._hear

        def recv_frame(protocol, frame):
            hear(bytes(frame.data))
            return recv(protocol, frame)

        logging.Handler.handle = handle
        ClientProtocol.recv_frame = recv_frame  # which is its parent's, a server's too

    def stop(self):
        logging.Handler.handle = self._handle
        ClientProtocol.recv_frame = self._recv_frame

    def _judge(self, record):
        if not record.name.startswith(LOGGERS):
            return
        tally.count("log records watched for secrets")
        text = _text(record)
        found = None if text.startswith(JUPYTERS_LINE) else WRITTEN.search(text)
        if found:
            self._note(found[0], f"logged by {record.name}: {text[:200]}")

    def _hear(self, data):
        """A node may send a key of its own; nobody a credential of the server's."""
        tally.count("frames watched for secrets")
        for secret in _FRAMED:
            if secret in data:
                self._note(secret.decode(), f"in a frame: {data[:200]}")

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
            tally.count("files watched for secrets")
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
    tally.count("replies watched for secrets")
    found = SPOKEN.search(text)
    assert found is None, f"a server sent {found[0]}"
    return text
