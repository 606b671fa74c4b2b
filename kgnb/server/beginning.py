"""How every host begins: the broker on the configured log, or else on one in memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.storage import shown
from kgnb.storage.urls import is_remote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.doors import Doors
    from kgnb.server.host import Host
    from kgnb.server.logs import Claim

logger = logging.getLogger("kgnb.server")

MEMORY = "memory://"
PAUSE = 1.0
"""Seconds between tries to reach a store."""


async def _nothing(_driver: BrokerDriver) -> None:
    pass


def _nobody(_doors: Doors | None) -> None:
    pass


class Beginning:
    """Gives a host its broker. Belongs to the server's loop.

    Approvals and live panels need a log but not a lasting one, so a disk that is full
    or a file that another server has must not take them away: then the log is in
    memory. That runs are not kept is said at the start, and by ``kgnb/health``; kernels
    and clients see a new ``log_id``, which tells them that the old positions are void.

    A store on the network is another matter. It is away for a while and comes back with
    everything that it held, so the broker begins when it does. Until then there are no
    doors: health is 503, clients are told to try again, and what kernels run they keep
    themselves.

    Args:
        host: Its ``driver`` and ``trouble`` are set here.
        claim: Takes the log.
        make: Makes the driver of a log's URL, and of that of the sessions, which is
            empty where they are with the log.
        what: Names the setting of the log.
        session_url: That setting.
        opened: Awaited with the driver before anybody is let in.
        changed: Told of the doors when they open, and of None when they close.
        log: Where to say how it went.
    """

    def __init__(
        self,
        host: Host,
        claim: Callable[[], Claim],
        make: Callable[[str, str], BrokerDriver],
        *,
        what: str,
        session_url: str = "",
        opened: Callable[[BrokerDriver], Awaitable[None]] = _nothing,
        changed: Callable[[Doors | None], None] = _nobody,
        log: logging.Logger = logger,
    ) -> None:
        self._host = host
        self._take = claim
        self._make = make
        self._what = what
        self._session_url = session_url
        self._opened = opened
        self._changed = changed
        self._log = log
        self._claim: Claim | None = None
        self._driver: BrokerDriver | None = None
        self._trying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the broker, or begin to try; after this you must :meth:`aclose`."""
        try:
            claim = self._claim = self._take()
            driver = self._make(claim.url, self._session_url)
        except (Unavailable, ValueError) as error:
            await self._begin_in_memory(error)
            return
        try:
            await driver.start()
        except Unavailable as error:
            if is_remote(claim.url) or is_remote(self._session_url):
                self._log.critical("kgnb: %s. It is tried until it is there.", error)
                self._trying = asyncio.create_task(
                    self._try_on(claim.url), name="kgnb-beginning"
                )
            else:
                await self._begin_in_memory(error)
        else:
            await self._begin(driver, claim.url)

    def shut(self) -> None:
        """Let nobody in any more."""
        self._changed(None)
        self._host.driver = None

    async def aclose(self) -> None:
        """Stop the broker, if it began. Safe to call twice, and to cancel."""
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
            await asyncio.wait([trying])
        self.shut()
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.aclose()

    def release(self) -> None:
        """Let another server have the log; after :meth:`aclose`, however it went."""
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    async def _begin(self, driver: BrokerDriver, url: str) -> None:
        self._driver = driver
        await self._opened(driver)
        self._log.info("kgnb: keeps runs in %s", shown(url))
        self._host.driver = driver
        self._changed(self._host.doors)

    async def _begin_in_memory(self, error: Exception) -> None:
        self.release()
        self._log.critical(
            "kgnb: %s. Runs are kept in memory only and are lost when this server"
            " stops; set %s to a file that can be written.",
            error,
            self._what,
        )
        self._host.trouble = str(error)
        driver = self._make(MEMORY, "")
        await driver.start()
        await self._begin(driver, MEMORY)

    async def _try_on(self, url: str) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            driver = self._make(url, self._session_url)
            try:
                await driver.start()
            except Unavailable as error:
                self._log.debug("kgnb: %s", error)
            else:
                await self._begin(driver, url)
                return
