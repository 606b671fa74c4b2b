"""What can be told of a server from outside; ``kgnb doctor`` says it.

A finding is whether all is well, and a sentence that says what to do if not.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect as dial
from websockets.typing import Origin, Subprotocol

from kgnb.clients import addresses
from kgnb.clients.calls import opener
from kgnb.clients.connection import socket_logger
from kgnb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kgnb.clients.addresses import Server

Finding = tuple[bool, str]

_TIMEOUT = 5.0
_WELL = 200
_REFUSED = 403
_UNWRITABLE = 503
_IS_NO_SOCKET = 400
"""What a link says to a plain GET that carries its secret."""


def servers() -> Iterator[Finding]:
    """Of each Jupyter server that runs on this machine for this user.

    Raises:
        Unavailable: Jupyter Server is not installed here.
    """
    found = addresses.running()
    if not found:
        yield True, "no Jupyter server of this user runs now, so none was asked"
    for server in found:
        status = _status(server.url + "kgnb/health", "")
        if status == _WELL:
            yield _version(server)
            yield _link(server)
            yield _browser(server)
        else:
            yield False, _unwell(server, status)


def _unwell(server: Server, status: int | str) -> str:
    if status == _UNWRITABLE:
        return (
            f"the server at {server.url} cannot write the log of its runs: see "
            f"whether the disk is full, and the server's own log"
        )
    if isinstance(status, int):
        return (
            f"the server at {server.url} has no working kgnb ({status}): install "
            f"kgnb into the environment that runs it, then restart it"
        )
    return f"the server at {server.url} does not answer ({status}): see its log"


def _version(server: Server) -> Finding:
    """A server that was not restarted since kgnb was updated runs the old one."""
    header = {"Authorization": f"token {server.token}"} if server.token else {}
    request = urllib.request.Request(server.url + "kgnb/health", headers=header)  # noqa: S310  # from Jupyter's own files
    try:
        with opener(is_local=True).open(request, timeout=_TIMEOUT) as reply:
            health = msgspec.json.decode(reply.read(), type=dict[str, object])
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        return False, f"the server at {server.url} does not say how it is: {error}"
    version = health.get("version", __version__)  # told to those with a credential
    if version != __version__:
        return False, (
            f"the server at {server.url} runs kgnb {version}, and here is "
            f"{__version__}: restart it, or install the same in both environments"
        )
    return True, f"the server at {server.url} is {health.get('status')}"


def _link(server: Server) -> Finding:
    status = _status(server.url + "kgnb/link", "")
    if status == _REFUSED:  # as it must be, without the secret
        return True, f"kernels can dial the server at {server.url}"
    return False, (
        f"kernels cannot dial the server at {server.url} (its link says {status}): "
        f"see its log, and restart it"
    )


def _browser(server: Server) -> Finding:
    """Come as the server's own pages do: with an Origin, and a WebSocket."""
    address = addresses.address_of(server)
    parts = urlsplit(server.url)
    header = {"Authorization": f"token {address.token}"} if address.token else None
    try:
        with dial(
            address.url,
            origin=Origin(f"{parts.scheme}://{parts.netloc}"),
            additional_headers=header,
            subprotocols=[Subprotocol("kgnb.v1")],
            proxy=None,
            logger=socket_logger,
            open_timeout=_TIMEOUT,
        ) as socket:
            msgspec.json.decode(socket.recv(_TIMEOUT), type=dict[str, object])
    except (OSError, WebSocketException, TimeoutError, msgspec.DecodeError) as error:
        return False, (
            f"a page of the server at {server.url} cannot connect ({error}): "
            f"see its log for the reason"
        )
    return True, f"pages can connect to {server.url}"


def link_of_kernel(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Of the link to the server that started this kernel, if one did."""
    url = environ.get("KGNB_LINK_URL", "").replace("ws", "http", 1)
    if url:
        trouble = _trouble_with(url, environ)
        yield not trouble, trouble or "this kernel's link reaches its server"


def _trouble_with(url: str, environ: Mapping[str, str]) -> str:
    status = _status(url, environ.get("KGNB_LINK_SECRET", ""))
    if status == _REFUSED:
        return (
            "the server refuses this kernel's link, having another secret by now: "
            "restart the kernel"
        )
    if status != _IS_NO_SOCKET:
        return (
            f"this kernel's link cannot reach {url} ({status}): is the server "
            f"still there? Restart the kernel if it moved to another port"
        )
    pid = environ.get("KGNB_LINK_PID", "")
    if not _is_running(pid):
        return (
            f"the server that started this kernel (process {pid}) has ended; another "
            f"one answers in its place: restart the kernel"
        )
    return ""


def _is_running(pid: str) -> bool:
    """Whether there is such a process, or nobody said which."""
    if not pid.isdecimal() or os.name == "nt":  # where os.kill would end it
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _status(url: str, secret: str) -> int | str:
    """The HTTP status of a link, or why there is none."""
    request = urllib.request.Request(url)  # noqa: S310  # from Jupyter's own files
    if secret:
        request.add_header("Authorization", f"kgnb-link {secret}")
    try:
        with opener(is_local=True).open(request, timeout=_TIMEOUT) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error)
