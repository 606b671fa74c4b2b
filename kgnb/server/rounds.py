"""Asks again whether those who are connected still may be; the same for every host.

A credential is judged once, when a connection begins, and may end while it lasts: a
token is changed or taken back, an account closed, a role taken away. So everybody who
is connected is judged anew in rounds, by the credential he came with. Who came by a
share link is not: the broker closes him the moment the link ends.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgnb.server.host import Host, OpenSocket

logger = logging.getLogger("kgnb.server")

_AT_ONCE = 16
"""Questions that are open at the same time: whoever answers has other work too."""
_PATIENCE = 10.0
"""Seconds for one answer."""


class Rounds:
    """Closes connections whose credential has ended, within a round.

    Belongs to the server's loop; after :meth:`start` you must :meth:`aclose`.

    Args:
        host: With the open sockets, and the time between rounds.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._going: asyncio.Task[None] | None = None
        self._unknown: set[str] = set()

    def start(self) -> None:
        """Begin, on the running loop; the first round is one interval from now."""
        loop = asyncio.get_running_loop()
        self._going = loop.create_task(self._go(), name="kgnb-rounds")

    async def aclose(self) -> None:
        """End; safe to call twice."""
        going, self._going = self._going, None
        if going is not None:
            going.cancel()
            await asyncio.wait([going])

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(self._host.settings.recheck_interval)
            await self._round()

    async def _round(self) -> None:
        self._unknown.clear()
        sockets = iter(list(self._host.sockets))
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._judge_each(sockets))
        if self._unknown:
            logger.warning(
                "connections could not be judged again, and stay until they can: %s",
                ", ".join(sorted(self._unknown)),
            )

    async def _judge_each(self, sockets: Iterator[OpenSocket]) -> None:
        for socket in sockets:
            await self._judge(socket)

    async def _judge(self, socket: OpenSocket) -> None:
        guest = socket.guest
        if guest is None:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                verdict = await guest.judge_again()
        except Exception as error:  # noqa: BLE001  # of any application or provider
            # The root of this question's work. That nobody could answer is no sign
            # that the credential has ended: an outage of whoever knows the users must
            # not end all work. Its text may hold what must reach no log.
            self._unknown.add(type(error).__name__)
            return
        if verdict is not None:
            socket.leave(*verdict)
