"""A socket that is kept open: dialled anew after each break, and nothing lost by it.

Belongs to the loop on which it was opened.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from kgnb.clients.exchange import Exchange
from kgnb.errors import (
    Forbidden,
    FrameTooLarge,
    KgnbError,
    NoSuchWorkflow,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from kgnb.clients.addresses import Address

logger = logging.getLogger("kgnb.clients")
socket_logger = logging.getLogger("kgnb.clients.socket")
# At DEBUG websockets logs the headers of its handshake, our token among them.
socket_logger.setLevel(logging.INFO)

_OPEN_TIMEOUT = 10.0
"""Seconds for the handshake, and as many again for the greeting."""
_CLOSE_TIMEOUT = 2.0
_LARGEST = 64 * 1024 * 1024
"""Bytes of one frame from the server: a snapshot is as large as its run."""
_TOO_LARGE = 1009
_REFUSALS: dict[int, tuple[type[KgnbError], str]] = {
    4001: (Unauthorized, "the server does not know this token; it may have expired"),
    4003: (Forbidden, "the server does not let this identity in"),
    4004: (NoSuchWorkflow, "no such workflow is published"),
    401: (Unauthorized, "the server does not know this token; it may have expired"),
    403: (Forbidden, "the server does not let this identity in"),
    404: (
        Unavailable,
        "the server has no kgnb there: is its base URL in the address?",
    ),
}
"""Close codes and HTTP statuses after which dialling again cannot help."""
_BUSY = frozenset({1013, 4013, 4029})
"""Close codes that ask to be left alone for a while."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before dialling again; seconds, each made random by half."""

    first: float = 0.2
    longest: float = 10.0
    patience: float = 300.0
    """Without a connection, until it is given up."""


class _Dial(dial):
    """Follows no redirect: the token is for the server that was named."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Connection:
    """Dials, and lets the exchange speak while the socket is up."""

    def __init__(self, address: Address, backoff: Backoff) -> None:
        self.exchange = Exchange(self._put)
        self._address = address
        self._backoff = backoff
        self._task: asyncio.Task[None] | None = None
        self._outbox: asyncio.Queue[str] | None = None
        self._was_up = False

    async def start(self) -> None:
        """Connect; returns when the server has greeted.

        Raises:
            Unavailable: It cannot be reached, or is no kgnb.
            Unauthorized, Forbidden, NoSuchWorkflow: It refused.
        """
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._keep_open(), name="kgnb-client")
        try:
            await self.exchange.wait_greeted()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Hang up; what still waits gets ``Unavailable``. Safe to call twice."""
        task, self._task = self._task, None
        try:
            if task is not None:
                task.cancel()
                # Not the task itself: its cancellation would hide our caller's.
                await asyncio.wait([task])
        finally:
            self.exchange.fail(Unavailable("the client was closed"))

    def _put(self, frame: str) -> None:
        if self._outbox is not None:
            self._outbox.put_nowait(frame)

    async def _keep_open(self) -> None:
        try:
            await self._dial_on()
        except KgnbError as error:
            self.exchange.fail(error)
        except Exception:
            # The root of the task: whoever waits must hear that nothing comes.
            logger.exception("the connection to %s broke", self._address.url)
            self.exchange.fail(KgnbError("the client broke; its log says how"))

    async def _dial_on(self) -> None:
        """Dial until it is refused or hopeless.

        Raises:
            KgnbError: Why it is given up.
        """
        loop = asyncio.get_running_loop()
        wait = self._backoff.first
        up_at = loop.time()
        while True:
            is_up, reason, is_busy = await self._dial()
            if is_up:
                up_at = loop.time()
            if is_up and not is_busy:
                wait = self._backoff.first
            if not self._was_up or loop.time() - up_at > self._backoff.patience:
                host = urlsplit(self._address.url).netloc
                raise Unavailable(f"the server at {host} cannot be reached: {reason}")
            logger.info("the connection broke (%s); trying again", reason)
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
            wait = min(2 * wait, self._backoff.longest)

    async def _dial(self) -> tuple[bool, str, bool]:
        """One connection, from its opening to its end.

        Returns:
            Whether the server greeted, why it ended, and whether it is to be left
            alone for a while.
        """
        socket: ClientConnection | None = None
        is_up = False
        try:
            async with self._dialled() as socket:
                async with asyncio.timeout(_OPEN_TIMEOUT):
                    hello = await socket.recv()
                self.exchange.greeted(_decoded(hello))
                is_up = self._was_up = True
                try:
                    await self._talk(socket)
                except asyncio.CancelledError:
                    await socket.close()  # else websockets calls it an error, 1011
                    raise
        except ConnectionClosed:
            pass
        except InvalidStatus as error:
            status = error.response.status_code
            if not self._was_up:  # later a proxy may say so of a server that restarts
                self._refuse(status)
            return is_up, f"HTTP status {status}", False
        except (WebSocketException, OSError, TimeoutError) as error:
            return is_up, str(error) or "it does not answer", False
        except msgspec.DecodeError:
            logger.warning("the server sent a frame that is no JSON object")
        finally:
            self._outbox = None
            self.exchange.disconnected()
        code = None if socket is None else socket.close_code
        reason = None if socket is None else socket.close_reason
        self._refuse(code)
        if code == _TOO_LARGE:
            self.exchange.fail_commands(
                FrameTooLarge(
                    "the server takes no command of this size: send large data by "
                    "another way, and here its address"
                )
            )
        return is_up, reason or f"closed with {code}", code in _BUSY

    def _refuse(self, code: int | None) -> None:
        if code not in _REFUSALS:
            return
        kind, sentence = _REFUSALS[code]
        if kind is Unauthorized and not self._address.token:
            sentence = "the server wants a token, and none was given"
        raise kind(sentence)

    def _dialled(self) -> _Dial:
        token = self._address.token
        return _Dial(
            # The exchange knows how far a named client has read its messages.
            self._address.url + self.exchange.position(self._address.url),
            additional_headers={"Authorization": f"token {token}"} if token else None,
            subprotocols=[Subprotocol("kgnb.v1")],
            proxy=None if self._address.is_local else True,
            logger=socket_logger,
            max_size=_LARGEST,
            open_timeout=_OPEN_TIMEOUT,
            close_timeout=_CLOSE_TIMEOUT,
        )

    async def _talk(self, socket: ClientConnection) -> None:
        self._outbox = asyncio.Queue()
        sending = asyncio.get_running_loop().create_task(_send(socket, self._outbox))
        try:
            self.exchange.connected()
            async for frame in socket:
                self.exchange.take(_decoded(frame))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: ClientConnection, outbox: asyncio.Queue[str]) -> None:
    while True:
        await socket.send(await outbox.get())


def _decoded(frame: str | bytes) -> dict[str, Any]:
    return msgspec.json.decode(frame, type=dict[str, Any])
