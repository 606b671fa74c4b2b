"""The same with Jupyter: its server, its kernel, and the work in a cell."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

import psutil
from actors import GROUP
from kernel_shell import Shell
from server_harness import BASE, TOKEN, ServerProcess
from stage import PATIENCE, Stage

CELL = """
import sys
sys.path.insert(0, {folder!r})
import actors
actors.labour(actors.options_of({words}))
"""


class JupyterServer(ServerProcess):
    """Use with ``with``, again after its death."""

    def __enter__(self):
        if self.process is not None:
            self.output.close()
        return super().__enter__()

    def stop(self):
        """As Ctrl-C twice does; its kernels end with it."""
        self.process.terminate()
        self.process.wait(20)


class Cell:
    """A cell of a real kernel, which blocks it for as long as there is work."""

    def __init__(self, server, kernel, code):
        self._server, self._kernel = server, kernel
        self.code = code
        self.pid = 0
        self.log = ""

    async def start(self, not_pid):
        """Wait for the kernel's (next) process, and execute the cell there."""
        async with asyncio.timeout(PATIENCE):
            while not (pids := self._pids() - {not_pid}):
                await asyncio.sleep(0.05)
        (self.pid,) = pids
        self._running = asyncio.create_task(self._run())

    def _pids(self):
        """The processes that were started with this kernel's connection file."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._server.process.pid).children()
            name = f"kernel-{self._kernel}.json"
            return {c.pid for c in children if name in " ".join(c.cmdline())}
        return set()

    async def _run(self):
        async with Shell(self._server, self._kernel) as shell:
            await shell.run(self.code)

    def kill(self):
        """As kill -9 does; again does no harm."""
        self._running.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def wait_ended(self, seconds):
        """Wait until its work is done; 0, or None if it is not."""
        done, _ = await asyncio.wait([self._running], timeout=seconds)
        return 0 if done and self._running.exception() is None else None


class JupyterStage(Stage):
    """A stage with Jupyter; the kernel's link is its own, without a proxy."""

    base, token = BASE.removeprefix("/"), TOKEN

    def _start_server(self):
        server = JupyterServer(
            self.folder,
            f"--KgnbApp.log_url={self.log_url}",
            f"--KgnbApp.groups_open=['{GROUP}']",
            "--KgnbApp.rate_limit_messages=100000",
            port=self.port,
        )
        server.__enter__()
        self._all.callback(self._end, server)
        return server

    async def start_kernel(self):
        """The first process of a kernel, or the one that Jupyter puts in its place."""
        before = self.kernel.pid if self._life else None
        if before is None or self._is_gone:
            made = await asyncio.to_thread(
                self.server.call, "api/kernels", method="POST", body={"name": "python3"}
            )
            self._kernel_id, self._is_gone = made["id"], False
        words = ["kernel", str(self.folder), *map(str, self._next_life())]
        code = CELL.format(folder=str(Path(__file__).parent), words=json.dumps(words))
        self.kernel = Cell(self.server, self._kernel_id, code)
        await self.kernel.start(before)
        self._all.callback(self.kernel.kill)

    _is_gone = False

    async def kill_server(self, hold):
        """kill -9 of the server, which takes its kernels with it."""
        await super().kill_server(hold)
        self.kernel.kill()
        self._is_gone = True
        await self.server.wait_ready(PATIENCE)
        await self.start_kernel()

    def _end(self, actor):
        if isinstance(actor, Cell):
            actor.kill()
        else:
            super()._end(actor)
