"""Tells the broker which kernels have died.

A silent link proves nothing; a process that is gone does. Once a second, while
any run is unfinished or any workflow published, the kernel manager is asked about
the kernels of those. That one question finds every way a kernel can end: killed,
crashed and restarted by Jupyter, restarted or shut down by a person, and not known
at all because this server is newer than the run. (Restart callbacks of the manager
tell of crashes only, and only after its own three-second poll.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jupyter_core.utils import ensure_async

from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

logger = logging.getLogger("kgnb.server")

INTERVAL = 1.0
"""Seconds between two looks."""


class Broker(Protocol):
    """What the watcher needs of the doors."""

    async def kernels(self) -> dict[str, set[str]]:
        """Kernels that have unfinished runs, or publish workflows: id → processes.

        Those of this server alone; processes as their hellos named them.
        """
        ...

    async def kernel_gone(
        self, kernel_id: str, reason: str, *, processes: Collection[str] | None
    ) -> None:
        """Declare what a kernel's processes had lost: runs, workflows."""


@dataclass
class _Seen:
    """A kernel as it was when it first had something to lose."""

    pid: int | None
    processes: set[str]
    """The processes, as their hellos named them, that were seen under it."""


class _Ended(NamedTuple):
    reason: str
    processes: set[str]


class KernelWatcher:
    """Watches the kernels of runs and workflows. Belongs to the server's loop.

    Args:
        manager: Jupyter's kernel manager (a MultiKernelManager).
        broker: Whom to tell; None while the broker is not there.
        interval: Seconds between two looks.
    """

    def __init__(
        self,
        manager: Any,
        broker: Callable[[], Broker | None],
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._manager = manager
        self._broker = broker
        self._interval = interval
        self._seen: dict[str, _Seen] = {}
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
            except Unavailable:
                pass  # the broker has gone; whoever takes its place is told
            except Exception:
                # The root of the task: one bad look must not be the last one.
                logger.exception("looking at the kernels failed; trying again")
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Look once at every kernel that has something to lose."""
        broker = self._broker()
        if broker is None:
            return
        kernels = await broker.kernels()
        for forgotten in self._seen.keys() - kernels.keys():
            del self._seen[forgotten]
        for kernel_id, running in kernels.items():
            try:
                await self._look_at(broker, kernel_id, running)
            except Unavailable:
                raise
            except Exception:
                # The root of one kernel's look, which may ask a remote host: the
                # others must be looked at all the same.
                logger.exception("kernel %s cannot be looked at", kernel_id)

    async def _look_at(self, broker: Broker, kernel_id: str, running: set[str]) -> None:
        ended = await self._verdict(kernel_id, running)
        if ended is None:
            return
        self._seen.pop(kernel_id, None)
        # It is declared at once; only that it is stored may take longer, and
        # the other kernels need not wait for that.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await broker.kernel_gone(
                    kernel_id, ended.reason, processes=ended.processes
                )

    async def _verdict(self, kernel_id: str, running: set[str]) -> _Ended | None:
        """What ended of the processes that have something, or None if they live."""
        if kernel_id not in self._manager:
            was_here = kernel_id in self._seen
            how = "was shut down" if was_here else "ended with its server"
            return _Ended(f"the kernel {how}", running)
        kernel = self._manager.get_kernel(kernel_id)
        pid = _pid_of(kernel)
        seen = self._seen.setdefault(kernel_id, _Seen(pid, set()))
        if pid != seen.pid:
            if seen.processes & running:
                return _Ended("the kernel was restarted", seen.processes)
            # The new process was quicker than this look: by its hello the broker
            # knows that the old one is dead, and these runs are its own.
            seen = self._seen[kernel_id] = _Seen(pid, set())
        seen.processes |= running
        if not await ensure_async(kernel.is_alive()):
            return _Ended("the kernel died", running)
        return None


def _pid_of(kernel: Any) -> int | None:
    """The pid of a kernel; None where its provisioner does not know one."""
    pid: int | None = getattr(kernel.provisioner, "pid", None)
    return pid
