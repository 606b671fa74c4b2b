"""A real JupyterLab or Notebook 7, driven in Chromium.

``Jupyter`` is one server process with a home, settings and kernelspecs of its
own; ``NotebookPage`` is one notebook open in it. Both say what they wait for
when it does not come.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

REPO = Path(__file__).parents[2]
PINNED = {
    "ipykernel-6.31": "6.31.0",
    "ipykernel-7.3": "7.3.0",
    "ipykernel-7.4": "7.4.0",
}
"""Kernelspec name to the version of its ipykernel; ``python3`` has the newest."""
CHROMIUM_ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


ANSWERS = """async () => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    const asked = kernel.requestExecute({ code: "", silent: true });
    const late = new Promise((resolve) => setTimeout(() => resolve(false), 10_000));
    return await Promise.race([asked.done.then(() => true), late]);
}"""
RESTART = """async () => {
    const late = new Promise((resolve) => setTimeout(resolve, 10_000));
    const session = jupyterapp.shell.currentWidget?.sessionContext?.session;
    await Promise.race([session?.kernel?.restart(), late]);
}"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(probe, *, what, timeout=30.0, every=0.05):
    """Poll until ``probe()`` is true and return its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still waiting for {what}")
        time.sleep(every)


def make_home(root: Path, kernels: dict[str, Path | None]) -> dict[str, str]:
    """A fresh home with the repository's lab extension; returns its environment.

    Args:
        root: An empty folder.
        kernels: Kernel name to the folder of another ipykernel, or None for
            the installed one.
    """
    share = root / "share" / "jupyter"
    (share / "labextensions").mkdir(parents=True)
    (share / "labextensions" / "kgnb").symlink_to(REPO / "kgnb/web/labextension")
    for name, folder in kernels.items():
        spec = share / "kernels" / name
        spec.mkdir(parents=True)
        (spec / "kernel.json").write_text(
            json.dumps(
                {
                    "argv": [
                        sys.executable,
                        "-m",
                        "ipykernel_launcher",
                        "-f",
                        "{connection_file}",
                    ],
                    "display_name": name,
                    "language": "python",
                    "env": {"PYTHONPATH": str(folder)} if folder else {},
                }
            )
        )
    settings = root / "settings" / "@jupyterlab"
    (settings / "apputils-extension").mkdir(parents=True)
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    dropped = ("JUPYTER", "JPY_", "KGNB_", "PYTEST_", "PYTHONPATH", "IPYTHON")
    env = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return env | {
        "HOME": str(root),
        "JUPYTER_PATH": str(share),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "IPYTHONDIR": str(root / "ipython"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Jupyter:
    """One Jupyter server process.

    Args:
        root: An empty folder that becomes its home.
        app: ``"lab"`` or ``"notebook"``.
        extension: Whether the server extension is on.
        kernels: See ``make_home``.
        env: Added to the server's environment, and so to its kernels'.
        no_side_panel: Whether the side panel is off, which else always connects.
        theme: JupyterLab's, if not the light one.
        options: More of the server's command line.
    """

    base_url = "/user/ana/"

    def __init__(
        self,
        root,
        *,
        app="lab",
        extension=True,
        kernels=None,
        env=None,
        no_side_panel=False,
        theme=None,
        options=(),
    ):
        self.root, self.app, self.extension = Path(root), app, extension
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.env = make_home(self.root, kernels or {"python3": None}) | (env or {})
        self.work = self.root / "work"
        self.work.mkdir()
        self.process = None
        self.options = options
        if no_side_panel:
            folder = self.root / "config" / "labconfig"
            folder.mkdir(parents=True)
            told = {"disabledExtensions": {"kgnb:runs": True}}
            (folder / "page_config.json").write_text(json.dumps(told))
        if theme:
            settings = self.root / "settings" / "@jupyterlab" / "apputils-extension"
            (settings / "themes.jupyterlab-settings").write_text(
                json.dumps({"theme": theme})
            )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/user/ana/"

    def start(self):
        app = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}[self.app]
        arguments = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.base_url={self.base_url}",
            f"--ServerApp.root_dir={self.work}",
            f"--IdentityProvider.token={self.token}",
            f"--{app}.expose_app_in_browser=True",
            f"--ServerApp.jpserver_extensions=kgnb={self.extension}",
            *self.options,
        ]
        self.log = (self.root / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", self.app, *arguments],
            env=self.env,
            cwd=self.work,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self.is_up, what=f"jupyter {self.app} to answer", timeout=60)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("the server ended:\n" + self.server_log()[-3000:])
        with contextlib.suppress(OSError):
            return self.get("api/status")
        return None

    def get(self, path):
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.loads(reply.read())

    def server_log(self):
        return (self.root / "server.log").read_text(errors="replace")

    def kill(self):
        """End the server as a crash would, kernels and all."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.log.close()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop on SIGTERM") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    def write(self, name, *cells, kernel="python3"):
        """Save a notebook of code cells."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        nbformat.write(notebook, self.work / name)

    def read(self, name):
        return nbformat.read(self.work / name, as_version=4)

    def copy_in(self, path):
        shutil.copy(path, self.work)


class NotebookPage:
    """One notebook open in one tab."""

    def __init__(self, page, jupyter, name):
        self.page, self.jupyter, self.name = page, jupyter, name
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self):
        tree = "doc/tree" if self.jupyter.app == "lab" else "notebooks"
        self.page.goto(
            f"{self.jupyter.url}{tree}/{self.name}?token={self.jupyter.token}"
        )
        # Now and then a kernel (7.3 above all) starts deaf on a loaded machine, before
        # anything of kgnb has run in it: then it is started again.
        for _ in range(3):
            with contextlib.suppress(PlaywrightTimeout):
                self.ready()
                if self.js(ANSWERS):
                    return self
            self.js(RESTART)
            self.page.reload()
        raise AssertionError("three kernels in a row did not answer")

    def reload(self):
        self.page.reload()
        self.ready(kernel=False)

    def ready(self, *, kernel=True):
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.content?.widgets?.length",
            timeout=60_000,
        )
        if kernel:
            self.page.wait_for_function(
                "() => jupyterapp.shell.currentWidget.sessionContext?.session"
                "?.kernel?.status === 'idle'",
                timeout=20_000,
            )

    def js(self, expression, argument=None):
        return self.page.evaluate(expression, argument)

    def run(self, index):
        """Start a cell and come back at once."""
        self.js(
            """index => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                void jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def prompt(self, index):
        return self.js(
            "index => jupyterapp.shell.currentWidget.content.widgets[index]"
            ".inputArea.promptNode.textContent",
            index,
        )

    def wait_done(self, index, timeout=60):
        until(
            lambda: re.search(r"\d", self.prompt(index)),
            what=f"cell {index} to end",
            timeout=timeout,
        )

    def is_busy(self, index):
        return "*" in self.prompt(index)

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def panel(self, index):
        return self.cell(index).locator(".kgnb").first

    def card(self, question):
        """The one open question of these words, wherever in the notebook."""
        cards = self.page.locator(".jp-Notebook .kgnb-card:visible")
        found = cards.filter(has_text=question)
        expect(found).to_have_count(1, timeout=60_000)
        return found

    def output(self, index):
        return self.cell(index).locator(".jp-OutputArea").first.inner_text()

    def execute(self, command):
        self.js("command => { void jupyterapp.commands.execute(command) }", command)

    def save(self):
        self.js("async () => { await jupyterapp.shell.currentWidget.context.save() }")

    def screenshot(self, name):
        folder = REPO / "tests" / "browser" / "screenshots"
        folder.mkdir(exist_ok=True)
        self.page.screenshot(path=str(folder / f"{name}.png"))
