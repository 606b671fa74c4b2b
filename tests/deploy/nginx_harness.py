"""The real nginx with the example's configuration, as an unprivileged user."""

import contextlib
import http.client
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import trustme
from server_harness import free_port

EXAMPLE = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
NAME = "notebooks.example.org"
NOBODY = 65534
SEVERAL = " max_fails=1 fail_timeout=1s;"
"""What docs/scale.md adds to each of several servers."""
SERVER_OPTIONS = re.findall(r"^#   c\.(\S+) = (.+)$", EXAMPLE.read_text(), re.MULTILINE)
"""What the example says that Jupyter needs."""

FRAME = """\
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{site}}}
"""


class Nginx:
    """nginx before servers on 127.0.0.1; use with ``with``.

    The example is changed only where it names ports, files and time-outs; the servers
    may be several, among which ``balance`` chooses.
    """

    def __init__(self, *upstreams, read_timeout, balance=""):
        self.upstreams = [f"server 127.0.0.1:{port};" for port in upstreams]
        if len(upstreams) > 1:
            self.upstreams = [
                balance,
                *(line[:-1] + SEVERAL for line in self.upstreams),
            ]
        self.read_timeout = read_timeout
        self.port = free_port()
        self.plain_port = free_port()
        self.host = f"{NAME}:{self.port}"
        self.origin = f"https://{self.host}"
        authority = trustme.CA()
        self._certificate = authority.issue_cert(NAME, "127.0.0.1")
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self.authority = authority.cert_pem.bytes()

    def _site(self):
        text = EXAMPLE.read_text()
        for old, new in (
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            ("server 127.0.0.1:8888;", "\n".join(self.upstreams)),
            (f"/etc/ssl/certs/{NAME}.pem", "chain.pem"),
            (f"/etc/ssl/private/{NAME}.key", "key.pem"),
            ("/var/log/nginx/kgnb.log", "access.log"),
            ("/var/log/nginx/kgnb-error.log", "error.log"),
            ("proxy_read_timeout 90s;", f"proxy_read_timeout {self.read_timeout}s;"),
        ):
            assert text.count(old) == 1, f"the example has no longer: {old}"
            text = text.replace(old, new)
        return text

    def __enter__(self):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        assert Path(program).exists(), "nginx is needed: apt-get install nginx"
        self.folder = Path(tempfile.mkdtemp(prefix="kgnb-nginx-"))
        chain = b"".join(each.bytes() for each in self._certificate.cert_chain_pems)
        (self.folder / "chain.pem").write_bytes(chain)
        (self.folder / "key.pem").write_bytes(self._certificate.private_key_pem.bytes())
        (self.folder / "nginx.conf").write_text(FRAME.format(site=self._site()))
        identity = {}
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            identity = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
        self._said = (self.folder / "said.txt").open("wb")
        self._process = subprocess.Popen(
            [program, "-e", "stderr", "-p", str(self.folder), "-c", "nginx.conf"],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            **identity,
        )
        self._wait_ready()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
        self._said.close()
        shutil.rmtree(self.folder)

    def _wait_ready(self):
        deadline = time.monotonic() + 10
        while True:
            assert self._process.poll() is None, self.logs
            try:
                with self.call("none"):
                    return
            except OSError:
                assert time.monotonic() < deadline, self.logs
                time.sleep(0.02)

    @property
    def logs(self):
        """All that it wrote."""
        names = ("access.log", "error.log", "said.txt")
        found = [self.folder / name for name in names]
        return "".join(path.read_text() for path in found if path.exists())

    @contextlib.contextmanager
    def call(self, path, *, method="GET", body=None, headers=None):
        """A response of the site, to be read in the block."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=self.trust, timeout=10
        )
        headers = {"Host": self.host} | (headers or {})
        with contextlib.closing(connection):
            connection.request(method, f"/{path}", body=body, headers=headers)
            yield connection.getresponse()
