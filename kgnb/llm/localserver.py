"""The small model, served on this machine: the one module that knows xllamacpp.

Its defaults serve anybody: no key, and pages of any origin. Here a random key is
needed, and nothing but 127.0.0.1 listens. One thread computes: two are slower than one
where the machine has other work.
"""

from __future__ import annotations

import secrets
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgnb.errors import Unavailable
from kgnb.llm import weights
from kgnb.llm.calling import Call
from kgnb.llm.endpoints import Endpoint, Server

if TYPE_CHECKING:
    from pathlib import Path

_CONTEXT = 2048
"""Tokens of a prompt and its reply."""
_LONGEST = 400
"""Tokens of a reply, if the request does not say: a small model finds no end."""
_SEED = 7


class LocalServer(Server):
    """A small model behind OpenAI's API, in this process; made by ``local``.

    As a context manager it ends with its block.

    Attributes:
        base_url: Where it listens: 127.0.0.1, with ``/v1``.
        api_key: Every request needs it.
        model: What it is called.
        endpoint: The three, without the server.
    """

    def __init__(self, server: Any, key: str) -> None:
        self._server = server
        self.base_url = f"{server.listening_address}/v1"
        self.api_key = key
        self.model = weights.NAME
        self.endpoint = Endpoint(self.base_url, self.api_key, self.model)

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def close(self) -> None:
        """End it: the port is closed, and the model's memory given back."""
        self._server = None  # the last reference to it, whose end ends it

    def __repr__(self) -> str:
        return f"<kgnb.llm.local {self.model} at {self.base_url}>"


def local(
    *, port: int = 0, api_key: str | None = None, threads: int = 1
) -> LocalServer:
    """Serve the small model that ``kgnb llm setup`` installed, on 127.0.0.1.

    It speaks OpenAI's API (``/v1/chat/completions``, streamed or not), needs no
    network, and about 200 MB of memory. It writes well, and knows little: look at what
    streams, do not believe it. Takes half a second, and blocks meanwhile::

        with kgnb.llm.local() as model:
            client = openai.OpenAI(base_url=model.base_url, api_key=model.api_key)

    Args:
        port: By default any that is free.
        api_key: By default a random one.
        threads: To compute with; more than one help only on an idle machine.

    Raises:
        Unavailable: It is not installed, or the port is taken.
    """
    file = weights.installed()
    xllamacpp: Any = import_module(weights.RUNTIME)  # an extra, and untyped
    key = api_key or secrets.token_urlsafe(24)
    params = _params(xllamacpp.CommonParams(), file, key, port, threads)
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, OSError, ValueError) as error:
        raise Unavailable(
            f"the local model cannot be served{f' on port {port}' if port else ''}: "
            f"{error}"
        ) from None
    served = LocalServer(server, key)
    _await_answer(served)
    return served


def _await_answer(served: LocalServer) -> None:
    """Until it answers: one that is ended before it accepts waits for ever to end."""
    call = Call(served.base_url, served.api_key)
    try:
        call.get("/models")
    finally:
        call.close()


def _params(params: Any, file: Path, key: str, port: int, threads: int) -> Any:
    params.model.path = str(file)
    params.model_alias = {weights.NAME}
    params.port = port
    params.api_keys = [key]
    params.cors_origins = "http://127.0.0.1"
    params.endpoint_slots = False  # it tells prompts
    params.ui = False
    params.verbosity = -1  # else it writes into the notebook
    params.n_ctx = _CONTEXT
    params.n_parallel = 1  # others wait for their turn
    params.n_predict = _LONGEST
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # By which it repeats itself the least.
    params.sampling.temp = 0.2
    params.sampling.top_p = 0.9
    params.sampling.penalty_repeat = 1.1
    params.sampling.seed = _SEED
    return params
