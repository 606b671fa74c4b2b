"""A small HTTP server on 127.0.0.1 that speaks the models' streaming APIs.

It says what a test scripted, cut into pieces wherever the test wants, and knows when
its client has gone.
"""

import contextlib
import http.server
import json
import threading

WAIT = object()
"""In a script: say nothing more until the client is gone."""


def sse(*events, done=False):
    """Server-Sent Events of dicts; named by their type, as Anthropic's must be."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        lines.append(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n")
    if done:
        lines.append("data: [DONE]\n\n")
    return "".join(lines).encode()


def cut(payload, size):
    """In pieces of so many bytes, which splits characters too."""
    return [payload[at : at + size] for at in range(0, len(payload), size)]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.requests.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in self.server.script(self.server.requests[-1]):
            if piece is WAIT:
                self._wait()
                return
            self._say(piece)
        self._say(b"")

    def _wait(self):
        self.close_connection = True
        self.server.is_waiting.set()
        self.connection.settimeout(0.05)
        while not self.server.is_stopping:
            with contextlib.suppress(TimeoutError):
                with contextlib.suppress(ConnectionResetError):
                    self.connection.recv(1)  # nothing comes but the end
                self.server.is_gone.set()
                return

    def _say(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()


class ModelServer(http.server.ThreadingHTTPServer):
    """Set ``script``: request → pieces of bytes, or WAIT."""

    daemon_threads = False
    block_on_close = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = []
        self.script = lambda _request: []
        self.is_waiting = threading.Event()
        self.is_gone = threading.Event()
        self.is_stopping = False
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="model-server"
        )
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, *pieces):
        self.script = lambda _request: pieces

    def stop(self):
        self.is_stopping = True
        self.shutdown()
        self.server_close()
        self._thread.join()
