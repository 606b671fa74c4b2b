"""``kgnb.llm.endpoint``: where clients of your own find the model."""

from __future__ import annotations

import atexit
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import msgspec

from kgnb.errors import InvalidValue
from kgnb.llm import setting
from kgnb.llm.calling import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_NO_KEY = "no-key"
"""Clients insist on one; servers that want none take any."""


class Endpoint(msgspec.Struct, frozen=True):
    """An OpenAI-compatible server: what a client needs to know of it."""

    base_url: str
    """With its ``/v1``."""
    api_key: str
    model: str

    def __repr__(self) -> str:
        """Without the key: it would stand in a notebook."""
        return f"Endpoint(base_url={self.base_url!r}, model={self.model!r})"


class Server(ABC):
    """A server in this process. As a context manager it ends with its block."""

    endpoint: Endpoint
    """How to reach it."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it can be reached."""

    @abstractmethod
    def close(self) -> None:
        """End it; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


_lock = threading.Lock()
_running: dict[str, Server] = {}
"""The servers of this process, by setting; they end with it."""


def endpoint() -> Endpoint:
    """The server that ``KGNB_LLM`` chooses, for a client of your own.

    As in::

        where = kgnb.llm.endpoint()
        client = openai.AsyncOpenAI(base_url=where.base_url, api_key=where.api_key)

    ``recorded`` starts a server in this process that plays what was recorded,
    ``local`` one with a small model, which takes half a second. Each is started once,
    used again, and ends with the process, or by ``kgnb.llm.close()``. For the address
    of a server, without ``KGNB_LLM_MODEL``, that server is asked for its model.

    Raises:
        InvalidValue: ``KGNB_LLM`` says nothing that is known, or the server has
            several models and ``KGNB_LLM_MODEL`` names none.
        Unavailable: No model is installed, or no server is at the address.
    """
    where = setting.chosen()
    if where == setting.RECORDED:
        return _kept(where, _replaying).endpoint
    if where == setting.LOCAL:
        return _kept(where, _local).endpoint
    return Endpoint(where, setting.key() or _NO_KEY, setting.model() or _model(where))


def check(where: str) -> None:
    """Whether a setting can work, as far as that can be told without waiting.

    Raises:
        Unavailable: No model is installed.
    """
    if where == setting.LOCAL:
        from kgnb.llm.weights import installed  # noqa: PLC0415  # only if wanted

        installed()


def close() -> None:
    """End the servers that ``endpoint`` and ``reply`` started in this process."""
    with _lock:
        while _running:
            _, server = _running.popitem()
            server.close()


atexit.register(close)


def _kept(where: str, start: Callable[[], Server]) -> Server:
    with _lock:
        server = _running.get(where)
        if server is None or not server.is_open:
            server = _running[where] = start()
        return server


def _replaying() -> Server:
    from kgnb.llm.replaying import ReplayServer  # noqa: PLC0415  # it loads tornado

    return ReplayServer()


def _local() -> Server:
    from kgnb.llm.localserver import local  # noqa: PLC0415  # only if wanted

    return local()


def _model(base_url: str) -> str:
    call = Call(base_url, setting.key())
    try:
        names = _names(call.get("/models"))
    finally:
        call.close()
    if len(names) == 1:
        return names[0]
    told = f"{len(names)} models: {', '.join(names[:8])}" if names else "no models"
    if len(names) > 8:  # noqa: PLR2004 - as many as are told
        told += ", …"
    raise InvalidValue(f"{base_url} has {told}; set KGNB_LLM_MODEL to the one to ask")


def _names(found: Any) -> list[str]:
    try:
        return [str(each["id"]) for each in found["data"]]
    except (KeyError, TypeError):
        return []
