"""Puts envelopes into Redis and gets them out: one Stream for each server, its inbox.

A Stream keeps what is sent while nobody reads (pub/sub loses it, and says nothing).
Sending is tried again until Redis takes it, so an envelope may arrive twice; it has a
number. What was read is removed. An inbox that nobody writes to any more is removed by
Redis.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from redis import exceptions as errors

from kgnb.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.server.backplane.line import Line
    from kgnb.server.backplane.messages import Envelope
    from kgnb.server.backplane.seals import Seal

    Client = Any
    """A ``redis.Redis``, whose annotations do not know what its options make of it."""

logger = logging.getLogger("kgnb.server")

KEPT = 60_000
"""Milliseconds that an inbox stays after the last letter."""
PAUSE = 0.1
"""Seconds between tries, while Redis is away."""
_BLOCK = 1000
"""Milliseconds that one read waits."""
_AT_ONCE = 32
"""Letters of one read."""
_FIELD = b"e"


class Post:
    """One server's letters. Belongs to its loop.

    Args:
        client: Connected to Redis.
        seal: Signs and checks.
        prefix: Of all keys.
        me: The server.
    """

    def __init__(self, client: Client, seal: Seal, prefix: str, me: str) -> None:
        self._redis = client
        self._seal = seal
        self._prefix = prefix
        self._me = me
        self._due: dict[str, Line] = {}
        self._is_due = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._is_sent.set()
        self._take: Callable[[Envelope, int], None] | None = None
        self._is_read = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def _inbox(self, server: str) -> str:
        return f"{self._prefix}inbox:{server}"

    def start(self) -> None:
        """Begin; after this you must :meth:`aclose`."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._write_forever(), name="kgnb-post-out"),
            loop.create_task(self._read_forever(), name="kgnb-post-in"),
        ]

    async def aclose(self) -> None:
        """End; Redis forgets the inbox. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ---- out

    def wake(self, line: Line) -> None:
        """Send what a line has to say, in this turn of the loop or the next."""
        self._due[line.session] = line
        self._is_due.set()
        self._is_sent.clear()

    async def wait_sent(self) -> None:
        """Wait until Redis has all that was to be sent. Safe to cancel."""
        await self._is_sent.wait()

    async def _write_forever(self) -> None:
        while True:
            await self._is_due.wait()
            try:
                letters = self._collect()
            except Exception:
                # The root of the sending: what was taken and not sent is a gap, which
                # ends its line; the others must go on.
                logger.exception("backplane: an envelope cannot be made")
                continue
            await self._send(letters)
            if not self._due:
                self._is_due.clear()
                self._is_sent.set()

    def _collect(self) -> list[tuple[str, bytes]]:
        """An envelope of each line that has one: none waits for another's many."""
        letters = []
        for session, line in list(self._due.items()):
            envelope = line.take()
            if envelope is None:
                del self._due[session]
            else:
                sealed = self._seal.close(line.other, envelope)
                letters.append((self._inbox(line.other), sealed))
        return letters

    async def _send(self, letters: list[tuple[str, bytes]]) -> None:
        """Return when Redis has them all."""
        while letters:
            try:
                async with self._redis.pipeline(transaction=False) as commands:
                    for inbox, letter in letters:
                        commands.xadd(inbox, {_FIELD: letter})
                    for inbox in {inbox for inbox, _ in letters}:
                        commands.pexpire(inbox, KEPT)
                    await commands.execute()
            except (errors.RedisError, OSError) as error:
                logger.debug("backplane: cannot send: %s", type(error).__name__)
                await asyncio.sleep(PAUSE)
            else:
                return

    # ---- in

    def hand_to(self, take: Callable[[Envelope, int], None] | None) -> None:
        """Who gets each envelope and its size in bytes; None: they wait."""
        self._take = take
        if take is None:
            self._is_read.clear()
        else:
            self._is_read.set()

    async def _read_forever(self) -> None:
        inbox = self._inbox(self._me)
        last: bytes | str = "0-0"
        while True:
            try:
                found = await self._read(inbox, last)
            except (errors.RedisError, OSError) as error:
                logger.debug("backplane: cannot read: %s", type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            for entry, fields in found:
                await self._is_read.wait()
                self._open(fields.get(_FIELD, b""))
                last = entry

    async def _read(self, inbox: str, last: bytes | str) -> list[tuple[bytes, Any]]:
        async with self._redis.pipeline(transaction=False) as commands:
            commands.xtrim(inbox, minid=last, approximate=False)
            commands.xread({inbox: last}, count=_AT_ONCE, block=_BLOCK)
            _, found = await commands.execute()
        return found[0][1] if found else []

    def _open(self, letter: bytes) -> None:
        try:
            envelope = self._seal.open(self._me, letter)
        except Unauthorized as error:
            logger.warning("%s", error)
            return
        if self._take is not None:
            self._take(envelope, len(letter))
