"""No test here knows of the user's KGNB_LLM, and none leaves a server behind."""

import json
import sys
from pathlib import Path

import pytest

import kgnb
from kgnb.runtime import home, hooks

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))  # for model_server

import model_server

VARIABLES = ("KGNB_LLM", "KGNB_LLM_KEY", "KGNB_LLM_MODEL", "OPENAI_API_KEY")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch):
    for name in (*VARIABLES, "KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    hooks.install(None)
    yield
    kgnb.llm.close()
    home.shutdown()


DONE = b"data: [DONE]\n\n"


class _Handler(model_server._Handler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": each} for each in self.server.models]})
        self.answer(200, "application/json", body)

    def do_POST(self):
        self.server.headers.append(dict(self.headers))
        if self.server.refusal:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(*self.server.refusal)
        else:
            super().do_POST()

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())


class OpenAIServer(model_server.ModelServer):
    """``refusal``: (status, content type, body) of every answer."""

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = _Handler
        self.headers, self.models, self.refusal = [], ["moon-1"], None

    def says(self, *pieces, rest=(DONE,)):
        """Stream these texts, then the rest as it stands."""
        chunks = [{"choices": [{"index": 0, "delta": {"content": p}}]} for p in pieces]
        said = [model_server.sse(*chunks)] if chunks else []
        self.script = lambda _: [*said, *rest]


@pytest.fixture
def server(monkeypatch):
    """A server that says what a test scripted, chosen by KGNB_LLM."""
    server = OpenAIServer()
    monkeypatch.setenv("KGNB_LLM", f"{server.url}/v1/")
    yield server
    server.stop()
