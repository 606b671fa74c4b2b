"""One of several servers: leads or follows, and changes over when it has to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Any

from redis import asyncio as redis
from redis import exceptions as errors
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from kgnb.errors import Unavailable
from kgnb.server import closecodes
from kgnb.server.backplane.following import FarDoors
from kgnb.server.backplane.leading import Leading
from kgnb.server.backplane.lease import BEAT, LEASE, PRESENCE, Leases
from kgnb.server.backplane.line import Line
from kgnb.server.backplane.post import Post
from kgnb.server.backplane.seals import Seal
from kgnb.storage.urls import shown, without_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.doors import Doors
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

_PAUSE = 0.25
"""Seconds before another try to take part."""
_START = 10.0
"""Seconds that the start waits for the ways to the broker."""
_DRAIN = 8.0
"""Seconds that the stop may take; the log gets 6 of them."""
_TIMEOUT = 5.0
"""Seconds that Redis gets to answer."""
_AWAY = (errors.RedisError, OSError, TimeoutError)


class Member:
    """Gives a host its doors, and takes them away. Belongs to the server's loop.

    Args:
        host: Its ``driver``, ``far`` and ``server`` are set here.
        url: Of Redis, with ``prefix=`` for several deployments in one database.
        root: The secret that the servers share.
        make: Makes the driver on the shared log.
        changed: Told of new doors when they open, and of None when they close.
    """

    def __init__(
        self,
        host: Host,
        url: str,
        *,
        root: str,
        make: Callable[[], BrokerDriver],
        changed: Callable[[Doors | None], None] = lambda _doors: None,
    ) -> None:
        self.me = host.server = uuid.uuid4().hex
        self._host = host
        self._make = make
        self._changed = changed
        self._name = shown(url)
        address, prefix = without_prefix(url)
        # The braces keep all keys of a deployment on one node of a cluster.
        keys = f"{{{prefix}}}:backplane:"
        self._redis: Any = redis.from_url(
            address,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._leases = Leases(self._redis, keys, self.me)
        self._post = Post(self._redis, Seal(root, prefix), keys, self.me)
        self._leaving = asyncio.Event()
        self._is_open = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._shown_since: float | None = None
        """Since when Redis has been there without a pause."""
        self._trouble = ""

    # ---- life

    async def start(self) -> None:
        """Begin; returns when there are doors, or after 10 s, when it goes on trying.

        After this you must :meth:`aclose`.
        """
        loop = asyncio.get_running_loop()
        self._post.start()
        self._tasks = [
            loop.create_task(self._run(), name="kgnb-member"),
            loop.create_task(self._show_forever(), name="kgnb-presence"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START):
                await self._is_open.wait()

    def drain(self) -> None:
        """Begin to stop: nobody is let in any more, and another may lead."""
        self._leaving.set()

    async def aclose(self) -> None:
        """Drain: sockets get 1012, what was accepted is stored, another may lead.

        Safe to call twice.
        """
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        running = tasks[0]
        self._leaving.set()
        await asyncio.wait([running], timeout=_DRAIN)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with contextlib.suppress(*_AWAY):
            async with asyncio.timeout(BEAT):
                await self._post.wait_sent()
                await self._leases.hide()
        await self._post.aclose()
        with contextlib.suppress(*_AWAY):
            await self._redis.aclose()

    async def _show_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(2 * BEAT):
                    await self._leases.show()
            except _AWAY:
                self._shown_since = None
            else:
                self._shown_since = self._shown_since or self._now
            await asyncio.sleep(BEAT)

    async def _run(self) -> None:
        while not self._leaving.is_set():
            try:
                await self._take_part()
            except (*_AWAY, Unavailable) as error:
                self._note(error)
            except Exception:
                # The root of this server's part: it must go on with the next one.
                logger.exception("backplane: an error; taking part anew")
            await self._pause(_PAUSE)

    def _note(self, error: Exception) -> None:
        """Say what is wrong, once."""
        said = str(error).partition("\n")[0] or type(error).__name__
        if said != self._trouble:
            logger.warning("backplane %s: %s; trying again", self._name, said)
        self._trouble = said

    async def _take_part(self) -> None:
        leader = await self._leases.take()
        if leader == self.me:
            await self._lead()
        elif leader is not None:
            await self._follow(leader)

    async def _pause(self, seconds: float, *others: asyncio.Event) -> None:
        """Wait, unless this server is to leave, or one of others happens."""
        waits = [
            asyncio.ensure_future(event.wait()) for event in (self._leaving, *others)
        ]
        try:
            await asyncio.wait(
                waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---- doors

    def _open(self, role: str) -> None:
        self._trouble = ""
        logger.info("backplane %s: this server is a %s", self._name, role)
        self._host.role = role
        self._is_open.set()
        self._changed(self._host.doors)

    def _shut(self) -> None:
        """Close the doors: who is connected comes back, perhaps elsewhere."""
        self._changed(None)
        self._host.driver = self._host.far = self._host.role = None
        self._is_open.clear()
        self._host.close_sockets(*closecodes.RESTARTING)

    # ---- the leader

    async def _lead(self) -> None:
        is_lost = asyncio.Event()
        keeping = asyncio.create_task(self._keep_lead(is_lost), name="kgnb-lease")
        try:
            await self._lead_on(is_lost)
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            with contextlib.suppress(*_AWAY):
                async with asyncio.timeout(BEAT):
                    await self._leases.release()

    async def _keep_lead(self, is_lost: asyncio.Event) -> None:
        """Renew the lease until that fails for as long as it lasts."""
        renewed_at = self._now
        while not is_lost.is_set():
            await asyncio.sleep(BEAT)
            asked_at = self._now
            try:
                async with asyncio.timeout(BEAT):
                    if await self._leases.renew():
                        renewed_at = asked_at
                    else:
                        is_lost.set()
            except _AWAY:
                if self._now - renewed_at > LEASE:
                    is_lost.set()

    async def _lead_on(self, is_lost: asyncio.Event) -> None:
        driver = self._make()
        await driver.start()
        leading = Leading(self._host, driver, self._post, self.me)
        try:
            self._host.driver = driver
            self._open("leader")
            self._post.hand_to(leading.take)
            while not (is_lost.is_set() or self._leaving.is_set()):
                leading.beat()
                await self._declare_lost(driver)
                await self._pause(BEAT, is_lost)
            if is_lost.is_set():
                logger.warning("backplane %s: the lead is lost", self._name)
        finally:
            self._shut()
            self._post.hand_to(None)
            await leading.aclose()
            await driver.aclose()

    async def _declare_lost(self, driver: BrokerDriver) -> None:
        """Kernels die with the server that they dialled.

        Only while Redis has long been there: after a pause others may not have had the
        time to show themselves again.
        """
        since = self._shown_since
        if since is None or self._now - since < PRESENCE:
            return
        owners = {
            kernel_id: driver.server_of_kernel(kernel_id)
            for kernel_id in driver.watched_kernels()
        }
        with contextlib.suppress(*_AWAY):
            async with asyncio.timeout(BEAT):
                absent = await self._leases.absent(set(owners.values()) - {self.me})
                # Declared at once; only that it is stored may take longer.
                await asyncio.gather(
                    *(
                        driver.kernel_gone(
                            kernel_id, "the kernel ended with its server"
                        )
                        for kernel_id, server in owners.items()
                        if server in absent
                    )
                )

    # ---- a follower

    async def _follow(self, leader: str) -> None:
        line = Line(self.me, leader, uuid.uuid4().hex)
        doors = FarDoors(self._host, line, self._post)
        self._post.hand_to(doors.take)
        try:
            if not await doors.greet():
                return
            self._host.far = doors
            self._open("follower")
            while not (doors.is_over.is_set() or self._leaving.is_set()):
                doors.beat()
                if not await self._leads(leader):
                    doors.end("another server leads")
                await self._pause(BEAT, doors.is_over)
            logger.info("backplane %s: %s", self._name, doors.reason or "leaves")
        finally:
            if self._host.far is doors:
                self._shut()
            doors.leave()
            self._post.hand_to(None)

    async def _leads(self, leader: str) -> bool:
        """Whether a server leads still, as far as Redis says; else its silence will."""
        try:
            async with asyncio.timeout(BEAT):
                return await self._leases.leader() == leader
        except _AWAY:
            return True
