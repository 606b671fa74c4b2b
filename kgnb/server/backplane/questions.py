"""A follower's questions to its leader, each with one answer."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kgnb.errors import Unavailable, from_code
from kgnb.server.backplane import messages as says

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 40.0
"""Seconds for an answer; the leader's own calls give up before."""


class Questions:
    """Those that are open. Belongs to the server's loop.

    Args:
        say: Says something to the leader.
    """

    def __init__(self, say: Callable[[says.Message], None]) -> None:
        self._say = say
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._is_over = False

    async def ask(self, question: says.Question, kind: type[T] | None) -> T:
        """Ask, and wait for the answer. Safe to cancel.

        Args:
            question: Any.
            kind: What the answer is to be.

        Raises:
            Unavailable: The leader has gone, or takes too long.
            KgnbError: What the leader's answer is instead.
        """
        _, answer = await self.ask_numbered(question, kind)
        return answer

    async def ask_numbered(
        self,
        question: says.Question,
        kind: type[T] | None,
        *,
        patience: float | None = PATIENCE,
    ) -> tuple[int, T]:
        """The same, with the question's number.

        Args:
            question: Any.
            kind: What the answer is to be.
            patience: Seconds; None: as long as the leader is there.
        """
        if self._is_over:
            raise Unavailable("the server that leads has gone; try again")
        number = next(self._numbers)
        future = self._open[number] = asyncio.get_running_loop().create_future()
        self._say(says.Asked(number, question))
        try:
            async with asyncio.timeout(patience):
                answer = await future
            return number, msgspec.msgpack.decode(answer, type=kind)
        except TimeoutError:
            raise Unavailable("the server that leads does not answer") from None
        except msgspec.MsgspecError:
            raise Unavailable("the server that leads answers in riddles") from None
        finally:
            self._open.pop(number, None)

    def tell(self, question: says.Question) -> None:
        """Ask what nobody waits for."""
        if not self._is_over:
            self._say(says.Asked(next(self._numbers), question))

    def told(self, number: int, answer: msgspec.Raw) -> None:
        """An answer came."""
        future = self._open.get(number)
        if future is not None and not future.done():
            # Decoded later, from a copy: it is part of a larger message.
            future.set_result(msgspec.Raw(bytes(answer)))

    def refused(self, said: says.Refused) -> None:
        """An error came in place of an answer."""
        future = self._open.get(said.number)
        if future is not None and not future.done():
            error = from_code(said.code, said.message)
            error.data = dict[str, Any](said.data)
            future.set_exception(error)

    def end(self) -> None:
        """The leader has gone: nobody answers any more."""
        self._is_over = True
        for future in self._open.values():
            if not future.done():
                future.set_exception(
                    Unavailable("the server that leads has gone; try again")
                )
                future.exception()  # looked at, whoever waits
