"""Share links, for the broker's host: make, list, revoke, and let in by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from kgnb.broker.known import Known
from kgnb.errors import KgnbError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.peer import Peer
    from kgnb.broker.rows import ShareRow
    from kgnb.broker.shares import Shared, Wish


T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that the log has to store something; a disk may never answer."""


class Sharing(Known):
    """The part of :class:`kgnb.broker.driver.BrokerDriver` that is about share links.

    As all of it, of the loop on which the driver was started.
    """

    def _perform(self) -> None:
        raise NotImplementedError

    async def share(self, peer: Peer, wish: Wish) -> Shared:
        """Make a share link, or a token for a session; returns once it is stored.

        Safe to cancel; whether it was made is then not known.

        Raises:
            Unavailable: It could not be stored, or was not in 30 s.
            KgnbError: Why not.
        """
        made: asyncio.Future[Shared] = asyncio.get_running_loop().create_future()

        self._core.shares.make(peer, wish, self._clock(), _setter(made))
        self._perform()
        return await _stored(made)

    async def revoke(self, peer: Peer, share_id: str) -> ShareRow:
        """End a share link; who came by it is closed with 4001 before this returns.

        Raises:
            NoSuchLink: There is none that ``peer`` may revoke.
            Unavailable: It is over, but that could not be stored.
        """
        over: asyncio.Future[ShareRow] = asyncio.get_running_loop().create_future()

        self._core.shares.revoke(peer, share_id, self._clock(), _setter(over))
        self._perform()
        return await _stored(over)

    def shares(self, peer: Peer) -> list[ShareRow]:
        """The links that ``peer`` may revoke, and that hold."""
        return self._core.shares.listed(peer, self._clock())

    def shared_peer(self, token: str) -> Peer:
        """Who comes by a share link; the host fills in how he came.

        Raises:
            Unauthorized: It is none, or no longer.
            Unavailable: Before the start and after the stop.
        """
        return self._core.shares.peer_of(token, self._clock())


def _setter(future: asyncio.Future[T]) -> Callable[[T | KgnbError], None]:
    """Gives a future its result, unless nobody waits any more."""

    def done(result: T | KgnbError) -> None:
        if future.done():
            return
        if isinstance(result, KgnbError):
            future.set_exception(result)
        else:
            future.set_result(result)

    return done


async def _stored(future: asyncio.Future[T]) -> T:
    try:
        async with asyncio.timeout(PATIENCE):
            return await future
    except TimeoutError:
        raise Unavailable("the log does not answer; try again") from None
