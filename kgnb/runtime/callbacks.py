"""Functions of the user's that are called when clients come and go."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from kgnb.runtime.beside import call_beside

if TYPE_CHECKING:
    from kgnb.protocol.link import ClientChange
    from kgnb.runtime.loops import LoopThread
    from kgnb.runtime.mail import Client, Mail

logger = logging.getLogger("kgnb.manager")

MOST_WAITING = 1_000
"""Calls that wait for the one before; more are left out, with a warning."""

current_mail: ContextVar[Mail | None] = ContextVar("kgnb_current_mail", default=None)
"""Inside a callback: the mail that it came by, for what it sends in turn."""

Function = Callable[..., Any]


class Callbacks:
    """Who is called at which change, one call after the other.

    Async functions run on the runs' loop, others in a thread of their own: user code
    never runs on the link's thread. ``tell`` may be called from any thread.
    """

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._functions: defaultdict[ClientChange, dict[object, Function]] = (
            defaultdict(dict)
        )
        self._turn = asyncio.Lock()
        self._waiting = 0

    def add(self, change: ClientChange, function: Function) -> None:
        """Call ``function`` from now on.

        A function that is defined again, by running its cell again, takes the place
        of its forerunner.
        """
        self._functions[change][_name(function)] = function

    def remove(self, function: Function) -> None:
        """Call it no more, at whatever change."""
        for functions in self._functions.values():
            functions.pop(_name(function), None)

    def tell(self, mail: Mail, change: ClientChange, client: Client, name: str) -> None:
        """A client changed; ``name`` is that of the group or topic, if any."""
        arguments: tuple[Any, ...] = (client, name) if name else (client,)
        for function in list(self._functions[change].values()):
            if self._waiting >= MOST_WAITING:
                logger.warning("%s() is too slow: a call is left out", function)
                continue
            self._waiting += 1
            self._loop.submit(self._call(mail, function, arguments))

    async def _call(
        self, mail: Mail, function: Function, arguments: tuple[Any, ...]
    ) -> None:
        current_mail.set(mail)
        try:
            async with self._turn:
                if inspect.iscoroutinefunction(function):
                    await function(*arguments)
                else:
                    await call_beside(lambda: function(*arguments), "kgnb-callback")
        except Exception:
            # The root of the task: user code must not end the telling.
            logger.exception("a callback of the connection manager failed")
        finally:
            self._waiting -= 1


def _name(function: Function) -> object:
    """The same for a function and what it becomes when its cell is run again."""
    name = getattr(function, "__qualname__", "")
    if not name or "<" in name:  # a lambda, or local to a call: told apart by itself
        return function
    return getattr(function, "__module__", ""), name, getattr(function, "__self__", 0)
