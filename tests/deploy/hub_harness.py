"""A real JupyterHub with its proxy, whose users' servers have kgnb."""

import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from harness import free_port, make_home, until

TESTS = Path(__file__).parents[1]
PROXY = TESTS / "tools/node_modules/.bin/configurable-http-proxy"
PASSWORD = "anything"
CONFIG = """\
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = {root!r} + "/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {password!r}
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {root!r} + "/homes/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True"]
c.Spawner.environment = {environment!r}
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = {root!r} + "/proxy.pid"
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"],
      "scopes": ["admin:users", "admin:servers", "tokens"]}},
    {{"name": "guests-of-ana", "users": ["carol"],
      "scopes": ["access:servers!user=ana"]}},
]
"""
"""Users ana, bob and carol; carol may also use ana's server."""


class Hub:
    """JupyterHub, its proxy and its users' servers; use with ``with``."""

    def __init__(self, root):
        self.root = Path(root)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._token = secrets.token_hex(16)

    def __enter__(self):
        assert PROXY.exists(), "missing: run npm ci in tests/tools"
        assert shutil.which("node"), "node is needed, for JupyterHub's proxy"
        environment = make_home(self.root / "hub", {"python3": None})
        kept = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTER_PATH", "PYTHONDONTWRITEBYTECODE")
        config = CONFIG.format(
            port=self.port,
            hub_port=free_port(),
            api_port=free_port(),
            root=str(self.root),
            python=sys.executable,
            proxy=str(PROXY),
            password=PASSWORD,
            token=self._token,
            environment={name: environment[name] for name in kept},
        )
        (self.root / "config.py").write_text(config)
        (self.root / "homes").mkdir()
        self._output = (self.root / "hub.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        try:
            until(self._is_up, what="JupyterHub to answer", timeout=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid).children(recursive=True)
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)  # it stops the servers and the proxy first
            for process in [each for each in family if each.is_running()]:
                process.kill()
        self._process.kill()
        self._process.wait(5)
        self._output.close()

    def _is_up(self):
        assert self._process.poll() is None, self.log
        try:
            return self.api("")
        except OSError:
            return None

    @property
    def log(self):
        """What the hub, the proxy and all servers wrote."""
        return (self.root / "hub.log").read_text(errors="replace")

    def api(self, path, *, method="GET", body=None):
        """A call of the hub's own API, as its administrator."""
        return self.call(f"hub/api/{path}", self._token, method=method, body=body)

    def call(self, path, token, *, method="GET", body=None):
        """The JSON of a call; raises ``HTTPError``."""
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"token {token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")

    def add(self, *users):
        """Make users; the tokens of each."""
        self.api("users", method="POST", body={"usernames": users})
        note = {"note": "tests"}
        paths = {user: f"users/{user}/tokens" for user in users}
        return {
            user: self.api(path, method="POST", body=note)["token"]
            for user, path in paths.items()
        }

    def start_server(self, user, *files):
        """Start a user's server, on a home with these files."""
        home = self.root / "homes" / user
        home.mkdir()
        for path in files:
            shutil.copy(path, home)
        self.api(f"users/{user}/server", method="POST", body={})
        until(
            lambda: self.api(f"users/{user}")["servers"].get("", {}).get("ready"),
            what=f"{user}'s server",
            timeout=60,
        )

    def fill_in(self, page, user):
        """Sign in by the hub's own form, which the page shows."""
        page.fill("#username_input", user)
        page.fill("#password_input", PASSWORD)
        page.click("#login_submit")
