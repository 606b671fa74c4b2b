"""Tells the broker which kernels have died.

A silent link proves nothing; a process that is gone does. Once a second, while
any run is unfinished, the kernel manager is asked about the kernels of those
runs. That one question finds every way a kernel can end: killed, crashed and
restarted by Jupyter, restarted or shut down by a person, and not known at all
because this server is newer than the run. (Restart callbacks of the manager
tell of crashes only, and only after its own three-second poll.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_core.utils import ensure_async

if TYPE_CHECKING:
    from collections.abc import Collection

logger = logging.getLogger("kgnb.server")

INTERVAL = 1.0
"""Seconds between two looks."""


class Broker(Protocol):
    """What the watcher needs of the driver."""

    def kernels(self) -> Collection[str]:
        """Ids of the kernels that have unfinished runs."""

    async def kernel_gone(self, kernel_id: str, reason: str) -> None:
        """Declare the unfinished runs of a kernel lost."""


class KernelWatcher:
    """Watches the kernels of unfinished runs. Belongs to the server's loop.

    Args:
        manager: Jupyter's kernel manager (a MultiKernelManager).
        broker: Whom to tell.
        interval: Seconds between two looks.
    """

    def __init__(
        self, manager: Any, broker: Broker, *, interval: float = INTERVAL
    ) -> None:
        self._manager = manager
        self._broker = broker
        self._interval = interval
        self._processes: dict[str, int | None] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with a look at once; after this you must ``aclose``."""
        self._task = asyncio.get_running_loop().create_task(
            self._watch(), name="kgnb-kernel-watcher"
        )

    async def aclose(self) -> None:
        """End; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                # The root of the task: one bad look must not be the last one.
                logger.exception("looking at the kernels failed; trying again")
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Look once at every kernel that has an unfinished run."""
        kernels = set(self._broker.kernels())
        for forgotten in self._processes.keys() - kernels:
            del self._processes[forgotten]
        for kernel_id in kernels:
            reason = await self._verdict(kernel_id)
            if reason is not None:
                self._processes.pop(kernel_id, None)
                await self._broker.kernel_gone(kernel_id, reason)

    async def _verdict(self, kernel_id: str) -> str | None:
        """Why the process that had the runs is gone, or None if it lives."""
        if kernel_id not in self._manager:
            if kernel_id in self._processes:
                return "the kernel was shut down"
            return "the kernel ended with its server"
        kernel = self._manager.get_kernel(kernel_id)
        process = _process_of(kernel)
        known = self._processes.setdefault(kernel_id, process)
        if process != known:
            return "the kernel was restarted"
        if not await ensure_async(kernel.is_alive()):
            return "the kernel died"
        return None


def _process_of(kernel: Any) -> int | None:
    """The pid of a kernel; None where its provisioner does not know one."""
    pid: int | None = getattr(kernel.provisioner, "pid", None)
    return pid
