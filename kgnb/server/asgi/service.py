"""The broker of an application: its log, its start, its stop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from kgnb.broker.doorway import KERNEL_ID, SUFFIX, Opening, door
from kgnb.broker.driver import BrokerDriver
from kgnb.broker.limits import DAY
from kgnb.broker.peer import Voters
from kgnb.server import access, closecodes, logs
from kgnb.server.asgi.leaving import EndOfProcess
from kgnb.server.backplane.joining import join
from kgnb.server.beginning import Beginning
from kgnb.server.host import Host
from kgnb.server.links import Signer
from kgnb.server.rounds import Rounds
from kgnb.storage import open_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kgnb.server.asgi.config import Config
    from kgnb.server.doors import Doors

logger = logging.getLogger("kgnb.server")

_STOP_TIMEOUT = 8.0
"""Seconds that stopping may take; the log gets 5 of them."""
_ARRIVAL = 2.0
"""Seconds that the start waits for what this process has published."""
_SECRET_BYTES = 32


def folder() -> Path:
    """Where this user's applications keep what must outlive them."""
    return platformdirs.user_data_path("kgnb") / "apps"


def kept_secret() -> str:
    """A secret of this user, the same in each process and after each restart.

    Clients of an application that is reloaded come back with the token they have, and
    share links stay valid. Made at the first call, readable by this user alone; where
    nothing can be kept it is a new one for this process.
    """
    path = folder() / "secret"
    mine = path.with_name(f"secret-{os.getpid()}")
    fresh = secrets.token_hex(_SECRET_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Linked when it is whole: another process may be here at the same time.
            mine.touch(mode=0o600)
            mine.write_text(fresh)
            with contextlib.suppress(FileExistsError):
                os.link(mine, path)
            mine.unlink()
        return path.read_text().strip() or fresh
    except OSError as error:
        logger.warning("%s: tokens change at each start: %s", path, error)
        return fresh


class Service:
    """Starts the broker once a server's loop runs, and stops it before that ends.

    Belongs to that loop. Where the server tells of its life, ``App.lifespan`` does
    both; where it does not, as under a mount, the first request starts the broker,
    and the end of its loop stops it.

    Args:
        config: The application's.
        root: The secret of which all others are made.
        knows_people: Whether its users can be told apart.
    """

    def __init__(self, config: Config, root: str, *, knows_people: bool) -> None:
        self.host = Host(config.settings(root))
        base = self.host.settings.public_url
        self.page_url = None if base is None else f"{base}kgnb/"
        self._config = config
        self._voters = Voters(
            are_known=knows_people, key=access.derive_voter_key(root.encode())
        )
        key = access.derive_share_key(root)
        self._signer = Signer(key, public_url=base)
        self._root = root
        self._doors: Doors | None = None
        """Those that this process's own runs go through."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_ready: asyncio.Future[None] | None = None
        self._is_over = asyncio.Event()
        self._has_arrived = asyncio.Event()
        self._drain: Callable[[], None] = lambda: None

    async def ensure(self) -> None:
        """Start the broker, unless it runs; returns when it does. Safe to cancel.

        Raises:
            RuntimeError: It serves another loop, which still runs.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._begin(loop)
        if self._is_ready is not None:
            await asyncio.shield(self._is_ready)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and self._loop.is_running():
            msg = "kgnb: an application serves one event loop; make one for each"
            raise RuntimeError(msg)
        self._loop = loop
        self._is_over = asyncio.Event()
        self._has_arrived = asyncio.Event()
        self._is_ready = loop.create_future()
        self._keeping = loop.create_task(self._keep(self._is_ready), name="kgnb-asgi")

    async def aclose(self) -> None:
        """Stop; safe to call twice, and where nothing was started."""
        keeping, self._keeping = self._keeping, None
        self._is_over.set()
        if keeping is not None:
            await asyncio.wait([keeping])

    async def _keep(self, is_ready: asyncio.Future[None]) -> None:
        """From the start to the stop, also where the loop's end cancels it."""
        end = EndOfProcess(self._end_is_near)
        rounds = Rounds(self.host)
        try:
            async with self._joined() if self._config.backplane_url else self._alone():
                end.listen()
                rounds.start()
                await self._wait_arrived()
                if not is_ready.done():
                    is_ready.set_result(None)
                await self._is_over.wait()
        except BaseException as error:
            if not is_ready.done():
                is_ready.set_exception(error)
                is_ready.exception()  # looked at, whoever waits
            raise
        finally:
            end.stop()
            await rounds.aclose()
            self._loop = None

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """The broker on a log of this server's own."""
        beginning = Beginning(
            self.host,
            self._claim,
            self._driver,
            what="config's log_url",
            session_url=self._config.session_url,
            opened=self._bury,
            changed=self._let_in,
        )
        try:
            await beginning.start()
            yield
        finally:
            beginning.shut()
            self._end_is_near()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await beginning.aclose()
            except TimeoutError:
                logger.warning("stopping took over %s s; left", _STOP_TIMEOUT)
            beginning.release()

    async def _bury(self, driver: BrokerDriver) -> None:
        """Declare lost what processes ran that served this application before."""
        for kernel_id in driver.watched_kernels():
            # The log was claimed, so none of them can be serving it still; nor can
            # what it ran have gone on.
            if kernel_id.endswith(SUFFIX) and kernel_id != KERNEL_ID:
                await driver.kernel_gone(kernel_id, "the application was restarted")

    @contextlib.asynccontextmanager
    async def _joined(self) -> AsyncIterator[None]:
        """One of several servers, on a log that they share."""
        config = self._config
        member = join(
            self.host,
            config.backplane_url,
            root=self._root,
            make=lambda: self._driver(config.log_url, config.session_url),
            changed=self._let_in,
        )
        self._drain = member.drain
        try:
            await member.start()
            yield
        finally:
            await member.aclose()

    def _let_in(self, doors: Doors | None) -> None:
        """Let the runs of this process in, or out."""
        if self._doors is not None:
            door.close(self._doors)
        self._doors = doors
        if doors is None:
            return
        loop = asyncio.get_running_loop()
        opening = Opening(
            doors,
            loop,
            page_url=lambda: self.page_url,
            arrived=lambda: loop.call_soon_threadsafe(self._has_arrived.set),
        )
        if not door.open(opening):
            logger.warning(
                "another application of this process has its workflows: this one"
                " serves none of them"
            )
            self._has_arrived.set()

    async def _wait_arrived(self) -> None:
        """Wait, not for long, until what this process has published is known."""
        if door.is_watched:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ARRIVAL):
                    await self._has_arrived.wait()

    def _end_is_near(self) -> None:
        """The server was told to end: let everybody go, so that it can."""
        self._drain()
        self.host.close_sockets(*closecodes.RESTARTING)

    # ---- the log

    def _claim(self) -> logs.Claim:
        """A log of this user and working directory, unless one was configured.

        Kept on disk, so that a client of an application that is reloaded gets what it
        missed; of its own directory, so that two projects do not take turns.
        """
        if self._config.log_url:
            return logs.claim_url(self._config.log_url)
        here = Path.cwd()
        mark = hashlib.sha256(str(here).encode()).hexdigest()[:8]
        return logs.claim_in(folder() / f"{here.name or 'root'}-{mark}")

    def _driver(self, url: str, session_url: str) -> BrokerDriver:
        return BrokerDriver(
            open_log(
                url,
                session_url=session_url,
                session_ttl=self._config.retention_days * DAY,
            ),
            limits=self._config.limits(),
            server="asgi",
            voters=self._voters,
            tokens=self._signer,
        )
