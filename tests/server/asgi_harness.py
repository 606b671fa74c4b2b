"""Applications on real uvicorn servers: in a process of their own, or in the test's."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from server_harness import TOKEN, free_port

from kgnb.server.asgi import create_app

MOUNT = "/a@b/kgnb"
"""So that its base URL is that of the Jupyter server of the tests."""


class AppProcess:
    """A process that serves an application under ``folder``; use with ``with``.

    Args:
        folder: The working directory; its files are the application.
        command: How it is started; ``{port}`` stands for a free port.
    """

    def __init__(self, folder, *command, port=None):
        self.folder = Path(folder)
        self.port = port or free_port()
        self.command = [part.replace("{port}", str(self.port)) for part in command]
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
        """The one that it printed."""
        return self.log.partition("with the token ")[2].split()[0]


def _answers(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


class AppServer:
    """An application on a uvicorn server in the test's own loop."""

    def __init__(self, app, *, is_started):
        self.app = app
        self.is_started = is_started
        if not is_started:
            app._service.ensure = _nothing

    async def start(self):
        parent = FastAPI(lifespan=self.app.lifespan if self.is_started else None)
        parent.mount(MOUNT, self.app)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        options = self.app.uvicorn_options | {"log_config": None}
        self.server = uvicorn.Server(uvicorn.Config(parent, **options))
        serving = self.server.serve(sockets=[self.listening])
        self.serving = asyncio.ensure_future(serving)
        async with asyncio.timeout(10):
            while not self.server.started:
                assert not self.serving.done(), self.serving
                await asyncio.sleep(0.005)
        return self

    async def stop(self):
        self.server.should_exit = True
        await self.serving
        self.listening.close()


async def _nothing():
    pass


def new_app(**arguments):
    """An application with the tests' token, that keeps nothing."""
    return create_app(
        token=TOKEN, secret="of the tests", log_url="memory://", **arguments
    )
