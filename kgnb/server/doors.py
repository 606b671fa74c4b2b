"""Ways into the broker, wherever it runs: on this server's loop, or on another server.

Hosts speak to ``Host.doors`` and to nothing else of the broker. Where one server is
alone, and on the one of several that leads them, those are :class:`OwnDoors`; on the
others ``backplane.following.FarDoors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kgnb.server.figures import of_broker

if TYPE_CHECKING:
    from collections.abc import Collection

    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.peer import Attached, Peer, Sink
    from kgnb.server.calls.call import Call, Reply, Route


class Doors(Protocol):
    """What a host asks of a broker. Belongs to the server's loop.

    All of it raises ``Unavailable`` where the broker is not there, or no longer.
    """

    @property
    def is_healthy(self) -> bool:
        """Whether the log took the last transaction, as far as is known here."""
        ...

    def connect(self, peer: Peer, sink: Sink) -> Attached:
        """Take in a client that the host has authenticated."""
        ...

    def connect_link(self, peer: Peer, sink: Sink) -> Attached:
        """Take in a kernel whose secret the host has checked."""
        ...

    async def has_workflow(self, name: str, peer: Peer | None = None) -> bool:
        """Whether something is published under a name, as far as a peer may know."""
        ...

    async def shared_peer(self, token: str) -> Peer:
        """Who comes by a share link; the host fills in how he came.

        Raises:
            Unauthorized: It is none, or no longer.
        """
        ...

    async def serve(self, route: Route, call: Call) -> Reply:
        """Answer a request that was judged; raises what the call raises."""
        ...

    async def kernels(self) -> dict[str, set[str]]:
        """Kernels of this server that have something to lose: id → processes.

        Those with unfinished runs or published workflows, linked or not; processes as
        their hellos named them.
        """
        ...

    async def kernel_gone(
        self, kernel_id: str, reason: str, *, processes: Collection[str] | None = None
    ) -> None:
        """Declare what a kernel's processes had lost: runs, workflows."""

    async def probe(self) -> bool:
        """Whether the log can be written now."""
        ...

    async def figures(self) -> dict[str, Any]:
        """What the broker knows of itself; see ``figures.of_broker``."""
        ...


class OwnDoors:
    """See :class:`Doors`: of a broker on this loop.

    Args:
        driver: The broker's.
        server: This one of several; empty where it is alone.
    """

    def __init__(self, driver: BrokerDriver, server: str = "") -> None:
        self._driver = driver
        self._server = server

    @property
    def is_healthy(self) -> bool:
        """See :class:`Doors`."""
        return self._driver.is_healthy

    def connect(self, peer: Peer, sink: Sink) -> Attached:
        """See :class:`Doors`."""
        return self._driver.connect(peer, sink)

    def connect_link(self, peer: Peer, sink: Sink) -> Attached:
        """See :class:`Doors`."""
        placed = msgspec.structs.replace(peer, server=self._server)
        return self._driver.connect_link(placed, sink)

    async def has_workflow(self, name: str, peer: Peer | None = None) -> bool:
        """See :class:`Doors`."""
        return self._driver.workflow(name, peer) is not None

    async def shared_peer(self, token: str) -> Peer:
        """See :class:`Doors`."""
        return self._driver.shared_peer(token)

    async def serve(self, route: Route, call: Call) -> Reply:
        """See :class:`Doors`."""
        return await route.call(call)

    async def kernels(self) -> dict[str, set[str]]:
        """See :class:`Doors`."""
        return kernels_of(self._driver, self._server)

    async def kernel_gone(
        self, kernel_id: str, reason: str, *, processes: Collection[str] | None = None
    ) -> None:
        """See :class:`Doors`."""
        await self._driver.kernel_gone(kernel_id, reason, processes=processes)

    async def probe(self) -> bool:
        """See :class:`Doors`."""
        return await self._driver.probe()

    async def figures(self) -> dict[str, Any]:
        """See :class:`Doors`."""
        return of_broker(self._driver)


def kernels_of(driver: BrokerDriver, server: str) -> dict[str, set[str]]:
    """Kernels of a server that have something to lose; see :meth:`Doors.kernels`.

    Args:
        driver: The broker's.
        server: One of several; empty: there is one, whose they all are.
    """
    return {
        kernel_id: driver.processes_of_kernel(kernel_id)
        for kernel_id in driver.watched_kernels()
        if not server or driver.server_of_kernel(kernel_id) == server
    }
