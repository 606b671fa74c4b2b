"""A reply that the leader makes while a follower sends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kgnb.server.backplane import messages as says

if TYPE_CHECKING:
    from kgnb.server.backplane.questions import Questions
    from kgnb.server.entrance import Guest
    from kgnb.server.host import Host


class FarBody:
    """See ``calls.call.Stream``. A chunk is asked for once the one before is out.

    While it is read it counts as a connection of this server, so that its reader is
    judged again like everybody who stays.

    Args:
        host: Of this server.
        questions: To the leader.
        number: Of the question whose answer this is.
        guest: Who reads; None where the broker itself ends it.
    """

    queued_bytes = 0

    def __init__(
        self, host: Host, questions: Questions, number: int, guest: Guest | None
    ) -> None:
        self.guest = guest
        self.cut = asyncio.Event()
        self._host = host
        self._questions = questions
        self._number = number
        self._is_over = False
        host.sockets.add(self)

    def __aiter__(self) -> FarBody:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk."""
        if self._is_over:
            raise StopAsyncIteration
        _, chunk = await self._questions.ask_numbered(
            says.Pull(self._number),
            bytes | None,  # type: ignore[arg-type]  # a union, which is no type to mypy
            patience=None,  # a run that is quiet may be so for long
        )
        if chunk is None:
            self._is_over = True
            raise StopAsyncIteration
        return chunk

    def leave(self, code: int, reason: str) -> None:
        """Cut the reader off; he may come back."""
        del code, reason
        self.cut.set()

    async def aclose(self) -> None:
        """The reader has gone, or has all."""
        self._host.sockets.discard(self)
        if not self._is_over:
            self._is_over = True
            self._questions.tell(says.Dropped(self._number))
