"""Applications on real uvicorn servers, in processes of their own."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from server_harness import free_port


class AppProcess:
    """A process that serves an application under ``folder``; use with ``with``.

    Args:
        folder: The working directory; its files are the application.
        command: How it is started; ``{port}`` stands for a free port.
        environment: Variables that it has besides.
    """

    def __init__(self, folder, *command, port=None, environment=()):
        self.folder = Path(folder)
        self.port = port or free_port()
        self.command = [part.replace("{port}", str(self.port)) for part in command]
        self.environment = dict(environment)
        self.process = None

    def __enter__(self):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY_", "KGNB"))
        }
        environment |= {
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }
        self.output = (self.folder / "app.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_):
        self.stop()
        self.output.close()

    def stop(self, number=signal.SIGTERM, timeout=15):
        """End it as a shell would; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout)
            raise

    @property
    def log(self):
        return (self.folder / "app.log").read_text()

    async def wait_ready(self, timeout=30, path="health"):
        """Wait until it answers."""
        url = f"http://127.0.0.1:{self.port}/{path}"
        async with asyncio.timeout(timeout):
            while not await asyncio.to_thread(_answers, url):
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)

    @property
    def token(self):
        """The one that it printed, which a restart does not change."""
        return re.search(r"\?token=(\w+)", self.log)[1]


def _answers(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False
