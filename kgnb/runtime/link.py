"""The kernel's WebSocket to the server that started it.

One per kernel, dialled at the first run and again after each break. Belongs to the
link's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections import deque
from typing import TYPE_CHECKING, Literal

import msgspec

from kgnb.errors import BadFrame
from kgnb.runtime import process
from kgnb.runtime.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.client import ClientConnection

    from kgnb.runtime.conversation import Orders

logger = logging.getLogger("kgnb.link")
_socket_logger = logging.getLogger("kgnb.link.socket")
# At DEBUG websockets logs the headers of its handshake, our secret among them.
_socket_logger.setLevel(logging.INFO)

URL = "KGNB_LINK_URL"
SECRET = "KGNB_LINK_SECRET"  # noqa: S105 - the name of a variable
PID = "KGNB_LINK_PID"

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
REFUSED_WAIT = 30.0
"""Seconds until the next try where the server does not know our secret."""
_NO_SUCH_SECRET = frozenset({401, 403})
"""HTTP statuses; any other may be a server's that is starting, or a proxy's."""
OPEN_TIMEOUT = 5.0
MOST_QUEUED = 64 * 1024 * 1024
"""Bytes that wait for a socket which does not take them; past it we dial anew."""


class Address(msgspec.Struct, frozen=True):
    """Where to dial, as the server left it in the environment."""

    url: str
    secret: str

    @property
    def page_url(self) -> str:
        """Where the server's pages are: ``http://127.0.0.1:8888/kgnb/``."""
        return self.url.replace("ws", "http", 1).removesuffix("link")


def find_address(
    environ: Mapping[str, str] = os.environ, *, parent: int | None = None
) -> Address | None:
    """The server to dial, if this process is its kernel.

    A terminal's Python and the kernel's own children inherit the variables, but are
    no kernels of that server: its pid has to be our parent's.
    """
    url, secret, pid = (environ.get(name, "") for name in (URL, SECRET, PID))
    if not (url and secret and pid) or process.kernel() is None:
        return None
    parents = {str(os.getppid() if parent is None else parent)}
    parents.add(environ.get("JPY_PARENT_PID", ""))
    return Address(url, secret) if pid in parents else None


class LinkPort:
    """The server's log, over a WebSocket that is kept open."""

    log_host: Literal["server", "kernel"] = "server"

    def __init__(self, address: Address, kernel_id: str, orders: Orders) -> None:
        self.conversation = Conversation(kernel_id, orders)
        self._address = address
        self._task: asyncio.Task[None] | None = None
        self._is_up = asyncio.Event()

    @property
    def page_url(self) -> str:
        """See ``LogPort``."""
        return self._address.page_url

    async def start(self) -> None:
        """Begin to dial; returns at once."""
        self.conversation.on_up = self._is_up.set
        self._task = asyncio.get_running_loop().create_task(
            self._dial_for_ever(), name="kgnb-link"
        )

    async def wait_up(self, seconds: float) -> bool:
        """Wait until the server has said welcome; False where it takes longer."""
        if not self.conversation.is_up:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_up.wait(), seconds)
        return self.conversation.is_up

    async def aclose(self) -> None:
        """Hang up; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _dial_for_ever(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                wait = await self._dial(wait)
            except Exception:
                # The root of the task: the link must outlive whatever broke it.
                logger.exception("the link to the server broke")
            finally:
                self._is_up.clear()
                self.conversation.disconnected()
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            wait = min(2 * wait, LONGEST_WAIT)

    async def _dial(self, wait: float) -> float:
        """One connection, from its opening to its end; the next wait in seconds."""
        # Imported here: a run without a server must not pay for it.
        from websockets.exceptions import (  # noqa: PLC0415
            ConnectionClosed,
            InvalidHandshake,
            InvalidStatus,
        )

        from kgnb.runtime.dialling import Dial  # noqa: PLC0415

        dialled = Dial(
            self._address.url,
            additional_headers={"Authorization": f"kgnb-link {self._address.secret}"},
            proxy=None,  # it is our own machine; HTTP_PROXY is for others
            compression=None,
            logger=_socket_logger,
            max_size=None,  # the server bounds what it sends, and is trusted
            open_timeout=OPEN_TIMEOUT,
            # A sleeping laptop or a stopped server must be found out.
            ping_interval=20,
            ping_timeout=60,
        )
        try:
            async with dialled as socket:
                await self._serve(socket)
        except ConnectionClosed:
            pass
        except InvalidStatus as error:
            logger.info("the server refused the link: %s", error)
            is_refused = error.response.status_code in _NO_SUCH_SECRET
            return REFUSED_WAIT if is_refused else wait
        except (InvalidHandshake, OSError, TimeoutError) as error:
            # A handshake that breaks off is no refusal: the server stops just now.
            logger.debug("the server cannot be reached: %s", error)
            return wait
        return FIRST_WAIT

    async def _serve(self, socket: ClientConnection) -> None:
        mail = _Mail()
        self.conversation.connected(mail.put)
        sending = asyncio.get_running_loop().create_task(mail.deliver(socket))
        try:
            async for frame in socket:
                self.conversation.received(frame)
        except BadFrame:
            logger.exception("the server sent a frame that is none")
        except asyncio.CancelledError:
            await socket.close(1001)
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


class _Mail:
    """Frames on their way to a socket that may be slow."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._arrived = asyncio.Event()

    def put(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._size += len(frame)
        self._arrived.set()

    async def deliver(self, socket: ClientConnection) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._frames:
                if self._size > MOST_QUEUED:
                    self._frames.clear()
                    await socket.close(4009, "the server does not read")
                    return
                frame = self._frames.popleft()
                self._size -= len(frame)
                await socket.send(frame.decode())
