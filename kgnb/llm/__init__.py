"""Models for tutorials: recorded, a small one on this machine, or any server's.

``reply`` gives tokens, ``endpoint`` tells clients of your own where to ask, both as the
variable ``KGNB_LLM`` says. ``setup`` installs a small model and ``local`` serves it;
``ReplayServer`` serves recordings as OpenAI's API does.

Process: kernel. Threads: one for each server, and one for each token that is waited
for by async code. No loop is blocked.

Names load on first use: the command ``kgnb`` has use for few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgnb.llm.endpoints import Endpoint, close, endpoint
    from kgnb.llm.installing import setup
    from kgnb.llm.localserver import LocalServer, local
    from kgnb.llm.replaying import ReplayServer
    from kgnb.llm.replies import Live, reply

__all__ = [
    "Endpoint",
    "Live",
    "LocalServer",
    "ReplayServer",
    "close",
    "endpoint",
    "local",
    "reply",
    "setup",
]

_HOMES = {
    "Endpoint": "endpoints",
    "Live": "replies",
    "LocalServer": "localserver",
    "ReplayServer": "replaying",
    "close": "endpoints",
    "endpoint": "endpoints",
    "local": "localserver",
    "reply": "replies",
    "setup": "installing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
