"""A TCP proxy that breaks connections as it is told: for tests of what comes back.

    faults = [Fault(after=5_000), Fault(after=0, then="reset")]
    async with FaultProxy("127.0.0.1", 8888, faults) as proxy:
        client = connect(f"http://127.0.0.1:{proxy.port}/")  # is cut twice, then lives

It knows nothing of what it carries: a cut may fall into the handshake, into the
middle of a frame, or between a command and its reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

_CHUNK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends a reset and forgets what is unsent."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What befalls one connection."""

    after: int | None = None
    """Bytes, counted in both directions, after which it breaks; None: it does not."""
    then: Literal["cut", "reset", "black_hole"] = "cut"
    """How: both ends see it closed (FIN), reset (RST), or nothing more at all until
    it is reset after ``hold``."""
    hold: float = 0.2
    """Seconds that a black hole swallows everything."""
    slice: int = _CHUNK
    """Bytes that are handed on at a time."""
    delay: float = 0.0
    """Seconds that each slice waits."""
    rate: float = 0.0
    """Bytes a second in each direction; 0: as fast as it goes."""


NO_FAULT = Fault()


def random_faults(chance: random.Random, count: int, *, reach: int) -> list[Fault]:
    """Faults for ``count`` connections; the same for an equal state of ``chance``.

    Args:
        chance: Decides.
        count: How many.
        reach: Bytes that a connection carries at most before it breaks; one in four
            breaks within its first kilobyte, where the handshakes are.
    """
    return [_random_fault(chance, reach) for _ in range(count)]


def _random_fault(chance: random.Random, reach: int) -> Fault:
    is_early = chance.random() < 0.25  # noqa: PLR2004  # one in four, as it says
    return Fault(
        after=chance.randrange(1024 if is_early else reach),
        then=chance.choice(["cut", "cut", "reset", "reset", "black_hole"]),
        hold=chance.uniform(0.0, 0.2),
        slice=chance.choice([_CHUNK, _CHUNK, 1400, 97]),
        delay=chance.choice([0.0, 0.0, 0.0, 0.001]),
    )


class FaultProxy:
    """Carries connections to one server, each with a fault of its own.

    Use with ``async with``; belongs to that loop.

    Args:
        host: Of the server.
        port: Of the server; set ``target`` anew when it moves.
        faults: For the first connection, the second and so on; later ones have none.
    """

    def __init__(self, host: str, port: int, faults: Iterable[Fault] = ()) -> None:
        self.target = (host, port)
        self.port = 0
        """Where it listens, on 127.0.0.1, once it is entered."""
        self.accepted = 0
        """Connections so far."""
        self.broken: Counter[str] = Counter()
        """How many connections broke, by ``Fault.then``."""
        self._faults = iter(faults)
        self._passages: dict[asyncio.Task[None], _Passage] = {}
        self._flows = asyncio.Event()
        self._flows.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._passages)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def stall(self) -> None:
        """Hand on nothing more, of any connection, until :meth:`flow`."""
        self._flows.clear()

    def flow(self) -> None:
        """End a :meth:`stall`."""
        self._flows.set()

    def break_after(self, count: int) -> None:
        """Cut what is open, each connection after ``count`` more bytes."""
        for passage in self._passages.values():
            passage.fault = Fault(after=passage.carried + count)

    def reset_all(self) -> int:
        """Reset every connection that is open; how many there were."""
        for passage in self._passages.values():
            passage.abort()
        self.broken["reset"] += len(self._passages)
        return len(self._passages)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is None:  # asyncio calls this in a task of its own
            return
        self.accepted += 1
        passage = _Passage(next(self._faults, NO_FAULT), self._flows, writer)
        self._passages[task] = passage
        try:
            broken = await passage.run(reader, self.target)
        except asyncio.CancelledError:  # the proxy is left
            passage.abort()
        except OSError:  # an end is gone, or was never there: so is the other
            passage.abort()
        else:
            if broken:
                self.broken[passage.fault.then] += 1
        finally:
            del self._passages[task]


class _BrokenError(Exception):
    """The moment has come."""


class _Passage:
    """One connection and its fault."""

    def __init__(
        self, fault: Fault, flows: asyncio.Event, writer: asyncio.StreamWriter
    ) -> None:
        self.fault = fault
        self._flows = flows
        self._writers = [writer]
        self.carried = 0
        """Bytes, in both directions."""

    async def run(self, client: asyncio.StreamReader, target: tuple[str, int]) -> bool:
        """Carry until an end hangs up, or until it breaks; whether it broke."""
        server, to_server = await asyncio.open_connection(*target)
        (to_client,) = self._writers
        self._writers.append(to_server)
        is_broken = False
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, to_server))
                both.create_task(self._pump(server, to_client))
        except* _BrokenError:
            is_broken = True
        except* OSError:
            self.abort()
        if is_broken:
            await self._break()
        else:
            await self._close()
        return is_broken

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(self.fault.slice):
            fault = self.fault
            await self._flows.wait()
            if fault.delay or fault.rate:
                await asyncio.sleep(
                    fault.delay + (len(data) / fault.rate if fault.rate else 0.0)
                )
            if fault.after is not None and self.carried + len(data) >= fault.after:
                writer.write(data[: max(0, fault.after - self.carried)])
                self.carried = fault.after
                raise _BrokenError
            self.carried += len(data)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _break(self) -> None:
        if self.fault.then == "cut":
            await self._close()
            return
        if self.fault.then == "black_hole":
            await asyncio.sleep(self.fault.hold)
        self.abort()

    async def _close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def abort(self) -> None:
        """Reset both ends."""
        for writer in self._writers:
            end: socket.socket | None = writer.get_extra_info("socket")
            if end is not None and end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()
