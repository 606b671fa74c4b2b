"""Tells the broker which kernels have died.

A silent link proves nothing; a process that is gone does. Once a second, while
any run is unfinished or any workflow published, the kernel manager is asked about
the kernels of those. That one question finds every way a kernel can end: killed,
crashed and restarted by Jupyter, restarted or shut down by a person, and not known
at all because this server is newer than the run. (Restart callbacks of the manager
tell of crashes only, and only after its own three-second poll.)

A restart is seen by the process id that Jupyter has of the kernel: it is noted when
the kernel says hello, and is another one afterwards. What the hello says its own id
is would not do: a kernel may run behind another process, or in a container.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
        self._pids: dict[str, dict[str, int | None]] = {}
        """Kernel → process, as its hello named it → its process id for Jupyter."""
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
            await asyncio.wait([task])

    def greeted(self, kernel_id: str, process_id: str) -> None:
        """Note which process of a kernel has just said hello."""
        if kernel_id in self._manager:
            pid = _pid_of(self._manager.get_kernel(kernel_id))
            self._pids.setdefault(kernel_id, {})[process_id] = pid

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
        for kernel_id in self._pids.keys() - kernels.keys():
            if kernel_id not in self._manager:
                del self._pids[kernel_id]
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
        for process_id in ended.processes:
            self._pids.get(kernel_id, {}).pop(process_id, None)
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
            was_here = kernel_id in self._pids
            how = "was shut down" if was_here else "ended with its server"
            return _Ended(f"the kernel {how}", running)
        kernel = self._manager.get_kernel(kernel_id)
        pid = _pid_of(kernel)
        pids = self._pids.setdefault(kernel_id, {})
        # A newer server may never hear a hello; what it first sees must do.
        replaced = {one for one in running if pids.setdefault(one, pid) != pid}
        if replaced:
            return _Ended("the kernel was restarted", replaced)
        if not await ensure_async(kernel.is_alive()):
            return _Ended("the kernel died", running)
        return None


def _pid_of(kernel: Any) -> int | None:
    """The pid of a kernel; None where its provisioner does not know one."""
    pid: int | None = getattr(kernel.provisioner, "pid", None)
    return pid
